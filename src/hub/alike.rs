//! Deliveries of the same bytes: which of them are repeats.

use std::collections::HashSet;

use crate::error::Result;
use crate::hub::apply::{APPLY, applied_once};
use crate::hub::prepare::{Prepared, vendor_ids};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Delivery, DeliveryChange};
use crate::model::record::Record;
use crate::proto::WebhookDeliveryState as State;

/// What comparing a delivery with earlier ones of the same bytes came to.
pub(super) enum Alike {
    /// It repeats one of them.
    Repeat(Box<Batch>),
    /// It would, but what came between is being confirmed.
    Open,
    /// It does not, or only what it says about these.
    News { told_before: HashSet<String> },
}

impl Hub {
    /// No vendor numbers its deliveries, and two real ones can be alike to the byte: only as long as nothing has
    /// come between is the second one a repeat. While what came between is being confirmed, nobody can tell.
    pub(super) async fn compare_with_alike(&self, prepared: &Prepared) -> Result<Alike> {
        let own = &prepared.delivery;
        let mut told_before = HashSet::new();
        if own.state != State::Received || !own.told.is_empty() {
            return Ok(Alike::News { told_before });
        }
        let alike = self.journal.deliveries_like(&own.name.connection, own.body_sha256);
        for earlier in alike.await.map_err(|error| store(error, APPLY))? {
            let repeats = match earlier.state {
                // What came after one that is replayed is not what it repeats.
                _ if earlier.name == own.name && own.replays > 0 => break,
                _ if earlier.name == own.name => false,
                State::Confirming if earlier.waits_for.is_empty() => true,
                State::Confirming | State::Unmatched => self.is_last_in_wait(prepared, &earlier).await?,
                State::Received => false,
                _ => {
                    let unmoved = self.unmoved_since(&earlier).await?;
                    let repeats = !unmoved.is_empty() && unmoved.len() == earlier.subjects.len();
                    told_before.extend(unmoved);
                    repeats
                }
            };
            if !repeats {
                continue;
            }
            if self.is_confirmed_between(&earlier, own).await? {
                return Ok(Alike::Open);
            }
            return Ok(Alike::Repeat(Box::new(self.repeat(prepared, earlier).await?)));
        }
        Ok(Alike::News { told_before })
    }

    /// The delivery as a repeat of an `earlier` one: its body goes when that one's goes, whatever that is found to be
    /// about.
    async fn repeat(&self, prepared: &Prepared, earlier: Delivery) -> Result<Batch> {
        let (own, first) = (&prepared.delivery, earlier.name.to_string());
        let kept = self.journal.sealed(&first).await.map_err(|error| store(error, APPLY))?;
        let delivery = Delivery { state: State::Duplicate, subjects: earlier.subjects, ..own.clone() };
        let mut deliveries = vec![DeliveryChange::Update(delivery)];
        if own.replays == 0 {
            deliveries.push(DeliveryChange::CountDuplicate(earlier.name));
        }
        Ok(Batch {
            reown: vec![(own.name.to_string(), first.clone())],
            erase: if kept.is_none() { vec![first] } else { Vec::new() },
            deliveries,
            complete: vec![prepared.job.id.clone()],
            dedupe: Some(applied_once(own)),
            ..Batch::default()
        })
    }

    /// Whether the vendor is being asked about what came between two deliveries about the same identifications.
    async fn is_confirmed_between(&self, earlier: &Delivery, own: &Delivery) -> Result<bool> {
        let between = earlier.receive_time..=own.receive_time;
        for subject in &earlier.subjects {
            let Ok(name) = subject.name.parse() else { continue };
            let confirming = self.journal.confirming(&name).await.map_err(|error| store(error, APPLY))?;
            let other =
                |other: &Delivery| other.name != earlier.name && between.contains(&other.receive_time);
            if confirming.iter().any(other) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that an earlier delivery was about and that have not moved since it was applied.
    async fn unmoved_since(&self, earlier: &Delivery) -> Result<Vec<String>> {
        let mut unmoved = Vec::new();
        for subject in &earlier.subjects {
            let record = self.subject(&subject.name).await?;
            if record.is_some_and(|record| record.identification.revision == subject.revision) {
                unmoved.push(subject.name.clone());
            }
        }
        Ok(unmoved)
    }

    /// What a delivery is about, by name.
    pub(super) async fn subject(&self, name: &str) -> Result<Option<Record>> {
        let Ok(name) = name.parse() else { return Ok(None) };
        self.journal.record(&name).await.map_err(|error| store(error, APPLY))
    }

    /// Whether nothing else about the same things waits behind `earlier`.
    async fn is_last_in_wait(&self, prepared: &Prepared, earlier: &Delivery) -> Result<bool> {
        for id in prepared.observations().iter().flat_map(|observation| vendor_ids(&observation.reference)) {
            let waiting = self.journal.unmatched(&earlier.name.connection, id).await;
            let waiting = waiting.map_err(|error| store(error, APPLY))?;
            if waiting.last().is_some_and(|last| last.name != earlier.name) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
