//! One identification and the moves its person and its reviewer can make.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::fields::Fields;
use super::file::Shape;
use super::sections::Section;
use super::signing::{Contract, Documents};

/// One identification.
pub(super) struct Ident {
    /// The shortname it belongs to.
    pub(super) customer: String,
    /// The transaction number, spelled as in the request that created it.
    pub(super) number: String,
    /// The IdentID, for example `TST-ABCDE`.
    pub(super) id: String,
    /// The vendor's own number of the request, which some of its errors show.
    pub(super) request: u64,
    /// When it was made: from here its life is counted.
    pub(super) created: SystemTime,
    /// What the customer told about the person.
    pub(super) fields: Fields,
    /// What the person used at the last start.
    pub(super) channel: Channel,
    /// Where it stands.
    pub(super) state: State,
    /// Why the last result is what it is.
    pub(super) reason: Option<String>,
    /// The pending result that a final one came after.
    pub(super) previous: Option<String>,
    /// When the person or the reviewer was done; none after an abort.
    pub(super) finished: Option<SystemTime>,
    /// Who reviewed last.
    pub(super) reviewer: Option<Reviewer>,
    /// What it has for the documents that its customer defined.
    pub(super) documents: Documents,
    /// What was signed: with the first success of an attempt.
    pub(super) contracts: Vec<Contract>,
    /// What binds the person's device to it, if their app brought one.
    pub(super) binding_key: Option<String>,
    /// Put away by the customer, after the finish.
    pub(super) archived: bool,
    /// What its result shows beside the usual.
    pub(super) sections: Vec<Section>,
    /// What is odd about the archive of its result.
    pub(super) archive: Shape,
    /// How often the person started.
    pub(super) attempts: u32,
    /// How often the customer sent its data, the creation included.
    pub(super) starts_received: u64,
    /// How often the customer asked for it.
    pub(super) gets_received: u64,
    /// Grows with every move: a webhook of an earlier revision is outdated.
    pub(super) revision: watch::Sender<u64>,
}

/// What an identification is called, and since when.
pub(super) struct Name {
    /// The shortname it belongs to.
    pub(super) customer: String,
    /// The transaction number.
    pub(super) number: String,
    /// The IdentID.
    pub(super) id: String,
    /// The vendor's own number of the request.
    pub(super) request: u64,
    /// When it was made.
    pub(super) created: SystemTime,
}

/// Where an identification stands.
#[derive(Clone)]
pub(super) enum State {
    /// Nobody started.
    Created,
    /// The person is at it.
    Started,
    /// The last attempt has a result, which may be a preliminary one.
    Ended(Word),
    /// Its data is gone; its number stays taken.
    Deleted,
}

/// What the person used.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Channel {
    /// The mobile application.
    #[default]
    App,
    /// The web application.
    Web,
}

/// Who reviewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reviewer {
    /// The caller of the control API.
    Agent,
    /// The test robot.
    Robot,
}

/// A result, as the vendor writes it or, to try a reader's tolerance, in words it never wrote.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Word(String);

/// What a result means for the moves that are left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The person gave up and may start again.
    Aborted,
    /// The reviewer could not decide; the person may start again.
    Canceled,
    /// In review. Words the vendor never wrote count as this.
    Pending,
    /// Decided; only a reviewer may still change it.
    Final,
}

impl Word {
    /// The word of an abort.
    pub(super) fn aborted() -> Self {
        Self("ABORTED".to_owned())
    }

