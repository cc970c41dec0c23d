//! The integration tests: one binary.

mod architecture;
mod config;
mod contract;
mod sandbox;
mod telemetry;
