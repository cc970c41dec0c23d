//! One process of the program, its lines as they come, and its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child as Process, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// Nothing here takes that long; it only keeps a test that went wrong from hanging.
pub(super) const GUARD: Duration = Duration::from_secs(60);

/// The program under test, with nothing of this process's environment.
pub(super) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idv-gateway"));
    command.env_clear();
    command
}

/// A running process. Killed when dropped, so that a test that fails leaves nothing behind.
pub(super) struct Child {
    process: Process,
    stdout: Lines,
    stderr: Lines,
}

/// How a process ended: its code (`None`: by a signal), and the lines nobody had read yet.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<String>,
    pub(super) stderr: Vec<String>,
}

impl Child {
    pub(super) fn spawn(command: Command) -> Self {
        Self::spawn_onto(command, Stdio::piped(), Stdio::piped())
    }

    /// The same with other places for what it writes. Only of pipes there are lines to read.
    pub(super) fn spawn_onto(mut command: Command, stdout: Stdio, stderr: Stdio) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        let stdout = process.stdout.take().map_or_else(Lines::none, Lines::of);
        let stderr = process.stderr.take().map_or_else(Lines::none, Lines::of);
        Self { process, stdout, stderr }
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next line of standard output; `None` at its end.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.stdout.next().await
    }

    /// Lines of standard output up to the first that `wanted` accepts, which is the last one.
    pub(super) async fn lines_until(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
            if lines.last().is_some_and(|line| wanted(line)) {
                return lines;
            }
        }
        let stderr = self.stderr.rest().await;
        panic!("the output ended before the line that was waited for: {lines:#?} {stderr:#?}");
    }

    /// The next line of standard error that `wanted` makes something of.
    pub(super) async fn find_error<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let mut passed = Vec::new();
        while let Some(line) = self.stderr.next().await {
            if let Some(found) = wanted(&line) {
                return found;
            }
            passed.push(line);
        }
        panic!("the process ended before the line that was waited for: {passed:#?}");
    }

    /// Sends a signal by its name, for example `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "SIG{name} was not sent");
    }

    /// Ends it at this instant, without a chance to do anything (SIGKILL).
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for it to end by itself.
    pub(super) async fn ended(mut self) -> Ended {
        self.end().await
    }

    /// The same for one that is still needed as a name for what was.
    pub(super) async fn end(&mut self) -> Ended {
        // Both pipes are closed when the process is gone: the wait below is over at once.
        let (stdout, stderr) = (self.stdout.rest().await, self.stderr.rest().await);
        Ended { code: self.process.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended long ago; that is what was wanted.
        let _over = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Lines of a pipe, read by a thread of their own so that a full pipe never holds the process up.
struct Lines(UnboundedReceiver<String>);

impl Lines {
    fn none() -> Self {
        Self(unbounded_channel().1)
    }

    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = unbounded_channel();
        thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        Self(receiver)
    }

    async fn next(&mut self) -> Option<String> {
        timeout(GUARD, self.0.recv()).await.expect("a process has nothing more to say, and does not end")
    }

    async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

/// A pipe whose reader has gone.
pub(super) fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// What is in a folder, by name.
pub(super) fn names(folder: &std::path::Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}
