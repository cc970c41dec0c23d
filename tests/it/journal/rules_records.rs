//! States of identifications: atomic with their events, guarded by their version, found by vendor identifiers.

use std::sync::Arc;
use std::time::Duration;

use idv_gateway::journal::{Batch, DeliveryChange, Place, RecordChange, RequestChange, RequestKey, VendorId};
use idv_gateway::model::lifecycle::CURRENT;
use idv_gateway::model::record::{KnownDocument, KnownTicket, Record};
use idv_gateway::proto::{IdentificationOrigin, IdentificationState};

use super::checker::read_all;
use super::fixture::{
    Fixture, any_event, assert_conflict, bank, create, delivery, events, fresh, identification, job, record,
    start,
};
use super::rules_lists::{changed, ticketed};
use super::rules_sealed::item;

pub(super) fn creates(records: Vec<Record>) -> Batch {
    Batch { records: records.into_iter().map(create).collect(), ..Batch::default() }
}

pub(super) fn replaces(record: Record, version: u64) -> Batch {
    Batch { records: vec![RecordChange { record, replaces: Some(version) }], ..Batch::default() }
}

pub(super) async fn a_batch_is_whole_or_nothing(fixture: Fixture) {
    let journal = fixture.journal;
    let (new, there) = (identification(), identification());
    journal.append(creates(vec![record(&there, 1)])).await.unwrap();
    let key = RequestKey { caller: "anonymous".to_owned(), method: "/m", request_id: fresh() };
    let delivery = delivery();
    let batch = Batch {
        events: vec![any_event()],
        // The first could be written, the second could not.
        records: vec![create(record(&new, 1)), create(record(&there, 1))],
        deliveries: vec![DeliveryChange::Put(delivery.clone())],
        requests: vec![RequestChange::Begin {
            key: key.clone(),
            payload_mac: [1; 32],
            subject: new.to_string(),
        }],
        seal: vec![item("left-behind")],
        schedule: vec![job("left-behind", Duration::ZERO)],
        dedupe: Some(("left-behind".to_owned(), Duration::from_secs(60))),
        ..Batch::default()
    };
    let (head, due) = (journal.watch_head(), journal.watch_due());
    assert_conflict(journal.append(batch).await, &there);
    assert!(read_all(&*journal, 10).await.is_empty());
    assert_eq!(journal.record(&new).await.unwrap(), None);
    assert_eq!(journal.delivery(&delivery.name).await.unwrap(), None);
    assert_eq!(journal.request(&key).await.unwrap(), None);
    assert_eq!(journal.sealed("left-behind").await.unwrap(), None);
    assert_eq!(journal.next_due().await.unwrap(), None);
    assert!(!head.has_changed().unwrap() && !due.has_changed().unwrap());

    // Neither a position nor the dedupe key is used up.
    let dedupe = Some(("left-behind".to_owned(), Duration::from_secs(60)));
    let after = journal.append(Batch { dedupe, ..events(vec![any_event()]) }).await.unwrap();
    assert!(!after.duplicate);
    assert_eq!(after.place.position, 1);
}

pub(super) async fn a_batch_without_events_stands_at_the_head(fixture: Fixture) {
    let empty = fixture.journal.append(creates(vec![record(&identification(), 1)])).await.unwrap();
    assert_eq!(empty.place, Place::default());
    let head = fixture.journal.append(events(vec![any_event()])).await.unwrap().place;
    let after = fixture.journal.append(creates(vec![record(&identification(), 1)])).await.unwrap();
    assert_eq!(after.place, head);
}

