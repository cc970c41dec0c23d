//! Everything that was made: customers, accounts, transactions, biometric processes, and what was asked to make them.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::process::Process;
use super::shape::LISTS;
use crate::sandbox::stand_in;

/// Requests that are kept to be looked at.
const MOST_REQUESTS: usize = 1_000;

/// A JSON object.
pub(super) type Record = Map<String, Value>;

/// Everything since the start but for biometric processes, which end with their tokens.
#[derive(Default)]
pub(super) struct Register {
    /// Each by the `id` that it was created with.
    pub(super) customers: Vec<Record>,
    /// Those that were not deleted.
    pub(super) accounts: Vec<Record>,
    /// In the order in which they came.
    pub(super) transactions: Vec<Record>,
    /// Those whose tokens live.
    pub(super) processes: Vec<Process>,
    requests: VecDeque<Request>,
    last: u64,
}

/// A request that was taken.
struct Request {
    number: u64,
    operation: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Why a record is not changed.
pub(super) enum Refusal {
    /// There is none of that name.
    Unknown,
    /// The change contradicts what is there.
    Contradiction(String),
}

impl Register {
    /// Keeps a request in the bytes that came.
    pub(super) fn note(
        &mut self,
        operation: &'static str,
        headers: Vec<(&'static str, String)>,
        body: String,
    ) {
        self.last += 1;
        if self.requests.len() == MOST_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(Request { number: self.last, operation, headers, body });
    }

    /// The last requests that were taken.
    pub(super) fn requests(&self) -> Vec<Value> {
        let view = |request: &Request| {
            let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
            json!({
                "sequence": request.number,
                "operation": request.operation,
                "headers": headers.collect::<Record>(),
                "body": request.body,
            })
        };
        self.requests.iter().map(view).collect()
    }

    /// The customer `id`.
    pub(super) fn customer(&self, id: &str) -> Option<&Record> {
        self.customers.iter().find(|known| is(known, "id", id))
    }

    /// Makes the customer that `asked` describes, and shows it.
    pub(super) fn add_customer(&mut self, asked: &Record) -> Result<Record, Refusal> {
        if self.customers.iter().any(|known| known.get("id") == asked.get("id")) {
            return Err(Refusal::Contradiction("id is a customer's already".to_owned()));
        }
        let mut customer = Record::new();
        change(&mut customer, asked)?;
        self.customers.push(customer.clone());
        Ok(customer)
    }

    /// Changes or deletes the customer that `asked` names, and shows what it was or is.
    pub(super) fn maintain_customer(&mut self, asked: &Record) -> Result<Record, Refusal> {
        let found = self.customers.iter().position(|known| known.get("id") == asked.get("id"));
        let place = found.ok_or(Refusal::Unknown)?;
        if is(asked, "request_type", "D") {
            return Ok(self.customers.remove(place));
        }
        let mut changed = self.customers[place].clone();
        change(&mut changed, asked)?;
        self.customers[place] = changed.clone();
        Ok(changed)
    }

    /// Makes, changes or deletes the account that `asked` names, and shows what it was or is.
    pub(super) fn put_account(&mut self, asked: &Record) -> Result<Record, Refusal> {
        let found = self.accounts.iter().position(|known| is_account(known, asked));
        let place = match (asked.get("request_type").and_then(Value::as_str), found) {
            (Some("A"), Some(_)) => {
                return Err(Refusal::Contradiction("the account is there already".to_owned()));
            }
            (Some("A"), None) => {
                self.accounts.push(Record::new());
                self.accounts.len() - 1
            }
            (_, None) => return Err(Refusal::Unknown),
            (Some("D"), Some(place)) => return Ok(self.accounts.remove(place)),
            (_, Some(place)) => place,
        };
        let account = &mut self.accounts[place];
        account.extend(told(asked));
        Ok(account.clone())
    }
}

impl stand_in::Register for Register {
    fn expire(&mut self, now: SystemTime) {
        self.processes.retain(|process| now < process.end);
    }
}

/// An account goes by its number; who says none means the `id`.
fn is_account(known: &Record, asked: &Record) -> bool {
    let name = if asked.contains_key("account_number") { "account_number" } else { "id" };
    known.get(name) == asked.get(name)
}

/// Changes `customer` as `asked` says, all or nothing: the caller keeps what was.
fn change(customer: &mut Record, asked: &Record) -> Result<(), Refusal> {
    for (name, value) in told(asked) {
        match value {
            Value::Array(items) if LISTS.contains(&name.as_str()) => {
                let known = customer.entry(name.clone()).or_insert_with(|| json!([]));
                if let Value::Array(known) = known {
                    change_list(known, &items)
                        .map_err(|rule| Refusal::Contradiction(format!("{name}: {rule}")))?;
                }
            }
            value => {
                customer.insert(name, value);
            }
        }
    }
    Ok(())
}

fn change_list(known: &mut Vec<Value>, items: &[Value]) -> Result<(), String> {
    for item in items.iter().filter_map(Value::as_object) {
        let id = item.get("id");
        let found = id.and_then(|id| known.iter().position(|known| known.get("id") == Some(id)));
        let missing = || format!("{} is not there", id.unwrap_or(&Value::Null));
        match item.get("request_type").and_then(Value::as_str) {
            Some("A") if found.is_some() => return Err("an item of that id is there already".to_owned()),
            Some("A") => known.push(told(item).collect::<Record>().into()),
            Some("D") => {
                known.remove(found.ok_or_else(missing)?);
            }
            _ => {
                if let Value::Object(known) = &mut known[found.ok_or_else(missing)?] {
                    known.extend(told(item));
                }
            }
        }
    }
    Ok(())
}

/// What `asked` tells of the record: all but what is to be done.
fn told(asked: &Record) -> impl Iterator<Item = (String, Value)> {
    let members = asked.iter().filter(|(name, _)| name.as_str() != "request_type");
    members.map(|(name, value)| (name.clone(), value.clone()))
}

/// Whether the member `name` is the text `value`.
pub(super) fn is(record: &Record, name: &str, value: &str) -> bool {
    record.get(name).and_then(Value::as_str) == Some(value)
}
