//! Lists of identifications: pages that stand still while records change, and every condition of a filter.

use std::sync::Arc;
use std::time::Duration;

use idv_gateway::journal::{Journal, Order, RecordPage, RecordQuery};
use idv_gateway::model::name::{ConnectionId, IdentificationName};
use idv_gateway::model::record::Record;
use idv_gateway::model::record_filter::RecordFilter;
use idv_gateway::proto::{Decision, IdentificationState, Outcome};

use super::fixture::{Fixture, bank, fresh, identification, record, start};
use super::rules_records::{creates, replaces};

const ORDERS: [Order; 2] = [Order::OldestFirst, Order::NewestFirst];

pub(super) fn query(filter: RecordFilter, order: Order, limit: usize) -> RecordQuery {
    RecordQuery { filter, order, after: None, limit }
}

fn names(page: &RecordPage) -> Vec<IdentificationName> {
    page.records.iter().map(|record| record.name.clone()).collect()
}

/// Every page of a list.
async fn pages(journal: &dyn Journal, mut query: RecordQuery) -> Vec<RecordPage> {
    let mut pages = Vec::new();
    loop {
        let page = journal.list(&query).await.unwrap();
        query.after = page.next;
        pages.push(page);
        if query.after.is_none() {
            return pages;
        }
    }
}

/// Pages through records of which, after every page, all are changed and one more is made. Returns what is wrong.
pub(super) async fn check_pages(journal: Arc<dyn Journal>, order: Order, limit: usize) -> Vec<String> {
    let mut expected: Vec<_> = (0..10).map(|_| identification()).collect();
    for name in &expected {
        journal.append(creates(vec![record(name, 1)])).await.unwrap();
    }
    let mut query = query(RecordFilter::default(), order, limit);
    let mut read: Vec<IdentificationName> = Vec::new();
    for version in 1.. {
        let page = journal.list(&query).await.unwrap();
        read.extend(names(&page));
        // What was read first is changed last.
        let unread = expected.iter().filter(|name| !read.contains(name));
        for name in unread.chain(expected.iter().filter(|name| read.contains(name))) {
            journal.append(replaces(record(name, version + 1), version)).await.unwrap();
        }
        journal.append(creates(vec![record(&identification(), version + 1)])).await.unwrap();
        query.after = page.next;
        if query.after.is_none() || version > 30 {
            break;
        }
    }
    if order == Order::NewestFirst {
        expected.reverse();
    }
    let mut wrong = Vec::new();
    // A reader that begins with the oldest comes to the new ones too.
    let known: Vec<_> = read.iter().filter(|name| expected.contains(name)).collect();
    for name in &expected {
        match known.iter().filter(|read| **read == name).count() {
            0 => wrong.push(format!("{name} is missing")),
            1 => {}
            _ => wrong.push(format!("{name} comes twice")),
        }
    }
    if known.iter().zip(&expected).any(|(read, expected)| *read != expected) {
        wrong.push("the list is out of order".to_owned());
    }
    wrong
}

pub(super) async fn pages_stand_still_while_records_change(fixture: Fixture) {
    for (order, limit) in ORDERS.into_iter().flat_map(|order| [(order, 1), (order, 3), (order, 1000)]) {
        assert_eq!(check_pages(Arc::clone(&fixture.journal), order, limit).await, Vec::<String>::new());
    }
}

pub(super) fn changed(change: impl FnOnce(&mut Record)) -> Record {
    let mut record = record(&identification(), 1);
    change(&mut record);
    record
}

pub(super) fn ticketed(record: &mut Record, tickets: &[&str]) {
    let reference = record.identification.vendor_reference.as_mut().unwrap();
    reference.ticket_ids = tickets.iter().copied().map(str::to_owned).collect();
}

pub(super) fn elsewhere() -> ConnectionId {
    "other-bank".parse().unwrap()
}

fn decided(outcome: Outcome) -> Record {
    changed(|record| {
        record.identification.state = IdentificationState::Completed.into();
        record.identification.decision = Some(Decision { outcome: outcome.into(), ..Decision::default() });
    })
}

