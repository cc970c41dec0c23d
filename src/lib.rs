//! idv-gateway: one typed gRPC contract in front of identity-verification vendors, and a resumable status stream.
//!
//! Modules in reading order; ARCHITECTURE.md tells how they meet.

#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic on a closed pipe: the log does not")]

pub mod clock;
pub mod error;
pub mod proto;
pub mod settings;
pub mod telemetry;

pub mod model;
pub mod vendor;

pub mod journal;

pub mod hub;

pub mod admin;
pub mod listen;
pub mod rpc;
pub mod webhook;

pub mod app;
pub mod config;

pub mod sandbox;
