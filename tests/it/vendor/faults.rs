//! Every fault of a vendor against every operation: what the caller is told, how often the vendor is asked, and that
//! nothing takes longer than it may.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::FutureExt;
use futures::future::BoxFuture;
use idv_gateway::clock::Clock;
use idv_gateway::error::{Error, Kind};
use idv_gateway::proto::{AutoIdentSpec, Subject};
use idv_gateway::vendor::idnow::Idnow;
use idv_gateway::vendor::kit::http::{
    HttpTransport, MAX_ANSWER, OpenResponse, Request, Response, Timeouts, Transport, TransportError,
};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::{Create, Get, Identifications as _, Probe as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::faulty::{Does, Faulty, Meets, answer, fault};
use super::rig::{Files, ID, command, connect, noon, reference};

use Kind::{
    ResourceExists, ResourceNotFound, VendorConflict, VendorCredentialsRejected, VendorFeatureNotEnabled,
    VendorRateLimited, VendorRejectedField, VendorRejectedRequest, VendorResponseInvalid, VendorTimeout,
    VendorUnavailable,
};

/// No call over these limits may take longer.
const LONGEST: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);

/// Columns of the table.
const LOGIN: usize = 0;
const START: usize = 1;
const READ: usize = 2;
const CHECK: usize = 3;

/// An operation: which of its requests are broken, its column, and how it is called.
struct Operation {
    name: &'static str,
    meets: Meets,
    column: usize,
    run: for<'a> fn(&'a Idnow) -> BoxFuture<'a, Result<(), Error>>,
}

const OPERATIONS: [Operation; 5] = [
    Operation { name: "login", meets: is_login, column: LOGIN, run: |idnow| get(idnow).boxed() },
    Operation { name: "start", meets: is_start, column: START, run: |idnow| start(idnow).boxed() },
    Operation { name: "get", meets: is_get, column: READ, run: |idnow| get(idnow).boxed() },
    Operation { name: "prove", meets: is_get, column: READ, run: |idnow| idnow.prove_credentials().boxed() },
    Operation { name: "check", meets: is_check, column: CHECK, run: |idnow| idnow.ask_server().boxed() },
];

fn is_login(path: &str) -> bool {
    path.ends_with("/login")
}

fn is_start(path: &str) -> bool {
    path.ends_with("/start")
}

fn is_get(path: &str) -> bool {
    path.contains("/identifications/") && !is_start(path)
}

fn is_check(path: &str) -> bool {
    path == "/system_check"
}

async fn get(idnow: &Idnow) -> Result<(), Error> {
    idnow.get(Get { reference: &reference("", ID), deadline: None }).await.map(drop)
}

async fn start(idnow: &Idnow) -> Result<(), Error> {
    let command = command(Subject::default(), AutoIdentSpec::default());
    idnow.create(Create { command: &command }).await.map(drop)
}

/// Where the vendor is looked for.
#[derive(Debug, Clone, Copy)]
enum Where {
    Here,
    /// Where nobody listens.
    Nowhere,
    /// Behind TLS, which the server does not speak.
    BehindTls,
}

/// A fault and what it comes to, by column.
struct Row {
    name: &'static str,
    at: Where,
    does: Does,
    /// What the caller is told; `None`: nothing is wrong.
    told: [Option<Kind>; 4],
    /// How often the vendor is asked. The check is never repeated.
    tries: [usize; 4],
}

const THRICE: [usize; 4] = [3, 3, 3, 1];

/// What may be otherwise in a moment.
fn passing(name: &'static str, does: Does, kind: Kind) -> Row {
    Row { name, at: Where::Here, does, told: [Some(kind); 4], tries: THRICE }
}

/// There is no way to the vendor: no request comes to it.
fn no_way(name: &'static str, at: Where) -> Row {
    Row { at, tries: [0; 4], ..passing(name, Does::Says(Vec::new()), VendorUnavailable) }
}

/// An answer with a status that passes. Of the check every answer but the good one is invalid.
fn status(name: &'static str, status: &str, headers: &str, kind: Kind) -> Row {
    let told = [Some(kind), Some(kind), Some(kind), Some(VendorResponseInvalid)];
    Row { told, ..passing(name, Does::Says(answer(status, headers, b"")), kind) }
}

