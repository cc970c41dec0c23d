//! The biometrics framework: a token for each process, a user, their pictures, and what was found in them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use prost_types::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Kind, Result, Violation};
use crate::model::biometric::{CreateBiometricUser, DocumentType, Purpose};
use crate::model::name::TicketName;
use crate::proto::ClientContext;
use crate::vendor::biometrics::{Biometrics, CreatedUser, Enroll, Enrolled, PictureLimits, UploadPictures};
use crate::vendor::kit::header::{basic, bearer};
use crate::vendor::kit::http::{Answer, Call, JSON, Payload};
use crate::vendor::kit::json::offset_time;
use crate::vendor::kit::line::Line;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::url::{PathTemplate, Segment};
use crate::vendor::preventor_open::client::with_device;
use crate::vendor::preventor_open::config::{
    BiometricsSettings, ClientSettings, PictureForm, PreventorOpenSettings,
};
use crate::vendor::preventor_open::fault::Refused;
use crate::vendor::preventor_open::server::{Server, Unusable, secret, usable};
use crate::vendor::preventor_open::{ID, findings, picture};

const TOKEN: &str = "preventor_open.process_token";
const CREATE_USER: &str = "preventor_open.create_user";
const UPLOAD: &str = "preventor_open.upload";
const ENROLL: &str = "preventor_open.enroll";

/// The largest answer with findings, which hold a picture.
const MAX_FINDINGS: usize = 8 << 20;
/// Pictures of either kind that the vendor has places for.
const PLACES: usize = 2;

/// The biometrics framework of one account.
pub(super) struct Framework {
    server: Server,
    authorization: HeaderValue,
    paths: Paths,
    client: ClientSettings,
    form: PictureForm,
    limits: PictureLimits,
}

struct Paths {
    token: PathTemplate,
    users: PathTemplate,
    upload: PathTemplate,
    enrolment: PathTemplate,
}

/// A request for a token.
#[derive(Serialize)]
struct TokenBody {
    #[serde(rename = "transactionType")]
    purpose: &'static str,
    /// In the contract's words, which are the vendor's.
    #[serde(rename = "documentType", skip_serializing_if = "Option::is_none")]
    document: Option<&'static str>,
}

/// A request for findings: the path once more.
#[derive(Serialize)]
struct EnrollBody<'a> {
    #[serde(rename = "userId")]
    user: &'a str,
    ticket: &'a str,
}

impl Framework {
    pub(super) fn new(
        settings: &PreventorOpenSettings,
        biometrics: &BiometricsSettings,
        line: Arc<Line>,
    ) -> Result<Self, Unusable> {
        let base = biometrics.base(settings.environment);
        let base = base.map_err(|error| ("biometrics.base_url", error.to_string()))?;
        let server = Server::new(settings, base, line)?;
        let key = "biometrics.secret";
        let (api_key, secret) = (secret("api_key", &settings.api_key)?, secret(key, &biometrics.secret)?);
        Ok(Self {
            authorization: usable(key, basic(api_key.expose_secret(), secret.expose_secret()))?,
            paths: Paths {
                token: server.path("/auth/token")?,
                users: server.path("/workflow/enroll/user")?,
                upload: server.path("/workflow/enroll/user/{user}/upload")?,
                enrolment: server.path("/workflow/enroll/user/{user}/ticket/{ticket}")?,
            },
            client: settings.client.clone(),
            form: biometrics.picture,
            limits: PictureLimits {
                portraits: biometrics.min_portraits..=PLACES,
                documents: biometrics.min_documents..=PLACES,
            },
            server,
        })
    }

    /// The server, for those who share it.
    pub(super) fn host(&self) -> String {
        self.server.host()
    }

    /// Asks for a token that nobody uses.
    pub(super) async fn prove_credentials(&self) -> Result<()> {
        let call = self.token_call(Purpose::Onboarding, None, &ClientContext::default())?;
        self.token(call).await.map(drop)
    }

    fn call(
        &self,
        operation: &'static str,
        method: Method,
        path: &PathTemplate,
        places: &[(&str, &Segment)],
        client: &ClientContext,
    ) -> Result<Call> {
        with_device(self.server.prepare(operation, method, path, places)?, client, &self.client)
    }

    fn token_call(
        &self,
        purpose: Purpose,
        document: Option<DocumentType>,
        client: &ClientContext,
    ) -> Result<Call> {
        let purpose = match purpose {
            Purpose::Onboarding => "ONBOARDING",
            Purpose::Authentication => "AUTHENTICATION",
        };
        let body = TokenBody { purpose, document: document.map(DocumentType::word) };
        let call = self.call(TOKEN, Method::POST, &self.paths.token, &[], client)?.json(&body)?;
        // A token that nobody uses begins no process.
        Ok(call.repeat(Repeat::Freely).secret_header(AUTHORIZATION, self.authorization.clone()))
    }

