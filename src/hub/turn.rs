//! Deliveries that speak of one ticket take effect in the order they came in, also while nobody knows whose it is.
//!
//! The first that names nothing else asks the vendor; those behind it wait for what it learns, UNMATCHED. When it has
//! learned nothing, the next one asks. Whoever learns whose the ticket is lets those pass that came before.

use crate::error::Result;
use crate::hub::apply::{Planned, Step};
use crate::hub::prepare::{Prepared, names_only_tickets, vendor_ids};
use crate::hub::{Hub, store};
use crate::journal::{Batch, Delivery, Job};
use crate::model::lifecycle::revise;
use crate::proto::{VendorReference, WebhookDeliveryState as State};

const TURN: &str = "take_turn";

impl Hub {
    /// Whether an earlier delivery asks the vendor whose these tickets are.
    pub(super) async fn waits_behind(&self, prepared: &Prepared, said: &VendorReference) -> Result<bool> {
        if !names_only_tickets(said) {
            return Ok(false);
        }
        let (own, connection) = (&prepared.delivery.name, &prepared.delivery.name.connection);
        for id in vendor_ids(said) {
            let waiting = self.journal.unmatched(connection, id).await.map_err(|error| store(error, TURN))?;
            let mut earlier = waiting.iter().take_while(|waiting| waiting.name != *own);
            if earlier.any(|waiting| waiting.state == State::Confirming) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The job of the delivery right behind one that has asked whose a ticket is, unless `batch` has it.
    pub(super) async fn next_in_line(&self, prepared: &Prepared, batch: &Batch) -> Result<Option<Job>> {
        let Delivery { name: own, state, waits_for, .. } = &prepared.delivery;
        if *state != State::Confirming || waits_for.is_empty() {
            return Ok(None);
        }
        for observation in prepared.observations() {
            for id in vendor_ids(&observation.reference) {
                let waiting = self.journal.unmatched(&own.connection, id).await;
                let waiting = waiting.map_err(|error| store(error, TURN))?;
                let mut behind = waiting.iter().skip_while(|waiting| waiting.name != *own).skip(1);
                if let Some(next) = behind.next() {
                    let job = self.apply_job(&next.name);
                    let is_there = batch.schedule.iter().any(|scheduled| scheduled.id == job.id);
                    return Ok((!is_there).then_some(job));
                }
            }
        }
        Ok(None)
    }

    /// Where `step` teaches what earlier deliveries wait for, it is taught alone, and the one that teaches it comes
    /// again behind them: their steps would be too late after it.
    pub(super) async fn let_earlier_pass(
        &self,
        prepared: &Prepared,
        step: &Step<'_>,
    ) -> Result<Option<Planned>> {
        let Step { record, change, evidence } = step;
        let taught = &change.record.identification.vendor_reference;
        if record.identification.vendor_reference == *taught {
            return Ok(None);
        }
        let own = &prepared.delivery;
        let waiting = self.waiting_for(&change.record).await.map_err(|error| store(error, TURN))?;
        let earlier: Vec<_> = waiting
            .iter()
            .take_while(|waiting| waiting.name != own.name)
            .filter(|waiting| waiting.receive_time <= own.receive_time)
            .map(|waiting| self.apply_job(&waiting.name))
            .collect();
        if earlier.is_empty() {
            return Ok(None);
        }
        let again = self.apply_job(&own.name);
        let done = [&prepared.job.id].into_iter().filter(|id| **id != again.id).cloned().collect();
        let mut batch = Batch { complete: done, ..Batch::default() };
        let teach = revise(record, |shown| shown.vendor_reference.clone_from(taught), self.timestamp());
        self.evolve(&mut batch, prepared.vendor().account(), record, &teach, evidence, &prepared.cause());
        batch.schedule.extend(earlier);
        batch.schedule.push(again);
        Ok(Some(Planned::write(batch, None)))
    }
}
