//! Retention: the oldest events go, nothing else does, and nobody mistakes a removed event for one that never was.

use std::time::Duration;

use idv_gateway::journal::cursor::{CursorError, earliest, encode, resolve};
use idv_gateway::journal::{Batch, Journal, Place};
use idv_gateway::model::filter::Filter;

use super::checker::read_all;
use super::fixture::{Fixture, RETENTION, any_event, create, events, identification, record};

const DAY: Duration = Duration::from_hours(24);

/// Three events, and two a day later.
async fn two_days(fixture: &Fixture) {
    fixture.journal.append(events(vec![any_event(), any_event(), any_event()])).await.unwrap();
    fixture.time.advance(DAY);
    fixture.journal.append(events(vec![any_event(), any_event()])).await.unwrap();
}

async fn sweep(fixture: &Fixture) -> u64 {
    fixture.journal.sweep(fixture.clock.now()).await.unwrap()
}

async fn bounds(journal: &dyn Journal) -> (u64, u64) {
    let page = journal.read(0, &Filter::default(), 0).await.unwrap();
    (page.low_water, page.head)
}

pub(super) async fn events_go_when_they_are_too_old(fixture: Fixture) {
    let journal = &*fixture.journal;
    let name = identification();
    let batch = Batch { records: vec![create(record(&name, 1))], ..Batch::default() };
    journal.append(batch).await.unwrap();
    two_days(&fixture).await;
    let before = read_all(journal, 10).await;
    fixture.time.advance(RETENTION - DAY);
    assert_eq!(sweep(&fixture).await, 0);
    fixture.time.advance(Duration::from_millis(1));
    assert_eq!(sweep(&fixture).await, 3);
    assert_eq!(sweep(&fixture).await, 0);
    assert_eq!(bounds(journal).await, (3, 5));
    let page = journal.read(3, &Filter::default(), 10).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.place.position).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(read_all(journal, 1).await.len(), 2, "whoever reads from the beginning is told the low water");
    assert_eq!(before[3..], read_all(journal, 10).await);
    assert_eq!(journal.record(&name).await.unwrap(), Some(record(&name, 1)));
    assert_eq!(journal.append(events(vec![any_event()])).await.unwrap().place.position, 6);
}

pub(super) async fn what_was_removed_is_told_from_what_is_kept(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_days(&fixture).await;
    let mut places: Vec<Place> = Vec::new();
    for position in 0..=5 {
        places.push(journal.place(position).await.unwrap().unwrap());
    }
    fixture.time.advance(RETENTION);
    sweep(&fixture).await;
    for place in &places[..3] {
        match resolve(journal, &encode(journal.identity(), *place)).await {
            Err(CursorError::Expired { earliest }) => {
                assert_eq!(resolve(journal, &earliest).await.unwrap(), places[3]);
            }
            other => panic!("{place:?} gives {other:?}"),
        }
    }
    for place in &places[3..] {
        assert_eq!(resolve(journal, &encode(journal.identity(), *place)).await.unwrap(), *place);
    }
    // The place before the oldest event is checked too, although its entry is gone.
    let other = Place { check: [places[3].check[0] ^ 1, 0, 0, 0], ..places[3] };
    let refused = resolve(journal, &encode(journal.identity(), other)).await;
    assert!(matches!(refused, Err(CursorError::EpochMismatch)), "{refused:?}");
    assert_eq!(earliest(journal).await.unwrap(), places[3]);
    assert_eq!(journal.place(2).await.unwrap(), None);
}

pub(super) async fn the_newest_event_stays(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_days(&fixture).await;
    fixture.time.advance(3 * RETENTION);
    assert_eq!(sweep(&fixture).await, 4);
    assert_eq!(bounds(journal).await, (4, 5));
    assert_eq!(sweep(&fixture).await, 0);
    assert_eq!(journal.append(events(vec![any_event()])).await.unwrap().place.position, 6);
    assert_eq!(sweep(&fixture).await, 1);
    assert_eq!(bounds(journal).await, (5, 6));
}

pub(super) async fn many_events_go_in_one_sweep(fixture: Fixture) {
    let many = 9_000;
    fixture.journal.append(events((0..many).map(|_| any_event()).collect())).await.unwrap();
    fixture.time.advance(2 * RETENTION);
    assert_eq!(sweep(&fixture).await, many - 1);
    assert_eq!(bounds(&*fixture.journal).await, (many - 1, many));
}

pub(super) async fn dedupe_keys_outlive_their_events(fixture: Fixture) {
    let journal = &*fixture.journal;
    let once = || Batch { dedupe: Some(("once".to_owned(), 2 * RETENTION)), ..events(vec![any_event()]) };
    let first = journal.append(once()).await.unwrap().place;
    journal.append(events(vec![any_event()])).await.unwrap();
    fixture.time.advance(RETENTION + DAY);
    assert_eq!(sweep(&fixture).await, 1);
    let again = journal.append(once()).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.place, first);
}
