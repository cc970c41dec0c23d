//! Calls that take effect once, however often their caller repeats them under one `request_id`.
//!
//! A mutation enters with [`Hub::enter`], and writes the answer in the same batch as its effect. A repeat gets the first
//! answer: a refusal too, but not one that a repeat may mend.

use std::fmt::Display;
use std::time::Duration;

use prost::Message;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::hub::answer::StoredAnswer;
use crate::hub::single::outcome_unknown;
use crate::hub::{Hub, store};
use crate::journal::{Answer, Batch, Position, RequestChange, RequestKey};
use crate::model::name::IdentificationName;
use crate::proto::biometrics::{
    CreateBiometricUserRequest, CreateBiometricUserResponse, EnrollBiometricUserRequest,
    EnrollBiometricUserResponse,
};
use crate::proto::onboarding::{
    CreateAccountRequest, CreateAccountResponse, CreateCustomerRequest, CreateCustomerResponse,
    DeleteAccountRequest, DeleteAccountResponse, DeleteCustomerRequest, DeleteCustomerResponse,
    RegisterTransactionRequest, RegisterTransactionResponse, UpdateAccountRequest, UpdateAccountResponse,
    UpdateCustomerRequest, UpdateCustomerResponse,
};
use crate::proto::{
    AdoptIdentificationRequest, AdoptIdentificationResponse, ArchiveIdentificationRequest,
    ArchiveIdentificationResponse, CancelIdentificationRequest, CancelIdentificationResponse,
    CopyIdentificationRequest, CopyIdentificationResponse, CreateDocumentDefinitionRequest,
    CreateDocumentDefinitionResponse, CreateIdentificationRequest, CreateIdentificationResponse,
    DeleteIdentificationRequest, DeleteIdentificationResponse, Identification, IssueClientTokenRequest,
    IssueClientTokenResponse, RestartIdentificationRequest, RestartIdentificationResponse,
    SendInvitationRequest, SendInvitationResponse, UpdateIdentificationRequest, UpdateIdentificationResponse,
    UploadDefaultDocumentHeader, UploadDefaultDocumentResponse, UploadDocumentHeader, UploadDocumentResponse,
};

/// How long the answer to a `request_id` is kept.
pub(super) const KEEP_ANSWER: Duration = Duration::from_secs(24 * 60 * 60);

/// A request whose repeats get the first answer.
pub(super) trait Mutation: Message + Clone {
    /// Its answer.
    type Response: Message + Default;
    /// Full gRPC method name.
    const METHOD: &'static str;
    /// What errors call it.
    const OPERATION: &'static str;

    /// What its repeats must have in common: everything but the `request_id`. A field that this gateway does not
    /// know was dropped on arrival; it has no effect, so it makes no difference either.
    fn payload(self) -> Self;

    /// Marks the first answer as what a repeat gets, and lends the place of its cursor, where it has one.
    fn replayed(first: &mut Self::Response) -> Option<&mut String>;
}

/// A mutation that answers with the identification as it is after it.
pub(super) trait Change: Mutation {
    /// The answer to a first call. `identification` is `None` where there is nothing to show.
    fn response(identification: Option<Identification>, cursor: String) -> Self::Response;

    /// The answer that an earlier call did not live to give.
    fn repeated(response: Self::Response) -> Self::Response;
}

/// What all mutations have in common, though they share no type: their members `request_id` and `replayed`. The last word
/// of each says where its answer has a cursor.
macro_rules! mutations {
    ($service:literal: $($method:literal, $operation:literal: $request:ident => $response:ident, $cursor:expr;)*) => {$(
        impl Mutation for $request {
            type Response = $response;
            const METHOD: &'static str = concat!("/", $service, "/", $method);
            const OPERATION: &'static str = $operation;

            fn payload(self) -> Self {
                Self { request_id: String::new(), ..self }
            }

            fn replayed(first: &mut Self::Response) -> Option<&mut String> {
                let cursor: fn(&mut Self::Response) -> Option<&mut String> = $cursor;
                first.replayed = true;
                cursor(first)
            }
        }
    )*};
}

