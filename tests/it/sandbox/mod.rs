//! The stand-ins of the vendors' APIs, over real sockets, against what the vendors' documents record.

#[expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod house;

mod accounts;
mod api;
mod faults;
mod files;
mod keeping;
mod lists;
mod masstack;
mod moves;
mod preventor;
mod preventor_open;
mod robot;
mod sections;
mod signing;
mod webhook_faults;
mod webhooks;
