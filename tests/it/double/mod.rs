//! A vendor that invites people, without HTTP: as sound or as bad as a test wants it.
//!
//! It addresses people by their mail address, which only the keepsake has, like the link they start with.

pub(crate) mod desk;
pub(crate) mod well;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use idv_gateway::error::{Error, Kind, Violation};
use idv_gateway::model::command::CreateIdentification;
use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::proto::{Evidence, StartLink, StartLinkKind, VendorReference};
use idv_gateway::vendor::capability::{
    Cancellation, Cancellations, ClientToken, ClientTokens, Deleted, Deletion, Deletions, Restarts, Update,
    Updates,
};
use idv_gateway::vendor::invitation::{Availability, Invitations, Question, Sent};
use idv_gateway::vendor::keepsake::{About, Keepsake};
use idv_gateway::vendor::kit::polling::PollingSettings;
use idv_gateway::vendor::{
    Account, Answer, Create, Created, Get, Idempotency, Identifications, Probe, Vendor,
};

pub(crate) use desk::Desk;
use well::{Well, account};

/// The connection of the double.
pub(crate) const INVITER: &str = "connections/inviter";

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It never arrives, and nobody knows.
    LostBefore,
    /// It is done, and the answer is lost.
    LostAfter,
    /// It is refused.
    Refused(Kind),
}

/// What kind of vendor it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    pub(crate) idempotency: Idempotency,
    /// It does not look before it makes something again, as it should.
    pub(crate) careless: bool,
    /// Tokens may be had.
    pub(crate) tokens: bool,
}

impl Default for Nature {
    fn default() -> Self {
        Self { idempotency: Idempotency::CheckFirst, careless: false, tokens: true }
    }
}

/// The vendor.
pub(crate) struct Double {
    account: Account,
    polling: PollingSettings,
    nature: Nature,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// By reference, in the order in which they were invited.
    people: BTreeMap<String, Vec<Person>>,
    calls: Vec<String>,
    faults: VecDeque<(&'static str, Fault)>,
    links: u32,
    tokens: u32,
    word: Option<Word>,
    state: String,
}

#[derive(Clone)]
struct Person {
    recipient: String,
    link: String,
}

impl Books {
    fn invite(&mut self, reference: &str, recipient: &str) -> Person {
        let person = Person { recipient: recipient.to_owned(), link: self.link() };
        self.people.entry(reference.to_owned()).or_default().push(person.clone());
        person
    }

    fn link(&mut self) -> String {
        self.links += 1;
        format!("https://inviter.example/start/{}", self.links)
    }
}

impl Double {
    pub(crate) fn new(nature: Nature) -> Self {
        let account = account("inviter", Evidence::Fetched);
        let polling = PollingSettings { enabled: false, ..PollingSettings::default() };
        Self { account, polling, nature, books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// The next call of this name goes wrong, after those that go wrong already.
    pub(crate) fn fault(&self, call: &'static str, fault: Fault) {
        self.books().faults.push_back((call, fault));
    }

    /// What it was asked, in order: the call, and whom it was about.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.books().calls.clone()
    }

    /// How many people it has invited under `reference`.
    pub(crate) fn people(&self, reference: &str) -> usize {
        self.books().people.get(reference).map_or(0, Vec::len)
    }

    /// Somebody else has invited a person under `reference`.
    pub(crate) fn takes(&self, reference: &str) {
        self.books().invite(reference, "somebody@else.example");
    }

    /// From now on says so when asked.
    pub(crate) fn says(&self, word: Word) {
        self.books().word = Some(word);
    }

    /// From now on calls the state of an invitation so.
    pub(crate) fn calls_it(&self, state: &str) {
        self.books().state = state.to_owned();
    }

    fn serve<T>(
        &self,
        call: &'static str,
        about: &str,
        effect: impl FnOnce(&mut Books) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut books = self.books();
        books.calls.push([call, about].join(" ").trim_end().to_owned());
        // One that is never asked twice has to say that it may have heard.
        let twice = self.nature.idempotency != Idempotency::None;
        let silence = if twice { Kind::VendorTimeout } else { Kind::VendorOutcomeUnknown };
        let lost = || Err(Error::new(silence, call, "no answer"));
        let fault = books.faults.front().filter(|(name, _)| *name == call).map(|(_, fault)| *fault);
        if fault.is_some() {
            books.faults.pop_front();
        }
        match fault {
            None => effect(&mut books),
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => effect(&mut books).and_then(|_done| lost()),
            Some(Fault::Refused(kind)) => Err(Error::new(kind, call, "refused")),
        }
    }
}

fn keepsake(person: &Person) -> Keepsake {
    Keepsake::new(format!("{} {}", person.recipient, person.link).into_bytes())
}

/// The recipient and the link of a keepsake.
fn open(keepsake: &Keepsake) -> (String, String) {
    let text = String::from_utf8(keepsake.bytes().to_vec()).unwrap();
    let (recipient, link) = text.split_once(' ').unwrap();
    (recipient.to_owned(), link.to_owned())
}

fn recipient(about: &About<'_>) -> Result<String, Error> {
    about.needed("inviter.address").map(|kept| open(kept).0)
}

fn created(reference: &str, person: &Person) -> Created {
    let id = format!("inv-{}", person.link.rsplit('/').next().unwrap());
    let reference = VendorReference { id, reference: reference.to_owned(), ..VendorReference::default() };
    let observation = Observation { reference, ..Observation::new(Word::Accepted, Evidence::Gateway) };
    Created { observation, keepsake: Some(keepsake(person)) }
}

impl Vendor for Double {
    fn account(&self) -> &Account {
        &self.account
    }
    fn probe(&self) -> &dyn Probe {
        &Well
    }
    fn identifications(&self) -> Option<&dyn Identifications> {
        Some(self)
    }
    fn updates(&self) -> Option<&dyn Updates> {
        Some(self)
    }
    fn deletions(&self) -> Option<&dyn Deletions> {
        Some(self)
    }
    fn cancellations(&self) -> Option<&dyn Cancellations> {
        Some(self)
    }
    fn restarts(&self) -> Option<&dyn Restarts> {
        Some(self)
    }
    fn invitations(&self) -> Option<&dyn Invitations> {
        Some(self)
    }
    fn client_tokens(&self) -> Option<&dyn ClientTokens> {
        self.nature.tokens.then_some(self)
    }
}

#[async_trait]
impl Identifications for Double {
    fn idempotency(&self) -> Idempotency {
        self.nature.idempotency
    }

