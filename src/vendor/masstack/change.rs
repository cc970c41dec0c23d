//! Erasing, ending, reopening, and sending the code again.

use async_trait::async_trait;
use serde::Serialize;

use crate::error::{Error, Kind as Reason, Result, Violation};
use crate::model::observation::Word;
use crate::proto::VendorReference;
use crate::vendor::capability::{Cancellation, Cancellations, Deleted, Deletion, Deletions, Restarts};
use crate::vendor::invitation::{Availability, Invitations, Question, Sent};
use crate::vendor::keepsake::{About, Keepsake};
use crate::vendor::kit::retry::Repeat;
use crate::vendor::masstack::Masstack;
use crate::vendor::masstack::endpoint::Endpoint;
use crate::vendor::masstack::process::Process;
use crate::vendor::{Get, Identifications as _};

const DELETE: &str = "masstack.delete";
const CANCEL: &str = "masstack.cancel";
const RESTART: &str = "masstack.restart";
const SEND: &str = "masstack.send";

/// `CancelIdentificationRequest`.
#[derive(Serialize)]
struct CancelBody<'a> {
    reason: &'a str,
}

#[async_trait]
impl Deletions for Masstack {
    async fn delete(&self, deletion: Deletion<'_>) -> Result<Deleted, Error> {
        let process = Process::needed(deletion.about.reference, DELETE)?;
        let call = self.api.about(DELETE, &self.api.endpoints().delete, &process)?;
        let call = if deletion.force { call.with_parameter("force", "true") } else { call };
        // What the vendor does not know it has erased before: it had given ids to it.
        self.api.carry_out(call).await.map(|_known| Deleted::Now)
    }
}

#[async_trait]
impl Cancellations for Masstack {
    fn check(&self, reason: &str) -> Vec<Violation> {
        if reason.trim().is_empty() {
            return vec![Violation::new("reason", "is required on this connection")];
        }
        Vec::new()
    }

    async fn cancel(&self, cancellation: Cancellation<'_>) -> Result<(), Error> {
        let reference = cancellation.about.reference;
        let endpoint = bound(self.api.endpoints().cancel.as_ref(), CANCEL)?;
        let call = self.api.about(CANCEL, endpoint, &Process::needed(reference, CANCEL)?)?;
        let call = call.repeat(Repeat::Unsent).json(&CancelBody { reason: cancellation.reason })?;
        match self.api.carry_out(call).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(gone(CANCEL)),
            Err(refused) if refused.kind == Reason::VendorConflict => {
                self.is_cancelled(reference, refused).await
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Restarts for Masstack {
    async fn restart(&self, about: About<'_>) -> Result<Option<Keepsake>, Error> {
        self.ask_for(RESTART, self.api.endpoints().restart.as_ref(), about).await?;
        Ok(None)
    }
}

#[async_trait]
impl Invitations for Masstack {
    fn check_question(&self, _question: &Question) -> Vec<Violation> {
        Vec::new()
    }

    async fn is_available(&self, _question: &Question) -> Result<Availability, Error> {
        let detail = "the vendor has no such question: it sends codes, and invites nobody";
        Err(Error::new(Reason::CapabilityNotSupported, SEND, detail))
    }

    async fn send(&self, about: About<'_>) -> Result<Sent, Error> {
        self.ask_for(SEND, self.api.endpoints().send.as_ref(), about).await?;
        Ok(Sent::default())
    }
}

impl Masstack {
    /// A call without a body, of which nothing says that it may be repeated.
    async fn ask_for(
        &self,
        operation: &'static str,
        endpoint: Option<&Endpoint>,
        about: About<'_>,
    ) -> Result<()> {
        let process = Process::needed(about.reference, operation)?;
        let call = self.api.about(operation, bound(endpoint, operation)?, &process)?;
        match self.api.carry_out(call.repeat(Repeat::Unsent)).await? {
            true => Ok(()),
            false => Err(gone(operation)),
        }
    }

    /// `Ok` when what the vendor `refused` to cancel is cancelled already.
    async fn is_cancelled(&self, reference: &VendorReference, refused: Error) -> Result<()> {
        match self.get(Get { reference, deadline: None }).await?.observation.word {
            Word::Cancelled => Ok(()),
            _ => {
                let detail = "the vendor does not cancel it in its present state";
                Err(Error { vendor: refused.vendor, ..Error::new(Reason::StateNotAllowed, CANCEL, detail) })
            }
        }
    }
}

fn bound<'a>(endpoint: Option<&'a Endpoint>, operation: &'static str) -> Result<&'a Endpoint> {
    endpoint.ok_or_else(|| {
        let detail = "the connection does not say where the vendor has this call";
        Error::new(Reason::CapabilityNotSupported, operation, detail)
    })
}

fn gone(operation: &'static str) -> Error {
    Error::new(Reason::IdentificationGone, operation, "the vendor does not know the identification any more")
}
