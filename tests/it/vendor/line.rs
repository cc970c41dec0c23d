//! Patience with a vendor: tries, their budget, breakers, turns and deadlines, counted at the vendor's side.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::http::{HeaderMap, Method, StatusCode};
use futures::FutureExt;
use futures::future::join_all;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::{Error, Kind};
use idv_gateway::telemetry::Telemetry;
use idv_gateway::vendor::kit::deadline::Deadline;
use idv_gateway::vendor::kit::http::{
    Answer, Call, OpenResponse, Request, Response, Transport, TransportError,
};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::kit::line::{Line, LineParts};
use idv_gateway::vendor::kit::retry::Repeat;
use idv_gateway::vendor::kit::url::{Origin, PathTemplate, Plain};

use super::rig::{noon, on_its_way};

const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

/// How the vendor takes one request.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Status(u16),
    /// 429 or 503, and when to come again.
    Later(u16, &'static str),
    Nobody,
    Breaks,
    Hangs,
}
use Takes::{Breaks, Hangs, Later, Nobody, Status};

/// A vendor that takes requests as its script says, and the last line of it for ever.
struct Vendor {
    script: Mutex<VecDeque<Takes>>,
    seen: Mutex<Vec<SystemTime>>,
    clock: Clock,
    /// Requests under way, and the most there were at once.
    running: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Transport for Vendor {
    async fn send(&self, _request: Request) -> Result<Response, TransportError> {
        self.seen.lock().unwrap().push(self.clock.now());
        let _under_way = UnderWay::begin(self);
        let takes = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front().unwrap() } else { script[0] }
        };
        let mut headers = HeaderMap::new();
        let answered = match takes {
            Status(status) => Ok(status),
            Later(status, when) => {
                headers.insert("retry-after", when.parse().unwrap());
                Ok(status)
            }
            Nobody => Err(TransportError::Unconnected("refused".into())),
            Breaks => Err(TransportError::Unreachable("reset".into())),
            Hangs => std::future::pending().await,
        };
        let status = StatusCode::from_u16(answered?).unwrap();
        Ok(Response { status, headers, body: axum::body::Bytes::new() })
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        self.send(request).await.map(on_its_way)
    }
}

struct UnderWay<'a>(&'a Vendor);

impl<'a> UnderWay<'a> {
    fn begin(vendor: &'a Vendor) -> Self {
        vendor.most.fetch_max(vendor.running.fetch_add(1, SeqCst) + 1, SeqCst);
        Self(vendor)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

struct House {
    line: Line,
    telemetry: Telemetry,
    vendor: Arc<Vendor>,
    clock: Clock,
    hand: ManualClock,
}

impl House {
    fn new(script: &[Takes], change: impl FnOnce(&mut LimitSettings)) -> Self {
        let (clock, hand) = Clock::manual(noon());
        let mut limits = LimitSettings { breaker_failures: 1000, ..LimitSettings::default() };
        change(&mut limits);
        let vendor = Arc::new(Vendor {
            script: Mutex::new(script.iter().copied().collect()),
            seen: Mutex::default(),
            clock: clock.clone(),
            running: AtomicUsize::default(),
            most: AtomicUsize::default(),
        });
        let telemetry = Telemetry::new();
        let line = Line::new(LineParts {
            connection: "bank".parse().unwrap(),
            clock: clock.clone(),
            metrics: telemetry.metrics(),
            transport: vendor.clone(),
            limits,
        });
        Self { line, telemetry, vendor, clock, hand }
    }

    async fn send(&self, call: Call) -> Result<Answer, Error> {
        self.line.send(&call, failure).await
    }

    async fn read(&self) -> Result<Answer, Error> {
        self.send(call(Method::GET)).await
    }

    /// What `work` comes to, moving the time by small steps while it waits for it.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        for _ in 0..100_000 {
            if let Poll::Ready(done) = futures::poll!(&mut work) {
                return done;
            }
            self.hand.advance(STEP);
            tokio::task::yield_now().await;
        }
        panic!("hangs");
    }

