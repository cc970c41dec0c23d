//! The end user's client, as every call tells of it.

use http::{HeaderName, HeaderValue};

use crate::error::{Error, Kind, Result};
use crate::proto::ClientContext;
use crate::vendor::kit::header;
use crate::vendor::kit::http::Call;
use crate::vendor::preventor_open::config::ClientSettings;

const LANGUAGE: HeaderName = HeaderName::from_static("x-lang");
const TIME_ZONE: HeaderName = HeaderName::from_static("x-tzone");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const IP: HeaderName = HeaderName::from_static("x-ip");

/// Adds what the compliance platform is told of `client`, or of the `usual` one.
pub(super) fn with_client(call: Call, client: &ClientContext, usual: &ClientSettings) -> Result<Call> {
    let language = told(&call, &client.language_code, &usual.language_code)?;
    let zone = told(&call, &client.time_zone, &usual.time_zone)?;
    let call = with_address(call, client, usual, &[REAL_IP, IP])?;
    Ok(call.header(&LANGUAGE, &language).header(&TIME_ZONE, &zone))
}

/// Adds what the biometrics framework is told of `client`, or of the `usual` one.
pub(super) fn with_device(call: Call, client: &ClientContext, usual: &ClientSettings) -> Result<Call> {
    with_address(call, client, usual, &[IP])
}

fn with_address(
    call: Call,
    client: &ClientContext,
    usual: &ClientSettings,
    names: &[HeaderName],
) -> Result<Call> {
    let agent = told(&call, &client.user_agent, &usual.user_agent)?;
    let call = call.header(&http::header::USER_AGENT, &agent);
    let usual = usual.ip_address.map(|address| address.to_string()).unwrap_or_default();
    let address = told(&call, &client.ip_address, &usual)?;
    if address.is_empty() {
        return Ok(call);
    }
    // An address is personal data.
    Ok(names.iter().fold(call, |call, name| call.secret_header(name.clone(), address.clone())))
}

/// What the caller said, or else the `usual`.
fn told(call: &Call, said: &str, usual: &str) -> Result<HeaderValue> {
    header::plain(if said.is_empty() { usual } else { said }).ok_or_else(|| {
        let detail = "what is said of the client cannot stand in a header field";
        Error::new(Kind::ValidationFailed, call.operation(), detail)
    })
}
