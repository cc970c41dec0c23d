//! IDnow's errors in the gateway's words.

use http::StatusCode;

use crate::error::{Error, Kind, Result, Violation};
use crate::vendor::idnow::api::START;
use crate::vendor::idnow::signing::{CREATE_DEFINITION, UPDATE_DEFINITION, UPLOAD, UPLOAD_DEFAULT};
use crate::vendor::idnow::wire::{ErrorBody, Fault};
use crate::vendor::kit::http::{Answer, read_json};
use crate::vendor::kit::refusal::by_status;

/// Fields of the vendor, and where they come from in a request.
type Fields = [(&'static str, &'static str)];

/// Fields of a start.
pub(super) const FIELDS: [(&str, &str); 21] = [
    ("birthday", "subject.birth_date"),
    ("birthname", "subject.birth_name"),
    ("birthplace", "subject.birth_place"),
    ("city", "subject.address.city"),
    ("country", "subject.address.region_code"),
    ("custom1", "spec.auto_ident.custom_data[0]"),
    ("custom2", "spec.auto_ident.custom_data[1]"),
    ("custom3", "spec.auto_ident.custom_data[2]"),
    ("custom4", "spec.auto_ident.custom_data[3]"),
    ("custom5", "spec.auto_ident.custom_data[4]"),
    ("email", "subject.email"),
    ("firstname", "subject.given_name"),
    ("gender", "subject.gender"),
    ("lastname", "subject.family_name"),
    ("mobilephone", "subject.phone.e164"),
    ("nationality", "subject.nationality"),
    ("preferredLang", "spec.auto_ident.signing_language_code"),
    ("street", "subject.address.street"),
    ("streetnumber", "subject.address.house_number"),
    ("title", "subject.title"),
    ("zipcode", "subject.address.postal_code"),
];

const DEFINITION_FIELDS: [(&str, &str); 6] = [
    ("identifier", "document_definition_id"),
    ("mimeType", "document_definition.media_type"),
    ("name", "document_definition.display_name"),
    ("optional", "document_definition.optional"),
    ("sortOrder", "document_definition.sort_order"),
    ("viewPolicy", "document_definition.view_policy"),
];

/// Errors are looked for in so many bytes at most: a list may be of hundreds of MiB, and looking through one of those
/// holds up everything else on its thread.
const MAX_ERRORS: usize = 16 << 10;

const DOCUMENT_FIELDS: [(&str, &str); 1] = [("document", "chunk")];

/// A refusal: what the vendor means by it, and what it said.
pub(super) struct Refused {
    status: StatusCode,
    cause: String,
    id: String,
    key: String,
}

