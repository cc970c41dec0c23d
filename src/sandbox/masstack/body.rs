//! Bodies of requests, in both published generations. Only what is wrong with them matters, and for how long they ask.

use std::time::Duration;

use serde::Deserialize;

/// How long a process may be open.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `CreateOtpIdentificationRequest`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateOtp {
    actor: Actor,
    expires_in: Option<String>,
    two_factor_type: Option<TwoFactor>,
    channel: Channel,
}

/// `CreateIdentityDocumentIdentificationRequest`: the person's members, or an actor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateDocument {
    name: Option<String>,
    last_name: Option<String>,
    identity_document: Option<Document>,
    actor: Option<Actor>,
    expires_in: Option<String>,
    #[serde(rename = "configuration_name")]
    _configuration_name: Option<Level>,
    #[serde(rename = "scoring")]
    _scoring: Option<Scoring>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Actor {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "last_name")]
    _last_name: Option<String>,
    identity_document: Option<Document>,
    email: Option<String>,
    msisdn: Option<Phone>,
    language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    document_number: String,
    #[serde(rename = "document_type")]
    _document_type: DocumentType,
    country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum DocumentType {
    Nif,
    Nie,
    Passport,
    IdentityCard,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phone {
    /// A number without quotes, as in the vendor's example.
    #[serde(rename = "phone_number")]
    _phone_number: u64,
    country_code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    #[serde(rename = "type")]
    kind: ChannelType,
    external: Option<Flag>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ChannelType {
    Sms,
    Email,
    Whatsapp,
}

/// A boolean, or one in quotes: the vendor's examples show both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bare(#[expect(dead_code, reason = "only its form is looked at")] bool),
    Quoted(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TwoFactor {
    DocumentNumber,
    Email,
    PersonalDocumentImage,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Level {
    Low,
    Medium,
    High,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scoring {
    #[serde(rename = "provider")]
    _provider: Provider,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Provider {
    Internal,
    External,
}

impl CreateOtp {
    /// How long it asks for, or what is wrong.
    pub(super) fn check(&self) -> Result<Duration, &'static str> {
        let Self { actor, expires_in, two_factor_type, channel } = self;
        actor.check()?;
        if let Some(Flag::Quoted(text)) = &channel.external
            && !matches!(text.as_str(), "true" | "false")
        {
            return Err("channel.external is true or false");
        }
        match channel.kind {
            ChannelType::Email if actor.email.is_none() => {
                return Err("actor.email is needed for the channel");
            }
            ChannelType::Sms | ChannelType::Whatsapp if actor.msisdn.is_none() => {
                return Err("actor.msisdn is needed for the channel");
            }
            _ => {}
        }
        match two_factor_type {
            Some(TwoFactor::Email) if actor.email.is_none() => {
                return Err("actor.email is needed for the two_factor_type");
            }
            Some(TwoFactor::DocumentNumber | TwoFactor::PersonalDocumentImage)
                if actor.identity_document.is_none() =>
            {
                return Err("actor.identity_document is needed for the two_factor_type");
            }
            _ => {}
        }
        validity(expires_in.as_deref())
    }
}

impl CreateDocument {
    /// The same.
    pub(super) fn check(&self) -> Result<Duration, &'static str> {
        let is_flat = self.name.is_some() || self.last_name.is_some() || self.identity_document.is_some();
        if is_flat && self.actor.is_some() {
            return Err("actor stands in place of name, last_name and identity_document");
        }
        self.actor.as_ref().map_or(Ok(()), Actor::check)?;
        self.identity_document.as_ref().map_or(Ok(()), Document::check)?;
        validity(self.expires_in.as_deref())
    }
}

impl Actor {
    fn check(&self) -> Result<(), &'static str> {
        if let Some(phone) = &self.msisdn
            && !(1..=3).contains(&phone.country_code.len())
        {
            return Err("actor.msisdn.country_code is a calling code such as 34");
        }
        if self.language.as_ref().is_some_and(|language| !is_code(language)) {
            return Err("actor.language is a language such as ES");
        }
        self.identity_document.as_ref().map_or(Ok(()), Document::check)
    }
}

impl Document {
    fn check(&self) -> Result<(), &'static str> {
        if self.document_number.is_empty() {
            return Err("identity_document.document_number is empty");
        }
        match &self.country {
            Some(country) if !is_code(country) => Err("identity_document.country is a code such as ES"),
            _ => Ok(()),
        }
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn validity(text: Option<&str>) -> Result<Duration, &'static str> {
    let validity = text.map_or(Some(LONGEST), duration);
    validity
        .filter(|validity| (SHORTEST..=LONGEST).contains(validity))
        .ok_or("expires_in is an ISO-8601 duration from PT1M to P30D")
}

/// An ISO 8601 duration of weeks, days, hours, minutes and seconds.
fn duration(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let mut seconds: u64 = 0;
    for (part, units) in [(date, "WD"), (time, "HMS")] {
        let mut rest = part;
        for unit in units.chars() {
            let Some((number, after)) = rest.split_once(unit) else { continue };
            let each = match unit {
                'W' => 7 * 86_400,
                'D' => 86_400,
                'H' => 3_600,
                'M' => 60,
                _ => 1,
            };
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(each)?)?;
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validities_are_durations_of_a_minute_to_thirty_days() {
        for (text, seconds) in [("PT15M", 900), ("P7D", 604_800), ("P1DT1H1M1S", 90_061), ("P4W", 2_419_200)]
        {
            assert_eq!(validity(Some(text)), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(validity(None), Ok(LONGEST));
        for text in ["", "P", "PT59S", "P31D", "15M", "PT15", "P15M", "PTM", "PT1M1H", "P1.5D", "PT-5M"] {
            assert!(validity(Some(text)).is_err(), "{text}");
        }
    }
}
