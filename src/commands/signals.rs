//! Signals that ask a process to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::Exit;
use crate::commands::output::complain;

/// SIGTERM and SIGINT, caught as long as this lives: the process ends in its own way.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on, or says why that is impossible.
    pub(super) fn catch() -> Result<Self, Exit> {
        let catch = || -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        };
        catch().map_err(|error| {
            complain(&format!("signals cannot be handled: {error}"));
            Exit::Unavailable
        })
    }

    /// Waits for either.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
