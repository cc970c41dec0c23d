//! Calls that the first vendor has not, against a double: what holds for every vendor that has them.

mod cancel;
mod client_token;
mod invite;
mod keepsake;
mod restart;
mod settle;

use idv_gateway::error::{Error, Kind};

const CALLER: &str = "anonymous";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const OTHER_ID: &str = "0f7e1b86-50a5-4a0e-8a36-6c3d9a1d2b11";

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, kind: Kind) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    error
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.field.as_str()).collect()
}
