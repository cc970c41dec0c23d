//! Our own words: names parsed once, commands parsed from requests, and the status rule.

pub mod biometric;
pub mod change;
pub mod command;
pub mod document;
pub mod event_keys;
pub mod filter;
pub mod jpeg;
pub mod lifecycle;
pub mod name;
pub mod observation;
pub mod onboarding;
pub mod purpose;
pub mod record;
pub mod record_filter;
pub mod result;
pub mod shard;
pub mod upload;
pub mod validate;
pub mod webhook;
