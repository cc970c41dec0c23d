//! Checks what became of acknowledged webhooks: the checker, and proof that it notices faults.

use std::collections::BTreeMap;

use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{Event, EventType, Identification, IdentificationChanged};

/// A webhook's word and the event it leads to.
pub(super) type Step = (&'static str, EventType);

/// What was sent about one identification, in order, each word again until it was acknowledged.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    pub(super) story: &'static [Step],
    /// How many were acknowledged.
    pub(super) acknowledged: usize,
    /// How many were sent at least once: the last one may still be without an answer.
    pub(super) tried: usize,
}

/// What is wrong with `journal`, the events of all identifications in order, given what was `sent`: each acknowledged
/// webhook must have its event exactly once and in its place, one that was not acknowledged at most once, and
/// revisions must be dense.
pub(super) fn faults(sent: &BTreeMap<String, Sent>, journal: &[Event]) -> Vec<String> {
    let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in journal {
        events.entry(&event.identification).or_default().push(event);
    }
    let mut faults = Vec::new();
    for (name, events) in &events {
        if !sent.contains_key(*name) {
            faults.push(format!("nothing was sent about {name:?}, but there is {:?}", kinds(events)));
        }
    }
    for (name, sent) in sent {
        let events = events.remove(name.as_str()).unwrap_or_default();
        let found = kinds(&events);
        let mut expected = vec![EventType::IdentificationCreated];
        expected.extend(sent.story.iter().map(|(_, event)| *event));
        let applied = found.len().saturating_sub(1);
        if !expected.starts_with(&found) || applied < sent.acknowledged || applied > sent.tried {
            faults.push(format!(
                "{name}: {} webhooks were acknowledged and {} sent, which led to {found:?}",
                sent.acknowledged, sent.tried
            ));
        }
        let revisions: Vec<_> = events.iter().map(|event| event.revision).collect();
        if !revisions.iter().copied().eq(1..=i64::try_from(revisions.len()).unwrap()) {
            faults.push(format!("{name}: revisions {revisions:?}"));
        }
        let decisions = events.iter().filter_map(|event| decision(event));
        faults.extend(
            decisions
                .filter(|revision| *revision != 1)
                .map(|revision| format!("{name}: decision {revision}")),
        );
    }
    faults
}

fn kinds(events: &[&Event]) -> Vec<EventType> {
    events.iter().map(|event| event.r#type()).collect()
}

fn decision(event: &Event) -> Option<i64> {
    let Some(Payload::IdentificationChanged(changed)) = &event.payload else { return None };
    Some(changed.identification.as_ref()?.decision.as_ref()?.revision.into())
}

const STORY: &[Step] = &[
    ("START", EventType::IdentificationStarted),
    ("CHECK_PENDING", EventType::IdentificationSubmitted),
    ("SUCCESS", EventType::IdentificationCompleted),
];

fn told(acknowledged: usize, tried: usize) -> BTreeMap<String, Sent> {
    ["a", "b"].map(|name| (name.to_owned(), Sent { story: STORY, acknowledged, tried })).into()
}

/// A journal in which each identification has its creation and the first `applied` events of the story.
fn journal(applied: usize) -> Vec<Event> {
    let kinds = [EventType::IdentificationCreated].into_iter().chain(STORY.iter().map(|(_, event)| *event));
    let kinds: Vec<_> = kinds.take(applied + 1).zip(1..).collect();
    let event = |name: &str, kind: EventType, revision: i64| Event {
        r#type: kind.into(),
        identification: name.to_owned(),
        revision,
        payload: Some(Payload::IdentificationChanged(IdentificationChanged {
            identification: Some(Identification::default()),
            ..IdentificationChanged::default()
        })),
        ..Event::default()
    };
    kinds.iter().flat_map(|(kind, revision)| ["a", "b"].map(|name| event(name, *kind, *revision))).collect()
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(faults(&told(3, 3), &journal(3)), [""; 0]);
    assert_eq!(faults(&told(2, 3), &journal(2)), [""; 0], "not acknowledged, not applied");
    assert_eq!(faults(&told(2, 3), &journal(3)), [""; 0], "not acknowledged, and applied");
}

#[test]
fn every_lost_or_doubled_event_is_noticed() {
    let sound = journal(3);
    for index in 0..sound.len() {
        let mut lost = sound.clone();
        lost.remove(index);
        assert!(!faults(&told(3, 3), &lost).is_empty(), "event {index} was lost");

        let mut doubled = sound.clone();
        doubled.insert(index, sound[index].clone());
        assert!(!faults(&told(3, 3), &doubled).is_empty(), "event {index} came twice");

        // The same fault in a gateway that numbers its mistakes well.
        for (revision, event) in (1..).zip(doubled.iter_mut().filter(|event| event.identification == "a")) {
            event.revision = revision;
        }
        assert!(!faults(&told(3, 3), &doubled).is_empty(), "event {index} came twice, under two revisions");
    }
}

#[test]
fn what_nobody_sent_or_decided_is_noticed() {
    assert!(!faults(&told(1, 1), &journal(2)).is_empty(), "an event without a webhook");
    let mut strange = journal(3);
    strange[0].identification = "c".to_owned();
    assert!(!faults(&told(3, 3), &strange).is_empty(), "an identification nobody made");
    let mut swapped = journal(3);
    swapped.swap(2, 4);
    assert!(!faults(&told(3, 3), &swapped).is_empty(), "out of order");
    let mut revised = journal(3);
    let Some(Payload::IdentificationChanged(changed)) = &mut revised[7].payload else { panic!() };
    let identification = changed.identification.as_mut().unwrap();
    identification.decision = Some(idv_gateway::proto::Decision { revision: 2, ..Default::default() });
    assert!(!faults(&told(3, 3), &revised).is_empty(), "decided twice");
}
