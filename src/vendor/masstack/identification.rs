//! Identifications at MasStack: processes with a code or a document, seen by asking only.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::Value;

use crate::error::{Error, Result, Violation};
use crate::model::command::CreateIdentification;
use crate::model::observation::{Observation, Word};
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{
    AssuranceLevel, DeliveryMethod, Evidence, IdentityDocumentSpec, OtpFactor, OtpSpec, ScoringProvider,
    StartLink, Subject, VendorReference,
};
use crate::vendor::keepsake::About;
use crate::vendor::kit::field_path::{Drift, Paths, Shown, lacks};
use crate::vendor::kit::http::Answer as HttpAnswer;
use crate::vendor::kit::polling::PollingSettings;
use crate::vendor::kit::url::Segment;
use crate::vendor::masstack::Masstack;
use crate::vendor::masstack::actor::{Documents, actor, person};
use crate::vendor::masstack::config::Generation;
use crate::vendor::masstack::process::{ID, Kind, Process};
use crate::vendor::masstack::validity;
use crate::vendor::masstack::wire::{Channel, DocumentBody, OtpBody, Scoring};
use crate::vendor::{Answer, Create, Created, Get, Idempotency, Identifications};

const CREATE: &str = "masstack.create";
const GET: &str = "masstack.get";

#[async_trait]
impl Identifications for Masstack {
    fn idempotency(&self) -> Idempotency {
        Idempotency::None
    }

    fn lifetime(&self) -> Duration {
        validity::LONGEST
    }

    fn lifetime_of(&self, command: &CreateIdentification) -> Duration {
        let said = match &command.spec {
            Spec::Otp(spec) => spec.expires_in.as_ref(),
            Spec::IdentityDocument(spec) => spec.expires_in.as_ref(),
            _ => None,
        };
        validity::read(said).unwrap_or(validity::LONGEST)
    }

    fn polling(&self) -> &PollingSettings {
        &self.polling
    }

    fn check(&self, command: &CreateIdentification) -> Vec<Violation> {
        self.body(command).err().unwrap_or_default()
    }

    fn read_reference(&self, said: &VendorReference) -> Result<VendorReference, Vec<Violation>> {
        Process::read(said)
    }

    async fn create(&self, create: Create<'_>) -> Result<Created, Error> {
        let body = self.body(create.command).map_err(|violations| Error::invalid(CREATE, violations))?;
        let kind = body.kind();
        let call = self.api.creation(CREATE, kind)?;
        let call = match &body {
            Body::Otp(body) => call.json(body)?,
            Body::Document(body) => call.json(body)?,
        };
        let answer = self.api.done(call).await?;
        self.created(kind, &answer).map(Created::from)
    }

    async fn get(&self, get: Get<'_>) -> Result<Answer, Error> {
        let nothing = || Answer {
            observation: Observation::new(Word::NotStarted, Evidence::Fetched),
            drift: Vec::new(),
        };
        let Some(process) = Process::of(get.reference) else { return Ok(nothing()) };
        let call = self.api.about(GET, &self.api.endpoints().get, &process)?.due(get.deadline);
        let Some(answer) = self.api.find(call).await? else { return Ok(nothing()) };
        self.observe(&process, &answer)
    }

    fn start_links(&self, _about: About<'_>) -> Vec<StartLink> {
        // The vendor has no page: whoever makes one has the id for it in `vendor_reference.reference`.
        Vec::new()
    }
}

/// The body of a creation.
enum Body<'a> {
    Otp(OtpBody<'a>),
    Document(DocumentBody<'a>),
}

impl Body<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Otp(_) => Kind::Otp,
            Self::Document(_) => Kind::IdentityDocument,
        }
    }
}

impl Masstack {
    /// What the vendor is sent for `command`, or which parts of it it cannot take.
    fn body<'a>(&self, command: &'a CreateIdentification) -> Result<Body<'a>, Vec<Violation>> {
        let mut violations = Vec::new();
        let body = match &command.spec {
            Spec::Otp(spec) => otp(spec, &command.subject, &mut violations).map(Body::Otp),
            Spec::IdentityDocument(spec) => {
                document(spec, &command.subject, self.generation, &mut violations).map(Body::Document)
            }
            _ => {
                let expected = "must be otp or identity_document on this connection";
                violations.push(Violation::new("spec", expected));
                None
            }
        };
        body.filter(|_body| violations.is_empty()).ok_or(violations)
    }

    fn created(&self, kind: Kind, answer: &HttpAnswer) -> Result<Observation> {
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.invalid("has a status that the vendor does not document"));
        }
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let shown = Shown::new(&body, &drift);
        let admin_id = id(answer, &shown, "admin_identification_id", &self.fields.admin_identification_id)?;
        let id = id(answer, &shown, "identification_id", &self.fields.identification_id)?;
        let process = Process { kind, id, admin_id: Some(admin_id) };
        let accepted = Observation::new(Word::Accepted, Evidence::Gateway);
        Ok(Observation { reference: process.reference(), ..accepted })
    }

    /// What `answer` says of `process`.
    pub(super) fn observe(&self, process: &Process, answer: &HttpAnswer) -> Result<Answer> {
        let (body, drift): (Value, _) = (answer.json()?, Drift::default());
        let shown = Shown::new(&body, &drift);
        let vendor_status = shown.word("state", &self.fields.state);
        if vendor_status.is_empty() {
            return Err(lacks(answer, "state", &self.fields.state));
        }
        let word = self.states.word(&vendor_status);
        if word == Word::Unknown {
            shown.note("state");
        }
        let said = Observation::new(word, Evidence::Fetched);
        let observation = Observation { vendor_status, reference: process.reference(), ..said };
        Ok(Answer { observation, drift: drift.into_names() })
    }
}

