//! What happens to an identification while something else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use idv_gateway::journal::{Appended, Batch, Journal, JournalError, RecordChange};
use idv_gateway::model::name::DeliveryName;
use idv_gateway::model::record::KnownDocument;
use idv_gateway::proto::{EventType, WebhookDeliveryState as State};
use serde_json::json;

use super::{Lab, liveness};
use crate::journal::altered::{Alter, Altered};

/// A journal in which a document is recorded right before the next change of an identification that was read earlier.
#[derive(Default)]
struct Uploaded(AtomicBool);

#[async_trait]
impl Alter for Arc<Uploaded> {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        if let Some(change) = batch.records.first()
            && self.0.swap(false, Ordering::SeqCst)
        {
            let before = inner.record(&change.record.name).await?.unwrap();
            let mut record = before.successor();
            record
                .memory
                .documents
                .push(KnownDocument { definition: "contract".to_owned(), ..Default::default() });
            let records = vec![RecordChange { record, replaces: Some(before.memory.version) }];
            inner.append(Batch { records, ..Batch::default() }).await?;
        }
        inner.append(batch).await
    }
}

#[tokio::test]
async fn a_step_does_not_forget_a_document() {
    let uploaded = Arc::new(Uploaded::default());
    let lab = Lab::over(|_account| (), |journal| Altered::over(journal, uploaded.clone()));
    let made = lab.created().await;
    lab.vendor.answers("T1", "started", "invitation-1", &["T1"]);
    assert_eq!(lab.fate(liveness("T1")).await, State::Applied);
    let name = made.name.parse().unwrap();
    let before = lab.journal.record(&name).await.unwrap().unwrap();

    uploaded.0.store(true, Ordering::SeqCst);
    let next = json!({ "word": "started", "ticket": "T1", "step": "face" });
    assert_eq!(lab.fate(next).await, State::Applied);
    let after = lab.journal.record(&name).await.unwrap().unwrap();
    assert_eq!(after.identification.revision, before.identification.revision, "only memory tells");
    assert_eq!((after.memory.documents.len(), after.memory.tickets[0].steps.len()), (1, 2));
}

/// An end whose start was lost, a start that the vendor is asked about in vain, and the same end once more.
async fn ended_started_ended(lab: &Lab) -> [DeliveryName; 3] {
    lab.created().await;
    let end = json!({ "word": "retry", "id": "invitation-1" });
    let first = lab.send(end.clone()).await;
    assert_eq!(lab.fate_of(&first).await, State::Applied);
    lab.vendor.memory().down = true;
    let start = lab.send(json!({ "word": "started", "id": "invitation-1" })).await;
    lab.until(&start, Duration::ZERO, |state| state == State::Confirming).await;
    let second = lab.send(end).await;
    lab.pass(Duration::from_secs(60)).await;
    assert_eq!(lab.delivery(&start).await.state, State::Confirming);
    assert_eq!(lab.delivery(&second).await.state, State::Received, "whether it is news the start will tell");
    [first, start, second]
}

#[tokio::test]
async fn the_end_of_a_try_whose_start_is_confirmed_late_is_no_duplicate() {
    use EventType::*;
    let lab = Lab::new();
    let [first, start, second] = ended_started_ended(&lab).await;
    lab.vendor.answers("invitation-1", "started", "invitation-1", &[]);
    lab.vendor.memory().down = false;
    lab.until(&start, Duration::from_millis(100), |state| state == State::Applied).await;
    lab.vendor.answers("invitation-1", "retry", "invitation-1", &[]);
    assert_eq!(lab.fate_of(&second).await, State::Applied);
    let mut kinds = lab.kinds().await;
    kinds.retain(|kind| *kind != ConnectionHealthChanged);
    assert_eq!(
        kinds,
        [
            IdentificationCreated,
            IdentificationAttemptEnded,
            IdentificationStarted,
            IdentificationAttemptEnded
        ]
    );
    assert_eq!(lab.delivery(&first).await.duplicate_count, 0);
}

#[tokio::test]
async fn what_repeats_an_end_after_a_start_that_was_none_is_a_duplicate() {
    let lab = Lab::new();
    let [first, start, second] = ended_started_ended(&lab).await;
    lab.vendor.answers("invitation-1", "retry", "invitation-1", &[]);
    lab.vendor.memory().down = false;
    assert_eq!((lab.fate_of(&start).await, lab.fate_of(&second).await), (State::Stale, State::Duplicate));
    assert_eq!(lab.delivery(&first).await.duplicate_count, 1);
}
