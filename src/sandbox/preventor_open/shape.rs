//! What bodies may say, after the vendor's tables and examples.

use serde_json::{Map, Value};

/// A JSON object's members, and those that it cannot do without.
pub(super) struct Shape {
    members: &'static [(&'static str, Kind)],
    needed: &'static [&'static str],
}

enum Kind {
    /// Any text.
    Text,
    /// One of a few texts.
    Word(&'static [&'static str]),
    /// A whole number that is not in quotes.
    Number,
    /// A decimal number in quotes.
    Decimal,
    /// `2026-11-20`
    Date,
    /// `2026-11-20T12:00:00.000Z`
    Time,
    /// Objects in a list.
    List(&'static Shape),
}

/// What is done to a record: add, update, delete.
const ACTIONS: &[&str] = &["A", "U", "D"];
/// The members of a customer that are lists of records of their own.
pub(super) const LISTS: [&str; 5] = ["addresses", "iddocuments", "taxiddocuments", "phones", "emails"];

/// A customer, whole or in part.
pub(super) const CUSTOMER: Shape = Shape {
    members: &[
        ("request_type", Kind::Word(ACTIONS)),
        ("cif_status", Kind::Text),
        ("customer_flag", Kind::Word(&["Y", "N"])),
        ("type_of_person", Kind::Text),
        ("full_name", Kind::Text),
        ("first_name", Kind::Text),
        ("middle_name", Kind::Text),
        ("last_name", Kind::Text),
        ("id", Kind::Text),
        ("cust_api_ref_id", Kind::Text),
        ("addresses", Kind::List(&ADDRESS)),
        ("iddocuments", Kind::List(&DOCUMENT)),
        ("taxiddocuments", Kind::List(&DOCUMENT)),
        ("phones", Kind::List(&PHONE)),
        ("emails", Kind::List(&EMAIL)),
    ],
    needed: &["request_type", "id"],
};

const ADDRESS: Shape = Shape {
    members: &[
        ("id", Kind::Number),
        ("request_type", Kind::Word(ACTIONS)),
        ("address_type", Kind::Number),
        ("address_line1", Kind::Text),
        ("address_line2", Kind::Text),
        ("address_state", Kind::Text),
        ("address_city", Kind::Text),
        ("address_zipcode", Kind::Text),
        ("address_country", Kind::Text),
        ("transaction_id", Kind::Text),
        ("address_primary_flag", Kind::Text),
    ],
    needed: &["request_type"],
};

const DOCUMENT: Shape = Shape {
    members: &[
        ("id", Kind::Number),
        ("request_type", Kind::Word(ACTIONS)),
        ("doc_type", Kind::Number),
        ("doc_number", Kind::Text),
        ("doc_issued_country", Kind::Text),
        ("doc_issued_date", Kind::Date),
        ("doc_expiration_date", Kind::Date),
        ("doc_primary_flag", Kind::Text),
        ("transaction_id", Kind::Text),
    ],
    needed: &["request_type"],
};

const PHONE: Shape = Shape {
    members: &[
        ("id", Kind::Number),
        ("request_type", Kind::Word(ACTIONS)),
        ("phone_number", Kind::Text),
        ("phone_country_prefix", Kind::Text),
        ("phone_primary_flag", Kind::Text),
        ("phone_type", Kind::Number),
    ],
    needed: &["request_type"],
};

const EMAIL: Shape = Shape {
    members: &[
        ("id", Kind::Number),
        ("request_type", Kind::Word(ACTIONS)),
        ("email", Kind::Text),
        ("email_primary_flag", Kind::Text),
    ],
    needed: &["request_type"],
};

/// An account.
pub(super) const ACCOUNT: Shape = Shape {
    members: &[
        ("request_type", Kind::Word(ACTIONS)),
        ("product_code", Kind::Text),
        ("account_number", Kind::Text),
        ("account_type", Kind::Text),
        ("id", Kind::Text),
        ("date_opened", Kind::Date),
        ("date_closed", Kind::Date),
        ("initial_deposit_amount", Kind::Decimal),
        ("initial_deposit_type", Kind::Text),
        ("account_name", Kind::Text),
        ("account_status", Kind::Text),
        ("account_currency", Kind::Text),
        ("account_balance", Kind::Decimal),
        ("routing_number", Kind::Text),
        ("bank_name", Kind::Text),
    ],
    needed: &["request_type", "id"],
};