pub(super) async fn a_stale_version_conflicts(fixture: Fixture) {
    let name = identification();
    fixture.journal.append(creates(vec![record(&name, 1)])).await.unwrap();
    fixture.journal.append(replaces(record(&name, 2), 1)).await.unwrap();
    assert_conflict(fixture.journal.append(replaces(record(&name, 2), 1)).await, &name);
    assert_conflict(fixture.journal.append(replaces(record(&name, 9), 8)).await, &name);
    assert_eq!(fixture.journal.record(&name).await.unwrap(), Some(record(&name, 2)));
    // Two steps in one batch see each other.
    let mut two = replaces(record(&name, 3), 2);
    two.records.push(RecordChange { record: record(&name, 4), replaces: Some(3) });
    fixture.journal.append(two).await.unwrap();
    assert_eq!(fixture.journal.record(&name).await.unwrap(), Some(record(&name, 4)));
}

pub(super) async fn a_change_without_a_revision_is_not_overwritten(fixture: Fixture) {
    let name = identification();
    let read = record(&name, 1);
    fixture.journal.append(creates(vec![read.clone()])).await.unwrap();
    let (mut one, mut other) = (read.successor(), read.successor());
    one.memory.documents.push(KnownDocument { definition: "contract".to_owned(), size: 7, signed: false });
    other.memory.tickets.push(KnownTicket { id: "t-1".to_owned(), ..KnownTicket::default() });
    fixture.journal.append(replaces(one.clone(), 1)).await.unwrap();
    assert_conflict(fixture.journal.append(replaces(other, 1)).await, &name);
    assert_eq!(fixture.journal.record(&name).await.unwrap(), Some(one));
}

pub(super) async fn creating_twice_conflicts(fixture: Fixture) {
    let name = identification();
    fixture.journal.append(creates(vec![record(&name, 1)])).await.unwrap();
    assert_conflict(fixture.journal.append(creates(vec![record(&name, 1)])).await, &name);
}

pub(super) async fn changing_what_is_not_there_conflicts(fixture: Fixture) {
    let name = identification();
    assert_conflict(fixture.journal.append(replaces(record(&name, 2), 1)).await, &name);
    assert_eq!(fixture.journal.record(&name).await.unwrap(), None);
}

pub(super) async fn one_of_two_concurrent_changes_wins(fixture: Fixture) {
    let name = identification();
    fixture.journal.append(creates(vec![record(&name, 1)])).await.unwrap();
    let tries = (0..16).map(|_| {
        let (journal, name) = (Arc::clone(&fixture.journal), name.clone());
        let batch = Batch { events: vec![any_event()], ..replaces(record(&name, 2), 1) };
        tokio::spawn(async move { journal.append(batch).await })
    });
    let outcomes = futures::future::try_join_all(tries).await.unwrap();
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 15));
    for outcome in lost {
        assert_conflict(outcome, &name);
    }
    assert_eq!(read_all(&*fixture.journal, 100).await.len(), 1);
}

pub(super) async fn vendor_ids_are_found_without_case(fixture: Fixture) {
    let (name, other) = (identification(), identification());
    fixture.journal.append(creates(vec![record(&name, 1), record(&other, 1)])).await.unwrap();
    let reference = name.id.to_string();
    let id = format!("TST-{}", name.id.simple());
    for spelling in [str::to_ascii_uppercase, str::to_ascii_lowercase] {
        for by in [VendorId::Reference(&spelling(&reference)), VendorId::Id(&spelling(&id))] {
            let found = fixture.journal.find(&bank(), by).await.unwrap();
            assert_eq!(found, Some(record(&name, 1)), "{by:?}");
        }
    }
    assert_eq!(fixture.journal.find(&bank(), VendorId::Id(&reference)).await.unwrap(), None);
    let elsewhere = "other-bank".parse().unwrap();
    assert_eq!(fixture.journal.find(&elsewhere, VendorId::Reference(&reference)).await.unwrap(), None);
}

