//! Every answer of MasStack that is no success against every operation: what the caller is told.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use idv_gateway::error::{Error, Kind as Reason};
use idv_gateway::proto::identification_spec::Kind;
use idv_gateway::proto::{IdentityDocumentSpec, Subject};
use idv_gateway::vendor::capability::{Cancellation, Deletion};
use idv_gateway::vendor::masstack::Masstack;
use idv_gateway::vendor::{Create, Get, Identifications as _, Vendor as _};

use super::masstack_rig::{CALLS, Script, command, connect, process, sound};
use super::rig::about;

use Reason::{
    IdentificationGone, StateNotAllowed, VendorConflict, VendorCredentialsRejected, VendorFeatureNotEnabled,
    VendorOutcomeUnknown, VendorRateLimited, VendorRejectedRequest, VendorResponseInvalid, VendorUnavailable,
};

/// An operation: which of its requests are broken, and how it is called.
struct Operation {
    name: &'static str,
    meets: fn(&str) -> bool,
    run: for<'a> fn(&'a Masstack) -> BoxFuture<'a, Result<(), Error>>,
}

const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "login",
        meets: |line| line.contains("token.example"),
        run: |masstack| masstack.probe().prove_credentials(),
    },
    Operation {
        name: "create",
        meets: |line| line.ends_with("/identity_document"),
        run: |masstack| create(masstack).boxed(),
    },
    Operation { name: "get", meets: |line| line.starts_with("GET"), run: |masstack| get(masstack).boxed() },
    Operation {
        name: "delete",
        meets: |line| line.starts_with("DELETE"),
        run: |masstack| delete(masstack).boxed(),
    },
    Operation {
        name: "cancel",
        meets: |line| line.ends_with("/cancel"),
        run: |masstack| cancel(masstack).boxed(),
    },
    Operation {
        name: "restart",
        meets: |line| line.starts_with("PUT"),
        run: |masstack| restart(masstack).boxed(),
    },
    Operation { name: "send", meets: |line| line.ends_with("/send"), run: |masstack| send(masstack).boxed() },
];

async fn create(masstack: &Masstack) -> Result<(), Error> {
    let command = command(Kind::IdentityDocument(IdentityDocumentSpec::default()), Subject::default());
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

/// An answer, and what it comes to by operation; `None`: nothing is wrong.
struct Row {
    name: &'static str,
    status: u16,
    body: &'static str,
    told: [Option<Reason>; 7],
}

const ERRORS: &str =
    r#"{"errors":[{"code":"MDOC-002","title":"X","ref":"https://x","details":"Erika Beispiel"}]}"#;
const PAGE: &str = "<!doctype html><title>Erika Beispiel</title>";

/// One answer for the login, and one for all others.
fn same(name: &'static str, status: u16, body: &'static str, login: Reason, rest: Reason) -> Row {
    let mut told = [Some(rest); 7];
    told[0] = Some(login);
    Row { name, status, body, told }
}

fn table() -> Vec<Row> {
    let [gone, unknown, invalid] =
        [IdentificationGone, VendorOutcomeUnknown, VendorResponseInvalid].map(Some);
    let (rejected, away) = (Some(VendorRejectedRequest), Some(VendorUnavailable));
    let credentials = VendorCredentialsRejected;
    let nothing = |name, body| Row {
        told: [Some(credentials), rejected, None, None, gone, gone, gone],
        ..same(name, 404, body, credentials, IdentificationGone)
    };
    let lost = |name, status, body| Row {
        told: [away, unknown, away, away, unknown, unknown, unknown],
        ..same(name, status, body, VendorUnavailable, VendorOutcomeUnknown)
    };
    let conflict = Some(VendorConflict);
    vec![
        same("400", 400, ERRORS, credentials, VendorRejectedRequest),
        same("400 and nothing", 400, "", credentials, VendorRejectedRequest),
        same("401", 401, ERRORS, credentials, credentials),
        same("401 and nothing", 401, "", credentials, credentials),
        same("403", 403, "", credentials, VendorFeatureNotEnabled),
        nothing("404", ERRORS),
        nothing("404 and nothing", ""),
        Row {
            told: [Some(credentials), rejected, invalid, invalid, invalid, invalid, invalid],
            ..same("404 of something else", 404, PAGE, credentials, VendorResponseInvalid)
        },
        same("405", 405, "", VendorRejectedRequest, VendorRejectedRequest),
        Row {
            told: [conflict, conflict, conflict, conflict, Some(StateNotAllowed), conflict, conflict],
            ..same("409", 409, ERRORS, VendorConflict, VendorConflict)
        },
        same("429", 429, "", VendorRateLimited, VendorRateLimited),
        lost("500", 500, ERRORS),
        lost("503 and nothing", 503, ""),
        lost("no answer", 0, ""),
        same("307", 307, "", VendorResponseInvalid, VendorResponseInvalid),
        same("a page", 200, PAGE, VendorResponseInvalid, VendorResponseInvalid),
        Row {
            told: [invalid, invalid, invalid, None, None, None, None],
            ..same("another shape", 200, "{}", VendorResponseInvalid, VendorResponseInvalid)
        },
    ]
}

/// What is not as `row` has it.
async fn check(row: &Row) -> Vec<String> {
    let mut faults = Vec::new();
    for (operation, expected) in OPERATIONS.iter().zip(row.told) {
        let (meets, status, body) = (operation.meets, row.status, row.body);
        let script = Script::new(move |line: &str| match meets(line) {
            true => (status, body.to_owned()),
            false => sound(line),
        });
        let masstack = connect(CALLS, script);
        let error = (operation.run)(&masstack).await.err();
        let told = error.as_ref().map(|error| error.kind);
        if told != expected {
            faults.push(format!("{} of {}: {told:?}", row.name, operation.name));
        }
        if format!("{error:?}").contains("Erika") {
            faults.push(format!("{} of {} tells the vendor's words", row.name, operation.name));
        }
    }
    faults
}

#[tokio::test]
async fn all_is_as_the_table_has_it() {
    let mut faults = Vec::new();
    for row in table() {
        faults.extend(check(&row).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_planted_fault_is_caught() {
    let row = same("409", 409, ERRORS, VendorConflict, VendorConflict);
    assert_eq!(check(&row).await, ["409 of cancel: Some(StateNotAllowed)"]);
}
