//! The stand-in of IDnow's API, over real sockets, against what the vendor's documents record.

mod house;

mod api;
mod moves;
mod robot;
mod webhooks;