fn id(answer: &HttpAnswer, shown: &Shown<'_>, name: &'static str, paths: &Paths) -> Result<Segment> {
    ID.segment(&shown.text(name, paths)).map_err(|_odd| lacks(answer, name, paths))
}

fn otp<'a>(spec: &OtpSpec, subject: &'a Subject, violations: &mut Vec<Violation>) -> Option<OtpBody<'a>> {
    let actor = actor(subject, Documents::Spanish, violations);
    let mut refuse = |field: &str, expected: &str| violations.push(Violation::new(field, expected));
    let channel = match DeliveryMethod::try_from(spec.channel) {
        Ok(DeliveryMethod::Sms) => Some("SMS"),
        Ok(DeliveryMethod::Email) => Some("EMAIL"),
        Ok(DeliveryMethod::Whatsapp) => Some("WHATSAPP"),
        _ => {
            refuse("spec.otp.channel", "must be SMS, EMAIL or WHATSAPP on this connection");
            None
        }
    };
    if matches!(channel, Some("SMS" | "WHATSAPP")) && subject.phone.is_none() {
        refuse("subject.phone", "is required with this spec.otp.channel");
    }
    let factor = match OtpFactor::try_from(spec.factor) {
        Ok(OtpFactor::Unspecified) => None,
        Ok(OtpFactor::DocumentNumber) => Some("DOCUMENT_NUMBER"),
        Ok(OtpFactor::Email) => Some("EMAIL"),
        Ok(OtpFactor::PersonalDocumentImage) => Some("PERSONAL_DOCUMENT_IMAGE"),
        Err(_number) => {
            refuse("spec.otp.factor", "is not a value this gateway knows");
            None
        }
    };
    if matches!(factor, Some("DOCUMENT_NUMBER" | "PERSONAL_DOCUMENT_IMAGE"))
        && subject.document_number.is_empty()
    {
        refuse("subject.document_number", "is required with this spec.otp.factor");
    }
    if subject.email.is_empty() && (channel == Some("EMAIL") || factor == Some("EMAIL")) {
        refuse("subject.email", "is required where spec.otp says EMAIL");
    }
    let expires_in = validity::read(spec.expires_in.as_ref());
    let expires_in = expires_in.map_err(|expected| refuse("spec.otp.expires_in", expected)).ok()?;
    Some(OtpBody {
        actor,
        expires_in: validity::written(expires_in),
        two_factor_type: factor,
        channel: Channel { kind: channel?, external: if spec.external_channel { "true" } else { "false" } },
    })
}

fn document<'a>(
    spec: &IdentityDocumentSpec,
    subject: &'a Subject,
    generation: Generation,
    violations: &mut Vec<Violation>,
) -> Option<DocumentBody<'a>> {
    let (person, actor) = match generation {
        Generation::Flat => (Some(person(subject, Documents::Listed, violations)), None),
        Generation::Actor => (None, Some(actor(subject, Documents::AnyCard, violations))),
    };
    let mut refuse = |part: &str, expected: &str| {
        violations.push(Violation::new(format!("spec.identity_document.{part}"), expected));
    };
    let configuration_name = match AssuranceLevel::try_from(spec.level) {
        Ok(AssuranceLevel::Unspecified) => None,
        Ok(AssuranceLevel::Low) => Some("LOW"),
        Ok(AssuranceLevel::Medium) => Some("MEDIUM"),
        Ok(AssuranceLevel::High) => Some("HIGH"),
        Err(_number) => {
            refuse("level", "is not a value this gateway knows");
            None
        }
    };
    let provider = match ScoringProvider::try_from(spec.scoring_provider) {
        Ok(ScoringProvider::Unspecified) => None,
        Ok(ScoringProvider::Internal) => Some("INTERNAL"),
        Ok(ScoringProvider::External) => Some("EXTERNAL"),
        Err(_number) => {
            refuse("scoring_provider", "is not a value this gateway knows");
            None
        }
    };
    let expires_in = validity::read(spec.expires_in.as_ref());
    let expires_in = expires_in.map_err(|expected| refuse("expires_in", expected)).ok()?;
    Some(DocumentBody {
        person,
        actor,
        configuration_name,
        expires_in: validity::written(expires_in),
        scoring: provider.map(|provider| Scoring { provider }),
    })
}
