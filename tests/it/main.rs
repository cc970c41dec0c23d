<<<<<<< HEAD
//! The integration tests: one binary.

mod config;
mod telemetry;
=======
mod sandbox;
>>>>>>> sandbox
