//! Where doors, vendors and journal meet.

pub mod config;
