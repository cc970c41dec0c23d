//! The vendor's endpoints, of both its hosts.

mod biometrics;
mod caller;
mod form;
mod oauth;
mod onboarding;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};

use super::OpenServices;
use super::reply::Failure;
use crate::sandbox::stand_in::Interpreter as _;

/// `POST` logs in at the compliance platform.
pub(super) const TOKEN: &str = "/security/oauth/token";
/// `POST` makes a customer.
pub(super) const CUSTOMER: &str = "/onboarding/customerOnboarding";
/// `POST` changes or deletes a customer.
pub(super) const MAINTENANCE: &str = "/onboarding/customerMaintenance";
/// `POST` shows a customer.
pub(super) const GET_CUSTOMER: &str = "/onboarding/getCustomer";
/// `POST` makes, changes or deletes an account.
pub(super) const ACCOUNT: &str = "/onboarding/accountOnboarding";
/// `POST` registers a monetary transaction.
pub(super) const TRANSACTION: &str = "/onboarding/registerMonetaryTransaction";
/// `POST` begins a biometric process.
pub(super) const PROCESS: &str = "/v1/auth/token";
/// `POST` makes a biometric user.
pub(super) const USER: &str = "/v1/workflow/enroll/user";
/// `POST` takes a biometric user's pictures.
pub(super) const UPLOAD: &str = "/v1/workflow/enroll/user/{user}/upload";
/// `GET` enrols a biometric user.
pub(super) const ENROL: &str = "/v1/workflow/enroll/user/{user}/ticket/{ticket}";

/// Bytes of an upload that are read: four pictures of a mebibyte in base64, and what stands around them.
const UPLOAD_BODY: usize = 6 * 1024 * 1024;

/// Everything that the vendor has.
pub(super) fn router() -> Router<Arc<OpenServices>> {
    Router::new()
        .route(TOKEN, post(oauth::token))
        .route(CUSTOMER, post(onboarding::create_customer))
        .route(MAINTENANCE, post(onboarding::maintain_customer))
        .route(GET_CUSTOMER, post(onboarding::get_customer))
        .route(ACCOUNT, post(onboarding::account))
        .route(TRANSACTION, post(onboarding::transaction))
        .route(PROCESS, post(biometrics::begin))
        .route(USER, post(biometrics::create_user))
        .route(UPLOAD, post(biometrics::upload).layer(DefaultBodyLimit::max(UPLOAD_BODY)))
        .route(ENROL, get(biometrics::enrol))
        .method_not_allowed_fallback(async |State(open): State<Arc<OpenServices>>| {
            Failure::method(&open.profile())
        })
}
