//! Changing and withdrawing invitations. The vendor's URLs name them by their recipient, who may have another one as
//! soon as theirs has ended: so its log is asked by id first, and only what is open is changed.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use crate::error::{Error, Kind, Result, Violation};
use crate::model::change::{UpdateIdentification, covers};
use crate::proto::PhoneNumber;
use crate::proto::identification_spec::Kind as Spec;
use crate::vendor::capability::{Cancellation, Cancellations, Deleted, Deletion, Deletions, Update, Updates};
use crate::vendor::keepsake::{About, Keepsake};
use crate::vendor::kit::field_path::{Drift, Shown};
use crate::vendor::kit::phone;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::url::{self, Segment};
use crate::vendor::preventor::Preventor;
use crate::vendor::preventor::recipient::{Kept, method_word, segment};
use crate::vendor::preventor::wire::{UpdateBody, UpdatePhone};

const UPDATE: &str = "preventor.update";
const DELETE: &str = "preventor.delete";
const CANCEL: &str = "preventor.cancel";

/// How an invitation stands at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Whatever is said of it, it has not ended.
    Open,
    Completed,
    Expired,
    Deleted,
    /// The vendor has none.
    Missing,
}

/// What a caller changes, as far as its paths name it.
struct Changes<'a> {
    email: Option<&'a str>,
    phone: Option<phone::Parts<'a>>,
    e164: Option<&'a str>,
    method: Option<&'static str>,
    broker: Option<&'a str>,
    flow: Option<&'a str>,
}

impl<'a> Changes<'a> {
    /// Reads what `update` names, or which parts of it cannot be.
    fn read(update: &'a UpdateIdentification) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let names = |field: &str| update.paths.values().any(|path| covers(path, field));
        let number = update.subject.phone.as_ref();
        let number =
            number.filter(|_number| names("subject.phone.e164") || names("subject.phone.region_code"));
        let text = |field: &str, text: &'a str| Some(text).filter(|text| names(field) && !text.is_empty());
        let spec = match &update.spec {
            Some(Spec::Invitation(spec)) => Some(spec),
            _ => None,
        };
        let method = spec.and_then(|spec| method_word(spec.delivery_method()));
        let changes = Self {
            email: text("subject.email", &update.subject.email),
            phone: number.and_then(|number| check_phone(number, &mut violations)),
            e164: number.map(|number| number.e164.as_str()),
            method: method.filter(|_method| names("spec.invitation.delivery_method")),
            broker: spec.and_then(|spec| text("spec.invitation.broker", &spec.broker)),
            flow: spec.and_then(|spec| text("spec.invitation.flow", &spec.flow)),
        };
        if let Some(Err(expected)) = changes.email.map(segment) {
            violations.push(Violation::new("subject.email", expected));
        }
        for (index, path) in &update.paths {
            if !changes.fields().iter().any(|(field, _)| covers(path, field)) {
                let field = format!("update_mask.paths[{index}]");
                violations.push(Violation::new(field, "is not a field that this connection changes"));
            } else if !changes.fields().iter().any(|(field, there)| *there && covers(path, field)) {
                let expected =
                    "must have a value that this connection knows: it cannot clear it at the vendor";
                violations.push(Violation::new(path, expected));
            }
        }
        if violations.is_empty() { Ok(changes) } else { Err(violations) }
    }

    /// What an update can change, and whether this one does. `unique` is not among it: it is the reference by which the
    /// gateway knows the invitation.
    fn fields(&self) -> [(&'static str, bool); 6] {
        [
            ("subject.email", self.email.is_some()),
            ("subject.phone.e164", self.e164.is_some()),
            ("subject.phone.region_code", self.e164.is_some()),
            ("spec.invitation.delivery_method", self.method.is_some()),
            ("spec.invitation.broker", self.broker.is_some()),
            ("spec.invitation.flow", self.flow.is_some()),
        ]
    }

    /// Whom the invitation goes to after it, where it says so.
    fn recipient(&self, kept: &Kept) -> Result<Option<&'a str>, Vec<Violation>> {
        let method = self.method.unwrap_or(&kept.delivery_method);
        let moved =
            self.method.is_some_and(|method| (method == "PHONE") != (kept.delivery_method == "PHONE"));
        let (field, said) =
            if method == "PHONE" { ("subject.phone", self.e164) } else { ("subject.email", self.email) };
        if moved && said.is_none() {
            return Err(vec![Violation::new(field, "is required with the new delivery_method")]);
        }
        Ok(said)
    }

    fn body(&self) -> UpdateBody<'a> {
        UpdateBody {
            delivery_method: self.method,
            phone: self.phone.map(|parts| UpdatePhone {
                phone_number: parts.national,
                phone_country_code: parts.region.unwrap_or_default(),
            }),
            email: self.email,
            broker: self.broker,
            flow: self.flow,
        }
    }
}

#[async_trait]
impl Updates for Preventor {
    fn check(&self, update: &UpdateIdentification) -> Vec<Violation> {
        Changes::read(update).err().unwrap_or_default()
    }

