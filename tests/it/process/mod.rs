//! The real program: started, spoken to over its sockets, signalled and killed.

mod broken;
mod child;
mod house;
mod script;
mod stopping;

mod backup;
mod completions;
mod crash;
mod deadline;
mod demo;
mod drain;
mod errands;
mod healthcheck;
mod help;
mod history;
mod isolation;
mod keep;
mod kill;
mod memory;
mod sandbox;
mod serve;
mod unread;
mod vendors;
mod version;
mod watch;
mod watch_json;
mod watch_start;
