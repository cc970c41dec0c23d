//! Customers, their accounts, and what happens on these.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::sandbox::preventor_open::api::caller::{Caller, Compliance};
use crate::sandbox::preventor_open::api::form;
use crate::sandbox::preventor_open::profile::Place;
use crate::sandbox::preventor_open::register::{Record, Refusal, is};
use crate::sandbox::preventor_open::reply::{Failure, written};
use crate::sandbox::preventor_open::shape::{self, LISTS, Shape};
use crate::sandbox::stand_in::Interpreter as _;

/// `POST /onboarding/customerOnboarding`
pub(super) async fn create_customer(Compliance(caller): Compliance) -> Result<Response, Failure> {
    let asked = caller.asked(&shape::CUSTOMER)?;
    caller.only(&asked, &["A"])?;
    for item in LISTS.iter().filter_map(|name| asked.get(*name)?.as_array()).flatten() {
        if item["request_type"] != "A" {
            return Err(Failure::invalid(&caller.profile, "request_type of a new customer's lists is A"));
        }
    }
    let customer = caller.open.register().add_customer(&asked);
    caller.done("customer", "customer", customer)
}

/// `POST /onboarding/customerMaintenance`
pub(super) async fn maintain_customer(Compliance(caller): Compliance) -> Result<Response, Failure> {
    let asked = caller.asked(&shape::CUSTOMER)?;
    caller.only(&asked, &["U", "D"])?;
    let customer = caller.open.register().maintain_customer(&asked);
    caller.done("maintenance", "customer", customer)
}

/// `POST /onboarding/getCustomer`
pub(super) async fn get_customer(Compliance(caller): Compliance) -> Result<Response, Failure> {
    let profile = &caller.profile;
    let id = form::field(caller.media(), &caller.body, "cifCod");
    let id = id.ok_or_else(|| Failure::invalid(profile, "The body is no multipart form with cifCod"))?;
    let register = caller.open.register();
    let customer = register.customer(id).ok_or_else(|| Failure::not_found(profile, "customer"))?;
    let body = match profile.customer {
        Place::Bare => json!(customer),
        Place::Data => json!({ "data": customer }),
    };
    Ok(Json(body).into_response())
}

/// `POST /onboarding/accountOnboarding`
pub(super) async fn account(Compliance(caller): Compliance) -> Result<Response, Failure> {
    let asked = caller.asked(&shape::ACCOUNT)?;
    let account = caller.open.register().put_account(&asked);
    caller.done("account", "account", account)
}

/// `POST /onboarding/registerMonetaryTransaction`
pub(super) async fn transaction(Compliance(caller): Compliance) -> Result<Response, Failure> {
    let asked = caller.asked(&shape::TRANSACTION)?;
    caller.open.register().transactions.push(asked.clone());
    caller.done("transaction", "transaction", Ok(asked))
}

impl Caller {
    /// The record that is asked for.
    fn asked(&self, shape: &Shape) -> Result<Record, Failure> {
        let asked = self.read()?;
        shape.check(&asked, "").map_err(|rule| Failure::invalid(&self.profile, rule))?;
        Ok(asked)
    }

    /// Refuses what is to be done with `asked` unless it is one of `actions`.
    fn only(&self, asked: &Record, actions: &[&str]) -> Result<(), Failure> {
        match actions.iter().any(|action| is(asked, "request_type", action)) {
            true => Ok(()),
            false => Err(Failure::invalid(
                &self.profile,
                format!("request_type has to be {}", actions.join(" or ")),
            )),
        }
    }

    /// The answer to what came to `outcome`.
    fn done(
        &self,
        operation: &'static str,
        what: &str,
        outcome: Result<Record, Refusal>,
    ) -> Result<Response, Failure> {
        match outcome {
            Ok(record) => {
                self.note(operation, &self.body);
                Ok(written(&self.profile, record.into()))
            }
            Err(Refusal::Unknown) => Err(Failure::not_found(&self.profile, what)),
            Err(Refusal::Contradiction(sentence)) => Err(Failure::invalid(&self.profile, sentence)),
        }
    }
}
