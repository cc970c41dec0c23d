//! The compliance platform: customers, accounts and transactions.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use http::Method;
use http::header::AUTHORIZATION;
use serde::de::IgnoredAny;

use crate::clock::Clock;
use crate::error::{Error, Result, Violation};
use crate::model::onboarding::{AccountChange, Action, CustomerChange, GetCustomer, RegisterTransaction};
use crate::proto::ClientContext;
use crate::vendor::kit::http::{Answer, Call, Payload};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::multipart::multipart;
use crate::vendor::kit::retry::Repeat;
use crate::vendor::kit::session::{Dialect, Session};
use crate::vendor::kit::token::TokenRules;
use crate::vendor::kit::url::PathTemplate;
use crate::vendor::onboarding::{FoundCustomer, Onboarding, Told};
use crate::vendor::preventor_open::body::Body;
use crate::vendor::preventor_open::client::with_client;
use crate::vendor::preventor_open::config::{
    AccountId, ClientSettings, CustomerFields, OnboardingSettings, PreventorOpenSettings,
};
use crate::vendor::preventor_open::fault::Refused;
use crate::vendor::preventor_open::server::{Server, Unusable, secret};
use crate::vendor::preventor_open::token::{LONGEST_LIFE, Login};
use crate::vendor::preventor_open::{ID, account, customer, transaction};

const CREATE_CUSTOMER: &str = "preventor_open.create_customer";
const UPDATE_CUSTOMER: &str = "preventor_open.update_customer";
const DELETE_CUSTOMER: &str = "preventor_open.delete_customer";
const GET_CUSTOMER: &str = "preventor_open.get_customer";
const CREATE_ACCOUNT: &str = "preventor_open.create_account";
const UPDATE_ACCOUNT: &str = "preventor_open.update_account";
const DELETE_ACCOUNT: &str = "preventor_open.delete_account";
const REGISTER_TRANSACTION: &str = "preventor_open.register_transaction";

/// The vendor documents no idle time.
const RULES: TokenRules = TokenRules { renew_after: LONGEST_LIFE, idle: LONGEST_LIFE };

/// The compliance platform of one account.
pub(super) struct Compliance {
    server: Arc<Server>,
    login: Arc<Login>,
    session: Session,
    paths: Paths,
    client: ClientSettings,
    account_id: AccountId,
    fields: CustomerFields,
}

struct Paths {
    customers: PathTemplate,
    maintenance: PathTemplate,
    customer: PathTemplate,
    accounts: PathTemplate,
    transactions: PathTemplate,
}

/// A request that changes something, and what its refusals mean.
struct Change<'a> {
    operation: &'static str,
    path: &'a PathTemplate,
    body: Body,
    client: &'a ClientContext,
    /// The path in a request of what the vendor calls a field.
    field: fn(&str) -> Option<String>,
    /// What a 404 says, and a 409; empty where neither can be about something of the caller's.
    missing: &'static str,
    exists: &'static str,
}

impl Compliance {
    pub(super) fn new(
        settings: &PreventorOpenSettings,
        onboarding: &OnboardingSettings,
        line: Arc<Line>,
        clock: Clock,
    ) -> Result<Self, Unusable> {
        let base = onboarding.base(settings.environment);
        let base = base.map_err(|error| ("onboarding.base_url", error.to_string()))?;
        let server = Arc::new(Server::new(settings, base, line.clone())?);
        let api_key = secret("api_key", &settings.api_key)?;
        let login = Arc::new(Login::new(server.clone(), clock.clone(), onboarding, &api_key)?);
        let dialect = Dialect {
            header: AUTHORIZATION,
            rules: RULES,
            passing: Refused::passing,
            wants_login: Refused::wants_login,
        };
        let session = Session::new(line, clock, dialect, {
            let login = login.clone();
            move || {
                let login = login.clone();
                async move { login.log_in().await }.boxed()
            }
        });
        Ok(Self {
            paths: Paths {
                customers: server.path("/onboarding/customerOnboarding")?,
                maintenance: server.path("/onboarding/customerMaintenance")?,
                customer: server.path("/onboarding/getCustomer")?,
                accounts: server.path("/onboarding/accountOnboarding")?,
                transactions: server.path("/onboarding/registerMonetaryTransaction")?,
            },
            client: settings.client.clone(),
            account_id: onboarding.account_id,
            fields: onboarding.customer.clone(),
            server,
            login,
            session,
        })
    }