    fn lifetime(&self) -> Duration {
        Duration::from_hours(24 * 7)
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
        let reference = create.command.reference();
        self.serve("create", "", |books| {
            if books.people.contains_key(&reference) && !self.nature.careless {
                return Err(Error::new(Kind::ResourceExists, "create", "this unique is taken"));
            }
            Ok(created(&reference, &books.invite(&reference, &create.command.subject.email)))
        })
    }

    async fn create_again(&self, create: Create<'_>) -> Result<Created, Error> {
        if self.nature.careless {
            return self.create(create).await;
        }
        let (reference, email) = (create.command.reference(), &create.command.subject.email);
        self.serve("create_again", "", |books| {
            match books.people.get(&reference).and_then(|people| people.first()).cloned() {
                Some(person) if person.recipient == *email => Ok(created(&reference, &person)),
                Some(_other) => Err(Error::new(Kind::ResourceExists, "create", "this unique is taken")),
                None => Ok(created(&reference, &books.invite(&reference, email))),
            }
        })
    }

    async fn get(&self, get: Get<'_>) -> Result<Answer, Error> {
        let reference = get.reference.clone();
        self.serve("get", "", |books| {
            let word = books.word.unwrap_or(Word::NotStarted);
            let observation = Observation { reference, ..Observation::new(word, Evidence::Fetched) };
            Ok(Answer { observation, drift: Vec::new() })
        })
    }

    fn start_links(&self, about: About<'_>) -> Vec<StartLink> {
        let link = |kept| StartLink { kind: StartLinkKind::Web.into(), uri: open(kept).1 };
        about.keepsake.map(link).into_iter().collect()
    }
}

#[async_trait]
impl Updates for Double {
    fn check(&self, _update: &idv_gateway::model::change::UpdateIdentification) -> Vec<Violation> {
        Vec::new()
    }

    fn foresee(&self, update: &Update<'_>) -> Result<Option<Keepsake>, Error> {
        let (old, link) = open(update.about.needed("inviter.update")?);
        let recipient = format!("{old}|{}", update.command.subject.email);
        Ok(Some(keepsake(&Person { recipient, link })))
    }

    async fn update(&self, update: Update<'_>) -> Result<Option<Keepsake>, Error> {
        let (old, link) = open(update.about.needed("inviter.update")?);
        let person = Person { recipient: update.command.subject.email.clone(), link };
        self.serve("update", &old, |_books| Ok(Some(keepsake(&person))))
    }
}

#[async_trait]
impl Deletions for Double {
    async fn delete(&self, deletion: Deletion<'_>) -> Result<Deleted, Error> {
        self.serve("delete", &recipient(&deletion.about)?, |_books| Ok(Deleted::Now))
    }
}

#[async_trait]
impl Cancellations for Double {
    fn check(&self, reason: &str) -> Vec<Violation> {
        if reason.len() > 20 {
            vec![Violation::new("reason", "must be at most 20 bytes")]
        } else {
            Vec::new()
        }
    }

    async fn cancel(&self, cancellation: Cancellation<'_>) -> Result<(), Error> {
        let about = format!("{} {}", recipient(&cancellation.about)?, cancellation.reason);
        self.serve("cancel", &about, |_books| Ok(()))
    }
}

#[async_trait]
impl Restarts for Double {
    async fn restart(&self, about: About<'_>) -> Result<Option<Keepsake>, Error> {
        let recipient = recipient(&about)?;
        self.serve("restart", &recipient, |books| {
            Ok(Some(keepsake(&Person { recipient: recipient.clone(), link: books.link() })))
        })
    }
}

#[async_trait]
impl Invitations for Double {
    fn check_question(&self, question: &Question) -> Vec<Violation> {
        if question.unique.is_empty() { vec![Violation::new("unique", "is required")] } else { Vec::new() }
    }

    async fn is_available(&self, question: &Question) -> Result<Availability, Error> {
        self.serve("check", &question.email, |books| {
            let available = !books.people.contains_key(&question.unique);
            let vendor_code = if available { "" } else { "TAKEN" }.to_owned();
            Ok(Availability { available, vendor_code })
        })
    }

    async fn send(&self, about: About<'_>) -> Result<Sent, Error> {
        self.serve("send", &recipient(&about)?, |books| {
            Ok(Sent { vendor_state: books.state.clone(), expire_time: None })
        })
    }
}

#[async_trait]
impl ClientTokens for Double {
    async fn issue(&self) -> Result<ClientToken, Error> {
        self.serve("issue", "", |books| {
            books.tokens += 1;
            let token = format!("token-{}", books.tokens).into();
            // An hour after the clock of a desk begins.
            Ok(ClientToken { token, expire_time: Some((desk::start() + Duration::from_hours(1)).into()) })
        })
    }
}
