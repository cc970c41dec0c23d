//! How much of what a webhook says is believed, and what the vendor's own answer makes of it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::hub::Hub;
use crate::hub::evolve::system_time;
use crate::hub::learn::has_moved;
use crate::hub::prepare::Prepared;
use crate::journal::{Delivery, Job, Subject};
use crate::model::lifecycle::{Change, Verdict, agrees, judge};
use crate::model::observation::{Observation, Word};
use crate::model::record::Record;
use crate::proto::Evidence;

/// While the vendor's API lags behind its own webhook.
const LONGEST_LAG_WAIT: Duration = Duration::from_secs(30);

/// What the vendor answered about the observations of a delivery, by their place in the body.
pub(super) type Answers = HashMap<u32, Answer>;

/// What the vendor answered about one observation.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) said: Observation,
    /// When it was asked.
    pub(super) asked_at: SystemTime,
    /// The identification it was asked about, as it was then; `None`: nobody knew whose it was.
    pub(super) of: Option<Record>,
}

impl Answer {
    /// Whether `present` has moved since the vendor was asked: what came meanwhile may be newer than the answer.
    pub(super) fn is_overtaken(&self, present: &Record) -> bool {
        let moved = present.identification.update_time.as_ref().map(system_time);
        match &self.of {
            Some(of) => has_moved(of, present),
            None => moved.is_some_and(|moved| moved > self.asked_at),
        }
    }
}

/// What is made of one observation of a delivery.
pub(super) enum Believed {
    /// It is news; the observation is what it was believed on.
    Change(Box<Change>, Box<Observation>),
    Same,
    Stale,
    /// The vendor has to be asked first.
    Ask,
    /// The vendor's API does not show it yet; ask again after this time.
    Later(Duration),
}

impl Hub {
    /// Judges `observation`, with the vendor's `answer` about it where one is at hand.
    pub(super) fn believe(
        &self,
        prepared: &Prepared,
        record: &Record,
        observation: &Observation,
        answer: Option<&Observation>,
    ) -> Believed {
        let job = &prepared.job;
        let least = prepared.vendor().account().min_evidence;
        let is_enough = |change: &Change| {
            // What only teaches how the vendor calls it leaves the decision as it was believed.
            let decides = change.record.identification.decision != record.identification.decision;
            observation.evidence as i32 >= least as i32
                || !(decides && matches!(observation.word, Word::Decided(_)))
        };
        match judge(record, observation, self.timestamp()) {
            Verdict::Same => Believed::Same,
            Verdict::Stale => Believed::Stale,
            Verdict::Change(change) if is_enough(&change) && !is_overtaken(prepared, record) => {
                Believed::Change(change, Box::new(observation.clone()))
            }
            Verdict::Change(_) | Verdict::Ask => match answer {
                None => Believed::Ask,
                Some(answer) => self.weigh(record, observation, answer, job),
            },
        }
    }

    fn weigh(&self, record: &Record, hint: &Observation, answer: &Observation, job: &Job) -> Believed {
        let said = judge(record, answer, self.timestamp());
        let hint_is_decision = matches!(hint.word, Word::Decided(_));
        let over = job.give_up_at.is_some_and(|time| time <= self.clock.now());
        if hint_is_decision && !over && !agrees(answer.word, hint.word) {
            // The vendor's API ranks below its own webhook: it lags.
            return Believed::Later(self.backoff(job.attempts, LONGEST_LAG_WAIT));
        }
        if let Verdict::Change(change) = said {
            return Believed::Change(change, Box::new(answer.clone()));
        }
        if hint_is_decision {
            return match (answer.word == hint.word, over) {
                (true, _) => Believed::Same,
                // It still shows the decision that the webhook replaces.
                (false, false) => Believed::Later(self.backoff(job.attempts, LONGEST_LAG_WAIT)),
                (false, true) => Believed::Stale,
            };
        }
        if !agrees(answer.word, hint.word) {
            return Believed::Stale;
        }
        let confirmed = Observation { evidence: Evidence::Fetched, ..hint.clone() };
        match judge(record, &confirmed, self.timestamp()) {
            Verdict::Change(change) => Believed::Change(change, Box::new(confirmed)),
            Verdict::Same => Believed::Same,
            Verdict::Stale | Verdict::Ask => Believed::Stale,
        }
    }
}

/// Whether the identification has moved since a replayed delivery came in: what that says may have been over long
/// ago, which the rule cannot tell where the vendor gives no time.
fn is_overtaken(prepared: &Prepared, record: &Record) -> bool {
    let Delivery { receive_time, subjects, .. } = &prepared.delivery;
    let known = &record.identification;
    let moved_later = known.update_time.is_some_and(|moved| system_time(&moved) > *receive_time);
    let applied = Subject { name: known.name.clone(), revision: known.revision };
    prepared.is_replay() && moved_later && !subjects.contains(&applied)
}