/// Mutations that answer with the identification.
macro_rules! changes {
    ($($method:literal, $operation:literal: $request:ident => $response:ident;)*) => {
        mutations! {
            "idvgateway.v1.IdentificationService":
            $($method, $operation: $request => $response, |answer| Some(&mut answer.cursor);)*
        }
        $(impl Change for $request {
            fn response(identification: Option<Identification>, cursor: String) -> Self::Response {
                Self::Response { identification, replayed: false, cursor }
            }

            fn repeated(response: Self::Response) -> Self::Response {
                Self::Response { replayed: true, ..response }
            }
        })*
    };
}

changes! {
    "CreateIdentification", "create_identification":
        CreateIdentificationRequest => CreateIdentificationResponse;
    "AdoptIdentification", "adopt_identification":
        AdoptIdentificationRequest => AdoptIdentificationResponse;
    "UpdateIdentification", "update_identification":
        UpdateIdentificationRequest => UpdateIdentificationResponse;
    "ArchiveIdentification", "archive_identification":
        ArchiveIdentificationRequest => ArchiveIdentificationResponse;
    "CopyIdentification", "copy_identification":
        CopyIdentificationRequest => CopyIdentificationResponse;
    "DeleteIdentification", "delete_identification":
        DeleteIdentificationRequest => DeleteIdentificationResponse;
    "CancelIdentification", "cancel_identification":
        CancelIdentificationRequest => CancelIdentificationResponse;
    "RestartIdentification", "restart_identification":
        RestartIdentificationRequest => RestartIdentificationResponse;
    "SendInvitation", "send_invitation":
        SendInvitationRequest => SendInvitationResponse;
}

mutations! {
    "idvgateway.v1.ConnectionService":
    "IssueClientToken", "issue_client_token":
        IssueClientTokenRequest => IssueClientTokenResponse, |_no_event| None;
}

mutations! {
    "idvgateway.v1.DocumentSigningService":
    "CreateDocumentDefinition", "create_document_definition":
        CreateDocumentDefinitionRequest => CreateDocumentDefinitionResponse, |_no_event| None;
    "UploadDefaultDocument", "upload_default_document":
        UploadDefaultDocumentHeader => UploadDefaultDocumentResponse, |_no_event| None;
    "UploadDocument", "upload_document":
        UploadDocumentHeader => UploadDocumentResponse, |answer| Some(&mut answer.cursor);
}

mutations! {
    "idvgateway.onboarding.v1.OnboardingService":
    "CreateCustomer", "create_customer": CreateCustomerRequest => CreateCustomerResponse, |_no_event| None;
    "UpdateCustomer", "update_customer": UpdateCustomerRequest => UpdateCustomerResponse, |_no_event| None;
    "DeleteCustomer", "delete_customer": DeleteCustomerRequest => DeleteCustomerResponse, |_no_event| None;
    "CreateAccount", "create_account": CreateAccountRequest => CreateAccountResponse, |_no_event| None;
    "UpdateAccount", "update_account": UpdateAccountRequest => UpdateAccountResponse, |_no_event| None;
    "DeleteAccount", "delete_account": DeleteAccountRequest => DeleteAccountResponse, |_no_event| None;
    "RegisterTransaction", "register_transaction":
        RegisterTransactionRequest => RegisterTransactionResponse, |_no_event| None;
}

mutations! {
    "idvgateway.biometrics.v1.BiometricsService":
    "CreateBiometricUser", "create_biometric_user":
        CreateBiometricUserRequest => CreateBiometricUserResponse, |_no_event| None;
    "EnrollBiometricUser", "enroll_biometric_user":
        EnrollBiometricUserRequest => EnrollBiometricUserResponse, |_no_event| None;
}

/// How a call enters.
pub(super) enum Entry<R> {
    /// Nobody has made it before, as far as is known.
    First(Once),
    /// It was begun under this name and never answered.
    BrokeOff(Once, IdentificationName),
    /// This is the answer.
    Answered(R),
}