    /// The token of a new process.
    async fn token(&self, call: Call) -> Result<SecretString> {
        let answer = self.server.line.send(&call, Refused::passing).await?;
        if let Some(refused) = Refused::read(&answer) {
            let settings = "api_key, tenant, env, banknu, biometrics.secret and client.ip_address";
            return Err(refused.login_error(&answer, settings));
        }
        let body: Value = answer.json()?;
        let token = body.get("token").and_then(Value::as_str).filter(|token| bearer(token).is_some());
        token.map(SecretString::from).ok_or_else(|| answer.invalid("has no usable token at token"))
    }

    /// Makes `call` within the process of `token`.
    async fn within(&self, call: Call, token: &SecretString) -> Result<Answer> {
        let token = bearer(token.expose_secret()).ok_or_else(|| {
            Error::new(Kind::GatewayFault, call.operation(), "the token of the process cannot be sent")
        })?;
        self.server.line.send(&call.secret_header(AUTHORIZATION, token), Refused::passing).await
    }

    /// The same for a process that began a while ago, about something that may not be there.
    async fn later(&self, call: Call, token: &SecretString) -> Result<Answer> {
        let answer = self.within(call, token).await?;
        let Some(refused) = Refused::read(&answer) else { return Ok(answer) };
        if refused.is_unauthorised() {
            let detail =
                "the vendor no longer takes the token of this process: create another biometric user";
            return Err(answer.error(Kind::StateNotAllowed, detail, "", ""));
        }
        Err(refused.missing_or_error(&answer, "the vendor has no such biometric user or upload"))
    }
}

#[async_trait]
impl Biometrics for Framework {
    fn limits(&self) -> PictureLimits {
        self.limits.clone()
    }

    fn check(&self, _command: &CreateBiometricUser) -> Vec<Violation> {
        // It takes every purpose and every document that the contract has.
        Vec::new()
    }

    async fn create_user(&self, command: &CreateBiometricUser) -> Result<CreatedUser, Error> {
        let CreateBiometricUser { connection, purpose, document_type, client, .. } = command;
        let call = self.server.line.begin(self.token_call(*purpose, *document_type, client)?);
        let due = call.deadline();
        let token = self.token(call).await?;
        let call = self.call(CREATE_USER, Method::POST, &self.paths.users, &[], client)?.due(due);
        // The vendor documents the media type of a body that it does not have.
        let answer = self.within(call.header(&CONTENT_TYPE, &JSON), &token).await?;
        if let Some(refused) = Refused::read(&answer) {
            return Err(refused.error(&answer));
        }
        let body: Value = answer.json()?;
        let id = body.get("userId").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}/biometricUsers/{id}", connection.name()).parse();
        let name = name.map_err(|_odd| answer.invalid("has no usable user id at userId"))?;
        let create_time = body.get("create").and_then(Value::as_str).and_then(offset_time);
        Ok(CreatedUser { name, create_time, token, expire_time: None::<Timestamp> })
    }

    async fn upload(&self, upload: UploadPictures<'_>) -> Result<TicketName, Error> {
        let UploadPictures { name, token, pictures, client } = upload;
        let user = ID.segment(&name.id).map_err(|_odd| unknown(UPLOAD))?;
        let call = self.call(UPLOAD, Method::POST, &self.paths.upload, &[("user", &user)], client)?;
        let body = Payload::Large(picture::body(pictures, self.form));
        let answer = self.later(call.carrying(JSON, body), token).await?;
        let body: Value = answer.json()?;
        let id = body.get("ticket").and_then(Value::as_str).unwrap_or_default();
        let ticket = format!("{}/tickets/{id}", name.connection.name()).parse();
        ticket.map_err(|_odd| answer.invalid("has no usable ticket at ticket"))
    }

    async fn enroll(&self, enroll: Enroll<'_>) -> Result<Enrolled, Error> {
        let (name, ticket) = (&enroll.command.name, &enroll.command.ticket);
        let segment = |id: &str| ID.segment(id).map_err(|_odd| unknown(ENROLL));
        let (user, upload) = (segment(&name.id)?, segment(&ticket.id)?);
        let places = [("user", &user), ("ticket", &upload)];
        let client = &enroll.command.client;
        let call = self.call(ENROLL, Method::GET, &self.paths.enrolment, &places, client)?;
        let body = EnrollBody { user: &name.id, ticket: &ticket.id };
        let call = call.json(&body)?.max_answer(MAX_FINDINGS);
        findings::read(&self.later(call, enroll.token).await?)
    }
}

/// A name that the vendor cannot have given.
fn unknown(operation: &'static str) -> Error {
    Error::new(Kind::ResourceNotFound, operation, "the vendor has no such biometric user or upload")
}

impl fmt::Debug for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framework").field("host", &self.host()).finish_non_exhaustive()
    }
}
