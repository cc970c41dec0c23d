//! What the vendor's documents leave open, as switches.

use std::str::FromStr;

use axum::http::Method;
use serde::{Deserialize, Serialize};

use crate::sandbox::stand_in::Reading;

/// How the vendor's documents are read where they are silent or contradict themselves.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// What stands in refusals.
    pub errors: Errors,
    /// How a token's end is told.
    pub token_end: TokenEnd,
    /// What members of answers are called.
    pub names: Names,
    /// Whether the token lacks the permission that a deletion with `force` needs.
    pub force_denied: bool,
    /// The operations whose verb and path the vendor does not publish.
    pub calls: Calls,
}

/// What stands in refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errors {
    /// An `ErrorsResponse`.
    #[default]
    Listed,
    /// Nothing: the documents give named statuses no schema.
    Empty,
}

/// How a token's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEnd {
    /// `expires_in`, in seconds.
    #[default]
    ExpiresIn,
    /// The `exp` claim of the token alone.
    Claim,
    /// Not at all: the token is no JWT.
    Untold,
}

/// What members of answers are called: their schemas are not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// `identification_id`, `admin_identification_id`, `state`.
    #[default]
    Snake,
    /// `identificationId`, `adminIdentificationId`, `status`.
    Camel,
}

/// Where the operations lie whose verb and path the vendor does not publish; nowhere until this says so.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Takes `{"reason"}` and ends a process.
    pub cancel: Option<Place>,
    /// Opens a process anew.
    pub restart: Option<Place>,
    /// Sends the code again.
    pub send: Option<Place>,
}

/// A verb and a path below `/v1/orgs/{org_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// For example `POST`.
    pub method: String,
    /// For example `/identifications/{kind}/{id}/cancel`: `{kind}` is otp or identity_document, `{id}` either id.
    pub path: String,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unpublished {
    Cancel,
    Restart,
    Send,
}

impl Reading for Profile {
    const EXAMPLE: &'static str = r#"{"errors":"empty"}"#;

    fn check(&self) -> Result<(), String> {
        for (name, _, place) in self.calls.all() {
            let Some(Place { method, path }) = place else { continue };
            if method.parse::<Method>().is_err() || !path.starts_with('/') || !path.contains("{id}") {
                return Err(format!(
                    "`calls.{name}` is a verb and a path such as /identifications/{{kind}}/{{id}}/{name}"
                ));
            }
        }
        Ok(())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Calls {
    /// What lies at `method` and `path` below the organisation, and the kind and id in it.
    pub(super) fn find<'p>(
        &self,
        method: &Method,
        path: &'p str,
    ) -> Option<(Unpublished, Option<&'p str>, &'p str)> {
        self.all().into_iter().find_map(|(_, call, place)| {
            let place = place.as_ref().filter(|place| place.method == method.as_str())?;
            let (kind, id) = values(&place.path, path)?;
            Some((call, kind, id?))
        })
    }

    fn all(&self) -> [(&'static str, Unpublished, &Option<Place>); 3] {
        [
            ("cancel", Unpublished::Cancel, &self.cancel),
            ("restart", Unpublished::Restart, &self.restart),
            ("send", Unpublished::Send, &self.send),
        ]
    }
}

/// What stands at `{kind}` and `{id}`, if `path` is one of `template`.
fn values<'p>(template: &str, path: &'p str) -> Option<(Option<&'p str>, Option<&'p str>)> {
    let (mut kind, mut id) = (None, None);
    let (mut places, mut parts) = (template.split('/'), path.split('/'));
    loop {
        match (places.next(), parts.next()) {
            (None, None) => return Some((kind, id)),
            (Some("{kind}"), Some(part)) => kind = Some(part),
            (Some("{id}"), Some(part)) => id = Some(part),
            (Some(place), Some(part)) if place == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lies_where_the_profile_says() {
        let text = r#"{"calls":{"cancel":{"method":"PUT","path":"/identifications/{kind}/{id}/cancel"},
            "send":{"method":"POST","path":"/otp/{id}"}}}"#;
        let profile: Profile = text.parse().unwrap();
        assert_eq!(profile.check(), Ok(()));
        let find = |method: Method, path| profile.calls.find(&method, path);
        let cancel = Some((Unpublished::Cancel, Some("otp"), "7"));
        assert_eq!(find(Method::PUT, "/identifications/otp/7/cancel"), cancel);
        assert_eq!(find(Method::POST, "/otp/7"), Some((Unpublished::Send, None, "7")));
        for path in ["/identifications/otp/7", "/identifications/otp/7/cancel/", "/otp/7"] {
            assert_eq!(find(Method::PUT, path), None, "{path}");
        }
        let nowhere = r#"{"calls":{"send":{"method":"POST","path":"/send"}}}"#.parse::<Profile>();
        assert!(nowhere.unwrap_err().contains("calls.send"));
    }
}
