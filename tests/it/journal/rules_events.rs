//! Events: order, density, pages, dedupe.

use std::time::{Duration, SystemTime};

use idv_gateway::journal::{Batch, Place};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::validate::Checks;
use idv_gateway::proto::{Event, EventFilter};
use prost::Message as _;

use super::checker::{check_history, read_all};
use super::fixture::{Fixture, any_event, event, events, identification};

pub(super) async fn concurrent_appends_are_dense_and_ordered(fixture: Fixture) {
    assert_eq!(check_history(fixture.journal, 8, 100).await, Vec::<String>::new());
}

pub(super) async fn events_come_back_as_appended(fixture: Fixture) {
    let sent: Vec<Event> = (0..3).map(|_| any_event()).collect();
    let appended = fixture.journal.append(events(sent.clone())).await.unwrap();
    assert_eq!(appended.place.position, 3);
    assert!(!appended.duplicate);
    let read = read_all(&*fixture.journal, 100).await;
    let stamped = |event: &Event| Event { record_time: Some(fixture.clock.now().into()), ..event.clone() };
    assert_eq!(read, (1..).zip(sent.iter().map(stamped)).collect::<Vec<_>>());
    let last = fixture.journal.place(3).await.unwrap();
    assert_eq!(last, Some(appended.place));
    assert_eq!(fixture.journal.place(4).await.unwrap(), None);
    assert_eq!(fixture.journal.place(u64::MAX).await.unwrap(), None);
    assert_eq!(fixture.journal.place(0).await.unwrap(), Some(Place::default()));
}

pub(super) async fn record_time_never_goes_back(fixture: Fixture) {
    fixture.journal.append(events(vec![any_event()])).await.unwrap();
    fixture.time.set_back(Duration::from_secs(60));
    fixture.journal.append(events(vec![any_event(), any_event()])).await.unwrap();
    fixture.time.advance(Duration::from_secs(61));
    fixture.journal.append(events(vec![any_event()])).await.unwrap();
    let read = read_all(&*fixture.journal, 100).await;
    let times: Vec<_> = read.iter().map(|(_position, event)| event.record_time.unwrap().seconds).collect();
    assert_eq!(times, [times[0], times[0], times[0], times[0] + 1]);
}

pub(super) async fn a_page_holds_at_most_the_limit(fixture: Fixture) {
    fixture.journal.append(events((0..5).map(|_| any_event()).collect())).await.unwrap();
    let page = fixture.journal.read(0, &Filter::default(), 2).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.place.position).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(page.next, page.entries[1].place);
    assert_eq!((page.head, page.low_water), (5, 0));
    let none = fixture.journal.read(2, &Filter::default(), 0).await.unwrap();
    assert!(none.entries.is_empty());
    assert_eq!(none.next, page.next);
}

pub(super) async fn next_moves_past_what_the_filter_drops(fixture: Fixture) {
    let wanted = identification().to_string();
    let batch = vec![any_event(), event(&wanted), any_event(), event(&wanted), any_event(), any_event()];
    let last = fixture.journal.append(events(batch)).await.unwrap().place;
    let filter = EventFilter { subjects: vec![wanted.clone()], ..EventFilter::default() };
    let filter = Filter::parse(filter, &mut Checks::default());
    let page = fixture.journal.read(0, &filter, 100).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.place.position).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(page.next, last);
    for entry in page.entries {
        assert_eq!(Event::decode(entry.bytes).unwrap().subject, wanted);
    }
}

pub(super) async fn a_scan_is_bounded(fixture: Fixture) {
    let many = 5_000;
    fixture.journal.append(events((0..many).map(|_| any_event()).collect())).await.unwrap();
    let nothing = EventFilter { subjects: vec!["connections/nobody".to_owned()], ..EventFilter::default() };
    let nothing = Filter::parse(nothing, &mut Checks::default());
    let page = fixture.journal.read(0, &nothing, 1).await.unwrap();
    assert!(page.entries.is_empty());
    assert_eq!(page.next.position, 4096);
    let rest = fixture.journal.read(page.next.position, &nothing, 1).await.unwrap();
    assert_eq!(rest.next.position, many);

    // Few but large ones: the bytes are bounded too.
    let large = |_| Event { external_reference: "x".repeat(1 << 20), ..any_event() };
    fixture.journal.append(events((0..6).map(large).collect())).await.unwrap();
    let page = fixture.journal.read(many, &Filter::default(), 100).await.unwrap();
    assert_eq!(page.entries.len(), 4);
}

pub(super) async fn reading_at_and_beyond_the_head_gives_nothing(fixture: Fixture) {
    let empty = fixture.journal.read(0, &Filter::default(), 10).await.unwrap();
    assert!(empty.entries.is_empty());
    assert_eq!((empty.next, empty.head, empty.low_water), (Place::default(), 0, 0));
    let last = fixture.journal.append(events(vec![any_event()])).await.unwrap().place;
    let at_head = fixture.journal.read(1, &Filter::default(), 10).await.unwrap();
    assert!(at_head.entries.is_empty());
    assert_eq!((at_head.next, at_head.head), (last, 1));
    for beyond in [2, u64::MAX] {
        let page = fixture.journal.read(beyond, &Filter::default(), 10).await.unwrap();
        assert!(page.entries.is_empty());
        assert_eq!((page.next.position, page.head), (beyond, 1));
    }
}

