//! Vendors: one object for one connection, with an accessor per capability.
//!
//! Absence is said once, by `None`; the support matrix is read off the accessors.

pub mod account_settings;
pub mod biometrics;
pub mod capability;
pub mod invitation;
pub mod keepsake;
pub mod kit;
pub mod onboarding;
pub mod registry;
pub mod ticket;
pub mod webhook;
pub mod webhook_setting;

pub mod idnow;
pub mod masstack;
pub mod preventor;
pub mod preventor_open;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::Deserialize;

use crate::error::{Error, Violation};
use crate::model::command::CreateIdentification;
use crate::model::document::{DefinitionId, DocumentName};
use crate::model::name::{ArtifactName, ConnectionId, IdentificationName};
use crate::model::observation::Observation;
use crate::proto::{
    Artifact, Document, DocumentDefinition, Evidence, IdentificationResult, IdentificationState, StartLink,
    Vendor as VendorKind, VendorReference,
};
use crate::vendor::biometrics::Biometrics;
use crate::vendor::capability::{
    Activities, Archives, BindingKeys, Cancellations, ClientTokens, Copies, Deletions, Restarts, Updates,
};
pub use crate::vendor::capability::{capabilities, support};
use crate::vendor::invitation::Invitations;
use crate::vendor::keepsake::{About, Keepsake};
use crate::vendor::kit::deadline::Deadline;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::spool::{Spool, Spools};
use crate::vendor::onboarding::Onboarding;
use crate::vendor::ticket::Tickets;
pub use crate::vendor::webhook::{Reading, SecretWindow, Unreadable, Webhooks};
use crate::vendor::webhook_setting::WebhookSettings;

/// One configured account at a vendor. It has the capabilities whose accessors it overrides, and no others.
pub trait Vendor: Send + Sync {
    /// Who and where it is.
    fn account(&self) -> &Account;
    /// How to find out whether it works.
    fn probe(&self) -> &dyn Probe;
    /// Identifications, where the vendor has them.
    fn identifications(&self) -> Option<&dyn Identifications> {
        None
    }
    /// What the vendor found out, where it tells.
    fn results(&self) -> Option<&dyn Results> {
        None
    }
    /// Files of identifications, where the vendor has them.
    fn artifacts(&self) -> Option<&dyn Artifacts> {
        None
    }
    /// Lists of identifications, where the vendor keeps them.
    fn lists(&self) -> Option<&dyn Lists> {
        None
    }
    /// Documents that are signed, where the vendor has them.
    fn signing(&self) -> Option<&dyn Signing> {
        None
    }
    /// Updates, where the vendor takes them.
    fn updates(&self) -> Option<&dyn Updates> {
        None
    }
    /// Copying, where accounts may copy to each other.
    fn copies(&self) -> Option<&dyn Copies> {
        None
    }
    /// Archiving, where the vendor has an archive.
    fn archives(&self) -> Option<&dyn Archives> {
        None
    }
    /// Erasing, where the vendor does it when asked.
    fn deletions(&self) -> Option<&dyn Deletions> {
        None
    }
    /// Ending for good, where the vendor does it when asked.
    fn cancellations(&self) -> Option<&dyn Cancellations> {
        None
    }
    /// New attempts, where the vendor needs a call for them.
    fn restarts(&self) -> Option<&dyn Restarts> {
        None
    }
    /// Device binding keys, where the vendor has them.
    fn binding_keys(&self) -> Option<&dyn BindingKeys> {
        None
    }
    /// Invitations, where the vendor invites people itself.
    fn invitations(&self) -> Option<&dyn Invitations> {
        None
    }
    /// Verification records, where the vendor has them.
    fn tickets(&self) -> Option<&dyn Tickets> {
        None
    }
    /// The vendor's own log of an identification, where it shows one.
    fn activities(&self) -> Option<&dyn Activities> {
        None
    }
    /// Tokens for a vendor's SDK, where the connection allows them.
    fn client_tokens(&self) -> Option<&dyn ClientTokens> {
        None
    }
    /// Customers, accounts and transactions, where the vendor keeps them.
    fn onboarding(&self) -> Option<&dyn Onboarding> {
        None
    }
    /// Biometric enrolment, where the vendor does it with pictures that it is handed.
    fn biometrics(&self) -> Option<&dyn Biometrics> {
        None
    }
    /// Webhooks, where the vendor sends them and the connection accepts them.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }
    /// The vendor's list of whom it sends webhooks to, where it can be changed by calls.
    fn webhook_settings(&self) -> Option<&dyn WebhookSettings> {
        None
    }
}

