//! Everything that Preventor Open Services is asked for, and what it says in its own words.

use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::biometric::{CreateBiometricUser, EnrollBiometricUser, Pictures, Purpose};
use idv_gateway::model::onboarding::{
    AccountChange, Action, CustomerChange, GetCustomer, RegisterTransaction, Sent,
};
use idv_gateway::proto::ClientContext;
use idv_gateway::proto::onboarding::{Account, Customer, Transaction};
use idv_gateway::vendor::Vendor as _;
use idv_gateway::vendor::biometrics::{Biometrics, Enroll, UploadPictures};
use idv_gateway::vendor::kit::retry::Repeat;
use idv_gateway::vendor::onboarding::Onboarding;
use idv_gateway::vendor::preventor_open::PreventorOpen;
use secrecy::SecretString;

use super::server::{Does, answer, json};
use super::table::{Column, Means, Row, Run, Sort, Told, Vendor};
use crate::vendor::preventor_open::{ACCOUNT, CUSTOMER, Files, TICKET, USER};
use crate::vendor::rig::line;

use Kind::{
    ResourceExists, ResourceNotFound, StateNotAllowed, VendorConflict, VendorCredentialsRejected,
    VendorFeatureNotEnabled, VendorRejectedField, VendorRejectedRequest, VendorResponseInvalid,
    VendorUnavailable,
};

const FIELD: &str = "400 with a field";
const REFUSED_TOKEN: [&str; 4] = ["401 once", "401", "401 without a word", "200 with a refused token inside"];
const NOTHING: [&str; 2] = ["404", "404 without a word"];
/// Writes that take every success for one which says nothing, or something in JSON.
const DONE: [(&str, Told); 3] = [("204", None), ("nothing", None), ("another shape", None)];

pub(super) fn vendor() -> Vendor<PreventorOpen> {
    let columns = [logins(), customers(), accounts(), biometrics()];
    Vendor {
        connect: |base, limits, clock, transport| {
            let files = Files::new();
            let settings = files.settings(base, "", "");
            let line = line(limits, clock.clone(), transport);
            PreventorOpen::new("bank".parse().unwrap(), &settings, clock, line).unwrap()
        },
        columns: columns.into_iter().flatten().collect(),
    }
}

