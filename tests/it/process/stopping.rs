//! A gateway whose process stops before or right after an append, and is started again.
//!
//! It runs in a process of its own: this test binary, told by its environment to be one. A file says where it stops, and
//! may say another place at any time.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use idv_gateway::app::App;
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::journal::{Appended, Batch, Journal, JournalError, Place};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::child::{Child, GUARD};
use super::house::{Doors, Gateway, House};
use crate::journal::altered::{Alter, Altered};

/// Present in the environment of a process that is to be a gateway: its configuration file.
const CONFIG: &str = "IDV_TEST_CRASH_CONFIG";
/// The file that says where it stops.
const STOP: &str = "IDV_TEST_CRASH_STOP";

/// Where a gateway stops. Appends are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Never,
    /// The append is not made.
    Before(u64),
    /// The append is durable, and nobody hears of it.
    After(u64),
    /// The append is said to be durable and is not, a fault that must be noticed; the next one is not made.
    Forgetting(u64),
}

impl Stop {
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let when = words.next();
        let number = words.next().and_then(|number| number.parse().ok()).unwrap_or_default();
        match when {
            Some("before") => Self::Before(number),
            Some("after") => Self::After(number),
            Some("forgetting") => Self::Forgetting(number),
            _ => Self::Never,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Never => "never".to_owned(),
            Self::Before(number) => format!("before {number}"),
            Self::After(number) => format!("after {number}"),
            Self::Forgetting(number) => format!("forgetting {number}"),
        }
    }
}

/// A journal whose process stops.
struct Stopping {
    file: PathBuf,
    /// What the file said at the last append, and how many there were since it said so.
    appends: Mutex<(String, u64)>,
}

impl Stopping {
    /// Where to stop, and the number of this append.
    fn next(&self) -> (Stop, u64) {
        let said = std::fs::read_to_string(&self.file).unwrap();
        let mut appends = self.appends.lock().unwrap_or_else(PoisonError::into_inner);
        if appends.0 != said {
            *appends = (said, 0);
        }
        appends.1 += 1;
        (Stop::parse(&appends.0), appends.1)
    }
}

#[async_trait]
impl Alter for Stopping {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        let (stop, number) = self.next();
        match stop {
            Stop::Before(at) if number == at => std::process::abort(),
            Stop::Forgetting(at) if number == at + 1 => std::process::abort(),
            Stop::Forgetting(at) if number == at => {
                return Ok(Appended { place: Place::default(), duplicate: false });
            }
            _ => {}
        }
        let appended = inner.append(batch).await;
        if stop == Stop::After(number) {
            std::process::abort();
        }
        appended
    }
}

/// No test, but the gateway of the tests that stop one. Where nobody asks for it, there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway() {
    let Some(config) = std::env::var_os(CONFIG) else { return };
    let file = std::env::var_os(STOP).unwrap().into();
    let config = Config::load(config.as_ref(), std::iter::empty()).unwrap();
    let stopping = |journal| Altered::over(journal, Stopping { file, appends: Mutex::default() });
    let app = App::start_over(config, Clock::system(), stopping).await.unwrap();
    let doors = app.addresses();
    let says = json!({
        "message": "The gateway serves",
        "grpc.address": doors.grpc,
        "webhooks.address": doors.webhooks,
        "admin.address": doors.admin,
    });
    eprintln!("{says}");
    std::future::pending::<()>().await;
}

/// A house with a gateway in it that may stop where it is told to; then another one takes its place, which does not.
pub(super) struct Mortal {
    pub(super) house: House,
    /// How many have stopped.
    pub(super) stops: u64,
    gateway: Gateway,
    armed: bool,
    /// What is left to do by jobs is due when the next one starts.
    hurried: bool,
}

impl Mortal {
    pub(super) async fn over(house: House, stop: Stop) -> Self {
        tell(&house, stop, "from the start");
        let gateway = start(&house).await;
        Self { house, stops: 0, gateway, armed: stop != Stop::Never, hurried: false }
    }