/// An answer that another try would not make better.
fn last(name: &'static str, does: Does, [login, start, read]: [Option<Kind>; 3]) -> Row {
    Row {
        name,
        at: Where::Here,
        does,
        told: [login, start, read, Some(VendorResponseInvalid)],
        tries: [1; 4],
    }
}

/// The vendor's own refusal.
fn refusal(name: &'static str, status: &str, cause: &str, told: [Option<Kind>; 3]) -> Row {
    last(name, Does::Says(answer(status, "", fault(cause, "lastname").as_bytes())), told)
}

/// An answer that cannot be what the vendor documents.
fn invalid(name: &'static str, answer: Vec<u8>) -> Row {
    last(name, Does::Says(answer), [Some(VendorResponseInvalid); 3])
}

fn on_the_wire() -> Vec<Row> {
    let cut = |text: &[u8], end: usize| text[..end].to_vec();
    let whole = answer("200 OK", "", br#"{"authToken":"token","id":"TST-KLMNP"}"#);
    let long = answer("200 OK", "", &[b' '; 1000]);
    vec![
        no_way("nobody listens", Where::Nowhere),
        no_way("plain spoken where TLS was expected", Where::BehindTls),
        passing("reset before the request", Does::Resets { after: false }, VendorUnavailable),
        passing("reset after the request", Does::Resets { after: true }, VendorUnavailable),
        passing("closed without an answer", Does::Says(Vec::new()), VendorUnavailable),
        passing(
            "TLS spoken where plain was expected",
            Does::Says(b"\x15\x03\x01\0\x02\x02\x46".to_vec()),
            VendorUnavailable,
        ),
        passing("half a header", Does::Says(cut(&whole, 20)), VendorUnavailable),
        passing("half a body", Does::Says(cut(&whole, whole.len() - 10)), VendorUnavailable),
        passing("hangs before the header", Does::Stalls(Vec::new()), VendorTimeout),
        passing("hangs in the header", Does::Stalls(cut(&whole, 20)), VendorTimeout),
        passing("hangs in the body", Does::Stalls(cut(&whole, whole.len() - 10)), VendorTimeout),
        passing("drips", Does::Drips(cut(&long, long.len() - 999)), VendorTimeout),
    ]
}

fn passing_answers() -> Vec<Row> {
    let errors = Does::Says(answer("200 OK", "", fault("INTERNAL_SERVER_ERROR", "").as_bytes()));
    let date = "retry-after: Sat, 14 Mar 2026 12:00:02 GMT\r\n";
    let later = Row {
        tries: [1; 4],
        ..status("503, come in an hour", "503 X", "retry-after: 3600\r\n", VendorUnavailable)
    };
    let much_later = Row {
        tries: [1; 4],
        ..status("429, come in a minute", "429 X", "retry-after: 60\r\n", VendorRateLimited)
    };
    vec![
        status("408", "408 Request Timeout", "", VendorUnavailable),
        status("429", "429 Too Many Requests", "", VendorRateLimited),
        status("429, come in 2 s", "429 X", "retry-after: 2\r\n", VendorRateLimited),
        much_later,
        status("500", "500 Internal Server Error", "", VendorUnavailable),
        status("502", "502 Bad Gateway", "", VendorUnavailable),
        status("503, come in 2 s", "503 X", "retry-after: 2\r\n", VendorUnavailable),
        status("503, come at a date", "503 X", date, VendorUnavailable),
        later,
        status("504", "504 Gateway Timeout", "", VendorUnavailable),
        Row { does: errors, ..status("200 with an error inside", "", "", VendorUnavailable) },
    ]
}

fn refusals() -> Vec<Row> {
    let [credentials, feature, request] =
        [VendorCredentialsRejected, VendorFeatureNotEnabled, VendorRejectedRequest].map(Some);
    let [field, unknown, exists, conflict, invalid] =
        [VendorRejectedField, ResourceNotFound, ResourceExists, VendorConflict, VendorResponseInvalid]
            .map(Some);
    // With a new token, which is no repeat of the same call.
    let once_more = [1, 2, 2, 1];
    let token = answer("401 Unauthorized", "", fault("INVALID_LOGIN_TOKEN", "").as_bytes());
    vec![
        refusal("400 with a key", "400 Bad Request", "BAD_REQUEST", [credentials, field, field]),
        refusal(
            "400 unknown field",
            "400 Bad Request",
            "UNRECOGNIZED_FIELD",
            [credentials, request, request],
        ),
        refusal("400 unparsable", "400 Bad Request", "UNPARSEABLE_JSON", [credentials, request, request]),
        Row {
            tries: once_more,
            ..last("401 once", Does::SaysOnce(token.clone()), [credentials, None, None])
        },
        Row { tries: once_more, ..last("401", Does::Says(token), [credentials; 3]) },
        refusal("401 another's", "401 Unauthorized", "SECURITY_VIOLATION", [credentials, unknown, unknown]),
        refusal("403", "403 Forbidden", "FORBIDDEN", [credentials, feature, feature]),
        refusal("404 of the vendor", "404 Not Found", "OBJECT_NOT_FOUND", [credentials, request, None]),
        last(
            "404 of something else",
            Does::Says(answer("404 Not Found", "", b"")),
            [credentials, request, invalid],
        ),
        refusal("405", "405 Method Not Allowed", "X", [request; 3]),
        refusal("406", "406 Not Acceptable", "X", [request; 3]),
        refusal("409", "409 Conflict", "EXISTING_IDENTIFICATION", [conflict, exists, conflict]),
        refusal("412", "412 Precondition Failed", "PRECONDITION_FAILED", [feature; 3]),
        refusal("415", "415 Unsupported Media Type", "X", [request; 3]),
    ]
}

fn nonsense() -> Vec<Row> {
    let packed = |text: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).unwrap();
        answer("200 OK", "content-encoding: gzip\r\n", &packer.finish().unwrap())
    };
    let elsewhere = "location: https://elsewhere.invalid/\r\n";
    let page = b"<!doctype html><title>Back soon</title>";
    let short = answer("200 OK", "", br#"{"authToken":"token"}"#);
    let short =
        String::from_utf8(short).unwrap().replace("content-length: 21", "content-length: 10").into_bytes();
    vec![
        invalid("302 to another host", answer("302 Found", elsewhere, b"")),
        invalid("307 to another host", answer("307 Temporary Redirect", elsewhere, b"")),
        invalid("204", b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()),
        invalid("a page", answer("200 OK", "content-type: text/html\r\n", page)),
        invalid("nothing", answer("200 OK", "", b"")),
        invalid(
            "another shape",
            answer("200 OK", "", br#"{"authToken":{},"id":[],"identificationprocess":"x"}"#),
        ),
        invalid("a length that is too short", short),
        invalid("packed into little", packed(&vec![b' '; MAX_ANSWER + 1])),
        invalid("badly packed", answer("200 OK", "content-encoding: gzip\r\n", b"no gzip at all")),
        invalid("too large", answer("200 OK", "", &vec![b' '; MAX_ANSWER + 1])),
    ]
}

/// Real sockets, watched: the time may move only while nothing is on its way.
struct Watched {
    inner: HttpTransport,
    stuck: watch::Receiver<usize>,
    under_way: watch::Sender<UnderWay>,
}

/// The request under way, if there is one, by how many were stuck when it began.
type UnderWay = Option<usize>;

struct Sending<'a>(&'a watch::Sender<UnderWay>);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

