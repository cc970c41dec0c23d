//! Everything that MasStack is asked for, and what it says in its own words.

use futures::FutureExt as _;
use idv_gateway::error::{Error, Kind};
use idv_gateway::proto::identification_spec::Kind as Spec;
use idv_gateway::proto::{DeliveryMethod, IdentityDocumentSpec, OtpSpec, Subject};
use idv_gateway::vendor::capability::{Cancellation, Deletion};
use idv_gateway::vendor::kit::retry::Repeat;
use idv_gateway::vendor::masstack::Masstack;
use idv_gateway::vendor::{Create, Get, Identifications as _, Vendor as _};

use super::rows::DONE;
use super::server::{Does, answer, json};
use super::table::{Column, Means, Row, Sort, Told, Vendor};
use crate::vendor::masstack_rig::{CALLS, IDS, TOKEN, command, over, process};
use crate::vendor::rig::{about, line};

use Kind::{
    IdentificationGone, StateNotAllowed, VendorConflict, VendorCredentialsRejected, VendorFeatureNotEnabled,
    VendorRejectedRequest, VendorResponseInvalid,
};

const GONE: &str = "404 of the vendor";
const GONE_WITHOUT_A_WORD: &str = "404 without a word";

pub(super) fn vendor() -> Vendor {
    Vendor {
        name: "masstack",
        below: "",
        connect: |base, limits, clock, transport| {
            Box::new(over(base, CALLS, clock.clone(), line(limits, clock, transport)))
        },
        columns: [account(), processes(), calls()].into_iter().flatten().collect(),
        words: words(),
    }
}

/// What MasStack says in its own form, an `ErrorsResponse`, or with a status alone.
fn words() -> Vec<Row> {
    let said = |status: &str| json(status, include_str!("../../../fixtures/masstack/errors.json"));
    let bare = |status: &str| answer(status, "", b"");
    let refused = |name, answer, told: Kind| Row::last(name, answer, Some(told));
    let page = answer("404 Not Found", "content-type: text/html\r\n", b"<title>Erika</title>");
    let always = Means::Unauthorised { next: Some(VendorCredentialsRejected) };
    vec![
        refused("400", said("400 Bad Request"), VendorRejectedRequest),
        refused("400 without a word", bare("400 Bad Request"), VendorRejectedRequest),
        Row::new("401 once", Does::SaysOnce(said("401 Unauthorized")), Means::Unauthorised { next: None }),
        Row::new("401", Does::Says(said("401 Unauthorized")), always),
        Row::new("401 without a word", Does::Says(bare("401 Unauthorized")), always),
        refused("403", said("403 Forbidden"), VendorFeatureNotEnabled),
        refused("403 without a word", bare("403 Forbidden"), VendorFeatureNotEnabled),
        Row::last(GONE, said("404 Not Found"), None),
        Row::last(GONE_WITHOUT_A_WORD, bare("404 Not Found"), None),
        refused("404 of another", page, VendorResponseInvalid),
        refused("405", bare("405 Method Not Allowed"), VendorRejectedRequest),
        refused("406", bare("406 Not Acceptable"), VendorRejectedRequest),
        refused("409", said("409 Conflict"), VendorConflict),
        refused("413", bare("413 Content Too Large"), VendorRejectedRequest),
        refused("415", bare("415 Unsupported Media Type"), VendorRejectedRequest),
        refused("422", said("422 Unprocessable Content"), VendorRejectedRequest),
    ]
}

