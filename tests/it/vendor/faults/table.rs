//! The table itself: what a vendor may do wrong (rows) in what it is asked for (columns), and what has to come of it.

use std::any::Any;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use idv_gateway::clock::Clock;
use idv_gateway::error::{Error, Kind};
use idv_gateway::vendor::kit::http::{HttpTransport, Timeouts, Transport};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::kit::retry::Repeat;
use tokio::net::TcpListener;

use super::server::{Does, Seen, Server};
use super::wire::{UnderWay, Waiting, Watched};
use crate::vendor::rig::noon;

use Kind::{
    VendorCredentialsRejected, VendorOutcomeUnknown, VendorRateLimited, VendorResponseInvalid, VendorTimeout,
    VendorUnavailable,
};

/// What a call is told; `None`: nothing is wrong.
pub(super) type Told = Option<Kind>;

/// How long a call may take, unless its column says otherwise.
const LONGEST: Duration = Duration::from_secs(30);
/// How long the content of a file may take after its header.
const LONGEST_FILE: Duration = Duration::from_secs(3600);
/// How often a call is tried at most.
const TRIES: usize = 3;

/// A vendor as the table sees it.
pub(in crate::vendor) struct Vendor {
    /// As its folder is called.
    pub(in crate::vendor) name: &'static str,
    /// What stands in [`Column::request`] before the paths of its documentation.
    pub(super) below: &'static str,
    /// A connection to the server at this base URL.
    pub(super) connect: fn(&str, LimitSettings, Clock, Arc<dyn Transport>) -> Connection,
    /// Everything that it is asked for.
    pub(super) columns: Vec<Column>,
    /// What it may say in its own words.
    pub(super) words: Vec<Row>,
}

/// A connector. Columns know its type.
pub(super) type Connection = Box<dyn Any + Send + Sync>;

/// Something that a vendor is asked for.
pub(super) struct Column {
    /// As errors and metrics call it.
    pub(super) operation: &'static str,
    /// What sets it apart from others of the same operation.
    pub(super) which: &'static str,
    /// The request that is broken, and the sound answer to it.
    pub(super) request: &'static str,
    pub(super) sound: Vec<u8>,
    pub(super) sort: Sort,
    pub(super) repeat: Repeat,
    /// Time of its own for a call, which one try may use up.
    pub(super) time: Option<Duration>,
    /// Answers, by the names of their rows, that it takes otherwise than most.
    pub(super) but: Vec<(&'static str, Told)>,
    /// Makes the call and reads all that comes of it.
    pub(super) run: Box<Run>,
}

pub(super) type Run = dyn for<'a> Fn(&'a Connection) -> BoxFuture<'a, Result<(), Error>>;

/// What kind of thing is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Something that needs credentials.
    Call,
    /// A file: what breaks after its header is not asked for again.
    File,
    /// The credentials themselves: their refusal is the last word.
    Login,
    /// The vendor's word about itself, which needs none: every other answer is invalid.
    Word,
}

/// Where the vendor is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Where {
    Here,
    /// Where nobody listens.
    Nowhere,
    /// Behind TLS, which the server does not speak.
    BehindTls,
}

/// Something that a vendor does.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) at: Where,
    pub(super) does: Box<Make>,
    pub(super) means: Means,
}

/// What the server does, made from the sound answer.
pub(super) type Make = dyn Fn(&[u8]) -> Does;

/// What it means for a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    /// Nothing is wrong.
    Well,
    /// There is no way to the vendor: no request comes to it.
    NoWay,
    /// The way breaks, or is silent, before the answer is whole; its header may be.
    Breaks { told: Kind, begun: bool },
    /// The vendor cannot answer now, and asks to be left alone for so long.
    Unable { told: Kind, wait: Duration },
    /// The credentials are refused, and the next ones too or not.
    Unauthorised { next: Told },
    /// An answer that another try would not make better.
    Last(Told),
}

/// What has to come of a cell.
struct Expected {
    told: Told,
    tries: usize,
    /// How long it may take.
    longest: Duration,
    /// It takes time because nothing comes, not because another try waits.
    silent: bool,
}

