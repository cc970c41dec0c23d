//! Where things stand in the vendor's answers, none of whose shapes it publishes.

use std::collections::HashSet;

use serde::Deserialize;

use crate::settings::Problems;
use crate::vendor::kit::field_path::Paths;
use crate::vendor::kit::url::Alphabet;

/// The vendor's words for kinds of images.
pub(super) const WORD: Alphabet = Alphabet::letters_digits_and("_", 64);

/// Answers about invitations (`[connections.{name}.preventor.invitation]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationFields {
    /// The vendor's id of it.
    pub id: Paths,
    /// Where the person starts.
    pub link: Paths,
    /// The vendor's word for its state.
    pub state: Paths,
    /// `false` where a recipient cannot be invited.
    pub available: Paths,
}

/// Tickets (`[connections.{name}.preventor.ticket]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketFields {
    /// The ticket's own id, where it is repeated.
    pub id: Paths,
    /// The id of the invitation that it belongs to.
    pub invitation_id: Paths,
    /// The `unique` of that invitation.
    pub unique: Paths,
    /// The customer at the compliance platform.
    pub customer_id: Paths,
    /// Where the flow is.
    pub flow_status: Paths,
    /// How it goes.
    pub disposition: Paths,
    /// Tries left.
    pub remaining_attempts: Paths,
    /// How sure the vendor is.
    pub confidence_score: Paths,
    /// What number means sure.
    pub confidence_scale: ConfidenceScale,
    /// The vendor's code for a risk.
    pub risk_code: Paths,
    /// When it was made: RFC 3339, or milliseconds since 1970.
    pub create_time: Paths,
    /// When it changed.
    pub update_time: Paths,
    /// What was read of the person: the gateway's names of fields and where they stand.
    pub person: Vec<MappedField>,
    /// The same of the document.
    pub document: Vec<MappedField>,
    /// The vendor's word for the kind of document.
    pub document_type: Paths,
    /// The document field by field, as the machine-readable zone, the barcode and the eye have it.
    pub lexical: Paths,
    /// In each of them, the contract's names of members and where they stand.
    pub lexical_members: Vec<MappedField>,
    /// The device.
    pub device: Paths,
    /// The steps of the flow.
    pub steps: Paths,
    /// In each of them, its name.
    pub step_name: Paths,
    /// In each of them, how it went.
    pub step_disposition: Paths,
    /// In each of them, the tries left.
    pub step_remaining_attempts: Paths,
}

/// A field of ours and where it stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedField {
    /// The gateway's name, for example `subject.given_name`.
    pub field: String,
    /// Where the vendor shows it.
    pub paths: Paths,
}

/// What a confidence score counts up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceScale {
    /// 1 where the score is not above 1, else 100.
    #[default]
    Auto,
    /// 1.
    Unit,
    /// 100.
    Percent,
}

/// The log of an invitation (`[connections.{name}.preventor.activity]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivityFields {
    /// The entries.
    pub entries: Paths,
    /// In each of them, what happened.
    pub action: Paths,
    /// In each of them, when: RFC 3339, or milliseconds since 1970.
    pub time: Paths,
    /// In each of them, the ticket it is about.
    pub ticket_id: Paths,
}

/// Images of tickets (`[connections.{name}.preventor.images]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSettings {
    /// The largest answer with images, in bytes: 1048576 (1 MiB) to 268435456 (256 MiB). So much of it may be held in
    /// memory.
    pub max_bytes: usize,
    /// The largest image, in bytes: 65536 (64 KiB) to 268435456 (256 MiB).
    pub max_image_bytes: usize,
    /// Answers with images that are read at once: 1 to 64. Further callers wait for a place, up to 20 seconds.
    pub max_downloads: usize,
    /// Names of the member that says which kind an image is.
    pub kind_members: Vec<String>,
    /// The vendor's words for pictures of the face; the first is asked for, all of them are understood. The same holds
    /// of the others.
    pub self_portrait: Vec<String>,
    /// For whole documents.
    pub document: Vec<String>,
    /// For the face on a document.
    pub document_portrait: Vec<String>,
    /// For the signature on a document.
    pub document_signature: Vec<String>,
    /// For the second, fainter face on a document.
    pub document_ghost_portrait: Vec<String>,
}

