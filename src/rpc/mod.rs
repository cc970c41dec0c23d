//! The gRPC door.

pub mod config;