/// What does not change about a connection while the gateway runs.
#[derive(Debug, Clone)]
pub struct Account {
    /// The connection's id.
    pub connection: ConnectionId,
    /// The vendor behind it.
    pub vendor: VendorKind,
    /// For people.
    pub display_name: String,
    /// `live`, `test` or `sandbox`.
    pub environment: String,
    /// The vendor's region, for example `de`.
    pub region: String,
    /// A decision is published on evidence of at least this strength; on weaker one the vendor is asked first.
    pub min_evidence: Evidence,
    /// After how long without a webhook, in spite of something that should have brought one, it is DEGRADED.
    pub silence_after: Option<Duration>,
    /// What the vendor speaks of and nobody here knows is taken over.
    pub adopt_unknown: bool,
}

/// On what evidence a connection's decisions are published; on weaker evidence the vendor is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinEvidence {
    /// The vendor said so when the gateway asked it.
    #[default]
    Fetched,
    /// A webhook whose sender knew the shared secret is enough: whoever learns the secret can forge a decision.
    SharedSecret,
}

impl From<MinEvidence> for Evidence {
    fn from(least: MinEvidence) -> Self {
        match least {
            MinEvidence::Fetched => Self::Fetched,
            MinEvidence::SharedSecret => Self::SharedSecret,
        }
    }
}

/// How to find out whether an account works.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Names the server. Connections with the same one share what it says about itself.
    fn server(&self) -> String;
    /// How long the vendor wants to be left alone between two checks, and its server between two questions. Whoever
    /// calls the methods below keeps to it.
    fn pause(&self) -> Duration;
    /// Asks the server about itself. An answer that is not the good one is VENDOR_RESPONSE_INVALID.
    async fn ask_server(&self) -> Result<(), Error>;
    /// Asks for something that only the account's credentials open, as cheaply as the vendor allows.
    async fn prove_credentials(&self) -> Result<(), Error>;
}

/// What a connector may do when it does not know whether a creation arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Repeat it: the same reference makes the same thing (IDnow).
    UpsertByReference,
    /// Ask first whether it is there (Preventor).
    CheckFirst,
    /// Never repeat it (Masstack). Only where the error of a creation is VENDOR_OUTCOME_UNKNOWN or
    /// VENDOR_RESPONSE_INVALID may the vendor have heard it.
    None,
}

/// Identifications at one vendor account.
#[async_trait]
pub trait Identifications: Send + Sync {
    /// What may be done after a creation without an answer.
    fn idempotency(&self) -> Idempotency;
    /// How long the vendor keeps an identification that nobody finishes.
    fn lifetime(&self) -> Duration;
    /// The same where `command` asks for a time of its own.
    fn lifetime_of(&self, _command: &CreateIdentification) -> Duration {
        self.lifetime()
    }
    /// When the gateway looks at them unasked.
    fn polling(&self) -> &PollingSettings;
    /// Which parts of `command` this vendor cannot take; called before anything is recorded or sent.
    fn check(&self, command: &CreateIdentification) -> Vec<Violation>;
    /// The identifiers in a caller's `vendor_reference`, spelt as the vendor's own words are, or which parts of it
    /// this vendor cannot have given; called before the vendor is asked about them.
    fn read_reference(&self, said: &VendorReference) -> Result<VendorReference, Vec<Violation>>;
    /// What this vendor is asked by where a caller `said` several identifiers: one alone, so that another which does not
    /// belong to it shows.
    fn asked_by(&self, said: VendorReference) -> VendorReference {
        let id = if said.reference.is_empty() { said.id } else { String::new() };
        VendorReference { id, ..said }
    }
    /// Creates it. `Ok` is [`Word::Accepted`](crate::model::observation::Word::Accepted) with the vendor's ids.
    async fn create(&self, create: Create<'_>) -> Result<Created, Error>;
    /// Goes on with a creation that may have reached the vendor, where it has to be looked for first
    /// ([`Idempotency::CheckFirst`]): what is there, or made now.
    async fn create_again(&self, create: Create<'_>) -> Result<Created, Error> {
        self.create(create).await
    }
    /// Asks for its present state, Evidence FETCHED.
    async fn get(&self, get: Get<'_>) -> Result<Answer, Error>;
    /// Where the person starts: computed from the ids, or what the vendor gave for it.
    fn start_links(&self, about: About<'_>) -> Vec<StartLink>;
}

/// Input of [`Identifications::create`].
#[derive(Debug)]
pub struct Create<'a> {
    /// What the caller asked for; `command.reference()` is what the vendor is told to call it.
    pub command: &'a CreateIdentification,
}

/// What came of a creation.
#[derive(Debug)]
pub struct Created {
    /// [`Word::Accepted`](crate::model::observation::Word::Accepted), or what is known to have become of it since.
    pub observation: Observation,
    /// What the connector needs for later calls about it.
    pub keepsake: Option<Keepsake>,
}

impl From<Observation> for Created {
    fn from(observation: Observation) -> Self {
        Self { observation, keepsake: None }
    }
}

/// Input of [`Identifications::get`].
#[derive(Debug)]
pub struct Get<'a> {
    /// The vendor's identifiers.
    pub reference: &'a VendorReference,
    /// Until when somebody waits for the answer; without it, as long as the connection's limits allow.
    pub deadline: Option<Deadline>,
}

/// The vendor's own lists of identifications.
#[async_trait]
pub trait Lists: Send + Sync {
    /// All lists, by the vendor's names.
    fn all(&self) -> &'static [&'static str];
    /// Those that hold identifications in `state`; none: the vendor lists no such ones.
    fn of(&self, state: IdentificationState) -> &'static [&'static str];
    /// How long a list is left alone after it was read. Whoever calls the method below keeps to it.
    fn pause(&self) -> Duration;
    /// Reads the list of this name whole, Evidence FETCHED. Entries that cannot be read are passed over as drift.
    async fn read(&self, list: &'static str) -> Result<Reading, Error>;
}

