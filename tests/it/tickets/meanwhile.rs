//! What is remembered beside an identification by two who know nothing of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use idv_gateway::journal::{Appended, Batch, Journal, JournalError, RecordChange};
use idv_gateway::model::record::KnownDocument;
use idv_gateway::proto::WebhookDeliveryState as State;
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
