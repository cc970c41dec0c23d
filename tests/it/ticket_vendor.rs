//! A vendor that keeps tickets, without HTTP: it says and answers what a test put into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use idv_gateway::error::{Error, Kind, Violation};
use idv_gateway::model::command::CreateIdentification;
use idv_gateway::model::name::TicketName;
use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::proto::{
    Activity, AttemptEnd, Evidence, Outcome, StartLink, StepDisposition, Ticket, TicketImageKind, TicketStep,
    VendorReference,
};
use idv_gateway::settings::Window;
use idv_gateway::vendor::capability::Activities;
use idv_gateway::vendor::keepsake::About;
use idv_gateway::vendor::kit::delivery::{Door, Proof, Refusal, SharedSecret, Unverified, Verified};
use idv_gateway::vendor::kit::polling::PollingSettings;
use idv_gateway::vendor::ticket::{FoundTicket, TicketImage, Tickets};
use idv_gateway::vendor::{
    Account, Answer, Create, Created, Get, Idempotency, Identifications, Probe, Reading, SecretWindow,
    Unreadable, Vendor, Webhooks,
};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::double::well::{Well, account};

pub(crate) const USER: &str = "tickets";
pub(crate) const PASSWORD: &str = "made up";

/// The vendor.
pub(crate) struct TicketVendor {
    account: Account,
    door: Door,
    polling: PollingSettings,
    memory: Mutex<Memory>,
}

/// What it knows and was asked.
#[derive(Default)]
pub(crate) struct Memory {
    /// What it answers about a ticket, or about an invitation without one, by id.
    pub(crate) answers: HashMap<String, Observation>,
    /// It does not answer at all.
    pub(crate) down: bool,
    /// So many answers are made at once, and each given when there is a permit.
    pub(crate) slow: Option<(usize, Arc<Semaphore>)>,
    /// Calls that panic, each once.
    pub(crate) panics: Vec<&'static str>,
    /// What it was asked about.
    pub(crate) asked: Vec<VendorReference>,
    pub(crate) invitations: usize,
    pub(crate) tickets: HashMap<String, Ticket>,
    pub(crate) images: Vec<TicketImage>,
    pub(crate) noted: Vec<Activity>,
}

/// The body of its webhooks.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Body {
    word: String,
    id: String,
    ticket: String,
    customer: String,
    step: Option<String>,
    left: Option<i32>,
    confidence: Option<f64>,
}

impl TicketVendor {
    pub(crate) fn new(change: impl FnOnce(&mut Account)) -> Arc<Self> {
        let mut account = account("bank", Evidence::SharedSecret);
        change(&mut account);
        let proof = Proof::Basic { username: USER.to_owned(), password: SecretString::from(PASSWORD) };
        let label = "first".to_owned();
        let secret = SharedSecret { label, proof, cipher_key: None, window: Window::default() };
        Arc::new(Self {
            account,
            door: Door::new([secret], None, None),
            polling: PollingSettings { enabled: false, ..PollingSettings::default() },
            memory: Mutex::default(),
        })
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// From now on answers about `key`, which is `id`'s, that it says `word`; of an invitation nobody knows where `id`
    /// is empty.
    pub(crate) fn answers(&self, key: &str, word: &str, id: &str, tickets: &[&str]) {
        let mut observation = read(word, Evidence::Fetched);
        observation.reference.id = id.to_owned();
        observation.reference.ticket_ids = tickets.iter().copied().map(str::to_owned).collect();
        self.memory().answers.insert(key.to_owned(), observation);
    }

    fn panics(&self, call: &str) -> bool {
        let panics = &mut self.memory().panics;
        let place = panics.iter().position(|planned| *planned == call);
        place.map(|place| panics.remove(place)).is_some()
    }

    fn reached(&self) -> Result<MutexGuard<'_, Memory>, Error> {
        let memory = self.memory();
        if memory.down {
            return Err(Error::new(Kind::VendorUnavailable, "test", "told to be down"));
        }
        Ok(memory)
    }
}

/// What the vendor means by a word.
fn read(word: &str, evidence: Evidence) -> Observation {
    let meaning = match word {
        "started" => Word::Started,
        "retry" => Word::Ended(AttemptEnd::Inconclusive),
        "accepted" => Word::Decided(Outcome::Verified),
        "rejected" => Word::Decided(Outcome::Rejected),
        _ => Word::Unknown,
    };
    Observation { vendor_status: word.to_owned(), ..Observation::new(meaning, evidence) }
}

fn unknown() -> Error {
    Error::new(Kind::ResourceNotFound, "test", "never heard of it")
}

