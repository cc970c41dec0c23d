//! Commands: requests that were parsed, so that nothing behind a door meets a malformed one.

use std::collections::HashMap;

use uuid::Uuid;

use crate::error::Result;
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::validate::Checks;
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{CreateIdentificationRequest, ReferenceConflictPolicy, Subject};

const CREATE: &str = "create_identification";
const MAX_REFERENCE: usize = 255;

/// Create an identification. Subject and spec keep the contract's types: their fields were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIdentification {
    /// Its name; the last part is the reference at the vendor.
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

impl CreateIdentification {
    /// Parses a request; `fresh` becomes the last part of the name when the caller names none.
    pub fn parse(request: CreateIdentificationRequest, fresh: Uuid) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = ConnectionId::from_name(&request.parent)
            .map_err(|error| checks.refuse("parent", error.to_string()))
            .ok();
        let id = checks.optional_uuid("identification_id", &request.identification_id);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        checks.text("external_reference", &request.external_reference, MAX_REFERENCE);
        checks.labels("labels", &request.labels);
        let subject = request.subject.unwrap_or_default();
        checks.subject("subject", &subject);
        let spec = request.spec.and_then(|spec| spec.kind);
        match &spec {
            None => checks.refuse("spec", "is required: set the kind that matches the connection"),
            Some(Spec::AutoIdent(auto)) => {
                if auto.custom_data.len() > 5 {
                    checks.refuse("spec.auto_ident.custom_data", "must be at most 5 values");
                }
                for (index, value) in auto.custom_data.iter().enumerate() {
                    checks.text(&format!("spec.auto_ident.custom_data[{index}]"), value, MAX_REFERENCE);
                }
            }
            Some(Spec::Invitation(_) | Spec::Otp(_) | Spec::IdentityDocument(_)) => {}
        }
        let policy = ReferenceConflictPolicy::try_from(request.reference_conflict_policy)
            .map_err(|_number| {
                checks.refuse("reference_conflict_policy", "is not a value this gateway knows")
            })
            .ok();
        let (Some(connection), Some(spec), Some(reference_conflict_policy)) = (connection, spec, policy)
        else {
            return Err(checks.refused(CREATE));
        };
        checks.finish(CREATE)?;
        Ok(Self {
            name: IdentificationName { connection, id: id.unwrap_or(fresh) },
            external_reference: request.external_reference,
            labels: request.labels,
            subject,
            spec,
            reference_conflict_policy,
            request_id,
            validate_only: request.validate_only,
        })
    }
}
