//! Checks of request fields. Every refused field is named, so that a caller mends a request in one go.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use prost_types::Timestamp;
use uuid::Uuid;

use crate::error::{Error, Result, Violation};
use crate::model::name::{ConnectionId, parse_uuid};
use crate::proto::{Address, ClientContext, Date, DeliveryMethod, PhoneNumber, Subject};

/// Longest text field of a person, in characters.
pub(super) const MAX_TEXT: usize = 255;
const MAX_USER_AGENT: usize = 512;
/// Digits of a decimal number, before and after the point.
const MAX_DIGITS: usize = 38;
/// The parent that stands for every connection.
const EVERY_CONNECTION: &str = "connections/-";
const MAX_LABELS: usize = 16;
/// Most values of a repeated field that chooses.
pub(super) const MAX_VALUES: usize = 100;
/// First and last second that a `Timestamp` may name: the years 1 to 9999.
const TIMES: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Collects refused fields.
#[derive(Debug, Default)]
pub struct Checks(Vec<Violation>);

impl Checks {
    /// Refuses `field`.
    pub fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    /// Adds refusals made elsewhere.
    pub fn extend(&mut self, violations: Vec<Violation>) {
        self.0.extend(violations);
    }

    /// `Err` when anything was refused.
    pub fn finish(self, operation: &'static str) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(self.refused(operation)) }
    }

    /// The error that names every refused field.
    pub fn refused(self, operation: &'static str) -> Error {
        Error::invalid(operation, self.0)
    }