/// What the vendor answered about one identification.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its present state.
    pub observation: Observation,
    /// Paths of fields whose value the connector does not know, for the drift counter.
    pub drift: Vec<&'static str>,
}

/// What one vendor account found out about the people behind its identifications.
#[async_trait]
pub trait Results: Send + Sync {
    /// Asks for the present state and everything that was found, Evidence FETCHED.
    async fn result(&self, get: Get<'_>) -> Result<Findings, Error>;
}

/// What the vendor answered about one identification, and what it found. Personal data: it has no debug form.
pub struct Findings {
    /// Its present state.
    pub observation: Observation,
    /// What was found; `None` when the vendor has nothing to show. What follows from the observation or is known here
    /// (name, revision, decision, the vendor's result word, proof of address) is not filled in.
    pub result: Option<IdentificationResult>,
    /// The body as it came, where it is about this identification alone; else empty.
    pub raw: Bytes,
    /// Media type of `raw`.
    pub raw_media_type: &'static str,
    /// Paths of fields that are not as the connector knows them, for the drift counter.
    pub drift: Vec<String>,
}

impl Findings {
    /// Nothing was found.
    pub fn none(observation: Observation) -> Self {
        Self { observation, result: None, raw: Bytes::new(), raw_media_type: "", drift: Vec::new() }
    }
}

/// Files of identifications at one vendor account. Nothing of them is kept.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// The files that are there after what was observed, without asking the vendor: each is among those it would list.
    fn known(&self, known: KnownArtifacts<'_>) -> Vec<Artifact>;
    /// The files of one identification, in an order that stays. `None`: the vendor has nothing of it.
    async fn list(&self, list: ListArtifacts<'_>) -> Result<Option<Vec<Artifact>>, Error>;
    /// One file. `None`: the vendor has nothing of the identification.
    async fn open(&self, open: OpenArtifact<'_>) -> Result<Option<OpenedArtifact>, Error>;
}

/// Input of [`Artifacts::known`].
#[derive(Debug)]
pub struct KnownArtifacts<'a> {
    /// Whose files.
    pub name: &'a IdentificationName,
    /// What the vendor last said of it.
    pub observation: &'a Observation,
}

/// Input of [`Artifacts::list`].
#[derive(Debug)]
pub struct ListArtifacts<'a> {
    /// Whose files.
    pub name: &'a IdentificationName,
    /// The vendor's identifiers.
    pub reference: &'a VendorReference,
}

/// Input of [`Artifacts::open`].
#[derive(Debug)]
pub struct OpenArtifact<'a> {
    /// Which file of which identification.
    pub name: &'a ArtifactName,
    /// The vendor's identifiers.
    pub reference: &'a VendorReference,
}

