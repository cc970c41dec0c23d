//! Pages of events, for readers that hold no stream, and what everybody can know of the journal.

use std::collections::BTreeSet;
use std::time::Duration;

use idv_gateway::journal::{Batch, Journal as _};
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::{
    Event, EventFilter, EventType, GetEventLogRequest, PollEventsRequest, PollEventsResponse, ShardSelector,
    StartPosition,
};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Status};

use super::house::House;
use super::reader::{Reader, earliest, refusal, snapshot, watch};
use super::words::{BANK, fields, refused};

fn from_the_beginning() -> PollEventsRequest {
    PollEventsRequest { start_position: StartPosition::Earliest.into(), ..PollEventsRequest::default() }
}

fn failures() -> Option<EventFilter> {
    Some(EventFilter { types: vec![EventType::IdentificationFailed.into()], ..EventFilter::default() })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

impl House {
    async fn poll(
        &self,
        request: impl tonic::IntoRequest<PollEventsRequest>,
    ) -> Result<PollEventsResponse, Status> {
        let answer = EventServiceClient::new(self.channel.clone()).poll_events(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// A call, once it waits.
    async fn waiting(
        &self,
        request: Request<PollEventsRequest>,
    ) -> JoinHandle<Result<PollEventsResponse, Status>> {
        let mut client = EventServiceClient::new(self.channel.clone());
        let call =
            tokio::spawn(async move { client.poll_events(request).await.map(tonic::Response::into_inner) });
        self.counted("idv_waits_open", &[], 1.0).await;
        call
    }
}

#[tokio::test]
async fn pages_one_after_the_other_are_the_journal() {
    let house = House::silent().await;
    for _ in 0..5 {
        house.created().await;
    }
    let (mut request, mut read, mut pages) = (from_the_beginning(), Vec::new(), Vec::new());
    request.page_size = 2;
    loop {
        let page = house.poll(request.clone()).await.unwrap();
        let lag = page.lag.unwrap();
        pages.push((page.events.len(), page.caught_up, lag.events));
        read.extend(page.events);
        request.after_cursor = page.next_cursor;
        if page.caught_up {
            break;
        }
    }
    assert_eq!(pages, [(2, false, 3), (2, false, 1), (1, true, 0)]);
    assert_eq!(read, house.events().await);
    // The same cursor serves a stream, and there is nothing more.
    let start = idv_gateway::proto::watch_events_request::Start::AfterCursor(request.after_cursor);
    assert!(Reader::from(&house.channel, start).await.rest().await.is_empty());
}

#[tokio::test]
async fn a_poll_waits_for_what_its_filter_lets_through() {
    let house = House::silent().await;
    let created = EventFilter {
        types: vec![EventType::IdentificationCreated.into()],
        connections: vec![BANK.to_owned()],
        ..EventFilter::default()
    };
    let request =
        PollEventsRequest { filter: Some(created), max_wait: seconds(60), ..PollEventsRequest::default() };
    let call = house.waiting(Request::new(request)).await;
    house.created_on(super::words::OTHER_BANK).await;
    let id = house.created().await;
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.events.len(), 1);
    assert!(answer.events[0].identification.ends_with(&id) && answer.caught_up);
}

#[tokio::test]
async fn a_wait_that_ends_without_events_has_moved_on() {
    let house = House::silent().await;
    let request =
        PollEventsRequest { filter: failures(), max_wait: seconds(20), ..PollEventsRequest::default() };
    let mut hurried = Request::new(PollEventsRequest { max_wait: seconds(60), ..request.clone() });
    hurried.metadata_mut().insert("grpc-timeout", "20S".parse().unwrap());
    for (request, after) in [(Request::new(request), 20_000), (hurried, 19_500)] {
        let call = house.waiting(request).await;
        house.created().await;
        let head = house.head().await;
        house.clock.advance(Duration::from_millis(after));
        let answer = call.await.unwrap().unwrap();
        assert_eq!((answer.events.len(), answer.caught_up), (0, true));
        assert_eq!(answer.next_cursor, head, "past what the filter dropped");
        house.counted("idv_waits_open", &[], 0.0).await;
    }
}

impl House {
    async fn head(&self) -> String {
        let mut client = EventServiceClient::new(self.channel.clone());
        client.get_event_log(GetEventLogRequest {}).await.unwrap().into_inner().latest_cursor
    }
}

#[tokio::test]
async fn a_drain_ends_a_wait_with_a_cursor() {
    let house = House::silent().await;
    house.created().await;
    let head = house.head().await;
    let request =
        PollEventsRequest { filter: failures(), max_wait: seconds(60), ..PollEventsRequest::default() };
    let call = house.waiting(Request::new(request)).await;
    let (in_time, _folder) = house.shut_down().await;
    assert_eq!(call.await.unwrap().unwrap().next_cursor, head);
    assert!(in_time);
}

#[tokio::test]
async fn what_cannot_be_polled_is_refused_by_name() {
    let house = House::silent().await;
    let filter = EventFilter { shard: Some(ShardSelector { index: 2, count: 2 }), ..EventFilter::default() };
    let request = PollEventsRequest {
        start_position: StartPosition::Snapshot.into(),
        filter: Some(filter),
        page_size: 1001,
        max_wait: Some(prost_types::Duration { seconds: 60, nanos: 1 }),
        ..PollEventsRequest::default()
    };
    let status = house.poll(request).await.unwrap_err();
    let expected = ["start_position", "filter.shard.index", "page_size", "max_wait"];
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), expected);
    let foreign = PollEventsRequest { after_cursor: "what".to_owned(), ..PollEventsRequest::default() };
    refused(&house.poll(foreign).await.unwrap_err(), Code::InvalidArgument, "CURSOR_MALFORMED");
}