    /// Parses `text`, or refuses the field with the parser's own sentence.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<T> {
        text.parse().map_err(|error| self.refuse(field, format!("{error}"))).ok()
    }

    /// A UUID in canonical spelling, or empty.
    pub fn optional_uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            return None;
        }
        let id = parse_uuid(text);
        if id.is_none() {
            self.refuse(field, "must be a UUID in lower case with hyphens, or empty");
        }
        id
    }

    /// At most `max` characters, none of them a control character.
    pub fn text(&mut self, field: &str, text: &str, max: usize) {
        if text.chars().count() > max {
            self.refuse(field, format!("must be at most {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.refuse(field, "must not contain control characters");
        }
    }

    /// At most 16 pairs; keys `[a-z][a-z0-9_.-]{0,62}`, values up to 255 characters.
    pub fn labels<'a>(
        &mut self,
        field: &str,
        labels: impl IntoIterator<Item = (&'a String, &'a String), IntoIter: ExactSizeIterator>,
    ) {
        let labels = labels.into_iter();
        if labels.len() > MAX_LABELS {
            self.refuse(field, format!("must be at most {MAX_LABELS} pairs"));
        }
        for (key, value) in labels {
            if !is_label_key(key) {
                self.refuse(field, "keys must be 1 to 63 of a-z, 0-9, _, . and -, beginning with a letter");
            }
            self.text(field, value, MAX_TEXT);
        }
    }

    /// At most 100 values.
    pub fn count(&mut self, field: &str, count: usize) {
        if count > MAX_VALUES {
            self.refuse(field, format!("must be at most {MAX_VALUES} values"));
        }
    }

    /// Parses `connections/{connection}`.
    pub fn connection(&mut self, field: &str, name: &str) -> Option<ConnectionId> {
        ConnectionId::from_name(name).map_err(|error| self.refuse(field, error.to_string())).ok()
    }

    /// The connection whose things are listed; `None` for those of every connection.
    pub fn parent(&mut self, parent: &str) -> Option<ConnectionId> {
        if parent == EVERY_CONNECTION {
            return None;
        }
        let connection = ConnectionId::from_name(parent).ok();
        if connection.is_none() {
            self.refuse("parent", "must be connections/{connection} or connections/-");
        }
        connection
    }

    /// At most 100 values of an enum, none of them unspecified.
    pub fn values<T: TryFrom<i32> + Ord>(&mut self, field: &str, numbers: &[i32]) -> BTreeSet<T> {
        self.count(field, numbers.len());
        let mut values = BTreeSet::new();
        for (index, number) in numbers.iter().take(MAX_VALUES).enumerate() {
            match T::try_from(*number) {
                Ok(value) if *number != 0 => drop(values.insert(value)),
                Ok(_) | Err(_) => {
                    self.refuse(format!("{field}[{index}]"), "is not a value this gateway knows");
                }
            }
        }
        values
    }

    /// A time as the contract writes it, or none.
    pub fn time(&mut self, field: &str, time: Option<Timestamp>) -> Option<SystemTime> {
        let time = time?;
        let written = TIMES.contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos);
        let parsed = written.then(|| SystemTime::try_from(time).ok()).flatten();
        if parsed.is_none() {
            self.refuse(field, "must be a time of the years 1 to 9999, its nanos 0 to 999999999");
        }
        parsed
    }

    /// An ISO 3166-1 alpha-2 code in upper case, or empty.
    pub fn region(&mut self, field: &str, code: &str) {
        if !code.is_empty() && !is_region(code) {
            self.refuse(field, "must be an ISO 3166-1 alpha-2 code in upper case, for example DE");
        }
    }

    /// Every field of a person.
    pub fn subject(&mut self, field: &str, subject: &Subject) {
        let texts = [
            ("given_name", &subject.given_name),
            ("family_name", &subject.family_name),
            ("birth_place", &subject.birth_place),
            ("birth_name", &subject.birth_name),
            ("title", &subject.title),
            ("document_number", &subject.document_number),
        ];
        for (name, text) in texts {
            self.text(&format!("{field}.{name}"), text, MAX_TEXT);
        }
        self.region(&format!("{field}.nationality"), &subject.nationality);
        self.region(&format!("{field}.document_country"), &subject.document_country);
        if !matches!(subject.gender.as_str(), "" | "MALE" | "FEMALE" | "OTHER") {
            self.refuse(format!("{field}.gender"), "must be MALE, FEMALE, OTHER or empty");
        }
        self.email(&format!("{field}.email"), &subject.email);
        self.language(&format!("{field}.language_code"), &subject.language_code);
        if let Some(date) = &subject.birth_date {
            self.date(&format!("{field}.birth_date"), date);
        }
        if let Some(phone) = &subject.phone {
            self.phone(&format!("{field}.phone"), phone);
        }
        if let Some(address) = &subject.address {
            self.address(&format!("{field}.address"), address);
        }
    }

    /// A BCP 47 language tag of up to 35 characters, or empty.
    pub fn language(&mut self, field: &str, tag: &str) {
        if !tag.is_empty() && !is_language(tag) {
            self.refuse(field, "must be a BCP 47 language tag, for example de or pt-BR");
        }
    }

    /// An e-mail address, or empty.
    pub fn email(&mut self, field: &str, email: &str) {
        if !email.is_empty() && !is_email(email) {
            self.refuse(field, "must be an e-mail address");
        }
    }

    /// That there is what an invitation by `method` goes to; each with the path of its field.
    pub fn reachable(
        &mut self,
        method: DeliveryMethod,
        (email_field, email): (&str, &str),
        (phone_field, phone): (&str, Option<&PhoneNumber>),
    ) {
        match method {
            DeliveryMethod::Email if email.is_empty() => {
                self.refuse(email_field, "is required with delivery_method EMAIL");
            }
            DeliveryMethod::Phone if phone.is_none() => {
                self.refuse(phone_field, "is required with delivery_method PHONE");
            }
            _ => {}
        }
    }

    /// The end user's client; members that hold nothing were not given.
    pub fn client(&mut self, field: &str, client: &ClientContext) {
        let ClientContext { ip_address, user_agent, language_code, time_zone } = client;
        if !ip_address.is_empty() && ip_address.parse::<IpAddr>().is_err() {
            self.refuse(format!("{field}.ip_address"), "must be an IPv4 or IPv6 address, or empty");
        }
        // It goes on as the value of a header.
        let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if user_agent.len() > MAX_USER_AGENT || !user_agent.bytes().all(printable) {
            let expected = format!("must be at most {MAX_USER_AGENT} printable ASCII characters");
            self.refuse(format!("{field}.user_agent"), expected);
        }
        self.language(&format!("{field}.language_code"), language_code);
        if !time_zone.is_empty() && !is_time_zone(time_zone) {
            let expected = "must be the IANA name of a time zone, for example America/Lima, or empty";
            self.refuse(format!("{field}.time_zone"), expected);
        }
    }

    /// A decimal number, or empty.
    pub fn decimal(&mut self, field: &str, text: &str) {
        if !text.is_empty() && !is_decimal(text) {
            let expected =
                format!("must be a decimal number such as -12.50, of at most {MAX_DIGITS} digits, or empty");
            self.refuse(field, expected);
        }
    }

    /// A full calendar date.
    pub fn date(&mut self, field: &str, date: &Date) {
        if !is_date(date) {
            self.refuse(field, "must be a full calendar date between 1850 and 2200");
        }
    }

    /// A phone number.
    pub fn phone(&mut self, field: &str, phone: &PhoneNumber) {
        let digits = phone.e164.strip_prefix('+').unwrap_or_default();
        let shape = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !shape || digits.starts_with('0') {
            self.refuse(format!("{field}.e164"), "must be an E.164 number, for example +4930123456");
        }
        self.region(&format!("{field}.region_code"), &phone.region_code);
    }

    fn address(&mut self, field: &str, address: &Address) {
        let texts = [
            ("street", &address.street),
            ("house_number", &address.house_number),
            ("postal_code", &address.postal_code),
            ("city", &address.city),
        ];
        for (name, text) in texts {
            self.text(&format!("{field}.{name}"), text, MAX_TEXT);
        }
        self.region(&format!("{field}.region_code"), &address.region_code);
    }
}

fn is_label_key(key: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
    key.len() <= 63 && key.starts_with(|first: char| first.is_ascii_lowercase()) && key.bytes().all(rest)
}

fn is_region(code: &str) -> bool {
    // Kosovo has no ISO code of its own; passports and vendors use the user-assigned XK.
    let upper = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    upper && (code == "XK" || celes::Country::from_alpha2(code).is_ok())
}

fn is_email(text: &str) -> bool {
    let plain =
        text.len() <= 254 && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    let parts = text.rsplit_once('@');
    plain
        && parts
            .is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.starts_with('.'))
}

fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    let language = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    let subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    tag.len() <= 35 && language && parts.all(subtag)
}

/// What the names of the IANA's time zone database are made of.
fn is_time_zone(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    let part = |part: &str| !part.is_empty() && part.bytes().all(plain);
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.split('/').all(part)
}

/// `-?digits(.digits)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let parts: Vec<_> = unsigned.splitn(2, '.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let digits: usize = parts.iter().map(|part| part.len()).sum();
    parts.iter().all(is_number) && digits <= MAX_DIGITS
}

fn is_date(date: &Date) -> bool {
    let leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    let days = match date.month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1850..=2200).contains(&date.year) && (1..=days).contains(&date.day)
}