pub(super) async fn a_time_leads_to_the_place_before_it(fixture: Fixture) {
    let journal = &*fixture.journal;
    let first = fixture.clock.now();
    let ms = Duration::from_millis;
    // Everything is still to come.
    for time in [SystemTime::UNIX_EPOCH, first, first + ms(1)] {
        assert_eq!(journal.before(time).await.unwrap(), Some(Place::default()));
    }
    let mut places = vec![Place::default()];
    for count in [2, 1, 3] {
        for _ in 0..count {
            places.push(journal.append(events(vec![any_event()])).await.unwrap().place);
        }
        fixture.time.advance(ms(10));
    }
    let cases = [
        (SystemTime::UNIX_EPOCH - Duration::from_secs(1), 0),
        (first - ms(1), 0),
        (first, 0),
        // Record times are whole milliseconds, so right after one of them comes the next one.
        (first + Duration::from_nanos(1), 2),
        (first + ms(9), 2),
        (first + ms(10), 2),
        (first + ms(11), 3),
        (first + ms(20), 3),
        (first + ms(20) + Duration::from_nanos(1), 6),
        (first + Duration::from_secs(1_000_000_000), 6),
    ];
    for (time, position) in cases {
        assert_eq!(journal.before(time).await.unwrap(), Some(places[position]), "{time:?}");
    }
}

pub(super) async fn a_time_stays_with_record_times_when_the_clock_goes_back(fixture: Fixture) {
    let journal = &*fixture.journal;
    let first = fixture.clock.now();
    let place = journal.append(events(vec![any_event()])).await.unwrap().place;
    fixture.time.set_back(Duration::from_secs(60));
    journal.append(events(vec![any_event(), any_event()])).await.unwrap();
    fixture.time.advance(Duration::from_secs(61));
    let last = journal.append(events(vec![any_event()])).await.unwrap().place;
    assert_eq!(journal.before(first).await.unwrap(), Some(Place::default()));
    let before_last = journal.before(first + Duration::from_secs(1)).await.unwrap().unwrap();
    assert_eq!((place.position, before_last.position, last.position), (1, 3, 4));
}

pub(super) async fn a_dedupe_key_is_written_once(fixture: Fixture) {
    let once = || Batch {
        events: vec![any_event()],
        dedupe: Some(("start/1".to_owned(), Duration::from_secs(60))),
        ..Batch::default()
    };
    let first = fixture.journal.append(once()).await.unwrap();
    fixture.journal.append(events(vec![any_event()])).await.unwrap();
    let again = fixture.journal.append(once()).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(again.place, first.place);
    assert_eq!(read_all(&*fixture.journal, 10).await.len(), 2);

    let others = (0..8).map(|_| {
        let journal = fixture.journal.clone();
        let batch = Batch { dedupe: Some(("start/2".to_owned(), Duration::from_secs(60))), ..once() };
        tokio::spawn(async move { journal.append(batch).await.unwrap() })
    });
    let outcomes = futures::future::try_join_all(others).await.unwrap();
    assert_eq!(outcomes.iter().filter(|appended| !appended.duplicate).count(), 1);
    assert!(outcomes.iter().all(|appended| appended.place == outcomes[0].place));
}

pub(super) async fn a_swept_dedupe_key_is_free_again(fixture: Fixture) {
    let once = || Batch {
        events: vec![any_event()],
        dedupe: Some(("start/1".to_owned(), Duration::from_secs(60))),
        ..Batch::default()
    };
    fixture.journal.append(once()).await.unwrap();
    let end = fixture.clock.now() + Duration::from_secs(60);
    assert_eq!(fixture.journal.sweep(end).await.unwrap(), 0);
    assert!(fixture.journal.append(once()).await.unwrap().duplicate);
    assert_eq!(fixture.journal.sweep(end + Duration::from_millis(1)).await.unwrap(), 1);
    assert!(!fixture.journal.append(once()).await.unwrap().duplicate);
}

pub(super) async fn the_head_is_told(fixture: Fixture) {
    let mut head = fixture.journal.watch_head();
    assert_eq!(*head.borrow_and_update(), 0);
    fixture.journal.append(events(vec![any_event(), any_event()])).await.unwrap();
    assert!(head.has_changed().unwrap());
    assert_eq!(*head.borrow_and_update(), 2);
    fixture.journal.append(Batch::default()).await.unwrap();
    assert!(!head.has_changed().unwrap());
}

pub(super) async fn health_is_good(fixture: Fixture) {
    fixture.journal.health().await.unwrap();
    fixture.journal.health().await.unwrap();
    assert_eq!(fixture.journal.read(0, &Filter::default(), 1).await.unwrap().head, 0);
}