    /// Takes 1 to 64 of `A-Z`, `0-9` and `_`, or answers with what to send instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fits = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
            return Err(format!("`result` is a word such as SUCCESS or CHECK_PENDING, not {text:?}"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The word on the wire.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What it means.
    pub(super) fn kind(&self) -> Kind {
        match self.as_str() {
            "ABORTED" => Kind::Aborted,
            // The robot's table in the vendor's document spells it FAILED.
            "CANCELED" | "FAILED" => Kind::Canceled,
            "SUCCESS" | "SUCCESS_DATA_CHANGED" | "FRAUD_SUSPICION_CONFIRMED" => Kind::Final,
            _ => Kind::Pending,
        }
    }
}

impl Ident {
    /// One without data, that nobody started.
    pub(super) fn new(name: Name) -> Self {
        let Name { customer, number, id, request, created } = name;
        Self {
            customer,
            number,
            id,
            request,
            created,
            fields: Fields::default(),
            channel: Channel::default(),
            state: State::Created,
            reason: None,
            previous: None,
            finished: None,
            reviewer: None,
            documents: Documents::default(),
            contracts: Vec::new(),
            binding_key: None,
            archived: false,
            sections: Vec::new(),
            archive: Shape::default(),
            attempts: 0,
            starts_received: 0,
            gets_received: 0,
            revision: watch::Sender::new(0),
        }
    }

    /// The same person and result under another name.
    pub(super) fn copy_as(&self, name: Name) -> Self {
        Self {
            fields: self.fields.clone(),
            channel: self.channel,
            state: self.state.clone(),
            reason: self.reason.clone(),
            previous: self.previous.clone(),
            finished: self.finished,
            reviewer: self.reviewer,
            documents: self.documents.clone(),
            contracts: self.contracts.clone(),
            sections: self.sections.clone(),
            attempts: self.attempts,
            ..Self::new(name)
        }
    }

    /// Whether it has a final result; deleted ones have none.
    pub(super) fn is_finished(&self) -> bool {
        matches!(&self.state, State::Ended(word) if word.kind() == Kind::Final)
    }

    /// Whether its person is who they were said to be, and so has signed what there was to sign.
    pub(super) fn is_success(&self) -> bool {
        matches!(&self.state, State::Ended(word) if matches!(word.as_str(), "SUCCESS" | "SUCCESS_DATA_CHANGED"))
    }

    /// The person starts, for the first time or again. Refused in review and after the finish.
    pub(super) fn start(&mut self, channel: Channel) -> Result<(), String> {
        match &self.state {
            State::Ended(word) if word.kind() == Kind::Pending => {
                return Err(
                    self.refusal("is in review: the person cannot start again before POST .../review")
                );
            }
            State::Ended(word) if word.kind() == Kind::Final => {
                return Err(self.refusal("is finished: create another one for another try"));
            }
            State::Deleted => return Err(self.refusal("is deleted: create another one with another number")),
            State::Created | State::Started | State::Ended(_) => {}
        }
        self.state = State::Started;
        self.channel = channel;
        self.attempts += 1;
        (self.reason, self.previous, self.finished, self.reviewer) = (None, None, None, None);
        Ok(())
    }

    /// The person gives up.
    pub(super) fn abort(&mut self, reason: String) -> Result<(), String> {
        self.must_be_started()?;
        self.state = State::Ended(Word::aborted());
        self.reason = Some(reason);
        Ok(())
    }

    /// The person is done; `word` is what the automatic checks make of it.
    pub(super) fn submit(
        &mut self,
        word: Word,
        reason: Option<String>,
        now: SystemTime,
    ) -> Result<(), String> {
        self.must_be_started()?;
        not_an_abort(&word)?;
        self.state = State::Ended(word);
        self.reason = reason;
        self.finished = Some(now);
        Ok(())
    }

    /// The reviewer decides, or decides anew.
    pub(super) fn review(&mut self, verdict: Verdict, now: SystemTime) -> Result<(), String> {
        // The robot plays the person too.
        if verdict.reviewer == Reviewer::Agent {
            not_an_abort(&verdict.word)?;
        }
        match &self.state {
            State::Ended(word) if matches!(word.kind(), Kind::Pending | Kind::Final) => {
                // The vendor names no other preliminary results here.
                if matches!(word.as_str(), "REVIEW_PENDING" | "FRAUD_SUSPICION_PENDING") {
                    self.previous = Some(word.as_str().to_owned());
                }
            }
            _ => return Err(self.refusal("has nothing to review: the person has to POST .../submit first")),
        }
        self.finished = (verdict.word.kind() != Kind::Aborted).then_some(now);
        self.state = State::Ended(verdict.word);
        self.reason = verdict.reason;
        self.reviewer = Some(verdict.reviewer);
        Ok(())
    }

    /// Its data goes; its number stays taken for ever.
    pub(super) fn delete(&mut self) -> Result<(), String> {
        match self.state {
            State::Deleted => Err(self.refusal("is deleted already")),
            _ => {
                self.state = State::Deleted;
                (self.fields, self.binding_key) = (Fields::default(), None);
                (self.documents, self.contracts) = (Documents::default(), Vec::new());
                Ok(())
            }
        }
    }

    /// What is left to happen to it, as the control API says it.
    pub(super) fn phase(&self) -> &'static str {
        match &self.state {
            State::Created => "CREATED",
            State::Started => "STARTED",
            State::Deleted => "DELETED",
            State::Ended(word) => match word.kind() {
                Kind::Aborted => "ABORTED",
                Kind::Canceled => "CANCELED",
                Kind::Pending => "IN_REVIEW",
                Kind::Final if self.archived => "ARCHIVED",
                Kind::Final => "FINISHED",
            },
        }
    }

    fn must_be_started(&self) -> Result<(), String> {
        match self.state {
            State::Started => Ok(()),
            _ => Err(self.refusal("is not under way: the person has to POST .../start first")),
        }
    }

    fn refusal(&self, rule: &str) -> String {
        format!("{} ({}) {rule}", self.id, self.phase())
    }
}

/// A reviewer's decision.
pub(super) struct Verdict {
    /// The result.
    pub(super) word: Word,
    /// Why.
    pub(super) reason: Option<String>,
    /// Whose.
    pub(super) reviewer: Reviewer,
}

fn not_an_abort(word: &Word) -> Result<(), String> {
    match word.kind() {
        Kind::Aborted => Err("ABORTED is the person's word: POST .../abort".to_owned()),
        _ => Ok(()),
    }
}
