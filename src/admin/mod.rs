//! The operators' door.

pub mod config;