/// The list of webhooks (`[connections.{name}.preventor.webhook_list]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFields {
    /// The entries.
    pub entries: Paths,
    /// In each of them, the vendor's id of it.
    pub id: Paths,
    /// In each of them, `WH_001` or `WH_002`.
    pub kind: Paths,
    /// In each of them, where it goes.
    pub url: Paths,
    /// In each of them, the names of events.
    pub events: Paths,
    /// In each of them, the kind of authorization.
    pub authorization: Paths,
    /// In each of them, what is there where bodies are encrypted.
    pub secret: Paths,
}

impl Default for InvitationFields {
    fn default() -> Self {
        Self {
            id: Paths::of(&["id", "invitation_id", "data.id", "invitation.id"]),
            link: Paths::of(&["link", "url", "data.link", "data.url", "invitation.link"]),
            state: Paths::of(&["invitation_state", "state", "data.state"]),
            available: Paths::of(&["available", "data.available"]),
        }
    }
}

impl Default for TicketFields {
    fn default() -> Self {
        let summary = |name: &str| {
            Paths::of(&[name, &format!("summary.{name}"), &format!("data.{name}"), &camel(name)])
        };
        Self {
            id: summary("ticket"),
            invitation_id: summary("invitation_id"),
            unique: summary("unique"),
            customer_id: summary("cifcod"),
            flow_status: summary("flow_status"),
            disposition: summary("disposition"),
            remaining_attempts: summary("remaining_attempts"),
            confidence_score: summary("confidence_score"),
            confidence_scale: ConfidenceScale::Auto,
            risk_code: summary("risk_code"),
            create_time: summary("created"),
            update_time: summary("processed"),
            person: mapped("personal_information", PERSON),
            document: mapped("document_information", DOCUMENT),
            document_type: Paths::of(&["document_information.document_type", "data.documentType"]),
            lexical: Paths::of(&["lexical_information", "lexical", "data.lexical"]),
            lexical_members: LEXICAL.iter().map(|(ours, theirs)| MappedField::new(ours, theirs)).collect(),
            device: Paths::of(&["device", "tracked_device", "data.device"]),
            steps: Paths::of(&["flow.steps", "process_flow", "flow", "data.flow"]),
            step_name: Paths::of(&["step", "sub_event", "name", "id"]),
            step_disposition: Paths::of(&["disposition", "status", "state"]),
            step_remaining_attempts: Paths::of(&["remaining_attempts", "remainingAttempts"]),
        }
    }
}

/// The gateway's names of fields and the vendor's.
type Names = &'static [(&'static str, &'static str)];

const PERSON: Names = &[
    ("subject.full_name", "full_name"),
    ("subject.given_name", "first_name"),
    ("subject.family_name", "last_name"),
    ("subject.birth_date", "date_of_birth"),
    ("subject.birth_place", "place_of_birth"),
    ("subject.nationality", "nationality"),
    ("subject.gender", "gender"),
    ("address.street", "address"),
    ("contact.email", "email"),
    ("contact.phone", "phone_number"),
];
const DOCUMENT: Names = &[
    ("document.type", "document_type"),
    ("document.number", "document_number"),
    ("document.country", "document_issuing_country"),
    ("document.issue_date", "document_issue_date"),
    ("document.valid_until", "document_expiration_date"),
];

const LEXICAL: &[(&str, &[&str])] = &[
    ("field_type", &["field_name", "field_type", "name"]),
    ("field_type_code", &["field_type_code", "code"]),
    ("mrz_value", &["mrz", "mrz_value"]),
    ("barcode_value", &["barcode", "barcode_value"]),
    ("visual_value", &["visual", "visual_value"]),
    ("mrz_barcode_status", &["mrz_barcode", "mrz_barcode_status"]),
    ("mrz_visual_status", &["mrz_visual", "mrz_visual_status"]),
    ("visual_barcode_status", &["visual_barcode", "visual_barcode_status"]),
    ("lexical_validity", &["lexical_validity", "validity"]),
];

