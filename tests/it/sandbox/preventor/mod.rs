//! The stand-in of Preventor ID.

mod api;
mod faults;
mod path;
mod tenant;
mod webhooks;
