//! The integration tests: one binary.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod architecture;
mod config;
mod contract;
mod file_vendor;
mod hub;
mod journal;
mod process;
mod sandbox;
mod scenario;
mod telemetry;
mod vendor;
mod webhooks;
mod zip;