/// A monetary transaction.
pub(super) const TRANSACTION: Shape = Shape {
    members: &[
        ("id", Kind::Text),
        ("routing_number", Kind::Text),
        ("product_code", Kind::Text),
        ("account_number", Kind::Text),
        ("account_balance_after_posting", Kind::Decimal),
        ("account_balance_hold", Kind::Decimal),
        ("account_balance_available", Kind::Decimal),
        ("account_balance_aggregate", Kind::Decimal),
        ("trans_posting_date", Kind::Time),
        ("trans_effective_date", Kind::Time),
        ("trans_code", Kind::Text),
        ("trans_amount", Kind::Decimal),
        ("trans_currency", Kind::Text),
        ("trans_exchange_rate", Kind::Decimal),
        ("account_trans_amount", Kind::Decimal),
        ("trans_base_rate", Kind::Decimal),
        ("trans_base_amount", Kind::Decimal),
        ("customer_trans_id", Kind::Text),
        ("trans_reference", Kind::Text),
        ("trans_hash", Kind::Text),
        ("trans_ach_id", Kind::Text),
        ("trans_description", Kind::Text),
        ("trans_cash", Kind::Decimal),
        ("trans_cash_back", Kind::Decimal),
        ("trans_no_cash", Kind::Decimal),
    ],
    needed: &["id"],
};

impl Shape {
    /// Says which member of `object`, a path below `place`, is not as it should be, and what it should be.
    pub(super) fn check(&self, object: &Map<String, Value>, place: &str) -> Result<(), String> {
        for (name, value) in object {
            let path = format!("{place}{name}");
            match self.members.iter().find(|(known, _)| known == name) {
                Some((_, kind)) => kind.check(value, &path)?,
                None => return Err(format!("{path} is not known")),
            }
        }
        match self.needed.iter().find(|name| !object.contains_key(**name)) {
            Some(missing) => Err(format!("{place}{missing} is required")),
            None => Ok(()),
        }
    }
}

impl Kind {
    fn check(&self, value: &Value, path: &str) -> Result<(), String> {
        let text = value.as_str();
        let (fits, rule) = match self {
            Self::Text => (text.is_some(), "text".to_owned()),
            Self::Word(words) => {
                (text.is_some_and(|text| words.contains(&text)), format!("one of {}", words.join(", ")))
            }
            Self::Number => (value.is_i64(), "a whole number".to_owned()),
            Self::Decimal => (text.is_some_and(is_decimal), "a decimal number in quotes".to_owned()),
            Self::Date => (text.is_some_and(is_date), "a date such as 2026-11-20".to_owned()),
            Self::Time => (text.is_some_and(is_time), "a time such as 2026-11-20T12:00:00.000Z".to_owned()),
            Self::List(shape) => {
                let Value::Array(items) = value else { return Err(format!("{path} has to be a list")) };
                for (index, item) in items.iter().enumerate() {
                    let place = format!("{path}[{index}]");
                    let item = item.as_object().ok_or_else(|| format!("{place} has to be an object"))?;
                    shape.check(item, &format!("{place}."))?;
                }
                return Ok(());
            }
        };
        if fits { Ok(()) } else { Err(format!("{path} has to be {rule}")) }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    number.split_once('.').map_or(digits(number), |(whole, rest)| digits(whole) && digits(rest))
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && is_time(&format!("{text}T00:00:00Z"))
}

fn is_time(text: &str) -> bool {
    text.ends_with('Z') && text.parse::<prost_types::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_dates_real() {
        for text in ["0", "0.1", "-12.50", "0.000166885", "150803.247745453"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in ["", "-", ".5", "5.", "+1", "1e3", "1,5", "1.2.3", " 1", "0x1"] {
            assert!(!is_decimal(text), "{text}");
        }
        assert!(is_date("2028-02-29") && is_time("2026-11-20T12:00:00.000Z"));
        for text in ["2027-02-29", "2026-13-01", "20261120", "2026-1-20", "20.11.2026", "2026-11-20Z"] {
            assert!(!is_date(text), "{text}");
        }
        assert!(!is_time("2026-11-20") && !is_time("2026-11-20T12:00:00+01:00"));
    }
}
