//! Everything that Preventor is asked for, and what it says in its own words.

use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::TryStreamExt as _;
use http::HeaderName;
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::change::UpdateIdentification;
use idv_gateway::model::webhook::RegisterWebhook;
use idv_gateway::proto::{
    DeliveryMethod, Subject, UpdateIdentificationRequest, VendorReference, VendorWebhookKind,
    WebhookAuthentication,
};
use idv_gateway::settings::Window;
use idv_gateway::vendor::capability::{
    Activities as _, Cancellation, Cancellations as _, Deletion, Deletions as _, Update, Updates as _,
};
use idv_gateway::vendor::invitation::{Invitations as _, Question};
use idv_gateway::vendor::keepsake::{About, Keepsake};
use idv_gateway::vendor::kit::delivery::Proof;
use idv_gateway::vendor::kit::retry::Repeat;
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::ticket::Tickets as _;
use idv_gateway::vendor::webhook_setting::{GeneratedSecret, Registration, WebhookSettings as _};
use idv_gateway::vendor::{Create, Get, Identifications as _};
use prost_types::FieldMask;
use secrecy::SecretString;

use super::rows::DONE;
use super::server::{Does, answer, json};
use super::table::{Column, Means, Row, Sort, Told, Vendor};
use crate::vendor::preventor::{
    Files, IN_PROGRESS, INVITATION, LINK, PREFIX, REGISTERED, TICKET, TOKEN, WEBHOOKS, command, known, spec,
    subject,
};
use crate::vendor::rig::{ID, line};

use Kind::{
    IdentificationGone, ResourceExists, VendorConflict, VendorCredentialsRejected, VendorFeatureNotEnabled,
    VendorRejectedField, VendorRejectedRequest, VendorResponseInvalid, VendorUnavailable,
};

const URI: &str = "https://idv.bank.example/webhooks/bank";

const FIELD: &str = "400 with a field";
const GONE: &str = "404 of the vendor";
const GONE_BY_CODE: &str = "400 with the code of a missing ticket";
const GONE_INSIDE: &str = "200 with the code of a missing ticket";

pub(super) fn vendor() -> Vendor {
    let columns = [account(), invitations(), changes(), tickets(), webhooks()];
    Vendor {
        name: "preventor",
        below: PREFIX,
        connect: |base, limits, clock, transport| {
            let settings = Files::new();
            let settings = settings.settings(&format!("{base}{PREFIX}"), "");
            let line = line(limits, clock.clone(), transport);
            Box::new(Preventor::new("bank".parse().unwrap(), &settings, clock, line).unwrap())
        },
        columns: columns.into_iter().flatten().collect(),
        words: words(),
    }
}

