//! Acts as the person and as the vendor's reviewer, through the sandbox's control API.

use std::error::Error;

use idv_gateway::sandbox::WebhookTarget;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// A client of the sandbox's control API.
pub(super) struct Person {
    sandbox: String,
    client: reqwest::Client,
}

impl Person {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo plays the vendor's side; the kit is the gateway's"
    )]
    pub(super) fn new(sandbox: String) -> reqwest::Result<Self> {
        // A proxy from the environment would be asked for a server on this machine, and carry it outside.
        Ok(Self { sandbox, client: reqwest::Client::builder().no_proxy().build()? })
    }

    /// The person opens the link.
    pub(super) async fn start(&self, id: &str) -> Result<(), Box<dyn Error>> {
        self.act(id, "start", json!({ "channel": "APP" })).await
    }

    /// The person gives up.
    pub(super) async fn abort(&self, id: &str, reason: &str) -> Result<(), Box<dyn Error>> {
        self.act(id, "abort", json!({ "reason": reason })).await
    }

    /// The person is done.
    pub(super) async fn submit(&self, id: &str, result: &str) -> Result<(), Box<dyn Error>> {
        self.act(id, "submit", json!({ "result": result })).await
    }

    /// The reviewer decides.
    pub(super) async fn review(&self, id: &str, result: &str) -> Result<(), Box<dyn Error>> {
        self.act(id, "review", json!({ "result": result })).await
    }

    /// Something happens to a process with a code.
    pub(super) async fn with_code(&self, id: &str, what: &str) -> Result<(), Box<dyn Error>> {
        self.post(&format!("/control/masstack/identifications/{id}/{what}"), json!({})).await
    }

    /// The invited person follows the link, and begins a ticket.
    pub(super) async fn follow_invitation(&self, mail: &str) -> Result<(), Box<dyn Error>> {
        self.act_on_invitation(mail, "start", json!({})).await
    }

    /// The invited person passes a step of the ticket.
    pub(super) async fn pass(&self, mail: &str, step: &str) -> Result<(), Box<dyn Error>> {
        self.act_on_invitation(mail, "step", json!({ "sub_event": step, "disposition": "PASSED" })).await
    }

    /// The vendor accepts the ticket.
    pub(super) async fn accept(&self, mail: &str) -> Result<(), Box<dyn Error>> {
        self.act_on_invitation(mail, "complete", json!({ "flow_status": "ACCEPTED" })).await
    }

    pub(super) async fn send_webhooks_to(&self, target: &WebhookTarget) -> Result<(), Box<dyn Error>> {
        let body = json!({
            "url": target.url,
            "username": target.username,
            "password": target.password.expose_secret(),
        });
        self.post("/control/webhooks/target", body).await
    }

    async fn act_on_invitation(&self, mail: &str, what: &str, body: Value) -> Result<(), Box<dyn Error>> {
        self.post(&format!("/control/preventor/invitations/{mail}/{what}"), body).await
    }

    async fn act(&self, id: &str, what: &str, body: Value) -> Result<(), Box<dyn Error>> {
        self.post(&format!("/control/identifications/{id}/{what}"), body).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the demo plays the vendor's side; the kit is the gateway's"
    )]
    async fn post(&self, path: &str, body: Value) -> Result<(), Box<dyn Error>> {
        let request = self.client.post(format!("{}{path}", self.sandbox));
        let response =
            request.header("content-type", "application/json").body(body.to_string()).send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("the sandbox answered {path} with {status}: {}", response.text().await?).into())
    }
}
