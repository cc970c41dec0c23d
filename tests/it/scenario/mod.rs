//! The gateway as its users meet it: a real gateway and a real sandbox in this process, over real sockets.
//!
//! Time stands still in both and is moved by hand, so nothing here waits for a clock; what a scenario waits for is
//! always an answer, an event or a state, with a guard against hanging.

mod house;
mod operator;
mod projection;
mod reader;
mod settings;
mod words;

mod absent;
mod activities;
mod adopt;
mod archive;
mod artifacts;
mod bad_input;
mod binding_key;
mod canary;
mod check;
mod confirm;
mod copy;
mod create;
mod deadline;
mod default_document;
mod delete;
mod deliveries;
mod disorder;
mod drift;
mod early;
mod filter;
mod forged;
mod idempotency;
mod late;
mod list;
mod logins;
mod missed;
mod no_artifacts;
mod patience;
mod poll_only;
mod preventor;
mod purpose;
mod reconcile;
mod reference;
mod refusals;
mod repeats;
mod result;
mod resume;
mod sandbox_files;
mod serving;
mod signing;
mod signing_canary;
mod signing_refusals;
mod silence;
mod slow_streams;
mod snapshot;
mod sources;
mod start_time;
mod store;
mod tickets;
mod unconfirmed;
mod unserved;
mod update;
mod uploads;
mod vendor_faults;
mod wait;
mod watch;