    fn foresee(&self, update: &Update<'_>) -> Result<Option<Keepsake>, Error> {
        let refused = |violations| Error::invalid(UPDATE, violations);
        let changes = Changes::read(update.command).map_err(refused)?;
        let mut kept = Kept::needed(update.about, UPDATE)?;
        match changes.recipient(&kept).map_err(refused)? {
            Some(moved) if kept.recipients().all(|known| known != moved) => {
                kept.expect(moved.to_owned());
                kept.seal(UPDATE).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn update(&self, update: Update<'_>) -> Result<Option<Keepsake>, Error> {
        let refused = |violations| Error::invalid(UPDATE, violations);
        let changes = Changes::read(update.command).map_err(refused)?;
        let kept = Kept::needed(update.about, UPDATE)?;
        let moved = changes.recipient(&kept).map_err(refused)?;
        let error = |kind, detail: &str| Err(Error::new(kind, UPDATE, detail));
        match self.standing(update.about).await? {
            Standing::Open => {}
            Standing::Completed => {
                return error(Kind::IdentificationCompleted, "the vendor has completed the invitation");
            }
            Standing::Expired => return error(Kind::StateNotAllowed, "the invitation has expired"),
            Standing::Deleted | Standing::Missing => {
                return error(Kind::IdentificationGone, "the vendor no longer has the invitation");
            }
        }
        let (path, body) = (&self.api.paths().invitation, changes.body());
        let call = |place: &Segment| {
            let call = self.api.prepare(UPDATE, Method::PATCH, path, &[("recipient", place)])?;
            call.repeat(Repeat::Never).json(&body)
        };
        let (found, answer) = self.change_at(&kept, UPDATE, call).await?;
        let (body, drift): (Value, _) = (answer.json().unwrap_or_default(), Drift::default());
        let said = Shown::new(&body, &drift).text("invitation.link", &self.invitation.link);
        let kept = Kept {
            recipient: moved.unwrap_or(found).to_owned(),
            unconfirmed: Vec::new(),
            link: url::link(&said, self.plain).or_else(|| kept.link.clone()),
            delivery_method: changes.method.unwrap_or(&kept.delivery_method).to_owned(),
        };
        kept.seal(UPDATE).map(Some)
    }
}

#[async_trait]
impl Deletions for Preventor {
    async fn delete(&self, deletion: Deletion<'_>) -> Result<Deleted, Error> {
        if deletion.about.reference.id.is_empty() {
            // The vendor cannot be asked whether it has ended.
            return Ok(Deleted::NothingThere);
        }
        let withdrawn = self.withdraw(DELETE, deletion.about).await? == Standing::Deleted;
        Ok(if withdrawn { Deleted::Now } else { Deleted::NothingThere })
    }
}

#[async_trait]
impl Cancellations for Preventor {
    fn check(&self, _reason: &str) -> Vec<Violation> {
        Vec::new()
    }

    async fn cancel(&self, cancellation: Cancellation<'_>) -> Result<(), Error> {
        if self.withdraw(CANCEL, cancellation.about).await? == Standing::Completed {
            let detail = "the vendor has completed the invitation";
            return Err(Error::new(Kind::StateNotAllowed, CANCEL, detail));
        }
        Ok(())
    }
}

impl Preventor {
    /// Takes the invitation back if it is open; how it stands then.
    async fn withdraw(&self, operation: &'static str, about: About<'_>) -> Result<Standing> {
        let standing = self.standing(about).await?;
        if standing != Standing::Open {
            return Ok(standing);
        }
        let (kept, path) = (Kept::needed(about, operation)?, &self.api.paths().invitation);
        let call = |place: &Segment| {
            let call = self.api.prepare(operation, Method::DELETE, path, &[("recipient", place)])?;
            // A second one would find the recipient's next invitation.
            Ok(call.repeat(Repeat::Unsent))
        };
        match self.change_at(&kept, operation, call).await {
            Ok(_withdrawn) => Ok(Standing::Deleted),
            Err(error) if error.kind == Kind::IdentificationGone => Ok(Standing::Missing),
            Err(error) => Err(error),
        }
    }

    /// How the invitation stands. Whose id is not known yet is taken for open.
    async fn standing(&self, about: About<'_>) -> Result<Standing> {
        let id = &about.reference.id;
        if id.is_empty() {
            return Ok(Standing::Open);
        }
        let state = self.state(id).await?;
        Ok(match state.as_deref() {
            None => Standing::Missing,
            Some("COMPLETED") => Standing::Completed,
            Some("EXPIRED") => Standing::Expired,
            Some("DELETED") => Standing::Deleted,
            Some(_) => Standing::Open,
        })
    }
}

/// The parts of a phone number as an update has them: with its country.
fn check_phone<'a>(number: &'a PhoneNumber, violations: &mut Vec<Violation>) -> Option<phone::Parts<'a>> {
    match phone::split(number) {
        Ok(parts) if parts.region.is_none() => {
            let expected = "is required: several countries share the calling code";
            violations.push(Violation::new("subject.phone.region_code", expected));
            None
        }
        Ok(parts) => Some(parts),
        Err((field, expected)) => {
            violations.push(Violation::new(format!("subject.phone.{field}"), expected));
            None
        }
    }
}
