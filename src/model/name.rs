//! Resource names, parsed once: a value of these types cannot be malformed.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// Why a name was refused, as a sentence that says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub(super) &'static str);

/// The last part of `connections/{connection}`: `[a-z][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(String);

/// `connections/{connection}/identifications/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentificationName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// The last part; also the reference at the vendor of one that the gateway made there, unless its caller chose another.
    pub id: Uuid,
}

/// `connections/{connection}/webhookDeliveries/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryName {
    /// The connection it came in on.
    pub connection: ConnectionId,
    /// The last part.
    pub id: Uuid,
}

/// `connections/{connection}/identifications/{uuid}/artifacts/{artifact}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactName {
    /// Whose file it is.
    pub identification: IdentificationName,
    /// The last part: `[a-z][a-z0-9-]{0,62}`, chosen by the gateway.
    pub artifact: String,
}

/// `connections/{connection}/tickets/{ticket}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// The vendor's id of it, in the alphabet of resource names.
    pub id: String,
}

/// `connections/{connection}/customers/{customer}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// What the vendor is told to call it, in the alphabet of resource names.
    pub id: String,
}

/// `connections/{connection}/accounts/{account}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// What the vendor is told to call it, in the alphabet of resource names.
    pub id: String,
}

/// `connections/{connection}/biometricUsers/{user}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BiometricUserName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// The vendor's id of it, in the alphabet of resource names.
    pub id: String,
}

/// `subscriptions/{subscription}`; the last part is `[a-z][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionName(String);

/// What an event can be about: `connections/{connection}`, or under it `identifications/{uuid}`,
/// `identifications/{uuid}/documents/{definition}` or `tickets/{ticket}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectName(String);

impl ConnectionId {
    /// The id without `connections/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource name, `connections/{connection}`.
    pub fn name(&self) -> String {
        format!("connections/{}", self.0)
    }

    /// Parses the resource name `connections/{connection}`.
    pub fn from_name(name: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}");
        name.strip_prefix("connections/").ok_or(error.clone())?.parse().map_err(|_shape| error)
    }
}

impl FromStr for ConnectionId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be 1 to 63 of a-z, 0-9 and hyphen, beginning with a letter");
        parse_word(text).map(|word| Self(word.to_owned())).ok_or(error)
    }
}

impl<'de> Deserialize<'de> for ConnectionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdentificationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/identifications/{uuid}");
        let (connection, id) = parse_child(text, "identifications").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for IdentificationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connections/{}/identifications/{}", self.connection, self.id)
    }
}

impl FromStr for DeliveryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/webhookDeliveries/{uuid}");
        let (connection, id) = parse_child(text, "webhookDeliveries").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for DeliveryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connections/{}/webhookDeliveries/{}", self.connection, self.id)
    }
}

impl FromStr for ArtifactName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let expected = "must be connections/{connection}/identifications/{uuid}/artifacts/{artifact}";
        let parse = || {
            let (identification, artifact) = text.split_once("/artifacts/")?;
            let artifact = parse_word(artifact)?.to_owned();
            Some(Self { identification: identification.parse().ok()?, artifact })
        };
        parse().ok_or(NameError(expected))
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/artifacts/{}", self.identification, self.artifact)
    }
}

impl TicketName {
    /// Whether a vendor's `id` can be the last part of a name.
    pub fn can_end_with(id: &str) -> bool {
        is_resource_id(id)
    }
}

impl FromStr for TicketName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/tickets/{ticket}");
        let (connection, id) = parse_foreign_child(text, "/tickets/").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for TicketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/tickets/{}", self.connection.name(), self.id)
    }
}

impl FromStr for CustomerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/customers/{customer}");
        let (connection, id) = parse_foreign_child(text, "/customers/").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for CustomerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/customers/{}", self.connection.name(), self.id)
    }
}

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/accounts/{account}");
        let (connection, id) = parse_foreign_child(text, "/accounts/").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/accounts/{}", self.connection.name(), self.id)
    }
}

impl BiometricUserName {
    /// Whether a vendor's `id` can be the last part of a name.
    pub fn can_end_with(id: &str) -> bool {
        is_resource_id(id)
    }
}

impl FromStr for BiometricUserName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be connections/{connection}/biometricUsers/{user}");
        let (connection, id) = parse_foreign_child(text, "/biometricUsers/").ok_or(error)?;
        Ok(Self { connection, id })
    }
}

impl fmt::Display for BiometricUserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/biometricUsers/{}", self.connection.name(), self.id)
    }
}

impl SubscriptionName {
    /// The name of the subscription with this id, the last part of the name.
    pub fn of(id: &str) -> Result<Self, NameError> {
        let error = NameError("must be 1 to 63 of a-z, 0-9 and hyphen, beginning with a letter");
        parse_word(id).map(|id| Self(format!("subscriptions/{id}"))).ok_or(error)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubscriptionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError("must be subscriptions/{subscription}");
        text.strip_prefix("subscriptions/").and_then(|id| Self::of(id).ok()).ok_or(error)
    }
}

impl fmt::Display for SubscriptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SubjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts: Vec<_> = text.splitn(7, '/').collect();
        let known = match parts.as_slice() {
            ["connections", connection] => connection.parse::<ConnectionId>().is_ok(),
            ["connections", connection, "tickets", ticket] => {
                connection.parse::<ConnectionId>().is_ok() && is_resource_id(ticket)
            }
            ["connections", _, "identifications", _] => text.parse::<IdentificationName>().is_ok(),
            ["connections", connection, "identifications", id, "documents", definition] => {
                let named = connection.parse::<ConnectionId>().is_ok() && parse_uuid(id).is_some();
                named && is_resource_id(definition)
            }
            _ => false,
        };
        let error = NameError("must be the name of a connection, an identification, a ticket or a document");
        if known { Ok(Self(text.to_owned())) } else { Err(error) }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a name that others than the gateway choose: characters that a URL needs no escape for.
pub(super) fn is_resource_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

/// 1 to 63 of a-z, 0-9 and hyphen, beginning with a letter.
fn parse_word(text: &str) -> Option<&str> {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (starts && goes_on && text.len() <= 63).then_some(text)
}

fn parse_child(text: &str, collection: &str) -> Option<(ConnectionId, Uuid)> {
    let mut parts = text.split('/');
    let (Some("connections"), Some(connection), Some(kind), Some(id), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if kind != collection {
        return None;
    }
    Some((connection.parse().ok()?, parse_uuid(id)?))
}

/// `connections/{connection}`, then `collection` with its slashes, then an id that others than the gateway choose.
fn parse_foreign_child(text: &str, collection: &str) -> Option<(ConnectionId, String)> {
    let (connection, id) = text.strip_prefix("connections/")?.split_once(collection)?;
    Some((connection.parse().ok()?, is_resource_id(id).then(|| id.to_owned())?))
}

/// A UUID in its one canonical spelling (lower case, hyphens): two spellings would be two names of one thing.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.as_hyphenated().to_string() == text).then_some(id)
}
