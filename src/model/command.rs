//! Commands: requests that were parsed, so that nothing behind a door meets a malformed one.

use std::collections::HashMap;

use uuid::Uuid;

use crate::error::Result;
use crate::model::name::IdentificationName;
use crate::model::validate::Checks;
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{
    AdoptIdentificationRequest, CreateIdentificationRequest, DeliveryMethod, ReferenceConflictPolicy,
    Subject, VendorReference,
};

const CREATE: &str = "create_identification";
const ADOPT: &str = "adopt_identification";
/// Longest reference of a caller, in characters.
pub(super) const MAX_REFERENCE: usize = 255;
const INVITED_BY: &str = "spec.invitation.delivery_method";

/// Create an identification. Subject and spec keep the contract's types: their fields were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIdentification {
    /// Its name.
    pub name: IdentificationName,
    /// The caller's own key.
    pub external_reference: String,
    /// The caller's labels.
    pub labels: HashMap<String, String>,
    /// The person, as far as the caller knows them.
    pub subject: Subject,
    /// What to do at the vendor.
    pub spec: Spec,
    /// What to do when the reference is taken.
    pub reference_conflict_policy: ReferenceConflictPolicy,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
    /// Check everything, change nothing.
    pub validate_only: bool,
}

/// Take over an identification that was made at the vendor without the gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct AdoptIdentification {
    /// The name it gets here.
    pub name: IdentificationName,
    /// How the caller says the vendor names it: at least one of `id` and `reference` is set. The vendor's own
    /// alphabet is not checked yet.
    pub vendor_reference: VendorReference,
    /// The caller's own key.
    pub external_reference: String,
    /// The caller's labels.
    pub labels: HashMap<String, String>,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

impl CreateIdentification {
    /// What the vendor is told to call it: the caller's own value where the spec has one, else the last part of its name.
    /// Empty where vendors choose a name themselves.
    pub fn reference(&self) -> String {
        match &self.spec {
            Spec::Invitation(invitation) if !invitation.unique.is_empty() => invitation.unique.clone(),
            Spec::Otp(_) | Spec::IdentityDocument(_) => String::new(),
            Spec::Invitation(_) | Spec::AutoIdent(_) => self.name.id.to_string(),
        }
    }

    /// Parses a request; `fresh` becomes the last part of the name when the caller names none.
    pub fn parse(request: CreateIdentificationRequest, fresh: Uuid) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = checks.connection("parent", &request.parent);
        let id = checks.optional_uuid("identification_id", &request.identification_id);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        checks.text("external_reference", &request.external_reference, MAX_REFERENCE);
        checks.labels("labels", &request.labels);
        let subject = request.subject.unwrap_or_default();
        checks.subject("subject", &subject);
        let spec = request.spec.and_then(|spec| spec.kind);
        match &spec {
            None => checks.refuse("spec", "is required: set the kind that matches the connection"),
            Some(spec) => {
                check_spec(spec, &mut checks);
                check_start(spec, &subject, &mut checks);
            }
        }
        let policy = ReferenceConflictPolicy::try_from(request.reference_conflict_policy)
            .map_err(|_number| {
                checks.refuse("reference_conflict_policy", "is not a value this gateway knows")
            })
            .ok();
        let alone =
            matches!(policy, Some(ReferenceConflictPolicy::Fail | ReferenceConflictPolicy::UseExisting));
        if alone && request.external_reference.is_empty() {
            checks.refuse("external_reference", "is required with this reference_conflict_policy");
        }
        let (Some(connection), Some(spec), Some(reference_conflict_policy)) = (connection, spec, policy)
        else {
            return Err(checks.refused(CREATE));
        };
        checks.finish(CREATE)?;
        Ok(Self {
            name: IdentificationName { connection, id: id.unwrap_or(fresh) },
            external_reference: request.external_reference,
            labels: request.labels.into_iter().collect(),
            subject,
            spec,
            reference_conflict_policy,
            request_id,
            validate_only: request.validate_only,
        })
    }
}

impl AdoptIdentification {
    /// Parses a request; `fresh` becomes the last part of the name.
    pub fn parse(request: AdoptIdentificationRequest, fresh: Uuid) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = checks.connection("parent", &request.parent);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        checks.text("external_reference", &request.external_reference, MAX_REFERENCE);
        checks.labels("labels", &request.labels);
        let vendor_reference = request.vendor_reference.unwrap_or_default();
        if vendor_reference.id.is_empty() && vendor_reference.reference.is_empty() {
            checks.refuse("vendor_reference", "is required: set id, reference, or both");
        }
        let Some(connection) = connection else { return Err(checks.refused(ADOPT)) };
        checks.finish(ADOPT)?;
        Ok(Self {
            name: IdentificationName { connection, id: fresh },
            vendor_reference,
            external_reference: request.external_reference,
            labels: request.labels.into_iter().collect(),
            request_id,
        })
    }
}

/// Refuses what no vendor can take.
pub(super) fn check_spec(spec: &Spec, checks: &mut Checks) {
    match spec {
        Spec::AutoIdent(auto) => {
            if auto.custom_data.len() > 5 {
                checks.refuse("spec.auto_ident.custom_data", "must be at most 5 values");
            }
            for (index, value) in auto.custom_data.iter().enumerate() {
                checks.text(&format!("spec.auto_ident.custom_data[{index}]"), value, MAX_REFERENCE);
            }
            checks.language("spec.auto_ident.signing_language_code", &auto.signing_language_code);
        }
        Spec::Invitation(invitation) => {
            let texts =
                [("unique", &invitation.unique), ("broker", &invitation.broker), ("flow", &invitation.flow)];
            for (part, text) in texts {
                checks.text(&format!("spec.invitation.{part}"), text, MAX_REFERENCE);
            }
            let known = matches!(
                DeliveryMethod::try_from(invitation.delivery_method),
                Ok(DeliveryMethod::Unspecified
                    | DeliveryMethod::None
                    | DeliveryMethod::Email
                    | DeliveryMethod::Phone
                    | DeliveryMethod::Assistant)
            );
            if !known {
                checks.refuse(INVITED_BY, "must be NONE, EMAIL, PHONE or ASSISTANT");
            }
        }
        Spec::Otp(_) | Spec::IdentityDocument(_) => {}
    }
}

/// Refuses what no vendor can begin with.
fn check_start(spec: &Spec, subject: &Subject, checks: &mut Checks) {
    let Spec::Invitation(invitation) = spec else { return };
    let method = invitation.delivery_method();
    if invitation.delivery_method == 0 {
        checks.refuse(INVITED_BY, "is required: NONE, EMAIL, PHONE or ASSISTANT");
    }
    if method == DeliveryMethod::None && invitation.deliver {
        checks.refuse("spec.invitation.deliver", "must be false with delivery_method NONE");
    }
    if invitation.flow.is_empty() {
        checks.refuse("spec.invitation.flow", "is required: the vendor's workflow to run");
    }
    checks.reachable(method, ("subject.email", &subject.email), ("subject.phone", subject.phone.as_ref()));
}