/// A call that takes effect once. Repeats are kept out until it is dropped.
#[derive(Default)]
pub(super) struct Once {
    /// `None`: the caller does not repeat it.
    key: Option<RequestKey>,
    payload_mac: [u8; 32],
    begun: bool,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Once {
    /// Where the answer is kept.
    pub(super) fn key(&self) -> Option<&RequestKey> {
        self.key.as_ref()
    }

    /// Notes that the call has begun, and what it makes or changes.
    pub(super) fn begin(&self, subject: &impl Display) -> Option<RequestChange> {
        let key = self.key.clone().filter(|_key| !self.begun)?;
        Some(RequestChange::Begin { key, payload_mac: self.payload_mac, subject: subject.to_string() })
    }
}

impl Hub {
    /// Finds out whether `request` is a repeat. `Err` also when the first answer was a refusal.
    pub(super) async fn enter<Q: Mutation>(
        &self,
        caller: &str,
        request: &Q,
        request_id: Option<Uuid>,
    ) -> Result<Entry<Q::Response>> {
        let Some(request_id) = request_id else { return Ok(Entry::First(Once::default())) };
        let key = RequestKey { caller: caller.to_owned(), method: Q::METHOD, request_id };
        let turn = self.take_turn(&key, Q::OPERATION)?;
        let payload = request.clone().payload().encode_to_vec();
        let payload_mac = self.journal.identity().key.mac("request", &payload);
        let earlier = self.journal.request(&key).await.map_err(|error| store(error, Q::OPERATION))?;
        let begun = earlier.is_some();
        let once = Once { key: Some(key), payload_mac, begun, _turn: Some(turn) };
        let Some(earlier) = earlier else { return Ok(Entry::First(once)) };
        if earlier.payload_mac != payload_mac {
            let detail = "this request_id was used with another request; use a new one";
            return Err(Error::new(Kind::RequestIdReused, Q::OPERATION, detail));
        }
        if let Some(answer) = earlier.answer {
            if StoredAnswer::is_open(&answer.bytes) {
                return Ok(Entry::First(once));
            }
            return Ok(Entry::Answered(self.replay::<Q>(&answer).await?));
        }
        let name = earlier.subject.parse().map_err(|error| {
            Error::new(Kind::StoreUnavailable, Q::OPERATION, "a kept request is damaged").caused_by(error)
        })?;
        Ok(Entry::BrokeOff(once, name))
    }