#[tokio::test]
async fn the_ends_of_the_journal_are_told() {
    let house = House::silent().await;
    let mut client = EventServiceClient::new(house.channel.clone());
    let empty = client.get_event_log(GetEventLogRequest {}).await.unwrap().into_inner();
    assert_eq!((&empty.earliest_cursor, empty.oldest_record_time), (&empty.latest_cursor, None));
    house.created().await;
    house.clock.advance(Duration::from_secs(1));
    house.created().await;
    let log = client.get_event_log(GetEventLogRequest {}).await.unwrap().into_inner();
    let events = house.events().await;
    assert_eq!((log.epoch.as_str(), log.retention), (empty.epoch.as_str(), None));
    assert_eq!((&log.earliest_cursor, log.oldest_record_time), (&empty.latest_cursor, events[0].record_time));
    let start = |cursor| idv_gateway::proto::watch_events_request::Start::AfterCursor(cursor);
    let mut whole = Reader::from(&house.channel, start(log.earliest_cursor)).await;
    assert_eq!(whole.rest().await, events);
    assert!(Reader::from(&house.channel, start(log.latest_cursor)).await.rest().await.is_empty());
}

#[tokio::test]
async fn how_long_events_are_kept_is_told() {
    let house = House::with(|plan| plan.journal = "event_retention_days = 30").await;
    let log = EventServiceClient::new(house.channel.clone()).get_event_log(GetEventLogRequest {}).await;
    let kept = log.unwrap().into_inner().retention.unwrap();
    assert_eq!((kept.seconds, kept.nanos), (30 * 24 * 60 * 60, 0));
}

#[tokio::test]
async fn shards_share_out_all_subjects() {
    let house = House::silent().await;
    for _ in 0..20 {
        house.created().await;
    }
    let steps: Vec<_> = house.events().await.iter().map(of_its_ticket).collect();
    house.journal().append(Batch { events: steps, ..Batch::default() }).await.unwrap();
    let shard =
        |index| EventFilter { shard: Some(ShardSelector { index, count: 3 }), ..EventFilter::default() };
    let (mut events, mut people) = (Vec::new(), Vec::new());
    for index in 0..3 {
        let mut reader = Reader::open(&house.channel, watch(earliest(), shard(index))).await.unwrap();
        let of_it = reader.rest().await;
        let in_it: BTreeSet<_> = of_it.iter().map(|event| event.identification.clone()).collect();
        assert_eq!(of_it.len(), 2 * in_it.len(), "what happens to one of them stays together");
        let polled = PollEventsRequest { filter: Some(shard(index)), ..from_the_beginning() };
        assert_eq!(house.poll(polled).await.unwrap().events, of_it);
        let mut reader = Reader::open(&house.channel, watch(snapshot(), shard(index))).await.unwrap();
        assert_eq!(reader.items().await, in_it);
        events.extend(of_it);
        people.extend(in_it);
    }
    assert_eq!((events.len(), people.len()), (40, 20));
    let none = EventFilter { shard: Some(ShardSelector::default()), ..EventFilter::default() };
    let status = refusal(&house.channel, watch(earliest(), none)).await;
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["filter.shard.count"]);
}

fn of_its_ticket(event: &Event) -> Event {
    Event {
        event_id: format!("{}t", event.event_id),
        r#type: EventType::TicketProgressed.into(),
        subject: format!("{}/tickets/one", event.subject),
        identification: event.identification.clone(),
        ..Event::default()
    }
}
