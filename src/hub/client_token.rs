//! Short-lived tokens for a vendor's SDK on a person's device.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::error::{Error, Kind, Result};
use crate::hub::forget::while_of_use;
use crate::hub::request::{Entry, Once};
use crate::hub::{Hub, sealing, store};
use crate::journal::seal::SealInput;
use crate::journal::{Batch, RequestKey};
use crate::model::name::ConnectionId;
use crate::model::validate::Checks;
use crate::proto::{IssueClientTokenRequest, IssueClientTokenResponse};
use crate::vendor::Vendor;

const ISSUE: &str = "issue_client_token";

impl Hub {
    /// Mints a token. Goes on to the end when the caller goes away.
    ///
    /// Kept answers hold no secrets, so what a repeat gets is sealed beside its answer until it is of no use. Nothing is
    /// recorded before the vendor is asked: a token that nobody got harms nobody.
    pub async fn issue_client_token(
        self: &Arc<Self>,
        caller: String,
        request: IssueClientTokenRequest,
    ) -> Result<IssueClientTokenResponse> {
        let hub = self.clone();
        self.see_through(ISSUE, async move { hub.issue(&caller, &request).await }).await
    }

    async fn issue(
        &self,
        caller: &str,
        request: &IssueClientTokenRequest,
    ) -> Result<IssueClientTokenResponse> {
        let mut checks = Checks::default();
        let connection = checks.connection("name", &request.name);
        let request_id = checks.optional_uuid("request_id", &request.request_id);
        let Some(connection) = connection else { return Err(checks.refused(ISSUE)) };
        checks.finish(ISSUE)?;
        let vendor = self.vendor(&connection, ISSUE)?;
        let tokens = vendor.client_tokens().ok_or_else(|| not_allowed(&*vendor))?;
        let once = match self.enter(caller, request, request_id).await? {
            Entry::Answered(first) => return self.handed_out(first, &connection, caller, request).await,
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        let issued = tokens.issue().await;
        let issued = self.note_health(&*vendor, issued).await?;
        let response = IssueClientTokenResponse {
            token: issued.token.expose_secret().to_owned(),
            expire_time: issued.expire_time,
            replayed: false,
        };
        if let Some(key) = once.key() {
            let batch = self.remembered(&once, key, &connection, &response)?;
            self.append(batch).await.map_err(|error| store(error, ISSUE))?;
        }
        Ok(response)
    }

    /// What keeps a token for repeats of the call, as long as their answer is kept.
    fn remembered(
        &self,
        once: &Once,
        key: &RequestKey,
        connection: &ConnectionId,
        response: &IssueClientTokenResponse,
    ) -> Result<Batch> {
        let answer = IssueClientTokenResponse { token: String::new(), ..response.clone() };
        let requests = self.answered(once, &connection.name(), Ok(&answer), self.head());
        let mut batch = Batch { requests, ..Batch::default() };
        let secret = SealInput {
            connection: connection.as_str(),
            owner: &connection.name(),
            item: &item(connection, &key.caller, &key.request_id.to_string()),
            kind: "client_token",
            plaintext: response.token.as_bytes(),
        };
        let until = while_of_use(self.clock.now(), response.expire_time.as_ref());
        self.keep_until(&mut batch, secret, until, ISSUE)?;
        Ok(batch)
    }

    /// The first answer with its token.
    async fn handed_out(
        &self,
        first: IssueClientTokenResponse,
        connection: &ConnectionId,
        caller: &str,
        request: &IssueClientTokenRequest,
    ) -> Result<IssueClientTokenResponse> {
        let sealed = self.journal.sealed(&item(connection, caller, &request.request_id)).await;
        let Some(sealed) = sealed.map_err(|error| store(error, ISSUE))? else {
            let detail =
                "the token of this request_id has expired; ask for another one with a new request_id";
            return Err(Error::new(Kind::RequestIdReused, ISSUE, detail));
        };
        let token = self.vault.open(&sealed).map_err(|error| sealing(error, ISSUE))?;
        Ok(IssueClientTokenResponse { token: String::from_utf8_lossy(&token).into_owned(), ..first })
    }
}

fn item(connection: &ConnectionId, caller: &str, request_id: &str) -> String {
    format!("client_token/{connection}/{caller}/{request_id}")
}

fn not_allowed(vendor: &dyn Vendor) -> Error {
    let connection = vendor.account().connection.name();
    let detail = format!(
        "{connection} hands out no client tokens: its vendor has none, or its setting allow_client_tokens is not true"
    );
    Error::new(Kind::CapabilityNotSupported, ISSUE, detail).about(connection)
}
