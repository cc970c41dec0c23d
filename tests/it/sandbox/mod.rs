//! The stand-in of IDnow's API, over real sockets, against what the vendor's documents record.

#[expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod house;

mod accounts;
mod api;
mod faults;
mod files;
mod keeping;
mod lists;
mod moves;
mod robot;
mod sections;
mod signing;
mod webhook_faults;
mod webhooks;