/// What Preventor says in its own form: `{"status","code","message"}`, whose members have several types each.
fn words() -> Vec<Row> {
    let text = r#""Erika""#;
    let refused = |name, status: &str, told: Kind| {
        let meant = status.split(' ').next().unwrap_or_default();
        Row::last(name, json(status, &envelope(meant, "X", text)), Some(told))
    };
    let message = |name, message: &str, told: Kind| {
        Row::last(name, json("400 Bad Request", &envelope(r#""400""#, "X", message)), Some(told))
    };
    let gone = |name, status: &str, meant: &str, code: &str| {
        Row::last(name, json(status, &envelope(meant, code, text)), None)
    };
    let token = json("401 Unauthorized", &envelope("401", "X", text));
    let always = Means::Unauthorised { next: Some(VendorCredentialsRejected) };
    let inside = |meant: &str| Does::Says(json("200 OK", &envelope(meant, "X", text)));
    let unable = Means::Unable { told: VendorUnavailable, wait: Duration::ZERO };
    vec![
        message(FIELD, r#"{"fields":["phone.phone_number"],"message":"Erika"}"#, VendorRejectedField),
        message("400 with another's field", r#"{"fields":["type"]}"#, VendorRejectedRequest),
        message("400 with a text", text, VendorRejectedRequest),
        message("400 with a list", r#"["Erika"]"#, VendorRejectedRequest),
        message("400 with an object", r#"{"message":"Erika","fields":[]}"#, VendorRejectedRequest),
        Row::new("401 once", Does::SaysOnce(token.clone()), Means::Unauthorised { next: None }),
        Row::new("401", Does::Says(token), always),
        Row::new("401 without a word", Does::Says(answer("401 Unauthorized", "", b"")), always),
        refused("403", "403 Forbidden", VendorFeatureNotEnabled),
        gone(GONE, "404 Not Found", "404", "NOT_FOUND"),
        gone(GONE_BY_CODE, "400 Bad Request", "400", "TCKTNTFND"),
        gone(GONE_INSIDE, "200 OK", "null", "TCKTNTFND"),
        Row::last("404 of another", answer("404 Not Found", "", b""), Some(VendorResponseInvalid)),
        refused("405", "405 Method Not Allowed", VendorRejectedRequest),
        refused("406", "406 Not Acceptable", VendorRejectedRequest),
        refused("409", "409 Conflict", VendorConflict),
        refused("412", "412 Precondition Failed", VendorFeatureNotEnabled),
        refused("413", "413 Content Too Large", VendorRejectedRequest),
        refused("415", "415 Unsupported Media Type", VendorRejectedRequest),
        refused("422", "422 Unprocessable Content", VendorRejectedRequest),
        Row::new("200 with a refused token inside", inside(r#""401""#), always),
        Row::new("200 with an error inside", inside("500"), unable),
        Row::new("200 with a refusal inside", inside(r#""403""#), Means::Last(Some(VendorFeatureNotEnabled))),
    ]
}

fn envelope(status: &str, code: &str, message: &str) -> String {
    format!(r#"{{"status":{status},"code":"{code}","message":{message}}}"#)
}

/// What says that something is not there, where it has to be.
fn missing(told: Kind) -> [(&'static str, Told); 3] {
    [GONE, GONE_BY_CODE, GONE_INSIDE].map(|name| (name, Some(told)))
}

fn account() -> Vec<Column> {
    let login = Column::new(
        "preventor.login",
        "POST /id/v1/identity/auth/token",
        json("201 Created", TOKEN),
        |preventor: &Preventor| get(preventor).boxed(),
    );
    let refused = [
        FIELD,
        "400 with another's field",
        "400 with a text",
        "400 with a list",
        "400 with an object",
        "403",
        "404 of another",
        "200 with a refusal inside",
    ];
    let refused = refused.map(|name| (name, Some(VendorCredentialsRejected)));
    vec![login.sort(Sort::Login).but(&refused).but(&missing(VendorCredentialsRejected))]
}

fn invitations() -> Vec<Column> {
    vec![
        Column::new(
            "preventor.check",
            "POST /id/v1/identity/invitations/check",
            json("200 OK", r#"{"available":true}"#),
            |preventor: &Preventor| async { preventor.is_available(&question()).await.map(drop) }.boxed(),
        )
        // Nothing but a refusal is documented.
        .but(&[("another shape", None)])
        // Somebody is taken.
        .but(&[("409", None)])
        .but(&missing(VendorRejectedRequest)),
        Column::new(
            "preventor.register",
            "POST /id/v1/identity/invitations/users/register",
            json("201 Created", REGISTERED),
            |preventor: &Preventor| register(preventor).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&missing(VendorRejectedRequest))
        .but(&[("409", Some(ResourceExists))]),
        Column::new(
            "preventor.send",
            "POST /id/v1/identity/notifications/invitation/*/send",
            json("200 OK", r#"{"state":"SENT"}"#),
            |preventor: &Preventor| send(preventor).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&DONE)
        .but(&missing(IdentificationGone)),
        Column::new(
            "preventor.activities",
            "GET /id/v1/identity/invitations/logs/*/activities",
            json("200 OK", r#"{"activities":[]}"#),
            |preventor: &Preventor| activities(preventor).boxed(),
        ),
    ]
}

fn changes() -> Vec<Column> {
    const WITHDRAW: &str = "DELETE /id/v1/identity/invitations/users/*";
    let done = || json("200 OK", "{}");
    vec![
        Column::new(
            "preventor.update",
            "PATCH /id/v1/identity/invitations/users/*",
            done(),
            |preventor: &Preventor| update(preventor).boxed(),
        )
        .repeat(Repeat::Never)
        .but(&DONE)
        .but(&missing(IdentificationGone)),
        Column::new("preventor.delete", WITHDRAW, done(), |preventor: &Preventor| delete(preventor).boxed())
            .repeat(Repeat::Unsent)
            .but(&DONE),
        Column::new("preventor.cancel", WITHDRAW, done(), |preventor: &Preventor| cancel(preventor).boxed())
            .repeat(Repeat::Unsent)
            .but(&DONE),
    ]
}

fn tickets() -> Vec<Column> {
    const SHOW: &str = "GET /id/v1/identity/transactions/*";
    let shown = || json("200 OK", IN_PROGRESS);
    // More than a refusal could be.
    let image = "A".repeat(8192);
    let images = format!(r#"{{"images":[{{"type":"DOCUMENT","image":"data:image/png;base64,{image}"}}]}}"#);
    vec![
        Column::new("preventor.get_ticket", SHOW, shown(), |preventor: &Preventor| get(preventor).boxed())
            .which("for its state"),
        Column::new("preventor.get_ticket", SHOW, shown(), |preventor: &Preventor| {
            async { preventor.ticket(&ticket()).await.map(drop) }.boxed()
        })
        .which("for all of it")
        // Shown as it came.
        .but(&[("another shape", None)]),
        Column::new(
            "preventor.get_images",
            "GET /id/v1/identity/transactions/*/images?type=ALL",
            json("200 OK", &images),
            |preventor: &Preventor| download(preventor).boxed(),
        )
        .sort(Sort::File)
        // No images.
        .but(&[("another shape", None)]),
    ]
}

fn webhooks() -> Vec<Column> {
    vec![
        Column::new(
            "preventor.list_webhooks",
            "GET /id/v1/identity/settings/webhooks",
            json("200 OK", WEBHOOKS),
            |preventor: &Preventor| async { preventor.webhooks().await.map(drop) }.boxed(),
        )
        .but(&missing(VendorRejectedRequest)),
        Column::new(
            "preventor.register_webhook",
            "PUT /id/v1/identity/settings/webhooks",
            json("200 OK", "{}"),
            |preventor: &Preventor| register_webhook(preventor).boxed(),
        )
        .but(&DONE)
        .but(&missing(VendorRejectedRequest)),
        Column::new(
            "preventor.delete_webhook",
            "DELETE /id/v1/identity/settings/webhooks/*",
            json("200 OK", "{}"),
            |preventor: &Preventor| async { preventor.remove("w-1").await.map(drop) }.boxed(),
        )
        .but(&DONE),
    ]
}

fn question() -> Question {
    Question {
        delivery_method: DeliveryMethod::Email,
        email: subject().email,
        phone: None,
        process: String::new(),
        unique: "customer-7".to_owned(),
    }
}

fn ours() -> VendorReference {
    known(INVITATION, &[])
}

/// As a registration by mail leaves it.
fn kept() -> Keepsake {
    let kept = serde_json::json!({"recipient": subject().email, "link": LINK, "delivery_method": "EMAIL"});
    Keepsake::new(kept.to_string().into_bytes())
}

fn ticket() -> idv_gateway::model::name::TicketName {
    format!("connections/bank/tickets/{TICKET}").parse().unwrap()
}

async fn register(preventor: &Preventor) -> Result<(), Error> {
    let command = command(subject(), spec(DeliveryMethod::Email));
    preventor.create(Create { command: &command }).await.map(drop)
}

async fn send(preventor: &Preventor) -> Result<(), Error> {
    preventor.send(About { reference: &ours(), keepsake: None }).await.map(drop)
}

async fn activities(preventor: &Preventor) -> Result<(), Error> {
    preventor.activities(About { reference: &ours(), keepsake: None }).await.map(drop)
}

async fn update(preventor: &Preventor) -> Result<(), Error> {
    let command = UpdateIdentification::parse(UpdateIdentificationRequest {
        name: format!("connections/bank/identifications/{ID}"),
        update_mask: Some(FieldMask { paths: vec!["subject.email".to_owned()] }),
        subject: Some(Subject { email: "new@mail.example".to_owned(), ..Subject::default() }),
        ..UpdateIdentificationRequest::default()
    });
    let (reference, kept) = (ours(), kept());
    let about = About { reference: &reference, keepsake: Some(&kept) };
    preventor.update(Update { about, command: &command.unwrap() }).await.map(drop)
}

async fn delete(preventor: &Preventor) -> Result<(), Error> {
    let (reference, kept) = (ours(), kept());
    let about = About { reference: &reference, keepsake: Some(&kept) };
    preventor.delete(Deletion { about, force: false }).await.map(drop)
}

async fn cancel(preventor: &Preventor) -> Result<(), Error> {
    let (reference, kept) = (ours(), kept());
    let about = About { reference: &reference, keepsake: Some(&kept) };
    preventor.cancel(Cancellation { about, reason: "" }).await
}

async fn get(preventor: &Preventor) -> Result<(), Error> {
    preventor.get(Get { reference: &known("", &[TICKET]), deadline: None }).await.map(drop)
}

async fn download(preventor: &Preventor) -> Result<(), Error> {
    let Some(images) = preventor.images(&ticket(), &[]).await? else { return Ok(()) };
    images.try_for_each(async |_image| Ok(())).await
}

async fn register_webhook(preventor: &Preventor) -> Result<(), Error> {
    let wanted = RegisterWebhook {
        connection: "bank".parse().unwrap(),
        kind: VendorWebhookKind::Tickets,
        authentication: WebhookAuthentication::ApiKey,
        vendor_events: Vec::new(),
        encrypted: false,
    };
    let proof = Proof::ApiKey { header: HeaderName::from_static("x-idv"), value: SecretString::from("hush") };
    let window = Window::new(None, None);
    let secret =
        GeneratedSecret { label: "made".to_owned(), kind: wanted.kind, proof, cipher_key: None, window };
    preventor.register(Registration { wanted: &wanted, uri: URI, secret: &secret }).await.map(drop)
}