/// What says that something is not there, where it has to be.
fn missing(told: Kind) -> [(&'static str, Told); 2] {
    [GONE, GONE_WITHOUT_A_WORD].map(|name| (name, Some(told)))
}

/// Whoever says that there is nothing, nothing was made.
fn nothing_made() -> Vec<(&'static str, Told)> {
    let gone = missing(VendorRejectedRequest);
    gone.into_iter().chain([("404 of another", Some(VendorRejectedRequest))]).collect()
}

/// Of a text that should not be there only JSON is taken for the vendor's.
fn done() -> Vec<(&'static str, Told)> {
    DONE.into_iter().filter(|(name, _)| *name != "a length that is too short").collect()
}

fn account() -> Vec<Column> {
    let login = Column::new("masstack.login", "POST /token", json("200 OK", TOKEN), |masstack: &Masstack| {
        get(masstack).boxed()
    });
    let refused = ["400", "400 without a word", "403", "403 without a word", "404 of another"];
    let refused = refused.map(|name| (name, Some(VendorCredentialsRejected)));
    vec![login.sort(Sort::Login).but(&refused).but(&missing(VendorCredentialsRejected))]
}

fn processes() -> Vec<Column> {
    vec![
        Column::new(
            "masstack.create",
            "POST /orgs/bank/identifications/otp",
            json("201 Created", IDS),
            |masstack: &Masstack| create_with_a_code(masstack).boxed(),
        )
        .which("with a code")
        .repeat(Repeat::Unsent)
        .but(&nothing_made()),
        Column::new(
            "masstack.create",
            "POST /orgs/bank/identifications/identity_document",
            json("200 OK", IDS),
            |masstack: &Masstack| create_with_a_document(masstack).boxed(),
        )
        .which("with a document")
        .repeat(Repeat::Unsent)
        .but(&nothing_made()),
        Column::new(
            "masstack.get",
            "GET /orgs/bank/identifications/otp/i-1",
            json("200 OK", IDS),
            |masstack: &Masstack| get(masstack).boxed(),
        ),
        Column::new(
            "masstack.delete",
            "DELETE /orgs/bank/identifications/otp/a-1",
            json("200 OK", "{}"),
            |masstack: &Masstack| delete(masstack).boxed(),
        )
        .but(&done()),
    ]
}

/// Where [`CALLS`] says.
fn calls() -> Vec<Column> {
    vec![
        Column::new(
            "masstack.cancel",
            "POST /orgs/bank/identifications/otp/a-1/cancel",
            json("200 OK", "{}"),
            |masstack: &Masstack| cancel(masstack).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&done())
        .but(&missing(IdentificationGone))
        .but(&[("409", Some(StateNotAllowed))]),
        Column::new(
            "masstack.restart",
            "POST /orgs/bank/identifications/otp/a-1/restart",
            json("200 OK", "{}"),
            |masstack: &Masstack| restart(masstack).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&done())
        .but(&missing(IdentificationGone)),
        Column::new(
            "masstack.send",
            "POST /orgs/bank/identifications/otp/a-1/send",
            json("200 OK", "{}"),
            |masstack: &Masstack| send(masstack).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&done())
        .but(&missing(IdentificationGone)),
    ]
}

async fn create_with_a_code(masstack: &Masstack) -> Result<(), Error> {
    let spec = OtpSpec { channel: DeliveryMethod::Email.into(), ..OtpSpec::default() };
    let subject = Subject { email: "erika@mail.example".to_owned(), ..Subject::default() };
    let command = command(Spec::Otp(spec), subject);
    masstack.create(Create { command: &command }).await.map(drop)
}

async fn create_with_a_document(masstack: &Masstack) -> Result<(), Error> {
    let command = command(Spec::IdentityDocument(IdentityDocumentSpec::default()), Subject::default());
    masstack.create(Create { command: &command }).await.map(drop)
}

async fn get(masstack: &Masstack) -> Result<(), Error> {
    masstack.get(Get { reference: &process(), deadline: None }).await.map(drop)
}

async fn delete(masstack: &Masstack) -> Result<(), Error> {
    let reference = process();
    let deletion = Deletion { about: about(&reference), force: false };
    masstack.deletions().unwrap().delete(deletion).await.map(drop)
}

async fn cancel(masstack: &Masstack) -> Result<(), Error> {
    let reference = process();
    let cancellation = Cancellation { about: about(&reference), reason: "no longer needed" };
    masstack.cancellations().unwrap().cancel(cancellation).await
}

async fn restart(masstack: &Masstack) -> Result<(), Error> {
    masstack.restarts().unwrap().restart(about(&process())).await.map(drop)
}

async fn send(masstack: &Masstack) -> Result<(), Error> {
    masstack.invitations().unwrap().send(about(&process())).await.map(drop)
}