impl Refused {
    /// The refusal in `answer`, if it is one. A 200 may carry errors too: then the cause says which status the
    /// vendor would have used.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        // An error body may be empty, or a page of something in between; then the status has to do.
        let body: ErrorBody = match answer.body().len() {
            0..=MAX_ERRORS => read_json(answer.body()).unwrap_or_default(),
            _ => ErrorBody::default(),
        };
        let listed = body.errors.filter(|errors| !errors.is_empty());
        if answer.status().is_success() && listed.is_none() {
            return None;
        }
        let Fault { cause, id, key } =
            listed.and_then(|errors| errors.into_iter().next()).unwrap_or_default();
        let (cause, id, key) = (cause.unwrap_or_default(), id.unwrap_or_default(), key.unwrap_or_default());
        let status = if answer.status().is_success() { status_of(&cause) } else { answer.status() };
        Some(Self { status, cause, id, key })
    }

    /// The vendor could not answer now, and may in a moment.
    pub(super) fn passing(answer: &Answer) -> Option<Error> {
        let refused = Self::read(answer)?;
        matches!(refused.status.as_u16(), 408 | 429 | 500..=599).then(|| refused.error(answer))
    }

    /// The login token is not taken (any more). The vendor has answered so with an empty body, too.
    pub(super) fn wants_login(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.cause != "SECURITY_VIOLATION"
    }

    /// The vendor knows of no start, or erased everything.
    pub(super) fn knows_nothing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.cause == "OBJECT_NOT_FOUND"
    }

    /// `Ok`: the vendor knows of no start, or erased everything.
    pub(super) fn nothing_or_error(&self, answer: &Answer) -> Result<()> {
        if self.knows_nothing() { Ok(()) } else { Err(self.error(answer)) }
    }

    /// The status that the vendor means.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the vendor refuses the field `key`, or what it calls so.
    pub(super) fn is_about(&self, key: &str) -> bool {
        self.status == StatusCode::BAD_REQUEST && self.key == key
    }

    /// An error of `kind` in place of the one that the status alone would make.
    pub(super) fn as_kind(&self, answer: &Answer, kind: Kind, detail: &str) -> Error {
        answer.error(kind, detail, &self.cause, &self.id)
    }

    /// The refusal of what callers know as `path`.
    pub(super) fn of_field(&self, answer: &Answer, path: &str) -> Error {
        let detail = format!("the vendor refused {path}");
        let error = answer.error(Kind::VendorRejectedField, detail, &self.cause, &self.id);
        Error { violations: vec![Violation::new(path, "was refused by the vendor")], ..error }
    }

    /// What was asked for waits for its result. Nothing but this text tells it from what is not there.
    pub(super) fn waits_for_result(&self) -> bool {
        self.knows_nothing() && self.key.trim_end().ends_with("not yet finished")
    }

    /// The vendor has done so before.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// The error for callers who wanted something made: a conflict means that it is there, as `exists` says.
    pub(super) fn making_error(&self, answer: &Answer, exists: &str) -> Error {
        match self.is_conflict() {
            true => self.as_kind(answer, Kind::ResourceExists, exists),
            false => self.error(answer),
        }
    }

    /// The error for callers. Of what the vendor said only the cause and the number go on.
    pub(super) fn error(&self, answer: &Answer) -> Error {
        let error = |kind, detail: &str| answer.error(kind, detail, &self.cause, &self.id);
        match self.status.as_u16() {
            400 => self.bad_request(answer),
            401 if self.cause == "SECURITY_VIOLATION" => {
                error(Kind::ResourceNotFound, "the identification belongs to another account at the vendor")
            }
            // Something in between knows no such path: that says nothing of what the vendor has.
            404 if self.cause.is_empty() => answer.invalid("is a 404 that is not the vendor's own"),
            status => by_status(answer, status, &self.cause, &self.id),
        }
    }

    /// The error for callers when a login was refused, whatever the vendor calls it.
    pub(super) fn login_error(&self, answer: &Answer) -> Error {
        match self.status.as_u16() {
            400 | 401 | 403 | 404 => {
                let detail =
                    "the vendor refused the login: check customer, region and api_key of the connection";
                answer.error(Kind::VendorCredentialsRejected, detail, &self.cause, &self.id)
            }
            _ => self.error(answer),
        }
    }

    fn bad_request(&self, answer: &Answer) -> Error {
        let field =
            fields_of(answer.operation()).iter().find(|(vendor, _)| vendor.eq_ignore_ascii_case(&self.key));
        match (self.cause.as_str(), field) {
            ("UNRECOGNIZED_FIELD" | "UNPARSEABLE_JSON" | "MISSING_TRANSACTION_TOKEN", _) | (_, None) => {
                let detail = "the vendor refused the form of the request";
                answer.error(Kind::VendorRejectedRequest, detail, &self.cause, &self.id)
            }
            (_, Some((_, path))) => self.of_field(answer, path),
        }
    }
}

/// Fields that `operation` sends, so that a refusal can be about them.
fn fields_of(operation: &str) -> &'static Fields {
    match operation {
        START => &FIELDS,
        CREATE_DEFINITION | UPDATE_DEFINITION => &DEFINITION_FIELDS,
        UPLOAD | UPLOAD_DEFAULT => &DOCUMENT_FIELDS,
        _ => &[],
    }
}

/// The status that belongs to a cause.
fn status_of(cause: &str) -> StatusCode {
    match cause {
        "UNRECOGNIZED_FIELD" | "UNPARSEABLE_JSON" | "MISSING_TRANSACTION_TOKEN" | "BAD_REQUEST" => {
            StatusCode::BAD_REQUEST
        }
        "INVALID_LOGIN_TOKEN" | "SECURITY_VIOLATION" => StatusCode::UNAUTHORIZED,
        "FORBIDDEN" => StatusCode::FORBIDDEN,
        "OBJECT_NOT_FOUND" => StatusCode::NOT_FOUND,
        "EXISTING_IDENTIFICATION" => StatusCode::CONFLICT,
        "PRECONDITION_FAILED" => StatusCode::PRECONDITION_FAILED,
        "INTERNAL_SERVER_ERROR" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    }
}