pub(super) async fn every_condition_chooses(fixture: Fixture) {
    let records = vec![
        record(&identification(), 1),
        record(&IdentificationName { connection: elsewhere(), id: fresh() }, 1),
        decided(Outcome::Verified),
        decided(Outcome::Rejected),
        changed(|record| record.identification.external_reference = "order-8".to_owned()),
        changed(|record| record.identification.labels = [("desk".to_owned(), "7".to_owned())].into()),
        changed(|record| record.identification.update_time = Some((start() + Duration::from_secs(9)).into())),
        changed(|record| record.identification.vendor_reference = None),
        tombstone(),
    ];
    fixture.journal.append(creates(records.clone())).await.unwrap();
    let ids = records[0].identification.vendor_reference.clone().unwrap();
    let filter = RecordFilter::default;
    let text = |text: &str| [text.to_owned()].into();
    let cases: Vec<(RecordFilter, Vec<usize>)> = vec![
        (filter(), vec![0, 1, 2, 3, 4, 5, 6, 7]),
        (RecordFilter { show_deleted: true, ..filter() }, vec![0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (RecordFilter { connections: [elsewhere()].into(), ..filter() }, vec![1]),
        (
            RecordFilter { connections: [bank(), elsewhere()].into(), ..filter() },
            vec![0, 1, 2, 3, 4, 5, 6, 7],
        ),
        (RecordFilter { connections: ["nobody".parse().unwrap()].into(), ..filter() }, vec![]),
        (RecordFilter { states: [IdentificationState::Completed].into(), ..filter() }, vec![2, 3]),
        (RecordFilter { states: [IdentificationState::Deleted].into(), ..filter() }, vec![]),
        (
            RecordFilter {
                states: [IdentificationState::Deleted, IdentificationState::Completed].into(),
                show_deleted: true,
                ..filter()
            },
            vec![2, 3, 8],
        ),
        (RecordFilter { outcomes: [Outcome::Rejected].into(), ..filter() }, vec![3]),
        (RecordFilter { outcomes: [Outcome::Rejected, Outcome::Verified].into(), ..filter() }, vec![2, 3]),
        (RecordFilter { external_references: text("order-8"), ..filter() }, vec![4]),
        (RecordFilter { external_references: text("ORDER-8"), ..filter() }, vec![]),
        (RecordFilter { labels: [("desk".to_owned(), "7".to_owned())].into(), ..filter() }, vec![5]),
        (RecordFilter { labels: [("desk".to_owned(), "8".to_owned())].into(), ..filter() }, vec![]),
        (RecordFilter { updated_from: Some(start() + Duration::from_secs(1)), ..filter() }, vec![6]),
        (
            RecordFilter { updated_before: Some(start() + Duration::from_secs(1)), ..filter() },
            vec![0, 1, 2, 3, 4, 5, 7],
        ),
        (RecordFilter { vendor_ids: text(&ids.id.to_ascii_lowercase()), ..filter() }, vec![0]),
        (RecordFilter { vendor_ids: text(&ids.reference), ..filter() }, vec![0]),
        (
            RecordFilter { vendor_ids: [ids.id.to_ascii_lowercase(), ids.reference].into(), ..filter() },
            vec![0],
        ),
    ];
    for (filter, expected) in cases {
        for order in ORDERS {
            let mut expected: Vec<_> = expected.iter().map(|index| records[*index].clone()).collect();
            if order == Order::NewestFirst {
                expected.reverse();
            }
            for limit in [1, 100] {
                let pages = pages(&*fixture.journal, query(filter.clone(), order, limit)).await;
                assert!(pages.iter().all(|page| page.records.len() <= limit));
                let found: Vec<_> = pages.into_iter().flat_map(|page| page.records).collect();
                assert_eq!(found, expected, "{filter:?} {order:?} {limit}");
            }
        }
    }
}

pub(super) async fn tickets_are_a_condition(fixture: Fixture) {
    let ticketed = changed(|record| ticketed(record, &["Ticket-1", "Ticket-2"]));
    let records = vec![record(&identification(), 1), ticketed.clone()];
    fixture.journal.append(creates(records.clone())).await.unwrap();
    let by_id = |id: &str| RecordFilter { vendor_ids: [id.to_owned()].into(), ..RecordFilter::default() };
    let some = RecordFilter { has_tickets: true, ..RecordFilter::default() };
    for (filter, expected) in [
        (by_id("ticket-1"), vec![ticketed.clone()]),
        (by_id("ticket-2"), vec![ticketed.clone()]),
        (by_id("ticket-3"), vec![]),
        (some, vec![ticketed]),
        (RecordFilter::default(), records),
    ] {
        let page = fixture.journal.list(&query(filter.clone(), Order::OldestFirst, 10)).await.unwrap();
        assert_eq!((page.places.len(), page.records), (expected.len(), expected), "{filter:?}");
    }
}

pub(super) async fn a_place_leads_behind_its_record(fixture: Fixture) {
    for _record in 0..5 {
        fixture.journal.append(creates(vec![record(&identification(), 1)])).await.unwrap();
    }
    for order in ORDERS {
        let whole = fixture.journal.list(&query(RecordFilter::default(), order, 10)).await.unwrap();
        for (index, place) in whole.places.iter().enumerate() {
            let after = Some(*place);
            let query = RecordQuery { after, ..query(RecordFilter::default(), order, 10) };
            let rest = fixture.journal.list(&query).await.unwrap();
            assert_eq!(rest.records, whole.records[index + 1..], "{order:?} {index}");
        }
    }
}

pub(super) async fn conditions_are_joined(fixture: Fixture) {
    let decided = decided(Outcome::Verified);
    let records = vec![record(&identification(), 1), decided.clone(), record(&identification(), 1)];
    fixture.journal.append(creates(records)).await.unwrap();
    let every = RecordFilter {
        connections: [bank()].into(),
        states: [IdentificationState::Completed].into(),
        outcomes: [Outcome::Verified].into(),
        external_references: ["order-7".to_owned()].into(),
        vendor_ids: [decided.name.id.to_string()].into(),
        updated_from: Some(start()),
        ..RecordFilter::default()
    };
    let page = fixture.journal.list(&query(every.clone(), Order::NewestFirst, 10)).await.unwrap();
    assert_eq!((page.records, page.next), (vec![decided], None));
    let fails: [fn(&mut RecordFilter); 6] = [
        |filter| filter.connections = [elsewhere()].into(),
        |filter| filter.states = [IdentificationState::Failed].into(),
        |filter| filter.outcomes = [Outcome::Rejected].into(),
        |filter| filter.external_references = ["order-8".to_owned()].into(),
        |filter| filter.vendor_ids = [fresh().to_string()].into(),
        |filter| filter.updated_before = Some(start()),
    ];
    for fail in fails {
        let mut filter = every.clone();
        fail(&mut filter);
        let page = fixture.journal.list(&query(filter.clone(), Order::NewestFirst, 10)).await.unwrap();
        assert_eq!((names(&page), page.next), (vec![], None), "{filter:?}");
    }
}

pub(super) async fn times_are_compared_to_the_nanosecond(fixture: Fixture) {
    let (time, next) = (start() + Duration::from_nanos(7), start() + Duration::from_nanos(8));
    let changed = changed(|record| record.identification.update_time = Some(time.into()));
    fixture.journal.append(creates(vec![changed])).await.unwrap();
    for (updated_from, updated_before, found) in [
        (Some(time), None, 1),
        (Some(next), None, 0),
        (None, Some(time), 0),
        (None, Some(next), 1),
        (Some(time), Some(next), 1),
    ] {
        let filter = RecordFilter { updated_from, updated_before, ..RecordFilter::default() };
        let page = fixture.journal.list(&query(filter, Order::OldestFirst, 10)).await.unwrap();
        assert_eq!(page.records.len(), found, "{updated_from:?} {updated_before:?}");
    }
}

pub(super) async fn the_last_page_knows_that_it_is_the_last(fixture: Fixture) {
    let empty = fixture.journal.list(&query(RecordFilter::default(), Order::OldestFirst, 10)).await.unwrap();
    assert_eq!((names(&empty), empty.next), (vec![], None));
    let mine = || record(&identification(), 1);
    let other = || changed(|record| record.identification.external_reference = "order-8".to_owned());
    let records = vec![other(), mine(), mine(), mine(), mine(), other()];
    fixture.journal.append(creates(records)).await.unwrap();
    // What follows does not match.
    let mine = RecordFilter { external_references: ["order-7".to_owned()].into(), ..RecordFilter::default() };
    let by_state = RecordFilter { states: [IdentificationState::AwaitingUser].into(), ..mine.clone() };
    for (filter, order) in [(mine, ORDERS[0]), (by_state, ORDERS[1])] {
        let pages = pages(&*fixture.journal, query(filter, order, 2)).await;
        assert_eq!(pages.iter().map(|page| page.records.len()).collect::<Vec<_>>(), [2, 2]);
    }
}

pub(super) fn tombstone() -> Record {
    changed(|record| record.identification.state = IdentificationState::Deleted.into())
}

pub(super) async fn a_list_looks_at_a_bounded_number(fixture: Fixture) {
    let wanted =
        changed(|record| record.identification.labels = [("desk".to_owned(), "7".to_owned())].into());
    let mut records: Vec<_> = (0..5000).map(|_| tombstone()).collect();
    records.push(wanted.clone());
    fixture.journal.append(creates(records)).await.unwrap();
    let states = [IdentificationState::Deleted, IdentificationState::AwaitingUser].into();
    let labels = [("desk".to_owned(), "7".to_owned())].into();
    // No index names few of them.
    let filter = RecordFilter { states, labels, show_deleted: true, ..RecordFilter::default() };
    let pages = pages(&*fixture.journal, query(filter, Order::OldestFirst, 10)).await;
    assert_eq!(pages.iter().map(|page| page.records.len()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(pages[0].next, Some(4096));
    assert_eq!(pages[1].records, [wanted]);
}

pub(super) async fn a_page_holds_a_bounded_number_of_bytes(fixture: Fixture) {
    let large = || changed(|record| record.identification.vendor_status = "x".repeat(500_000));
    let records: Vec<_> = (0..10).map(|_| large()).collect();
    fixture.journal.append(creates(records)).await.unwrap();
    let pages = pages(&*fixture.journal, query(RecordFilter::default(), Order::OldestFirst, 10)).await;
    assert_eq!(pages.iter().map(|page| page.records.len()).collect::<Vec<_>>(), [5, 5]);
    assert_eq!(pages.iter().flat_map(names).count(), 10);
}
