//! Streams that live on the tail of the journal while they keep up, and on the journal itself while they do not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use idv_gateway::error::Kind;
use idv_gateway::hub::config::StreamSettings;
use idv_gateway::hub::subscribe::Caller;
use idv_gateway::journal::{Journal, Page, Position};
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{
    Event, EventFilter, EventType, PollEventsRequest, StreamClosingReason, WatchEventsResponse,
};
use proptest::prelude::*;
use prost::Message as _;

use super::reader::{earliest, latest};
use super::stream_rig::{Rig, Taker};
use crate::journal::altered::{Alter, Altered};
use crate::journal::checker::{read_all, truncated};
use crate::journal::fixture::{Fixture, any_event, events};

/// As many events as the tail keeps in these tests.
const TAIL: usize = 8;
/// Turns of everybody else after which nothing more comes.
const PATIENCE: usize = 1000;

fn small_tail() -> StreamSettings {
    StreamSettings { tail_max_events: TAIL, ..StreamSettings::default() }
}

fn only(kind: EventType) -> EventFilter {
    EventFilter { types: vec![kind.into()], ..EventFilter::default() }
}

/// What was taken from a stream, and what is wrong with it.
#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    caught_up: bool,
    fell_behind: usize,
    cursor: String,
    faults: Vec<String>,
}

impl Taken {
    fn take(&mut self, messages: Vec<WatchEventsResponse>) {
        for response in messages {
            match response.message.unwrap() {
                Message::Event(event) => self.events.push(event),
                Message::CaughtUp(_) if self.caught_up => self.faults.push("caught up twice".to_owned()),
                Message::CaughtUp(_) => self.caught_up = true,
                Message::FellBehind(_) if !self.caught_up => {
                    self.faults.push("fell behind twice".to_owned());
                }
                Message::FellBehind(told) => {
                    self.caught_up = false;
                    self.fell_behind += 1;
                    if told.lag.unwrap().events < 1 {
                        self.faults.push("fell behind nothing".to_owned());
                    }
                }
                Message::Started(_) | Message::Heartbeat(_) => {}
                other => self.faults.push(format!("unexpected: {other:?}")),
            }
            self.cursor = response.cursor;
        }
    }

    /// What is wrong, where `written` is what should have come.
    fn faults(mut self, written: &[Event]) -> Vec<String> {
        let places: HashMap<_, _> =
            written.iter().enumerate().map(|(place, event)| (&event.event_id, place)).collect();
        for (index, event) in self.events.iter().enumerate() {
            match places.get(&event.event_id) {
                Some(place) if *place == index => {}
                Some(place) => self.faults.push(format!("event {place} comes as number {index}")),
                None => self.faults.push(format!("number {index} was never written")),
            }
        }
        if self.events.len() != written.len() {
            self.faults.push(format!("{} of {} events came", self.events.len(), written.len()));
        }
        if !self.caught_up {
            self.faults.push("never caught up".to_owned());
        }
        self.faults
    }
}