/// What came of it.
struct Cell {
    outcome: Result<(), Error>,
    tries: usize,
    elapsed: Duration,
    seen: Vec<Seen>,
}

/// A vendor, and everything that its cells share.
pub(in crate::vendor) struct Table {
    pub(in crate::vendor) vendor: Vendor,
    transport: HttpTransport,
    limits: LimitSettings,
}

impl Column {
    /// A column of the connector `V`.
    pub(super) fn new<V: 'static>(
        operation: &'static str,
        request: &'static str,
        sound: Vec<u8>,
        run: for<'a> fn(&'a V) -> BoxFuture<'a, Result<(), Error>>,
    ) -> Self {
        let (repeat, but) = (Repeat::Freely, Vec::new());
        let run: Box<Run> = Box::new(move |connection| run(connection.downcast_ref().unwrap()));
        Self { operation, which: "", request, sound, sort: Sort::Call, repeat, time: None, but, run }
    }

    pub(super) fn which(self, which: &'static str) -> Self {
        Self { which, ..self }
    }

    pub(super) fn sort(self, sort: Sort) -> Self {
        Self { sort, ..self }
    }

    pub(super) fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    pub(super) fn time(self, seconds: u64) -> Self {
        Self { time: Some(Duration::from_secs(seconds)), ..self }
    }

    pub(super) fn but(mut self, but: &[(&'static str, Told)]) -> Self {
        self.but.extend_from_slice(but);
        self
    }

    pub(super) fn name(&self) -> String {
        [self.operation, self.which].join(" ").trim_end().to_owned()
    }

    fn expects(&self, row: &Row) -> Expected {
        let longest = self.time.unwrap_or(LONGEST);
        let expected = |told: Told, tries: usize| Expected { told, tries, longest, silent: false };
        let is_answer =
            matches!(row.means, Means::Unable { .. } | Means::Unauthorised { .. } | Means::Last(_));
        if self.sort == Sort::Word && is_answer {
            return expected(Some(VendorResponseInvalid), 1);
        }
        if let Some((_, told)) = self.but.iter().find(|(name, _)| *name == row.name) {
            return expected(*told, 1);
        }
        match row.means {
            Means::Well => expected(None, 1),
            Means::NoWay => expected(Some(VendorUnavailable), 0),
            Means::Breaks { told, begun } => {
                let (silent, whole) = (told == VendorTimeout, self.sort == Sort::File && begun);
                let last = whole || silent && self.time.is_some();
                let Expected { told, tries, .. } = self.passing(told, true, if last { 1 } else { TRIES });
                let longest = if whole { longest + LONGEST_FILE } else { longest };
                Expected { told, tries, longest, silent }
            }
            // Who is told to come later was not served.
            Means::Unable { told, wait } => {
                self.passing(told, told != VendorRateLimited, if wait < longest { TRIES } else { 1 })
            }
            Means::Unauthorised { .. } if self.sort == Sort::Login => {
                expected(Some(VendorCredentialsRejected), 1)
            }
            // With new ones, which is no repeat of the same call.
            Means::Unauthorised { next } => expected(next, 2),
            Means::Last(told) => expected(told, 1),
        }
    }

    fn passing(&self, told: Kind, acted: bool, tries: usize) -> Expected {
        let (told, tries) = match self.repeat {
            Repeat::Freely => (told, tries),
            Repeat::Unsent if acted => (VendorOutcomeUnknown, 1),
            Repeat::Unsent => (told, tries),
            Repeat::Never => (told, 1),
        };
        Expected { told: Some(told), tries, longest: self.time.unwrap_or(LONGEST), silent: false }
    }
}

impl Table {
    pub(super) fn new(vendor: Vendor) -> Self {
        let transport = HttpTransport::new(Timeouts::default()).unwrap();
        Self { vendor, transport, limits: LimitSettings::default() }
    }

    pub(super) fn with(self, limits: LimitSettings) -> Self {
        Self { limits, ..self }
    }

    pub(super) fn column(&self, name: &str) -> &Column {
        self.vendor.columns.iter().find(|column| column.name() == name).unwrap()
    }

    /// Over these sockets, a server that does this with the requests of `column`.
    pub(super) async fn serve(&self, clock: &Clock, column: &Column, does: Does) -> (Server, Watched) {
        let sound = self.vendor.columns.iter().map(|column| (column.request, column.sound.clone()));
        let server = Server::start(clock.clone(), sound.collect(), column.request, does).await;
        let (inner, stuck) = (self.transport.clone(), server.stuck());
        (server, Watched { inner, stuck, under_way: UnderWay::default() })
    }

    async fn run(&self, row: &Row, column: &Column) -> Cell {
        let (clock, hand) = Clock::manual(noon());
        let (server, watched) = self.serve(&clock, column, (row.does)(&column.sound)).await;
        let base = match row.at {
            Where::Here => format!("http://127.0.0.1:{}", server.port),
            Where::Nowhere => format!("http://127.0.0.1:{}", nobody().await),
            Where::BehindTls => format!("https://127.0.0.1:{}", server.port),
        };
        let under_way = watched.under_way.clone();
        let vendor = (self.vendor.connect)(&base, self.limits, clock.clone(), Arc::new(watched));
        let waiting = Waiting { hand: &hand, under_way: &under_way, stuck: server.stuck() };
        let outcome = waiting.for_the_end_of((column.run)(&vendor), || 1 + server.asleep()).await;
        let elapsed = clock.now().duration_since(noon()).unwrap();
        Cell { outcome, tries: server.met(), elapsed, seen: server.seen() }
    }

    /// Every request that the vendor gets while nothing is wrong, its path as its documentation has it.
    pub(in crate::vendor) async fn requests(&self) -> BTreeSet<Seen> {
        let (well, mut requests) = (Row::well(), BTreeSet::new());
        for column in &self.vendor.columns {
            let Cell { outcome, seen, .. } = self.run(&well, column).await;
            outcome.unwrap();
            requests.extend(seen.into_iter().map(|Seen { operation, asked }| {
                let asked = asked.replacen(self.vendor.below, "", 1);
                Seen { operation, asked }
            }));
        }
        requests
    }

    /// What is not as the row has it.
    pub(super) async fn check(&self, row: &Row, column: &Column) -> Vec<String> {
        let Cell { outcome, tries, elapsed, seen: _ } = self.run(row, column).await;
        let expected = column.expects(row);
        let error = outcome.err();
        let told = error.as_ref().map(|error| error.kind);
        let waits = matches!(told, Some(VendorUnavailable | VendorTimeout | VendorRateLimited));
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{} of {}: {what}", row.name, column.name()));
            }
        };
        must(told == expected.told, format!("{told:?} instead of {:?}", expected.told));
        must(tries == expected.tries, format!("{tries} tries instead of {}", expected.tries));
        must(elapsed <= expected.longest + Duration::from_millis(100), format!("took {elapsed:?}"));
        let at_once = expected.tries == 1 && !expected.silent;
        must(!at_once || elapsed.is_zero(), format!("waited {elapsed:?} for nothing"));
        must(!expected.silent || !elapsed.is_zero(), "was ended by no clock of the gateway's".to_owned());
        if let Some(error) = error {
            let delay = error.retry_after;
            must(delay.is_some() == waits, format!("the delay is {delay:?}"));
            must(!format!("{error:?}").contains("Erika"), "tells the vendor's words".to_owned());
            // The login comes first: without a way to the vendor nothing else is asked.
            let login = column.sort == Sort::Login || matches!(row.means, Means::NoWay);
            let own = error.operation == column.operation || login;
            must(own, format!("is told as {}", error.operation));
        }
        faults
    }

    /// What is not as `rows` have it, in all columns.
    pub(super) async fn faults(&self, rows: &[Row]) -> Vec<String> {
        let mut faults = Vec::new();
        for row in rows {
            for column in &self.vendor.columns {
                faults.extend(self.check(row, column).await);
            }
        }
        faults
    }
}

/// A port where nobody listens.
async fn nobody() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}