#[async_trait]
impl Transport for Watched {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.under_way.send_replace(Some(*self.stuck.borrow()));
        let _sending = Sending(&self.under_way);
        self.inner.send(request).await
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        self.under_way.send_replace(Some(*self.stuck.borrow()));
        let _sending = Sending(&self.under_way);
        self.inner.open(request).await
    }
}

/// Waits until only the time can bring an answer: nothing is on its way, or what is will never arrive.
async fn nothing_moves(under_way: &mut watch::Receiver<UnderWay>, stuck: &mut watch::Receiver<usize>) {
    loop {
        let sending = *under_way.borrow_and_update();
        let stuck_now = *stuck.borrow_and_update();
        if sending.is_none_or(|before| stuck_now > before) {
            return;
        }
        tokio::select! {
            _ = under_way.changed() => {}
            _ = stuck.changed() => {}
        }
    }
}

/// What one cell came to.
struct Cell {
    outcome: Result<(), Error>,
    tries: usize,
    elapsed: Duration,
}

/// Everything that the cells share.
struct Table {
    files: Files,
    transport: HttpTransport,
    limits: LimitSettings,
}

impl Table {
    fn new(limits: LimitSettings) -> Self {
        let transport = HttpTransport::new(Timeouts::default()).unwrap();
        Self { files: Files::new(), transport, limits }
    }