impl MappedField {
    fn new(field: &str, paths: &[&str]) -> Self {
        Self { field: field.to_owned(), paths: Paths::of(paths) }
    }
}

/// Where `names` stand in a section of their own, in `data`, and in the SDK's spelling.
fn mapped(section: &str, names: Names) -> Vec<MappedField> {
    let field = |(ours, name): &(&str, &str)| {
        let (in_section, in_data) = (format!("{section}.{name}"), format!("data.{name}"));
        MappedField::new(ours, &[&in_section, &in_data, &format!("data.{}", camel(name))])
    };
    names.iter().map(field).collect()
}

/// `snake_case` as `snakeCase`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

impl Default for ActivityFields {
    fn default() -> Self {
        Self {
            entries: Paths::of(&["activities", "data.activities", "data", "$"]),
            action: Paths::of(&["activity", "action", "type", "event", "name"]),
            time: Paths::of(&["time", "created", "created_at", "date"]),
            ticket_id: Paths::of(&["ticket", "ticket_id", "data.ticket"]),
        }
    }
}

impl Default for ImageSettings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            max_bytes: 64 << 20,
            max_image_bytes: 16 << 20,
            max_downloads: 4,
            kind_members: words(&["type", "kind", "image_type"]),
            self_portrait: words(&["SELF_PORTRAITS", "SELF_PORTRAIT"]),
            document: words(&["DOCUMENT", "DOCUMENTS"]),
            document_portrait: words(&["DOCUMENT_PORTRAIT"]),
            document_signature: words(&["DOCUMENT_SIGNATURE"]),
            document_ghost_portrait: words(&["DOCUMENT_GHOST_PORTRAIT"]),
        }
    }
}

impl Default for WebhookFields {
    fn default() -> Self {
        Self {
            entries: Paths::of(&["webhooks", "data.webhooks", "data", "$"]),
            id: Paths::of(&["id", "_id"]),
            kind: Paths::of(&["type"]),
            url: Paths::of(&["url"]),
            events: Paths::of(&["events"]),
            authorization: Paths::of(&["authorization.type", "authorization_type"]),
            secret: Paths::of(&["encrypted", "secret", "has_secret"]),
        }
    }
}

impl TicketFields {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, fields) in [
            ("person", &self.person),
            ("document", &self.document),
            ("lexical_members", &self.lexical_members),
        ] {
            let plain = |byte: u8| byte.is_ascii_lowercase() || b"_.".contains(&byte);
            let named = |field: &MappedField| !field.field.is_empty() && field.field.bytes().all(plain);
            let names: HashSet<_> = fields.iter().map(|field| &field.field).collect();
            if !fields.iter().all(named) || names.len() < fields.len() || fields.len() > 64 {
                problems.add(key, "must be up to 64 fields of a-z, _ and ., each named once");
            }
        }
        let known = |field: &MappedField| LEXICAL.iter().any(|(name, _)| *name == field.field);
        if !self.lexical_members.iter().all(known) {
            let names: Vec<_> = LEXICAL.iter().map(|(name, _)| *name).collect();
            problems.add("lexical_members", format!("must be of {}", names.join(", ")));
        }
    }
}

impl ImageSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.range("max_bytes", self.max_bytes, 1 << 20..=1 << 28);
        problems.range("max_image_bytes", self.max_image_bytes, 1 << 16..=1 << 28);
        problems.range("max_downloads", self.max_downloads, 1..=64);
        if self.kind_members.iter().any(|name| WORD.segment(name).is_err()) {
            problems.add("kind_members", "must be names of A-Z, a-z, 0-9 and _");
        }
        for (key, words) in [
            ("self_portrait", &self.self_portrait),
            ("document", &self.document),
            ("document_portrait", &self.document_portrait),
            ("document_signature", &self.document_signature),
            ("document_ghost_portrait", &self.document_ghost_portrait),
        ] {
            if words.is_empty() || words.iter().any(|word| WORD.segment(word).is_err()) {
                problems.add(key, "must be at least one word of A-Z, a-z, 0-9 and _");
            }
        }
    }
}