    fn script(&self, script: &[Takes]) {
        *self.vendor.script.lock().unwrap() = script.iter().copied().collect();
    }

    fn requests(&self) -> usize {
        self.vendor.seen.lock().unwrap().len()
    }

    /// How long after the first request each of the others came.
    fn pauses(&self) -> Vec<Duration> {
        let seen = self.vendor.seen.lock().unwrap();
        seen.iter().skip(1).map(|time| time.duration_since(seen[0]).unwrap()).collect()
    }

    fn elapsed(&self) -> Duration {
        self.clock.now().duration_since(noon()).unwrap()
    }
}

fn call(method: Method) -> Call {
    let origin = Origin::parse("https://vendor.example", Plain::Never).unwrap();
    Call::new("test.call", method, PathTemplate::parse("/api/thing").unwrap().fill(&origin, &[]).unwrap())
}

fn failure(answer: &Answer) -> Option<Error> {
    match answer.status().as_u16() {
        429 => Some(answer.rate_limited("", "")),
        500.. => Some(answer.unavailable("", "")),
        _ => None,
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nothing_else_is() {
    for (script, requests, kind) in [
        (&[Status(503), Breaks, Status(200)][..], 3, None),
        (&[Nobody, Status(429), Status(404)], 3, None),
        (&[Hangs, Status(200)], 2, None),
        (&[Status(503)], 3, Some(Kind::VendorUnavailable)),
        (&[Breaks], 3, Some(Kind::VendorUnavailable)),
        (&[Hangs], 3, Some(Kind::VendorTimeout)),
        (&[Status(429)], 3, Some(Kind::VendorRateLimited)),
        (&[Status(302), Status(200)], 1, Some(Kind::VendorResponseInvalid)),
        (&[Status(400), Status(200)], 1, None),
    ] {
        let house = House::new(script, |_limits| ());
        let outcome = house.in_time(house.read()).await;
        assert_eq!((outcome.err().map(|error| error.kind), house.requests()), (kind, requests), "{script:?}");
    }
}

#[tokio::test]
async fn a_write_that_may_have_been_done_is_never_sent_again_blindly() {
    for (script, requests, kind) in [
        (&[Status(500), Status(200)][..], 1, Some(Kind::VendorOutcomeUnknown)),
        (&[Later(503, "1"), Status(200)], 1, Some(Kind::VendorOutcomeUnknown)),
        (&[Breaks, Status(200)], 1, Some(Kind::VendorOutcomeUnknown)),
        (&[Hangs, Status(200)], 1, Some(Kind::VendorOutcomeUnknown)),
        (&[Nobody, Hangs, Status(200)], 2, Some(Kind::VendorOutcomeUnknown)),
        // The vendor has surely not done it.
        (&[Nobody, Status(200)], 2, None),
        (&[Later(429, "2"), Nobody, Status(200)], 3, None),
        (&[Nobody], 3, Some(Kind::VendorUnavailable)),
        (&[Status(429)], 3, Some(Kind::VendorRateLimited)),
    ] {
        let house = House::new(script, |_limits| ());
        let outcome = house.in_time(house.send(call(Method::POST))).await;
        assert_eq!((outcome.err().map(|error| error.kind), house.requests()), (kind, requests), "{script:?}");

        // The same as an upsert, and as a question that must not be asked twice.
        let house = House::new(script, |_limits| ());
        let upsert = house.in_time(house.send(call(Method::POST).repeat(Repeat::Freely))).await;
        let unknown = upsert.err().filter(|error| error.kind == Kind::VendorOutcomeUnknown);
        assert!(unknown.is_none(), "{script:?}");
        let house = House::new(script, |_limits| ());
        let _outcome = house.in_time(house.send(call(Method::GET).repeat(Repeat::Never))).await;
        assert_eq!(house.requests(), 1, "{script:?}");
    }
    // The caller's leaving does not make it known either.
    let house = House::new(&[Hangs], |_limits| ());
    let call = call(Method::POST).due(Some(Deadline::of_caller(noon() + SECOND)));
    assert_eq!(house.in_time(house.send(call)).await.err().unwrap().kind, Kind::VendorOutcomeUnknown);
}

#[tokio::test]
async fn pauses_are_short_and_the_vendors_wish_is_heard() {
    let house = House::new(&[Status(503)], |_limits| ());
    house.in_time(house.read()).await.err().unwrap();
    let [second, third] = house.pauses().try_into().unwrap();
    assert!(second <= Duration::from_millis(200) + STEP);
    assert!(third - second <= Duration::from_millis(400) + STEP);

    for (when, seconds) in [("7", 7), ("Sat, 14 Mar 2026 12:00:09 GMT", 9), ("soon", 0), ("-1", 0)] {
        for status in [429, 503] {
            let house = House::new(&[Later(status, when), Status(200)], |_limits| ());
            house.in_time(house.read()).await.unwrap();
            let [pause] = house.pauses().try_into().unwrap();
            let asked = SECOND * seconds;
            assert!(
                asked <= pause && pause <= asked + Duration::from_millis(200) + STEP,
                "{when}: {pause:?}"
            );
        }
    }
    // Longer than the call may take: told at once, and not waited for.
    for (when, seconds) in [("31", 31), ("Sat, 14 Mar 2026 13:30:00 GMT", 3600), ("99999999999", 3600)] {
        let house = House::new(&[Later(503, when), Status(200)], |_limits| ());
        let error = house.read().now_or_never().unwrap().err().unwrap();
        assert_eq!((error.kind, error.retry_after), (Kind::VendorUnavailable, Some(SECOND * seconds)));
        assert_eq!(house.requests(), 1);
    }
}

#[tokio::test]
async fn no_deadline_is_exceeded() {
    let house = House::new(&[Hangs], |_limits| ());
    let error = house.in_time(house.read()).await.err().unwrap();
    assert_eq!((error.kind, house.elapsed() <= 30 * SECOND + STEP), (Kind::VendorTimeout, true));
    assert_eq!(house.requests(), 3);

    for (left, script, kind, requests) in [
        (3 * SECOND, &[Hangs][..], Kind::DeadlineExceeded, 1),
        (12 * SECOND, &[Hangs], Kind::DeadlineExceeded, 2),
        (3 * SECOND, &[Later(503, "3")], Kind::VendorUnavailable, 1),
        (3 * SECOND, &[Later(503, "2")], Kind::VendorUnavailable, 2),
        (Duration::ZERO, &[Status(200)], Kind::DeadlineExceeded, 0),
        // The line's own end comes first.
        (3600 * SECOND, &[Hangs], Kind::VendorTimeout, 3),
    ] {
        let house = House::new(script, |_limits| ());
        let end = noon() + left;
        let call = call(Method::GET).due(Some(Deadline::of_caller(end)));
        let error = house.in_time(house.send(call)).await.err().unwrap();
        assert_eq!((error.kind, house.requests()), (kind, requests), "{left:?} {script:?}");
        assert!(house.elapsed() <= left + STEP, "{left:?} {script:?}");
    }
    // A caller who leaves tells nothing of the vendor.
    let house = House::new(&[Hangs], |limits| limits.breaker_failures = 1);
    let call = call(Method::GET).due(Some(Deadline::of_caller(noon() + SECOND)));
    house.in_time(house.send(call)).await.err().unwrap();
    house.script(&[Status(200)]);
    assert!(house.read().await.is_ok());
}

#[tokio::test]
async fn a_vendor_that_fails_altogether_is_asked_a_tenth_more_often() {
    let requests = async |calls: usize, script: &[Takes]| {
        let house = House::new(script, |_limits| ());
        for _ in 0..calls {
            let _outcome = house.in_time(house.read()).await;
        }
        house.requests()
    };
    for calls in [100, 900] {
        let seen = requests(calls, &[Status(503)]).await;
        assert!((calls + 10..=calls + calls / 10).contains(&seen), "{seen} requests for {calls} calls");
    }
    assert_eq!(requests(1000, &[Status(200)]).await, 1000);
    // What fails now and then is repeated every time.
    let rare: Vec<_> = (0..1000).map(|number| Status(if number % 20 == 0 { 503 } else { 200 })).collect();
    assert_eq!(requests(950, &rare).await, 1000);
}

#[tokio::test]
async fn an_operation_that_fails_in_a_row_is_left_alone_for_a_while() {
    let house = House::new(&[Status(503)], |limits| limits.breaker_failures = 5);
    for requests in [3, 5] {
        let error = house.in_time(house.read()).await.err().unwrap();
        assert_eq!((error.kind, house.requests()), (Kind::VendorUnavailable, requests));
    }
    let open_at = house.clock.now();
    let error = house.read().await.err().unwrap();
    assert_eq!((error.kind, error.retry_after), (Kind::VendorCircuitOpen, Some(30 * SECOND)));
    house.hand.advance(10 * SECOND);
    assert_eq!(house.read().await.err().unwrap().retry_after, Some(20 * SECOND));
    assert_eq!(house.requests(), 5);

    // One call sees, and is not repeated.
    house.hand.advance(20 * SECOND);
    assert_eq!(house.read().await.err().unwrap().kind, Kind::VendorUnavailable);
    assert_eq!((house.read().await.err().unwrap().kind, house.requests()), (Kind::VendorCircuitOpen, 6));
    house.script(&[Hangs, Status(404)]);
    house.hand.advance(30 * SECOND);
    let mut seeing = Box::pin(house.read());
    assert!((&mut seeing).now_or_never().is_none());
    assert_eq!(house.read().await.err().unwrap().kind, Kind::VendorCircuitOpen);
    drop(seeing);
    // A refusal is an answer, too: the vendor works.
    assert!(house.read().await.is_ok());
    assert!(join_all((0..20).map(|_| house.read())).await.iter().all(Result::is_ok));
    assert!(house.clock.now() >= open_at + 60 * SECOND);
}

#[tokio::test]
async fn refusals_and_limits_open_no_breaker_and_operations_have_their_own() {
    for takes in [Status(400), Status(401), Status(404), Status(429), Status(302)] {
        let house = House::new(&[takes], |limits| limits.breaker_failures = 1);
        for _ in 0..10 {
            if let Err(error) = house.in_time(house.read()).await {
                assert_ne!(error.kind, Kind::VendorCircuitOpen, "{takes:?}");
            }
        }
    }
    let house = House::new(&[Status(503), Status(200)], |limits| limits.breaker_failures = 1);
    assert_eq!(house.read().await.err().unwrap().kind, Kind::VendorUnavailable);
    assert_eq!(house.read().await.err().unwrap().kind, Kind::VendorCircuitOpen);
    let origin = Origin::parse("https://vendor.example", Plain::Never).unwrap();
    let target = PathTemplate::parse("/other").unwrap().fill(&origin, &[]).unwrap();
    assert!(house.send(Call::new("test.other", Method::GET, target)).await.is_ok());
}

#[tokio::test]
async fn requests_under_way_and_calls_that_wait_are_bounded() {
    let house = House::new(&[Hangs, Hangs, Status(200)], |limits| {
        (limits.max_concurrent_requests, limits.max_waiting_calls, limits.max_attempts) = (2, 3, 1);
    });
    let mut calls = Box::pin(join_all((0..5).map(|_| house.read())));
    assert!((&mut calls).now_or_never().is_none());
    assert_eq!(house.requests(), 2);
    let error = house.read().now_or_never().unwrap().err().unwrap();
    assert_eq!((error.kind, house.requests()), (Kind::GatewayOverloaded, 2));

    // The two time out after ten seconds; the three that waited are served.
    let outcomes = house.in_time(calls).await;
    let kinds: Vec<_> = outcomes.into_iter().map(|outcome| outcome.err().map(|error| error.kind)).collect();
    assert_eq!(kinds, [Some(Kind::VendorTimeout), Some(Kind::VendorTimeout), None, None, None]);
    assert_eq!((house.requests(), house.vendor.most.load(SeqCst)), (5, 2));

    // Nobody waits for longer than it may take.
    let house = House::new(&[Hangs], |limits| limits.max_concurrent_requests = 1);
    let mut first = Box::pin(house.read());
    assert!((&mut first).now_or_never().is_none());
    let second = call(Method::GET).due(Some(Deadline::of_caller(noon() + SECOND)));
    let error = house.in_time(house.send(second)).await.err().unwrap();
    assert_eq!((error.kind, house.elapsed() <= SECOND + STEP), (Kind::GatewayOverloaded, true));
}

#[tokio::test]
async fn requests_keep_to_the_configured_rate() {
    let house = House::new(&[Status(200)], |limits| limits.max_requests_per_second = Some(5));
    let calls = join_all((0..15).map(|_| house.read()));
    assert!(house.in_time(calls).await.iter().all(Result::is_ok));
    let pauses = house.pauses();
    for (number, pause) in (1..).zip(&pauses) {
        let earliest = Duration::from_millis(200) * (number as u32).saturating_sub(4);
        assert!((earliest..=earliest + STEP).contains(pause), "request {number} came after {pause:?}");
    }
    // Whoever could not be served in time is told at once, and when to come again.
    let mut crowd: Vec<_> = (0..30).map(|_| Box::pin(house.read())).collect();
    assert_eq!(crowd.iter_mut().filter_map(|call| call.now_or_never()).count(), 0);
    let late = call(Method::GET).due(Some(Deadline::of_caller(house.clock.now() + SECOND)));
    let error = house.send(late).now_or_never().unwrap().err().unwrap();
    assert_eq!(error.kind, Kind::VendorRateLimited);
    assert!(error.retry_after.unwrap() > SECOND);
    assert_eq!(house.requests(), 15);
}

#[tokio::test]
async fn every_try_is_counted_whatever_ended_it() {
    for (script, counted) in [
        (&[Hangs][..], &[("none", 3)][..]),
        (&[Hangs, Status(503), Status(200)], &[("none", 1), ("5xx", 1), ("2xx", 1)]),
    ] {
        let house = House::new(script, |_limits| ());
        let _outcome = house.in_time(house.read()).await;
        let scraped = house.telemetry.scrape().unwrap();
        for (status, tries) in counted {
            let line = format!(
                "idv_vendor_calls_total{{connection=\"bank\",operation=\"test.call\",status=\"{status}\"}} {tries}\n"
            );
            assert!(scraped.contains(&line), "{script:?}: {line}{scraped}");
        }
    }
    // Ten seconds each, which is how long they took.
    let house = House::new(&[Hangs], |limits| limits.max_attempts = 1);
    house.in_time(house.read()).await.err().unwrap();
    let took = "idv_vendor_call_duration_seconds_sum{connection=\"bank\",operation=\"test.call\"} 10";
    assert!(house.telemetry.scrape().unwrap().contains(took));
}

/// The house itself: it would see a second request, and a deadline that was missed.
#[tokio::test]
async fn the_house_counts_and_measures() {
    let house = House::new(&[Status(200)], |_limits| ());
    join_all([house.read(), house.read()]).await;
    assert_eq!(house.requests(), 2);
    house.in_time(house.clock.sleep(5 * SECOND)).await;
    assert!(house.elapsed() >= 5 * SECOND);
}