pub(super) async fn tickets_lead_to_their_identification(fixture: Fixture) {
    let journal = fixture.journal;
    let mut owner = changed(|record| ticketed(record, &["Ticket-1", "", "TICKET-1", "ticket-2"]));
    let other = changed(|record| ticketed(record, &["ticket-3"]));
    let mut elsewhere = changed(|record| ticketed(record, &["ticket-1"]));
    elsewhere.name.connection = "other-bank".parse().unwrap();
    journal.append(creates(vec![owner.clone(), other.clone(), elsewhere.clone()])).await.unwrap();
    for id in ["Ticket-1", "ticket-1", "TICKET-2"] {
        let found = journal.find(&bank(), VendorId::Ticket(id)).await.unwrap();
        assert_eq!(found, Some(owner.clone()), "{id}");
    }
    assert_eq!(journal.find(&bank(), VendorId::Ticket("ticket-3")).await.unwrap(), Some(other));
    let found = journal.find(&elsewhere.name.connection, VendorId::Ticket("ticket-1")).await.unwrap();
    assert_eq!(found, Some(elsewhere));
    for id in ["", "ticket", &owner.identification.vendor_reference.clone().unwrap().id] {
        assert_eq!(journal.find(&bank(), VendorId::Ticket(id)).await.unwrap(), None, "{id:?}");
    }
    assert_eq!(journal.find(&bank(), VendorId::Id("ticket-1")).await.unwrap(), None);

    // What a later state no longer has leads nowhere.
    ticketed(&mut owner, &["ticket-2", "ticket-4"]);
    owner.memory.version = 2;
    journal.append(replaces(owner.clone(), 1)).await.unwrap();
    assert_eq!(journal.find(&bank(), VendorId::Ticket("ticket-1")).await.unwrap(), None);
    assert_eq!(journal.find(&bank(), VendorId::Ticket("ticket-4")).await.unwrap(), Some(owner));
}

pub(super) async fn a_reference_is_unique_among_the_living(fixture: Fixture) {
    let with_reference = |revision, state: IdentificationState| {
        let mut record = record(&identification(), revision);
        record.identification.state = state as i32;
        record.identification.vendor_reference.as_mut().unwrap().reference = "Same".to_owned();
        record
    };
    let first = with_reference(1, IdentificationState::AwaitingUser);
    fixture.journal.append(creates(vec![first.clone()])).await.unwrap();
    let mut second = with_reference(1, IdentificationState::AwaitingUser);
    second.identification.vendor_reference.as_mut().unwrap().reference = "sAME".to_owned();
    assert_conflict(fixture.journal.append(creates(vec![second.clone()])).await, &second.name);

    // A deleted one does not stand in the way, and is found only while there is no other.
    let mut deleted = first.clone();
    deleted.identification.state = IdentificationState::Deleted as i32;
    deleted.memory.version = 2;
    deleted.identification.update_time = Some((start() + Duration::from_secs(9)).into());
    fixture.journal.append(replaces(deleted.clone(), 1)).await.unwrap();
    let by = VendorId::Reference("same");
    assert_eq!(fixture.journal.find(&bank(), by).await.unwrap(), Some(deleted));
    fixture.journal.append(creates(vec![second.clone()])).await.unwrap();
    assert_eq!(fixture.journal.find(&bank(), by).await.unwrap(), Some(second));
}

pub(super) async fn no_reference_is_not_a_reference(fixture: Fixture) {
    let nameless = || {
        let mut record = record(&identification(), 1);
        record.identification.vendor_reference = None;
        record
    };
    fixture.journal.append(creates(vec![nameless(), nameless()])).await.unwrap();
    for by in [VendorId::Reference(""), VendorId::Id("")] {
        assert_eq!(fixture.journal.find(&bank(), by).await.unwrap(), None);
    }
}

