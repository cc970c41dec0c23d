//! Preventor: a connection against a small stub server.

mod api;
mod change;
mod config;
mod hostile;
mod images;
mod invitation;
mod tickets;
mod webhook_list;
mod webhooks;

use std::sync::Arc;

use axum::response::Response;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::model::command::CreateIdentification;
use idv_gateway::proto::identification_spec::Kind as Spec;
use idv_gateway::proto::{
    CreateIdentificationRequest, DeliveryMethod, IdentificationSpec, InvitationSpec, PhoneNumber, Subject,
    VendorReference,
};
use idv_gateway::vendor::kit::http::{HttpTransport, Timeouts};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::preventor::config::PreventorSettings;
use idv_gateway::vendor::{Create, Created, Identifications as _};
use tempfile::TempDir;
use uuid::Uuid;

use super::rig::{ID, Seen, Stub, json, line, noon};

/// The prefix of the API on the stub.
pub(super) const PREFIX: &str = "/id/v1/identity";
pub(super) const INVITATION: &str = "0b8f9a4e-33f4-4c55-9d2a-1f6f0c1d7e10";
pub(super) const TICKET: &str = "762ebbda-0edb-4e48-86bc-11a280273601";
pub(super) const LINK: &str = "https://id.preventor.example/i/0b8f9a4e";

pub(super) const TOKEN: &str = include_str!("../../../fixtures/preventor/token.json");
/// [`INVITATION`], registered.
pub(super) const REGISTERED: &str = include_str!("../../../fixtures/preventor/invitation.json");
pub(super) const IN_PROGRESS: &str = include_str!("../../../fixtures/preventor/ticket_in_progress.json");
/// A webhook of tickets, as the vendor lists it.
pub(super) const WEBHOOKS: &str = include_str!("../../../fixtures/preventor/webhooks.json");

/// Secrets in files, and settings that point to them.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        let files = Self(TempDir::new().unwrap());
        for (name, text) in [
            ("key", "made-up-key\n"),
            ("secret", "made-up-secret\n"),
            ("token", "made-up-token\n"),
            ("cipher", "0123456789abcdef0123456789abcdef\n"),
            ("33-bytes", "0123456789abcdef0123456789abcdeé\n"),
        ] {
            std::fs::write(files.0.path().join(name), text).unwrap();
        }
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// TOML of a connection to `base`; `more` stands in the same table or in ones below it.
    fn toml(&self, base: &str, more: &str) -> String {
        let (key, secret) = (self.path("key"), self.path("secret"));
        format!(
            "environment = \"sandbox\"\nbase_url = \"{base}\"\napi_key = {{ file = \"{key}\" }}\n\
             secret = {{ file = \"{secret}\" }}\ntenant = \"bank\"\nenv = \"test\"\nbanknu = \"001\"\n{more}\n"
        )
    }

    /// Calls are not repeated, which would wait for the clock: what is tested is how one answer is read.
    pub(super) fn settings(&self, base: &str, more: &str) -> PreventorSettings {
        let mut settings: PreventorSettings = toml::from_str(&self.toml(base, more)).unwrap();
        if settings.limits == LimitSettings::default() {
            settings.limits.max_attempts = 1;
        }
        settings
    }
}

/// A connection `bank` to a stub that answers `answer`, logins aside, with `more` settings.
async fn connect_with(
    more: &str,
    answer: impl Fn(&Seen) -> Response + Send + Sync + 'static,
) -> (Preventor, Stub, ManualClock) {
    let stub = Stub::start(move |seen| match seen.path.strip_prefix(PREFIX) {
        Some("/auth/token") => json(201, TOKEN),
        _ => answer(seen),
    })
    .await;
    let (preventor, clock) = over_sockets(&stub.base, more);
    (preventor, stub, clock)
}

async fn connect(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> (Preventor, Stub) {
    let (preventor, stub, _clock) = connect_with("", answer).await;
    (preventor, stub)
}

fn over_sockets(base: &str, more: &str) -> (Preventor, ManualClock) {
    let (clock, manual) = Clock::manual(noon());
    let files = Files::new();
    let settings = files.settings(&format!("{base}{PREFIX}"), more);
    let transport = Arc::new(HttpTransport::new(Timeouts::default()).unwrap());
    let line = line(settings.limits, clock.clone(), transport);
    (Preventor::new("bank".parse().unwrap(), &settings, clock, line).unwrap(), manual)
}

/// A connection that can reach nobody.
fn offline() -> Preventor {
    over_sockets("http://127.0.0.1:9", "").0
}

/// What the stub saw beside logins, as `METHOD path`, the prefix left out.
fn calls(stub: &Stub) -> Vec<String> {
    let seen = stub.seen().into_iter().filter(|seen| !seen.path.ends_with("/auth/token"));
    seen.map(|seen| format!("{} {}", seen.method, seen.path.trim_start_matches(PREFIX))).collect()
}

pub(super) fn subject() -> Subject {
    Subject {
        email: "erika.beispiel+kyc@mail.example".to_owned(),
        phone: Some(PhoneNumber { e164: "+12025550123".to_owned(), region_code: "US".to_owned() }),
        ..Subject::default()
    }
}

pub(super) fn spec(delivery_method: DeliveryMethod) -> InvitationSpec {
    InvitationSpec {
        delivery_method: delivery_method.into(),
        flow: "WF-07_made-up_2".to_owned(),
        ..InvitationSpec::default()
    }
}

/// Whatever the model itself would refuse: the connector has to see it, too.
pub(super) fn command(subject: Subject, spec: InvitationSpec) -> CreateIdentification {
    let request = CreateIdentificationRequest {
        parent: "connections/bank".to_owned(),
        identification_id: ID.to_owned(),
        subject: Some(self::subject()),
        spec: Some(IdentificationSpec { kind: Some(Spec::Invitation(self::spec(DeliveryMethod::Email))) }),
        ..CreateIdentificationRequest::default()
    };
    let sound = CreateIdentification::parse(request, Uuid::nil()).unwrap();
    // What no vendor takes is refused before; a connector does not rely on it.
    CreateIdentification { subject, spec: Spec::Invitation(spec), ..sound }
}

fn registered() -> Response {
    json(201, REGISTERED)
}

/// An invitation of `method`, made.
async fn invited(preventor: &Preventor, method: DeliveryMethod) -> Created {
    preventor.create(Create { command: &command(subject(), spec(method)) }).await.unwrap()
}

pub(super) fn known(id: &str, tickets: &[&str]) -> VendorReference {
    VendorReference {
        id: id.to_owned(),
        ticket_ids: tickets.iter().map(|ticket| (*ticket).to_owned()).collect(),
        ..VendorReference::default()
    }
}