    async fn run(&self, row: &Row, operation: &Operation) -> Cell {
        let (clock, hand) = Clock::manual(noon());
        let server = Faulty::start(clock.clone(), operation.meets, row.does.clone()).await;
        let base = match row.at {
            Where::Here => format!("http://127.0.0.1:{}", server.port),
            Where::Nowhere => format!("http://127.0.0.1:{}", nobody().await),
            Where::BehindTls => format!("https://127.0.0.1:{}", server.port),
        };
        let mut settings = self.files.settings("sandbox", &format!("base_url = \"{base}\""));
        settings.limits = self.limits;
        let mut stuck = server.stuck();
        let watched = Watched {
            inner: self.transport.clone(),
            stuck: stuck.clone(),
            under_way: watch::Sender::default(),
        };
        let mut under_way = watched.under_way.subscribe();
        let idnow = connect(&settings, clock.clone(), Arc::new(watched));
        let mut running = pin!((operation.run)(&idnow));
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut running => break outcome,
                () = nothing_moves(&mut under_way, &mut stuck) => hand.advance(STEP),
            }
        };
        Cell { outcome, tries: server.met(), elapsed: clock.now().duration_since(noon()).unwrap() }
    }

    /// What is not as the row has it.
    async fn check(&self, row: &Row, operation: &Operation) -> Vec<String> {
        let Cell { outcome, tries, elapsed } = self.run(row, operation).await;
        let (told, expected) = (outcome.as_ref().err().map(|error| error.kind), row.tries[operation.column]);
        let waits = matches!(told, Some(VendorUnavailable | VendorTimeout | VendorRateLimited));
        let error = outcome.err();
        let delay = error.as_ref().and_then(|error| error.retry_after);
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{} of {}: {what}", row.name, operation.name));
            }
        };
        must(told == row.told[operation.column], format!("{told:?}"));
        must(tries == expected, format!("{tries} tries instead of {expected}"));
        must(elapsed <= LONGEST + Duration::from_millis(100), format!("took {elapsed:?}"));
        let at_once = expected == 1 && told != Some(VendorTimeout);
        must(!at_once || elapsed.is_zero(), format!("waited {elapsed:?} for nothing"));
        must(delay.is_some() == waits, format!("the delay is {delay:?}"));
        must(!format!("{error:?}").contains("Erika"), "tells the vendor's words".to_owned());
        faults
    }

    async fn check_all(&self, rows: Vec<Row>) {
        let mut faults = Vec::new();
        for row in &rows {
            for operation in &OPERATIONS {
                faults.extend(self.check(row, operation).await);
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// A port where nobody listens.
async fn nobody() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn all_is_as_the_table_has_it(rows: Vec<Row>) {
    Table::new(LimitSettings::default()).check_all(rows).await;
}

#[tokio::test]
async fn faults_on_the_wire() {
    all_is_as_the_table_has_it(on_the_wire()).await;
}

#[tokio::test]
async fn answers_that_may_be_better_in_a_moment() {
    all_is_as_the_table_has_it(passing_answers()).await;
}

#[tokio::test]
async fn the_vendors_refusals() {
    all_is_as_the_table_has_it(refusals()).await;
}

#[tokio::test]
async fn answers_that_cannot_be_the_vendors() {
    all_is_as_the_table_has_it(nonsense()).await;
}

/// The table notices a line that tries too rarely, waits too long, or tells another kind.
#[tokio::test]
async fn a_planted_fault_is_caught() {
    let [_login, start, ..] = &OPERATIONS;
    let limits = LimitSettings { max_attempts: 2, ..LimitSettings::default() };
    let row = passing(
        "half a body",
        Does::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()),
        VendorUnavailable,
    );
    let found = Table::new(limits).check(&row, start).await;
    assert_eq!(found, ["half a body of start: 2 tries instead of 3"]);

    let limits =
        LimitSettings { call_timeout_seconds: 40, attempt_timeout_seconds: 20, ..LimitSettings::default() };
    let row = Row { tries: [2; 4], ..passing("hangs", Does::Stalls(Vec::new()), VendorUnavailable) };
    let found = Table::new(limits).check(&row, start).await;
    assert_eq!(found, ["hangs of start: Some(VendorTimeout)", "hangs of start: took 40s"]);
}