    /// The id of what a caller leaves to the gateway to name: a new one, and the same for repeats of one request, though
    /// nothing of it is kept.
    pub(super) fn fresh_id<Q: Mutation>(&self, caller: &str, request_id: Option<Uuid>) -> Uuid {
        let Some(request_id) = request_id else { return self.clock.uuid() };
        let said = format!("{caller}/{}/{request_id}", Q::METHOD);
        let mac = self.journal.identity().key.mac("fresh_id", said.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        // As unforeseeable as a random one for whoever does not have the key.
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn take_turn(&self, key: &RequestKey, operation: &'static str) -> Result<OwnedMutexGuard<()>> {
        let name = format!("request/{}/{}/{}", key.caller, key.method, key.request_id);
        self.locks.try_lock(&name).ok_or_else(|| {
            Error::new(Kind::RequestInProgress, operation, "a call with this request_id is still running")
                .retry_after(Duration::from_secs(1))
        })
    }

    /// The first answer, once there is one. `Err` when it was a refusal.
    pub(super) async fn first_answer<Q: Mutation>(&self, key: &RequestKey) -> Result<Option<Q::Response>> {
        let earlier = self.journal.request(key).await.map_err(|error| store(error, Q::OPERATION))?;
        match earlier.and_then(|earlier| earlier.answer) {
            Some(answer) => self.replay::<Q>(&answer).await.map(Some),
            None => Ok(None),
        }
    }

    async fn replay<Q: Mutation>(&self, answer: &Answer) -> Result<Q::Response> {
        let mut first = StoredAnswer::decode(&answer.bytes, Q::OPERATION)?;
        if let Some(cursor) = Q::replayed(&mut first) {
            let place = self.journal.place(answer.position).await;
            let place = place.map_err(|error| store(error, Q::OPERATION))?;
            *cursor = place.map(|place| self.cursor(place)).unwrap_or_default();
        }
        Ok(first)
    }

    /// Keeps the answer to a call that wrote nothing else, as far as a repeat must get it too, and gives it. `seen` is
    /// where the head stood before anything was read for it: its cursor.
    pub(super) async fn keep_answer<Q: Mutation>(
        &self,
        once: &Once,
        subject: &impl Display,
        seen: Position,
        outcome: Result<Q::Response>,
    ) -> Result<Q::Response> {
        let requests = match (&outcome, &once.key) {
            (Err(error), Some(key)) if !is_final(error.kind) => {
                // Anything that was begun may be begun once more, but for what is in doubt.
                let open = once.begun && !stays(error.kind);
                open.then(|| self.open(key, seen)).into_iter().collect()
            }
            _ => self.answered(once, subject, outcome.as_ref(), seen),
        };
        if !requests.is_empty() {
            let batch = Batch { requests, ..Batch::default() };
            self.append(batch).await.map_err(|error| store(error, Q::OPERATION))?;
        }
        outcome
    }

    /// Begins what must not be sent twice: until its outcome is written, a repeat hears that nobody knows it.
    pub(super) async fn begin_in_doubt<Q: Mutation>(
        &self,
        once: &mut Once,
        subject: &impl Display,
    ) -> Result<()> {
        let unknown = outcome_unknown(Q::OPERATION);
        let requests = self.answered::<Q::Response>(once, subject, Err(&unknown), self.head());
        if !requests.is_empty() {
            let batch = Batch { requests, ..Batch::default() };
            self.append(batch).await.map_err(|error| store(error, Q::OPERATION))?;
            once.begun = true;
        }
        Ok(())
    }

    /// Begins what may be done again and again: the `request_id` is its own from now on, and no answer is kept.
    pub(super) async fn begin_open<Q: Mutation>(
        &self,
        once: &mut Once,
        subject: &impl Display,
    ) -> Result<()> {
        let (Some(begin), Some(key)) = (once.begin(subject), once.key()) else { return Ok(()) };
        let open = self.keep_bytes(key, StoredAnswer::encode_open(), self.head());
        let batch = Batch { requests: vec![begin, open], ..Batch::default() };
        self.append(batch).await.map_err(|error| store(error, Q::OPERATION))?;
        once.begun = true;
        Ok(())
    }

    /// What records a call and its answer with its effect. `seen`: as with [`Hub::keep_answer`].
    pub(super) fn answered<R: Message>(
        &self,
        once: &Once,
        subject: &impl Display,
        outcome: Result<&R, &Error>,
        seen: Position,
    ) -> Vec<RequestChange> {
        let answer = once.key().map(|key| self.answer(key, outcome, seen));
        once.begin(subject).into_iter().chain(answer).collect()
    }

    /// What records the answer to a call that was begun before.
    pub(super) fn answer<R: Message>(
        &self,
        key: &RequestKey,
        outcome: Result<&R, &Error>,
        seen: Position,
    ) -> RequestChange {
        let bytes = match outcome {
            Ok(response) => StoredAnswer::encode_response(response),
            Err(error) => StoredAnswer::encode_error(error),
        };
        self.keep_bytes(key, bytes, seen)
    }

    /// What records that a call which was begun may be begun once more.
    pub(super) fn open(&self, key: &RequestKey, seen: Position) -> RequestChange {
        self.keep_bytes(key, StoredAnswer::encode_open(), seen)
    }

    fn keep_bytes(&self, key: &RequestKey, bytes: Vec<u8>, seen: Position) -> RequestChange {
        RequestChange::Answer {
            key: key.clone(),
            bytes: bytes.into(),
            position: seen,
            keep_until: self.clock.now() + KEEP_ANSWER,
        }
    }
}

/// Whether the refusal of what was begun stays its answer: no repeat mends it, or nobody knows what came of it.
pub(super) fn stays(kind: Kind) -> bool {
    is_final(kind) || kind == Kind::VendorOutcomeUnknown
}

/// Refusals that no repeat mends. Others leave the `request_id` free, because the caller is told to repeat the call.
fn is_final(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ResourceExists
            | Kind::ResourceNotFound
            | Kind::IdentificationCompleted
            | Kind::IdentificationGone
            | Kind::VendorRejectedField
    )
}