    /// Lets the gateway stop during `scene`, in which appends are counted anew. `hurried`: what it leaves to the worker
    /// is not waited for.
    pub(super) fn arm(&mut self, stop: Stop, scene: &str, hurried: bool) {
        tell(&self.house, stop, scene);
        (self.armed, self.hurried) = (stop != Stop::Never, hurried);
    }

    pub(super) fn doors(&self) -> Doors {
        self.gateway.doors
    }

    /// Tries until it comes to something, with another gateway when this one has stopped.
    pub(super) async fn until<T>(&mut self, attempt: impl AsyncFn(&House, Doors) -> Option<T>) -> T {
        loop {
            if let Some(done) = self.attempt(&attempt).await {
                return done;
            }
        }
    }

    /// The same, until a gateway has stopped: `None`.
    pub(super) async fn attempt<T>(
        &mut self,
        attempt: impl AsyncFn(&House, Doors) -> Option<T>,
    ) -> Option<T> {
        let alive = format!("http://{}/livez", self.gateway.doors.admin);
        let trying = async {
            loop {
                if let Some(done) = attempt(&self.house, self.gateway.doors).await {
                    return Some(done);
                }
                // One that has stopped does not answer.
                self.house.get(&alive).await?;
            }
        };
        let done = timeout(GUARD, trying).await.expect("neither an end nor a stop");
        if done.is_none() {
            self.replace().await;
        }
        done
    }

    async fn replace(&mut self) {
        assert!(self.armed, "a whole gateway stopped");
        self.armed = false;
        self.stops += 1;
        let ended = self.gateway.child.end().await;
        assert_eq!(ended.code, None, "it did not stop where it was told: {ended:#?}");
        if self.hurried {
            let due = "UPDATE jobs SET due_at_ns = 0 WHERE kind NOT IN ('expire', 'poll')";
            Connection::open(self.house.path("journal.sqlite3")).unwrap().execute(due, ()).unwrap();
        }
        tell(&self.house, Stop::Never, "after a stop");
        self.gateway = start(&self.house).await;
    }

    /// Ends the gateway; what is left is its journal.
    pub(super) fn kill(&mut self) {
        self.gateway.child.kill();
    }
}

fn tell(house: &House, stop: Stop, scene: &str) {
    std::fs::write(house.path("stop"), format!("{} in {scene}", stop.text())).unwrap();
}

async fn start(house: &House) -> Gateway {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear().env(CONFIG, house.config()).env(STOP, house.path("stop"));
    command.args(["--exact", "process::stopping::gateway", "--nocapture"]);
    house.serving(Child::spawn(command), SystemTime::UNIX_EPOCH).await
}

/// The answer, or the reason of a refusal. `None`: the gateway was gone before it had given one.
pub(super) async fn ask<R>(
    doors: Doors,
    call: impl AsyncFnOnce(Channel) -> Result<Response<R>, Status>,
) -> Option<Result<R, String>> {
    let channel = Channel::from_shared(doors.grpc_url()).unwrap().connect().await.ok()?;
    match call(channel).await {
        Ok(answer) => Some(Ok(answer.into_inner())),
        Err(status) => Some(Err(status.get_details_error_info()?.reason)),
    }
}

/// Nothing waits to be done but what has to wait for its time.
pub(super) async fn nothing_to_do(house: &House, _doors: Doors) -> Option<()> {
    let jobs = "SELECT count(*) FROM jobs WHERE kind NOT IN ('expire', 'poll')";
    (count(house, jobs) == 0).then_some(())
}

/// The number that `select` finds in the journal.
pub(super) fn count(house: &House, select: &str) -> i64 {
    store(house).query_row(select, (), |row| row.get(0)).unwrap()
}

/// The journal, as its operator can open it.
pub(super) fn store(house: &House) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(house.path("journal.sqlite3"), flags).unwrap()
}