/// One file whose content can be read once.
pub struct OpenedArtifact {
    /// What it is.
    pub artifact: Artifact,
    /// The content in pieces of any size. Dropping it ends the transfer.
    pub content: BoxStream<'static, Result<Bytes, Error>>,
}

/// Documents that people sign during identifications at one vendor account.
#[async_trait]
pub trait Signing: Send + Sync {
    /// How much may be uploaded for one identification.
    fn limits(&self) -> SigningLimits;
    /// What keeps a document until it is whole and known to be the right one.
    fn spools(&self) -> &Spools;
    /// Every definition of the account.
    async fn definitions(&self) -> Result<Vec<DocumentDefinition>, Error>;
    /// One definition. `None`: the vendor has none of that id.
    async fn definition(&self, id: &DefinitionId) -> Result<Option<DocumentDefinition>, Error>;
    /// Makes a definition; some vendors change the one that is there instead.
    async fn create_definition(&self, put: PutDefinition<'_>) -> Result<(), Error>;
    /// Replaces a definition. `None`: the vendor has none of that id.
    async fn update_definition(&self, put: PutDefinition<'_>) -> Result<Option<()>, Error>;
    /// Deletes a definition. `None`: the vendor has none of that id.
    async fn delete_definition(&self, id: &DefinitionId) -> Result<Option<()>, Error>;
    /// Hands over the default document of a definition, in place of an earlier one. `None`: the vendor has no such
    /// definition.
    async fn upload_default(&self, upload: UploadDefault<'_>) -> Result<Option<()>, Error>;
    /// The default document of a definition in pieces of any size. `None`: the vendor has none. Dropping it ends the
    /// transfer.
    async fn open_default(
        &self,
        id: &DefinitionId,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, Error>>>, Error>;
    /// Hands over a document, in place of an earlier one.
    async fn upload(&self, upload: Upload<'_>) -> Result<(), Error>;
    /// The documents of an identification. `None`: the vendor has nothing of it.
    async fn documents(&self, list: ListDocuments<'_>) -> Result<Option<Vec<Document>>, Error>;
    /// One document. `None`: the vendor has nothing of it.
    async fn document(&self, get: GetDocument<'_>) -> Result<Option<Document>, Error>;
    /// Gives a document another display name than its definition has. `None`: the vendor has nothing of it.
    async fn rename(&self, rename: RenameDocument<'_>) -> Result<Option<()>, Error>;
    /// The signed document in pieces of any size. `None`: the vendor has nothing of it. Dropping it ends the transfer.
    async fn open_signed(
        &self,
        get: GetDocument<'_>,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, Error>>>, Error>;
}

/// How much may be uploaded for one identification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningLimits {
    /// Documents.
    pub documents: usize,
    /// Bytes of all documents together.
    pub total_bytes: u64,
}

/// Input of [`Signing::create_definition`] and [`Signing::update_definition`].
#[derive(Debug)]
pub struct PutDefinition<'a> {
    /// Which.
    pub id: &'a DefinitionId,
    /// What it says, complete.
    pub definition: &'a DocumentDefinition,
}

/// Input of [`Signing::upload_default`].
#[derive(Debug)]
pub struct UploadDefault<'a> {
    /// Whose default document.
    pub id: &'a DefinitionId,
    /// A PDF.
    pub content: Arc<Spool>,
}

/// Input of [`Signing::upload`].
#[derive(Debug)]
pub struct Upload<'a> {
    /// Which document of which identification.
    pub name: &'a DocumentName,
    /// The vendor's identifiers of the identification.
    pub reference: &'a VendorReference,
    /// A PDF.
    pub content: Arc<Spool>,
}

/// Input of [`Signing::documents`].
#[derive(Debug)]
pub struct ListDocuments<'a> {
    /// Whose documents.
    pub name: &'a IdentificationName,
    /// The vendor's identifiers.
    pub reference: &'a VendorReference,
}

/// Input of [`Signing::document`] and [`Signing::open_signed`].
#[derive(Debug)]
pub struct GetDocument<'a> {
    /// Which document of which identification.
    pub name: &'a DocumentName,
    /// The vendor's identifiers of the identification.
    pub reference: &'a VendorReference,
}

/// Input of [`Signing::rename`].
#[derive(Debug)]
pub struct RenameDocument<'a> {
    /// Which document of which identification.
    pub name: &'a DocumentName,
    /// The vendor's identifiers of the identification.
    pub reference: &'a VendorReference,
    /// What the person reads above it from now on.
    pub display_name: &'a str,
}
