//! The real program: started, spoken to over its sockets, signalled and killed.

mod child;
mod house;

mod crash;
mod demo;
mod help;
mod history;
mod isolation;
mod keep;
mod kill;
mod sandbox;
mod serve;
mod watch;
