//! The integration tests: one binary.

mod config;
mod journal;
mod sandbox;
mod telemetry;