    /// The server, for those who share it.
    pub(super) fn host(&self) -> String {
        self.server.host()
    }

    /// Signs in, whatever token there is.
    pub(super) async fn log_in(&self) -> Result<()> {
        self.login.log_in().await.map(drop)
    }

    fn call(&self, operation: &'static str, path: &PathTemplate, client: &ClientContext) -> Result<Call> {
        let call = self.server.prepare(operation, Method::POST, path, &[])?;
        with_client(call, client, &self.client)
    }

    async fn tell(&self, change: Change<'_>) -> Result<Told> {
        let Change { operation, path, body, client, field, missing, exists } = change;
        let answer = self.session.call(self.call(operation, path, client)?.json(&body)?).await?;
        match Refused::read(&answer) {
            None => told(&answer),
            Some(refused) => {
                let of_fields = refused.rejected_fields(&answer, field);
                let of_state = || (!exists.is_empty()).then(|| refused.exists_or_error(&answer, exists))?;
                Err(of_fields.or_else(of_state).unwrap_or_else(|| match missing {
                    "" => refused.error(&answer),
                    missing => refused.missing_or_error(&answer, missing),
                }))
            }
        }
    }
}

/// The vendor's answer to something that it took. It may say nothing; a page of something in between is no answer.
fn told(answer: &Answer) -> Result<Told> {
    if answer.body().trim_ascii().is_empty() {
        return Ok(Told { raw_json: Bytes::new() });
    }
    answer.json::<IgnoredAny>()?;
    Ok(Told { raw_json: answer.body().clone() })
}

#[async_trait]
impl Onboarding for Compliance {
    fn check_customer(&self, change: &CustomerChange) -> Vec<Violation> {
        customer::check(&change.customer)
    }

    fn check_account(&self, change: &AccountChange) -> Vec<Violation> {
        account::check(change, self.account_id)
    }

    fn check_transaction(&self, _command: &RegisterTransaction) -> Vec<Violation> {
        // It has a member for every field of the contract.
        Vec::new()
    }

    async fn customer(&self, get: &GetCustomer) -> Result<Option<FoundCustomer>, Error> {
        let Ok(id) = ID.segment(&get.name.id) else { return Ok(None) };
        let (media_type, form) = multipart(&[("cifCod", &id)]);
        let call = self.call(GET_CUSTOMER, &self.paths.customer, &get.client)?;
        // It only reads, whatever its method.
        let call = call.carrying(media_type, Payload::Bytes(form)).repeat(Repeat::Freely);
        let answer = self.session.call(call).await?;
        match Refused::read(&answer) {
            Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
            None => self.fields.read(&answer, &get.name.id).map(Some),
        }
    }

    async fn change_customer(&self, change: &CustomerChange) -> Result<Told, Error> {
        let paths = &self.paths;
        let none = "the vendor has no such customer";
        let (operation, path, missing, exists) = match change.action {
            Action::Add => (CREATE_CUSTOMER, &paths.customers, "", "the vendor has such a customer"),
            Action::Update => (UPDATE_CUSTOMER, &paths.maintenance, none, ""),
            Action::Delete => (DELETE_CUSTOMER, &paths.maintenance, none, ""),
        };
        let (body, client) = (customer::body(change), &change.client);
        self.tell(Change { operation, path, body, client, field: customer::field, missing, exists }).await
    }

    async fn change_account(&self, change: &AccountChange) -> Result<Told, Error> {
        let path = &self.paths.accounts;
        let none = "the vendor has no such account";
        let (operation, missing, exists) = match change.action {
            Action::Add => {
                (CREATE_ACCOUNT, "the vendor has no such customer", "the vendor has such an account")
            }
            Action::Update => (UPDATE_ACCOUNT, none, ""),
            Action::Delete => (DELETE_ACCOUNT, none, ""),
        };
        let (body, client) = (account::body(change, self.account_id), &change.client);
        self.tell(Change { operation, path, body, client, field: account::field, missing, exists }).await
    }

    async fn register_transaction(&self, command: &RegisterTransaction) -> Result<Told, Error> {
        self.tell(Change {
            operation: REGISTER_TRANSACTION,
            path: &self.paths.transactions,
            body: transaction::body(&command.transaction),
            client: &command.client,
            field: transaction::field,
            missing: "the vendor has no such account",
            exists: "the vendor has such a transaction",
        })
        .await
    }
}

impl fmt::Debug for Compliance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compliance").field("host", &self.host()).finish_non_exhaustive()
    }
}
