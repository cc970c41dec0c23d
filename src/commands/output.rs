//! What commands write to standard output and standard error, either of which may be closed by whoever reads it.

use std::io::{self, Write as _};

use crate::commands::Exit;

/// Standard output takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written")]
pub(super) struct OutputEnded(#[from] io::Error);

impl OutputEnded {
    /// How a command ends because of it. A reader that has gone away, as `head` does, has all it wanted.
    pub(super) fn exit(&self) -> Exit {
        if self.0.kind() == io::ErrorKind::BrokenPipe {
            return Exit::Done;
        }
        complain(&format!("standard output cannot be written: {}", self.0));
        Exit::Unavailable
    }
}

/// Writes `bytes` to standard output, at once.
pub(super) fn write(bytes: &[u8]) -> Result<(), OutputEnded> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Writes a line to standard output, at once.
pub(super) fn say(line: &str) -> Result<(), OutputEnded> {
    write(format!("{line}\n").as_bytes())
}

/// Writes all that a command has to say to standard output.
pub(super) fn print(bytes: &[u8]) -> Exit {
    write(bytes).map_or_else(|ended| ended.exit(), |()| Exit::Done)
}

/// Says on standard error why a command cannot go on.
pub(super) fn complain(message: &str) {
    tell(&format!("idv-gateway: {message}"));
}

/// Writes a line to standard error.
pub(super) fn tell(line: &str) {
    // There is nowhere left to say that standard error is closed.
    let _closed = writeln!(io::stderr(), "{line}");
}
