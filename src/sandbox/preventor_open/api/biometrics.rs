//! Biometric users: made, photographed and enrolled, each in a process with a token of its own.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use crate::sandbox::picture::is_jpeg;
use crate::sandbox::preventor_open::api::caller::{Biometric, Caller};
use crate::sandbox::preventor_open::document;
use crate::sandbox::preventor_open::process::{
    DocumentType, Findings, Picture, Process, Transaction, Upload, User,
};
use crate::sandbox::preventor_open::profile::Pictures;
use crate::sandbox::preventor_open::register::Register;
use crate::sandbox::preventor_open::reply::Failure;
use crate::sandbox::stand_in::Interpreter as _;

/// How long a process lasts. The vendor does not say.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Bytes of a picture.
const LARGEST: usize = 1024 * 1024;
const DATA_URI: [&str; 2] = ["data:image/jpeg;base64,", "data:image/jpg;base64,"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Begin {
    transaction_type: Transaction,
    document_type: Option<DocumentType>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    portraits: Pair,
    documents: Pair,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    picture1: String,
    picture2: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Enrol {
    user_id: String,
    ticket: String,
}

/// `POST /v1/auth/token`
pub(super) async fn begin(Biometric(caller): Biometric) -> Result<Response, Failure> {
    let account = caller.open.account.as_ref();
    let is_it = account.is_some_and(|account| caller.is_basic(account.key(), account.secret.expose_secret()));
    if !is_it {
        return Err(Failure::unauthorized(&caller.profile));
    }
    let Begin { transaction_type, document_type } = caller.read()?;
    let clock = &caller.open.clock;
    let token = URL_SAFE_NO_PAD.encode(clock.random::<32>());
    caller.open.register().processes.push(Process {
        token: token.clone(),
        end: clock.now() + LIFETIME,
        transaction: transaction_type,
        document: document_type,
        user: None,
    });
    caller.note("process", &caller.body);
    Ok(Json(json!({ "token": token })).into_response())
}

/// `POST /v1/workflow/enroll/user`
pub(super) async fn create_user(Biometric(caller): Biometric) -> Result<Response, Failure> {
    let clock = &caller.open.clock;
    let (id, created) = (clock.uuid().to_string(), clock.now());
    let mut register = caller.open.register();
    let process = caller.process(&mut register)?;
    if process.user.is_some() {
        return Err(Failure::invalid(&caller.profile, "The token's process has a user already"));
    }
    let body = json!({ "userId": id, "create": document::instant(created) });
    process.user = Some(User { id, created, uploads: Vec::new(), findings: Findings::default() });
    drop(register);
    caller.note("user", &caller.body);
    Ok(Json(body).into_response())
}

/// `POST /v1/workflow/enroll/user/{user}/upload`
pub(super) async fn upload(
    Path(user): Path<String>,
    Biometric(caller): Biometric,
) -> Result<Response, Failure> {
    // Who may not is told so before what is wrong with the pictures.
    caller.user(&mut caller.open.register(), &user)?;
    let Files { portraits, documents } = caller.read()?;
    let (portraits, documents) =
        (caller.pictures("portraits", portraits)?, caller.pictures("documents", documents)?);
    let ticket = caller.open.clock.uuid().to_string();
    let noted = json!({ "portraits": portraits, "documents": documents }).to_string();
    let upload = Upload { ticket: ticket.clone(), portraits, documents };
    caller.user(&mut caller.open.register(), &user)?.uploads.push(upload);
    caller.note("upload", noted.as_bytes());
    Ok(Json(json!({ "ticket": ticket })).into_response())
}

/// `GET /v1/workflow/enroll/user/{user}/ticket/{ticket}`, which has a body
pub(super) async fn enrol(
    Path((user, ticket)): Path<(String, String)>,
    Biometric(caller): Biometric,
) -> Result<Response, Failure> {
    let profile = &caller.profile;
    let asked: Enrol = caller.read()?;
    if asked.user_id != user || asked.ticket != ticket {
        return Err(Failure::invalid(profile, "The body and the path name different users or tickets"));
    }
    let mut register = caller.open.register();
    let known = caller.user(&mut register, &user)?;
    if !known.uploads.iter().any(|upload| upload.ticket == ticket) {
        return Err(Failure::not_found(profile, "ticket"));
    }
    let findings = known.findings;
    let document = caller.process(&mut register)?.document;
    drop(register);
    caller.note("enroll", &caller.body);
    Ok(Json(document::enrolment(findings, document, profile.portrait)).into_response())
}

impl Caller {
    /// The process that the token is of.
    fn process<'r>(&self, register: &'r mut Register) -> Result<&'r mut Process, Failure> {
        let token = self.bearer().unwrap_or_default();
        let process = register.processes.iter_mut().find(|process| process.token == token);
        process.ok_or_else(|| Failure::unauthorized(&self.profile))
    }

    /// The user `id` of the token's process.
    fn user<'r>(&self, register: &'r mut Register, id: &str) -> Result<&'r mut User, Failure> {
        let user = self.process(register)?.user.as_mut().filter(|user| user.id == id);
        user.ok_or_else(|| Failure::not_found(&self.profile, "user"))
    }

    /// The pictures of one kind.
    fn pictures(&self, kind: &str, Pair { picture1, picture2 }: Pair) -> Result<Vec<Picture>, Failure> {
        if picture2.is_none() && self.profile.pictures == Pictures::Both {
            return Err(Failure::invalid(&self.profile, format!("{kind}.picture2 is required")));
        }
        let mut pictures = vec![self.picture(&format!("{kind}.picture1"), &picture1)?];
        if let Some(second) = picture2 {
            pictures.push(self.picture(&format!("{kind}.picture2"), &second)?);
        }
        Ok(pictures)
    }

    fn picture(&self, path: &str, text: &str) -> Result<Picture, Failure> {
        let bare = DATA_URI.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        let invalid = |rule: &str| Failure::invalid(&self.profile, format!("{path} {rule}"));
        let bytes = STANDARD.decode(bare).map_err(|_odd| invalid("is not base64"))?;
        match bytes.len() {
            ..=LARGEST if is_jpeg(&bytes) => Ok(Picture::of(&bytes)),
            ..=LARGEST => Err(invalid("is not a JPEG")),
            _ => Err(invalid("is larger than 1 MB")),
        }
    }
}
