//! Commands about an identification that exists.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::error::Result;
use crate::model::command::{MAX_REFERENCE, check_spec};
use crate::model::name::{ConnectionId, IdentificationName};
use crate::model::validate::Checks;
use crate::proto::identification_spec::Kind as Spec;
use crate::proto::{
    ArchiveIdentificationRequest, CancelIdentificationRequest, CopyIdentificationRequest,
    DeleteIdentificationRequest, DeliveryMethod, RestartIdentificationRequest, SendInvitationRequest,
    Subject, UpdateIdentificationRequest,
};

const MAX_ETAG: usize = 64;
const MAX_REASON: usize = 500;

/// Which identification a change is about, and what guards it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: IdentificationName,
    /// The etag it must have; empty: any.
    pub etag: String,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Change labels here, or what the vendor knows of the person.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateIdentification {
    /// What to change.
    pub target: Target,
    /// The labels from now on; `None`: they stay.
    pub labels: Option<HashMap<String, String>>,
    /// The fields to send to the vendor (`subject`, `subject.*`, `spec.*`) by their place in the mask. Whether the
    /// vendor has them is not checked yet.
    pub paths: BTreeMap<usize, String>,
    /// Where the fields under `subject` come from.
    pub subject: Subject,
    /// Where the fields under `spec` come from.
    pub spec: Option<Spec>,
}

/// Copy an identification to another account of its vendor.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyIdentification {
    /// The original. It does not change, so that there is no etag.
    pub source: IdentificationName,
    /// Who gets the copy.
    pub destination: Destination,
    /// The copy's reference there; empty: a new one.
    pub target_reference: String,
    /// Set when the caller wants repeats to be harmless.
    pub request_id: Option<Uuid>,
}

/// Who gets a copy.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    /// A connection of this gateway.
    Connection(ConnectionId),
    /// An account at the vendor that this gateway has no connection for.
    Account(String),
}

impl Target {
    /// Parses a request to archive.
    pub fn of_archive(request: &ArchiveIdentificationRequest) -> Result<Self> {
        Self::alone("archive_identification", &request.name, &request.etag, &request.request_id)
    }

    /// Parses a request to delete.
    pub fn of_delete(request: &DeleteIdentificationRequest) -> Result<Self> {
        Self::alone("delete_identification", &request.name, &request.etag, &request.request_id)
    }

    /// Parses a request to restart.
    pub fn of_restart(request: &RestartIdentificationRequest) -> Result<Self> {
        Self::alone("restart_identification", &request.name, &request.etag, &request.request_id)
    }

    /// Parses a request to send an invitation, which no etag guards.
    pub fn of_send_invitation(request: &SendInvitationRequest) -> Result<Self> {
        Self::alone("send_invitation", &request.name, "", &request.request_id)
    }

    /// Parses a request to cancel.
    pub fn of_cancel(request: &CancelIdentificationRequest) -> Result<Self> {
        let mut checks = Checks::default();
        checks.text("reason", &request.reason, MAX_REASON);
        let target = Self::parse(&mut checks, &request.name, &request.etag, &request.request_id);
        finish(target, checks, "cancel_identification")
    }

    fn alone(operation: &'static str, name: &str, etag: &str, request_id: &str) -> Result<Self> {
        let mut checks = Checks::default();
        let target = Self::parse(&mut checks, name, etag, request_id);
        finish(target, checks, operation)
    }

    fn parse(checks: &mut Checks, name: &str, etag: &str, request_id: &str) -> Option<Self> {
        let name = checks.parse("name", name);
        checks.text("etag", etag, MAX_ETAG);
        let request_id = checks.optional_uuid("request_id", request_id);
        Some(Self { name: name?, etag: etag.to_owned(), request_id })
    }
}

impl UpdateIdentification {
    /// Parses a request.
    pub fn parse(request: UpdateIdentificationRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let target = Target::parse(&mut checks, &request.name, &request.etag, &request.request_id);
        let mask = request.update_mask.unwrap_or_default().paths;
        if mask.is_empty() {
            checks.refuse("update_mask", "is required: name what to change, for example labels");
        }
        checks.count("update_mask.paths", mask.len());
        let mut paths = BTreeMap::new();
        let mut labels: Option<HashMap<String, String>> = None;
        for (index, path) in mask.into_iter().enumerate() {
            match path.as_str() {
                "labels" => labels = Some(request.labels.clone().into_iter().collect()),
                "subject" => drop(paths.insert(index, path)),
                _ if path.starts_with("subject.") || path.starts_with("spec.") => {
                    paths.insert(index, path);
                }
                _ => checks.refuse(
                    format!("update_mask.paths[{index}]"),
                    "must be labels, subject, or a field under subject or spec",
                ),
            }
        }
        checks.labels("labels", &request.labels);
        let subject = request.subject.unwrap_or_default();
        checks.subject("subject", &subject);
        let spec = request.spec.and_then(|spec| spec.kind);
        if let Some(spec) = &spec {
            check_spec(spec, &mut checks);
        }
        let target = finish(target, checks, "update_identification")?;
        Ok(Self { target, labels, paths, subject, spec })
    }

    /// How an invitation is delivered after it; `None` where that does not change.
    pub fn delivery_method(&self) -> Option<DeliveryMethod> {
        let Some(Spec::Invitation(spec)) = &self.spec else { return None };
        let is_named = self.paths.values().any(|path| covers(path, "spec.invitation.delivery_method"));
        is_named.then(|| spec.delivery_method())
    }
}

impl CopyIdentification {
    /// Parses a request.
    pub fn parse(request: &CopyIdentificationRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let source: Option<IdentificationName> = checks.parse("name", &request.name);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        checks.text("target_reference", &request.target_reference, MAX_REFERENCE);
        checks.text("vendor_account", &request.vendor_account, MAX_REFERENCE);
        let destination = match (request.destination_parent.as_str(), request.vendor_account.as_str()) {
            (parent, "") => ConnectionId::from_name(parent)
                .map_err(|error| checks.refuse("destination_parent", error.to_string()))
                .ok()
                .map(Destination::Connection),
            ("", account) => Some(Destination::Account(account.to_owned())),
            (_, _) => {
                checks.refuse("vendor_account", "must be empty where destination_parent is set");
                None
            }
        };
        let own = source.as_ref().map(|source| &source.connection);
        if matches!(&destination, Some(Destination::Connection(to)) if Some(to) == own) {
            checks.refuse("destination_parent", "must be another connection than the original's");
        }
        let target_reference = request.target_reference.clone();
        let copy = source.zip(destination).map(|(source, destination)| Self {
            source,
            destination,
            target_reference,
            request_id,
        });
        finish(copy, checks, "copy_identification")
    }
}

/// What was parsed, unless something was refused.
pub(super) fn finish<T>(parsed: Option<T>, checks: Checks, operation: &'static str) -> Result<T> {
    match parsed {
        None => Err(checks.refused(operation)),
        Some(parsed) => checks.finish(operation).map(|()| parsed),
    }
}

/// Whether the field at `field` is the one that the mask's `path` names, or lies under it.
pub fn covers(path: &str, field: &str) -> bool {
    field.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
