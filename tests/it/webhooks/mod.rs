//! Webhooks that the gateway registers itself, and encrypted ones at the door. The vendor is a double: what holds here
//! holds for every vendor.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod house;
mod registrar;

mod list;
mod probe;
mod register;
mod rotate;
mod sealed;