/// The statuses that it documents, and the envelope of its other API.
pub(super) fn words() -> Vec<Row> {
    let said = |code: &str| format!(r#"{{"status":"{code}","code":"X","message":"Erika"}}"#);
    let refused = |name, status: &str, told: Kind| {
        let code = status.split(' ').next().unwrap_or_default();
        Row::last(name, json(status, &said(code)), Some(told))
    };
    let silent = |name, status, told: Kind| Row::last(name, answer(status, "", b""), Some(told));
    let fields = r#"{"message":{"fields":["customer.first_name","account_balance","trans_amount"]}}"#;
    let page = answer("404 Not Found", "content-type: text/html\r\n", b"<title>Erika</title>");
    let token = json("401 Unauthorized", &said("401"));
    let always = Means::Unauthorised { next: Some(VendorCredentialsRejected) };
    let inside = |code| Does::Says(json("200 OK", &said(code)));
    let unable = Means::Unable { told: VendorUnavailable, wait: Duration::ZERO };
    vec![
        refused("400", "400 Bad Request", VendorRejectedRequest),
        silent("400 without a word", "400 Bad Request", VendorRejectedRequest),
        Row::last(FIELD, json("400 Bad Request", fields), Some(VendorRejectedRequest)),
        Row::new("401 once", Does::SaysOnce(token.clone()), Means::Unauthorised { next: None }),
        Row::new("401", Does::Says(token), always),
        Row::new("401 without a word", Does::Says(answer("401 Unauthorized", "", b"")), always),
        refused("403", "403 Forbidden", VendorFeatureNotEnabled),
        refused("404", "404 Not Found", VendorRejectedRequest),
        silent("404 without a word", "404 Not Found", VendorRejectedRequest),
        Row::last("404 of another", page, Some(VendorResponseInvalid)),
        refused("405", "405 Method Not Allowed", VendorRejectedRequest),
        refused("406", "406 Not Acceptable", VendorRejectedRequest),
        refused("409", "409 Conflict", VendorConflict),
        refused("413", "413 Content Too Large", VendorRejectedRequest),
        refused("415", "415 Unsupported Media Type", VendorRejectedRequest),
        refused("422", "422 Unprocessable Content", VendorRejectedRequest),
        Row::new("200 with a refused token inside", inside("401"), always),
        Row::new("200 with an error inside", inside("503"), unable),
        Row::new("200 with a refusal inside", inside("403"), Means::Last(Some(VendorFeatureNotEnabled))),
    ]
}

/// What `names` come to in a column.
fn all(names: &[&'static str], told: Kind) -> Vec<(&'static str, Told)> {
    names.iter().map(|name| (*name, Some(told))).collect()
}

fn logins() -> Vec<Column<PreventorOpen>> {
    let refused = ["400", "400 without a word", FIELD, "403", "404", "404 without a word", "404 of another"];
    let refused = [&refused[..], &["200 with a refusal inside"]].concat();
    let column = |operation, request, sound: &str, run| {
        let sound = json("200 OK", sound);
        Column::new(operation, request, sound, run)
            .sort(Sort::Login)
            .but(&all(&refused, VendorCredentialsRejected))
    };
    let token = r#"{"access_token":"token-1","expires_in":3600}"#;
    vec![
        column("preventor_open.login", "POST /security/oauth/token", token, |it| get(it).boxed()),
        column("preventor_open.process_token", "POST /v1/auth/token", r#"{"token":"process-1"}"#, |it| {
            create_user(it).boxed()
        }),
    ]
}

/// A write to the compliance platform.
fn write(operation: &'static str, request: &'static str, run: Run<PreventorOpen>) -> Column<PreventorOpen> {
    let column = Column::new(operation, request, json("200 OK", "{}"), run);
    column.repeat(Repeat::Unsent).but(&DONE).but(&all(&[FIELD], VendorRejectedField))
}

fn customers() -> Vec<Column<PreventorOpen>> {
    const MAINTENANCE: &str = "POST /onboarding/customerMaintenance";
    let shown = json("200 OK", &format!(r#"{{"id":"{CUSTOMER}"}}"#));
    vec![
        write("preventor_open.create_customer", "POST /onboarding/customerOnboarding", |it| {
            customer(it, Action::Add)
        })
        .but(&all(&["409"], ResourceExists)),
        write("preventor_open.update_customer", MAINTENANCE, |it| customer(it, Action::Update))
            .but(&all(&NOTHING, ResourceNotFound)),
        write("preventor_open.delete_customer", MAINTENANCE, |it| customer(it, Action::Delete))
            .but(&all(&NOTHING, ResourceNotFound)),
        Column::new("preventor_open.get_customer", "POST /onboarding/getCustomer", shown, |it| {
            get(it).boxed()
        })
        .but(&NOTHING.map(|name| (name, None))),
    ]
}

fn accounts() -> Vec<Column<PreventorOpen>> {
    const ACCOUNTS: &str = "POST /onboarding/accountOnboarding";
    const TRANSACTIONS: &str = "POST /onboarding/registerMonetaryTransaction";
    let columns = vec![
        write("preventor_open.create_account", ACCOUNTS, |it| account(it, Action::Add))
            .but(&all(&["409"], ResourceExists)),
        write("preventor_open.update_account", ACCOUNTS, |it| account(it, Action::Update)),
        write("preventor_open.delete_account", ACCOUNTS, |it| account(it, Action::Delete)),
        write("preventor_open.register_transaction", TRANSACTIONS, |it| register(it).boxed())
            .but(&all(&["409"], ResourceExists)),
    ];
    columns.into_iter().map(|column| column.but(&all(&NOTHING, ResourceNotFound))).collect()
}

fn biometrics() -> Vec<Column<PreventorOpen>> {
    let made = json("201 Created", &format!(r#"{{"userId":"{USER}","create":"2026-03-14T12:00:00Z"}}"#));
    let uploaded = json("200 OK", &format!(r#"{{"ticket":"{TICKET}"}}"#));
    let found = json("200 OK", r#"{"photoVerify":true,"liveness":true,"enroll":true,"documentReader":{}}"#);
    let create = "POST /v1/workflow/enroll/user";
    let upload_to = "POST /v1/workflow/enroll/user/*/upload";
    let enroll_at = "GET /v1/workflow/enroll/user/*/ticket/*";
    // Their token is that of a process: no other one would do.
    vec![
        Column::new("preventor_open.create_user", create, made, |it| create_user(it).boxed())
            .repeat(Repeat::Unsent)
            .but(&all(&REFUSED_TOKEN, VendorCredentialsRejected)),
        Column::new("preventor_open.upload", upload_to, uploaded, |it| upload(it).boxed())
            .repeat(Repeat::Unsent)
            .time(300)
            .but(&all(&REFUSED_TOKEN, StateNotAllowed))
            .but(&all(&NOTHING, ResourceNotFound)),
        Column::new("preventor_open.enroll", enroll_at, found, |it| enroll(it).boxed())
            .time(240)
            .but(&all(&REFUSED_TOKEN, StateNotAllowed))
            .but(&all(&NOTHING, ResourceNotFound)),
    ]
}

fn onboarding(vendor: &PreventorOpen) -> &dyn Onboarding {
    vendor.onboarding().unwrap()
}

fn framework(vendor: &PreventorOpen) -> &dyn Biometrics {
    vendor.biometrics().unwrap()
}

async fn get(vendor: &PreventorOpen) -> Result<(), Error> {
    let name = format!("connections/bank/customers/{CUSTOMER}").parse().unwrap();
    let get = GetCustomer { name, client: ClientContext::default() };
    onboarding(vendor).customer(&get).await.map(drop)
}

fn customer(vendor: &PreventorOpen, action: Action) -> BoxFuture<'_, Result<(), Error>> {
    let change = CustomerChange {
        action,
        name: format!("connections/bank/customers/{CUSTOMER}").parse().unwrap(),
        customer: Customer { full_name: "Erika".to_owned(), ..Customer::default() },
        sent: Sent::Set,
        client: ClientContext::default(),
        request_id: None,
    };
    async move { onboarding(vendor).change_customer(&change).await.map(drop) }.boxed()
}

fn account(vendor: &PreventorOpen, action: Action) -> BoxFuture<'_, Result<(), Error>> {
    let change = AccountChange {
        action,
        name: format!("connections/bank/accounts/{ACCOUNT}").parse().unwrap(),
        customer: None,
        account: Account { balance: "0.10".to_owned(), ..Account::default() },
        sent: Sent::Set,
        client: ClientContext::default(),
        request_id: None,
    };
    async move { onboarding(vendor).change_account(&change).await.map(drop) }.boxed()
}

async fn register(vendor: &PreventorOpen) -> Result<(), Error> {
    let command = RegisterTransaction {
        connection: "bank".parse().unwrap(),
        transaction: Transaction { transaction_id: "t-1".to_owned(), ..Transaction::default() },
        client: ClientContext::default(),
        request_id: None,
    };
    onboarding(vendor).register_transaction(&command).await.map(drop)
}

async fn create_user(vendor: &PreventorOpen) -> Result<(), Error> {
    let command = CreateBiometricUser {
        connection: "bank".parse().unwrap(),
        purpose: Purpose::Onboarding,
        document_type: None,
        client: ClientContext::default(),
        request_id: None,
    };
    framework(vendor).create_user(&command).await.map(drop)
}

async fn upload(vendor: &PreventorOpen) -> Result<(), Error> {
    let name = &format!("connections/bank/biometricUsers/{USER}").parse().unwrap();
    let picture = vec![Bytes::from_static(b"\xff\xd8\xff\xd9")];
    let pictures = &Pictures { portraits: picture.clone(), documents: picture };
    let (token, client) = (&SecretString::from("process-1"), &ClientContext::default());
    framework(vendor).upload(UploadPictures { name, token, pictures, client }).await.map(drop)
}

async fn enroll(vendor: &PreventorOpen) -> Result<(), Error> {
    let command = &EnrollBiometricUser {
        name: format!("connections/bank/biometricUsers/{USER}").parse().unwrap(),
        ticket: format!("connections/bank/tickets/{TICKET}").parse().unwrap(),
        client: ClientContext::default(),
        request_id: None,
    };
    framework(vendor).enroll(Enroll { command, token: &SecretString::from("process-1") }).await.map(drop)
}
