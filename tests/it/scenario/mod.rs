//! The gateway as its users meet it: a real gateway and a real sandbox in this process, over real sockets.
//!
//! Time stands still in both and is moved by hand, so nothing here waits for a clock; what a scenario waits for is
//! always an answer, an event or a state, with a guard against hanging.

mod house;
mod reader;
mod vendor_door;
mod words;

mod bad_input;
mod canary;
mod check;
mod confirm;
mod create;
mod early;
mod forged;
mod late;
mod repeats;
mod resume;
mod silence;
mod sources;
mod store;
mod unserved;
mod vendor_faults;
mod watch;