impl Vendor for TicketVendor {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        &Well
    }

    fn identifications(&self) -> Option<&dyn Identifications> {
        Some(self)
    }

    fn tickets(&self) -> Option<&dyn Tickets> {
        Some(self)
    }

    fn activities(&self) -> Option<&dyn Activities> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }
}

#[async_trait]
impl Identifications for TicketVendor {
    fn idempotency(&self) -> Idempotency {
        Idempotency::UpsertByReference
    }

    fn lifetime(&self) -> Duration {
        Duration::from_hours(24 * 30)
    }

    fn polling(&self) -> &PollingSettings {
        &self.polling
    }

    fn check(&self, _command: &CreateIdentification) -> Vec<Violation> {
        Vec::new()
    }

    fn read_reference(&self, said: &VendorReference) -> Result<VendorReference, Vec<Violation>> {
        Ok(said.clone())
    }

    async fn create(&self, create: Create<'_>) -> Result<Created, Error> {
        assert!(!self.panics("create"), "told to panic");
        let mut memory = self.reached()?;
        memory.invitations += 1;
        let mut observation = Observation::new(Word::Accepted, Evidence::Fetched);
        observation.reference.id = format!("invitation-{}", memory.invitations);
        observation.reference.reference = create.command.name.id.to_string();
        Ok(observation.into())
    }

    async fn get(&self, get: Get<'_>) -> Result<Answer, Error> {
        self.memory().asked.push(get.reference.clone());
        let key = get.reference.ticket_ids.last().unwrap_or(&get.reference.id);
        let (observation, slow) = {
            let mut memory = self.reached()?;
            let slow = memory.slow.take().filter(|(left, _permit)| *left > 0);
            memory.slow = slow.clone().map(|(left, permit)| (left - 1, permit));
            (memory.answers.get(key).cloned(), slow)
        };
        if let Some((_left, permit)) = slow {
            permit.acquire().await.unwrap().forget();
        }
        assert!(!self.panics("get"), "told to panic");
        Ok(Answer { observation: observation.ok_or_else(unknown)?, drift: Vec::new() })
    }

    fn start_links(&self, _about: About<'_>) -> Vec<StartLink> {
        Vec::new()
    }
}

#[async_trait]
impl Tickets for TicketVendor {
    async fn ticket(&self, name: &TicketName) -> Result<Option<FoundTicket>, Error> {
        let ticket = self.reached()?.tickets.get(&name.id).cloned();
        Ok(ticket.map(|ticket| FoundTicket { ticket, drift: Vec::new() }))
    }

    async fn images(
        &self,
        name: &TicketName,
        kinds: &[TicketImageKind],
    ) -> Result<Option<BoxStream<'static, Result<TicketImage, Error>>>, Error> {
        let memory = self.reached()?;
        if !memory.tickets.contains_key(&name.id) {
            return Ok(None);
        }
        let wanted = |image: &&TicketImage| kinds.is_empty() || kinds.contains(&image.header.kind());
        let images = memory.images.iter().filter(wanted);
        let images: Vec<_> = images
            .map(|image| TicketImage { header: image.header.clone(), content: image.content.clone() })
            .map(Ok)
            .collect();
        Ok(Some(stream::iter(images).boxed()))
    }
}

#[async_trait]
impl Activities for TicketVendor {
    async fn activities(&self, about: About<'_>) -> Result<Option<Vec<Activity>>, Error> {
        let memory = self.reached()?;
        Ok((!about.reference.id.is_empty()).then(|| memory.noted.clone()))
    }
}

impl Webhooks for TicketVendor {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        self.door.verify(delivery)
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        Vec::new()
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        assert!(!self.panics("normalise"), "told to panic");
        let body: Body = serde_json::from_slice(delivery.body())
            .map_err(|_odd| Unreadable { path: "$".to_owned(), expected: "JSON of the test's shape" })?;
        let mut observation = read(&body.word, delivery.evidence());
        observation.reference.id = body.id;
        observation.reference.customer_id = body.customer;
        observation.reference.ticket_ids = [body.ticket].into_iter().filter(|id| !id.is_empty()).collect();
        observation.confidence = body.confidence;
        observation.remaining_tries = body.left;
        observation.step = body.step.map(|vendor_step| TicketStep {
            vendor_step,
            disposition: match body.word.as_str() {
                "retry" => StepDisposition::Retry,
                _ => StepDisposition::Passed,
            }
            .into(),
            remaining_tries: body.left,
            vendor_disposition: String::new(),
        });
        Ok(Reading { observations: vec![observation], drift: Vec::new() })
    }
}