pub(super) async fn the_first_that_was_created_later_is_found(fixture: Fixture) {
    let later = |seconds| start() + Duration::from_secs(seconds);
    let made = |created: u64, updated: u64, state: IdentificationState| {
        let mut record = record(&identification(), 1);
        record.identification.create_time = Some(later(created).into());
        record.identification.update_time = Some(later(updated).into());
        record.identification.set_state(state);
        record
    };
    let mut elsewhere = made(11, 11, IdentificationState::AwaitingUser);
    elsewhere.name.connection = "other-bank".parse().unwrap();
    let mut adopted = made(14, 14, IdentificationState::Completed);
    adopted.identification.set_origin(IdentificationOrigin::Adopted);
    let records = [
        adopted,
        made(10, 90, IdentificationState::InReview),
        elsewhere,
        made(12, 12, IdentificationState::Creating),
        made(13, 13, IdentificationState::Failed),
        made(30, 30, IdentificationState::AwaitingUser),
        made(20, 40, IdentificationState::Completed),
    ];
    for record in records {
        fixture.journal.append(creates(vec![record])).await.unwrap();
    }
    for (after, expected) in [(9, Some(10)), (10, Some(20)), (20, Some(30)), (30, None)] {
        let found = fixture.journal.first_created_after(&bank(), later(after)).await.unwrap();
        assert_eq!(found, expected.map(later), "{after}");
    }
}

/// A record with this external reference in `state`, changed `after` the start.
fn referred(reference: &str, state: IdentificationState, after: u64) -> Record {
    let mut record = record(&identification(), 1);
    record.identification.external_reference = reference.to_owned();
    record.identification.state = state.into();
    record.identification.update_time = Some((start() + Duration::from_secs(after)).into());
    record
}

pub(super) async fn a_reference_leads_to_the_current_one(fixture: Fixture) {
    use IdentificationState as State;
    let journal = fixture.journal;
    let ended = [State::Cancelled, State::Expired, State::Failed, State::Deleted];
    journal.append(creates(ended.map(|state| referred("order-8", state, 9)).to_vec())).await.unwrap();
    assert_eq!(journal.find_current(&bank(), "order-8").await.unwrap(), None);
    for (after, state) in (1..).zip(CURRENT) {
        let record = referred("order-8", state, after);
        journal.append(creates(vec![record.clone()])).await.unwrap();
        assert_eq!(journal.find_current(&bank(), "order-8").await.unwrap(), Some(record), "the newest");
    }
    // One that changed earlier than the newest does not take its place.
    let newest = journal.find_current(&bank(), "order-8").await.unwrap();
    journal.append(creates(vec![referred("order-8", State::AwaitingUser, 0)])).await.unwrap();
    assert_eq!(journal.find_current(&bank(), "order-8").await.unwrap(), newest);

    // It is the caller's own text: compared with its case, on one connection, and nothing is no reference.
    journal.append(creates(vec![referred("", State::AwaitingUser, 1)])).await.unwrap();
    for reference in ["Order-8", "order-80", "order", ""] {
        assert_eq!(journal.find_current(&bank(), reference).await.unwrap(), None, "{reference:?}");
    }
    let elsewhere = "other-bank".parse().unwrap();
    assert_eq!(journal.find_current(&elsewhere, "order-8").await.unwrap(), None);
}

pub(super) async fn a_guarded_reference_is_taken_once(fixture: Fixture) {
    let batch = || {
        let record = referred("order-8", IdentificationState::Creating, 1);
        Batch {
            events: vec![any_event()],
            unless_current: Some((bank(), "order-8".to_owned())),
            ..creates(vec![record])
        }
    };
    let tries = (0..16).map(|_| {
        let (journal, batch) = (Arc::clone(&fixture.journal), batch());
        tokio::spawn(async move { journal.append(batch).await })
    });
    let outcomes = futures::future::try_join_all(tries).await.unwrap();
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 15));
    let mut holder = fixture.journal.find_current(&bank(), "order-8").await.unwrap().unwrap();
    for outcome in lost {
        assert_conflict(outcome, &holder.name);
    }
    assert_eq!(read_all(&*fixture.journal, 100).await.len(), 1);

    // It is free again once its holder has ended without a decision.
    holder.identification.state = IdentificationState::Failed.into();
    holder.memory.version = 2;
    fixture.journal.append(replaces(holder, 1)).await.unwrap();
    fixture.journal.append(batch()).await.unwrap();
}
