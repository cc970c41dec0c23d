//! The integration tests: one binary.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod architecture;
mod calls;
mod config;
mod contract;
mod double;
mod file_vendor;
mod hub;
mod journal;
mod lines;
mod platform;
mod process;
mod sandbox;
mod scenario;
mod telemetry;
mod ticket_vendor;
mod tickets;
mod vendor;
mod webhooks;
mod zip;
