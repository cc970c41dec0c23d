//! The door for vendors' webhooks.

pub mod config;
