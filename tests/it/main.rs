//! The integration tests: one binary.

mod architecture;
mod config;
mod contract;
mod journal;
mod sandbox;
mod telemetry;
mod vendor;