async fn written(fixture: &Fixture, filter: &EventFilter) -> Vec<Event> {
    let all = read_all(&*fixture.journal, 100).await.into_iter().map(|(_position, event)| event);
    all.filter(|event| filter.types.is_empty() || filter.types.contains(&event.r#type)).collect()
}

/// Takes until there is nothing more for now, giving everybody else their turn.
async fn drain(stream: &mut Taker, taken: &mut Taken, want: usize) {
    // A stream that falls silent before its end has a fault, which the caller finds.
    let mut silent = 0;
    while silent < PATIENCE && (taken.events.len() < want || !taken.caught_up) {
        let messages = stream.now();
        silent = if messages.is_empty() { silent + 1 } else { 0 };
        taken.take(messages);
        tokio::task::yield_now().await;
    }
}

/// What happens to a journal and a stream.
#[derive(Debug, Clone)]
enum Act {
    /// Events of this kind are written at once.
    Write(usize, bool),
    /// The reader takes so many pieces.
    Take(usize),
    /// Whoever follows the journal has time to.
    Rest,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (1..6_usize, any::<bool>()).prop_map(|(count, started)| Act::Write(count, started)),
        1 => (6..40_usize, any::<bool>()).prop_map(|(count, started)| Act::Write(count, started)),
        3 => (1..4_usize).prop_map(Act::Take),
        3 => Just(Act::Rest),
    ];
    proptest::collection::vec(act, 1..40)
}

fn kind(started: bool) -> EventType {
    if started { EventType::IdentificationStarted } else { EventType::IdentificationUpdated }
}

/// Plays `acts` before a stream with `filter` over what `wrap` makes of the journal. Returns what is wrong.
async fn play(
    acts: &[Act],
    filter: &EventFilter,
    wrap: impl FnOnce(Arc<dyn Journal>) -> Arc<dyn Journal>,
) -> Vec<String> {
    let fixture = Arc::new(Fixture::memory());
    let journal = wrap(fixture.journal.clone());
    let rig = Rig::over(fixture, journal, small_tail());
    let (mut stream, mut taken) = (rig.open(earliest(), filter.clone()).await, Taken::default());
    for act in acts {
        match act {
            Act::Write(count, started) => {
                let event = || Event { r#type: kind(*started).into(), ..any_event() };
                rig.fixture.journal.append(events((0..*count).map(|_| event()).collect())).await.unwrap();
            }
            Act::Take(pieces) => (0..*pieces).for_each(|_| taken.take(stream.now())),
            Act::Rest => {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    let expected = written(&rig.fixture, filter).await;
    drain(&mut stream, &mut taken, expected.len()).await;
    taken.faults(&expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_stream_is_the_journal(acts in acts(), chooses in any::<bool>(), slow in any::<bool>()) {
        let filter = if chooses { only(kind(true)) } else { EventFilter::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let over = |journal| if slow { Altered::over(journal, Slow) } else { journal };
        let faults = runtime.block_on(play(&acts, &filter, over));
        prop_assert_eq!(faults, Vec::<String>::new());
    }
}

/// A journal that takes its time to read.
struct Slow;

#[async_trait]
impl Alter for Slow {
    async fn before_read(&self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
}

/// A journal that reads every page wrong but the first ones.
struct Wrong(How);

#[derive(Clone, Copy)]
enum How {
    Skips,
    Repeats,
    Swaps,
}

#[async_trait]
impl Alter for Wrong {
    fn read(&self, after: Position, limit: usize, page: &mut Page) {
        if limit < 2 || after < 4 || page.entries.len() < 2 {
            return;
        }
        match self.0 {
            How::Skips => drop(page.entries.remove(0)),
            How::Repeats => page.entries.insert(0, page.entries[0].clone()),
            How::Swaps => {
                let bytes = page.entries[0].bytes.clone();
                page.entries[0].bytes = std::mem::replace(&mut page.entries[1].bytes, bytes);
            }
        }
    }
}

#[tokio::test]
async fn the_model_finds_planted_faults() {
    let live = [Act::Take(2), Act::Rest, Act::Write(5, true), Act::Rest, Act::Take(2), Act::Write(5, true)];
    let late = [Act::Take(2), Act::Rest, Act::Write(30, true), Act::Rest, Act::Take(2), Act::Write(30, true)];
    for acts in [&live[..], &late[..]] {
        let ready = [Act::Take(2), Act::Rest, Act::Take(2)];
        let acts: Vec<_> = ready.iter().chain(acts).cloned().collect();
        assert_eq!(play(&acts, &EventFilter::default(), |journal| journal).await, Vec::<String>::new());
        for (how, symptom) in [(How::Skips, "of"), (How::Repeats, "of"), (How::Swaps, "comes as number")] {
            let wrong = |journal| Altered::over(journal, Wrong(how));
            let faults = play(&acts, &EventFilter::default(), wrong).await;
            assert!(faults.iter().any(|fault| fault.contains(symptom)), "{symptom}: {faults:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_reader_costs_nothing_and_loses_nothing_and_a_fast_one_does_not_notice() {
    let settings = StreamSettings { tail_max_bytes: 64 << 10, ..StreamSettings::default() };
    let fixture = Arc::new(Fixture::memory());
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), settings);
    let mut fast = (rig.open(earliest(), EventFilter::default()).await, Taken::default());
    let mut slow = (rig.open(earliest(), EventFilter::default()).await, Taken::default());
    drain(&mut fast.0, &mut fast.1, 0).await;
    drain(&mut slow.0, &mut slow.1, 0).await;
    let mut most = 0;
    for round in 0..50 {
        fixture.journal.append(events((0..100).map(|_| any_event()).collect())).await.unwrap();
        drain(&mut fast.0, &mut fast.1, (round + 1) * 100).await;
        assert_eq!(fast.1.events.len(), (round + 1) * 100, "at once");
        if round % 10 == 0 {
            slow.1.take(slow.0.now());
        }
        most = most.max(rig.hub.tail_bytes());
        fixture.time.advance(Duration::from_secs(1));
    }
    assert!(slow.1.events.len() < 2500, "{} events: it is slow", slow.1.events.len());
    assert!((32 << 10..=64 << 10).contains(&most), "{most} bytes were held for all");
    drain(&mut slow.0, &mut slow.1, 5000).await;
    let written = written(&fixture, &EventFilter::default()).await;
    assert_eq!((fast.1.fell_behind, slow.1.fell_behind >= 1), (0, true));
    assert_eq!(fast.1.faults(&written), Vec::<String>::new());
    assert_eq!(slow.1.faults(&written), Vec::<String>::new());
}

/// A store of a later release: its events have a field that this one does not know.
struct Newer;

/// Field 1000, a text.
const UNKNOWN: &[u8] = &[0xc2, 0x3e, 3, b'n', b'e', b'w'];

impl Alter for Newer {
    fn read(&self, _after: Position, _limit: usize, page: &mut Page) {
        for entry in &mut page.entries {
            entry.bytes = [&entry.bytes[..], UNKNOWN].concat().into();
        }
    }
}

/// A message of a stream, its event not read.
#[derive(Clone, PartialEq, prost::Message)]
struct Unread {
    #[prost(bytes = "bytes", tag = "3")]
    event: Bytes,
}

#[tokio::test]
async fn an_event_is_passed_on_byte_for_byte() {
    let fixture = Arc::new(Fixture::memory());
    fixture.journal.append(events(vec![any_event()])).await.unwrap();
    let rig = Rig::over(fixture.clone(), Altered::over(fixture.journal.clone(), Newer), small_tail());
    let mut stream = rig.open(earliest(), EventFilter::default()).await;
    // One from the journal, one from its tail.
    for event in 0..2 {
        let stored =
            fixture.journal.read(event, &Filter::default(), 1).await.unwrap().entries[0].bytes.clone();
        let came = loop {
            let message = Unread::decode(stream.next_bytes().await.unwrap().unwrap()).unwrap();
            if !message.event.is_empty() {
                break message.event;
            }
        };
        assert_eq!(came, [&stored[..], UNKNOWN].concat());
        fixture.journal.append(events(vec![any_event()])).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_callers_credentials() {
    let fixture = Arc::new(Fixture::memory());
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), StreamSettings::default());
    let caller = |seconds: u64| Caller {
        credentials_end: Some(fixture.clock.now() + Duration::from_secs(seconds)),
        deadline: Some(fixture.clock.now() + Duration::from_secs(20)),
        ..Caller::default()
    };
    let mut early = rig.open_as(caller(7), latest(), EventFilter::default()).await.unwrap();
    let mut late = rig.open_as(caller(27), latest(), EventFilter::default()).await.unwrap();
    let (mut of_early, mut of_late) = (Taken::default(), Taken::default());
    drain(&mut early, &mut of_early, 0).await;
    drain(&mut late, &mut of_late, 0).await;
    let (waiting, ()) = tokio::join!(early.next(), async {
        tokio::task::yield_now().await;
        fixture.time.advance(Duration::from_secs(7));
    });
    let closing = waiting.unwrap().unwrap();
    let Some(Message::Closing(why)) = &closing.message else { panic!("{closing:?}") };
    assert_eq!(why.reason(), StreamClosingReason::CredentialsExpired);
    assert_eq!(closing.cursor, of_early.cursor);
    assert!(early.next().await.is_none(), "status OK");
    let resumed = rig.open(Start::AfterCursor(closing.cursor), EventFilter::default()).await;
    drop(resumed);
    fixture.time.advance(Duration::from_secs(13));
    let error = late.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::DeadlineExceeded, "the deadline comes first");
    assert!(late.next().now_or_never().unwrap().is_none());
}

#[tokio::test]
async fn a_drain_reaches_streams_that_wait_and_streams_that_do_not() {
    let fixture = Arc::new(Fixture::memory());
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), StreamSettings::default());
    fixture.journal.append(events((0..600).map(|_| any_event()).collect())).await.unwrap();
    let mut waiting = rig.open(earliest(), EventFilter::default()).await;
    let mut taken = Taken::default();
    drain(&mut waiting, &mut taken, 600).await;
    let mut busy = rig.open(earliest(), EventFilter::default()).await;
    let (mut of_busy, mut rest) = (Taken::default(), Taken::default());
    while of_busy.events.is_empty() {
        of_busy.take(busy.now());
        tokio::task::yield_now().await;
    }
    let (closing, ()) = tokio::join!(waiting.next(), async {
        tokio::task::yield_now().await;
        rig.drain.cancel();
    });
    let other = busy.next().await;
    for (closing, cursor) in [(closing, &taken.cursor), (other, &of_busy.cursor)] {
        let closing = closing.unwrap().unwrap();
        let Some(Message::Closing(why)) = &closing.message else { panic!("{closing:?}") };
        assert_eq!((why.reason(), &closing.cursor), (StreamClosingReason::Shutdown, cursor));
    }
    assert!(waiting.next().await.is_none() && busy.next().await.is_none(), "status OK");
    // Another process over the same journal goes on where this one ended.
    let next = Rig::over(fixture.clone(), fixture.journal.clone(), StreamSettings::default());
    let mut resumed = next.open(Start::AfterCursor(of_busy.cursor.clone()), EventFilter::default()).await;
    drain(&mut resumed, &mut rest, 600 - of_busy.events.len()).await;
    of_busy.events.append(&mut rest.events);
    of_busy.caught_up = rest.caught_up;
    assert_eq!(of_busy.faults(&written(&fixture, &EventFilter::default()).await), Vec::<String>::new());
}

/// A journal long enough for what is killed and resumed; `IDV_LONG_JOURNAL` makes it as long as one has time for.
#[expect(clippy::disallowed_methods, reason = "how long it takes is said by whoever runs it")]
#[tokio::test]
async fn many_resumes_over_a_long_journal_are_the_journal() {
    let length: usize = std::env::var("IDV_LONG_JOURNAL").ok().map_or(5_000, |text| text.parse().unwrap());
    let fixture = Arc::new(Fixture::memory());
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), small_tail());
    let (mut taken, mut start, mut kills) = (Taken::default(), earliest(), 0);
    let mut stream = rig.open(start, EventFilter::default()).await;
    for part in 0..50 {
        let more: Vec<_> = (length * part / 50..length * (part + 1) / 50).map(|_| any_event()).collect();
        for few in more.chunks(500) {
            fixture.journal.append(events(few.to_vec())).await.unwrap();
        }
        // Killed with whatever is on the way to it.
        let some = taken.events.len() + 1 + part * 7 % 40;
        while taken.events.len() < some.min(length * part / 50) {
            taken.take(stream.now());
            tokio::task::yield_now().await;
        }
        start = match taken.cursor.as_str() {
            "" => earliest(),
            cursor => Start::AfterCursor(cursor.to_owned()),
        };
        taken.caught_up = false;
        stream = rig.open(start, EventFilter::default()).await;
        kills += 1;
    }
    let written = written(&fixture, &EventFilter::default()).await;
    drain(&mut stream, &mut taken, written.len()).await;
    assert_eq!((kills, taken.faults(&written)), (50, Vec::new()));
}

#[tokio::test]
async fn all_callers_together_have_so_many_streams() {
    let settings = StreamSettings { max_streams: 2, ..StreamSettings::default() };
    let fixture = Arc::new(Fixture::memory());
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), settings);
    let caller = |name: &str| Caller { name: name.to_owned(), ..Caller::default() };
    let open = async |name: &str| rig.open_as(caller(name), latest(), EventFilter::default()).await;
    let (_one, other) = (open("one").await.unwrap(), open("other").await.unwrap());
    let Err(refused) = open("another").await else { panic!("it is refused") };
    assert_eq!(refused.kind, Kind::WatchLimitExceeded);
    drop(other);
    drop(open("another").await.unwrap());
}

#[tokio::test]
async fn who_comes_too_late_learns_where_to_begin() {
    let fixture = Arc::new(Fixture::memory());
    fixture.journal.append(events((0..5).map(|_| any_event()).collect())).await.unwrap();
    let rig = Rig::over(fixture.clone(), fixture.journal.clone(), StreamSettings::default());
    let mut stream = rig.open(earliest(), EventFilter::default()).await;
    let early = stream.next().await.unwrap().unwrap().cursor;
    let shorter = truncated(fixture.journal.clone(), 3);
    let rig = Rig::over(fixture, shorter, StreamSettings::default());
    let start = Start::AfterCursor(early.clone());
    let streamed = rig.open_as(Caller::default(), start, EventFilter::default()).await.err().unwrap();
    let poll = PollEventsRequest { after_cursor: early, ..PollEventsRequest::default() };
    let polled = rig.hub.poll_events(poll, None).await.unwrap_err();
    for error in [streamed, polled] {
        assert_eq!(error.kind, Kind::CursorExpired);
        let earliest = Start::AfterCursor(error.resource.unwrap().earliest_cursor);
        let (mut resumed, mut taken) = (rig.open(earliest, EventFilter::default()).await, Taken::default());
        drain(&mut resumed, &mut taken, 2).await;
        assert_eq!(taken.events.len(), 2, "what is kept");
    }
}
