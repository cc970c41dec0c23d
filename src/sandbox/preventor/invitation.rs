//! One invitation: who is invited, the tickets that came of it, and what happened to it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ticket::{Decision, Disposition, Person, Progress, Ticket};

/// One invitation.
pub(super) struct Invitation {
    /// Its id, a UUID.
    pub(super) id: String,
    /// The account's own name for it.
    pub(super) unique: String,
    /// What the person has to go through.
    pub(super) flow: String,
    /// On whose behalf.
    pub(super) broker: Option<String>,
    /// Who is invited, and how.
    pub(super) contact: Contact,
    /// What the person opens.
    pub(super) link: String,
    /// The person's number as a customer of the account's.
    pub(super) cifcod: String,
    /// Where it stands.
    pub(super) state: State,
    /// When it ends if nobody finishes it.
    pub(super) expires: SystemTime,
    /// Every try, the newest last.
    pub(super) tickets: Vec<Ticket>,
    /// Everything that happened.
    pub(super) activities: Vec<Activity>,
    /// Grows with every move of the person.
    pub(super) revision: u64,
}

/// Where an invitation stands. Only `COMPLETED` is the vendor's word.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    /// Made, and not delivered.
    Registered,
    /// Delivered.
    Sent,
    /// There is a ticket.
    InProgress,
    /// A ticket was decided.
    Completed,
    /// Nobody finished it in time.
    Expired,
    /// The account took it back.
    Deleted,
}

/// How an invitation is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Delivery {
    /// By text message.
    Phone,
    /// By e-mail.
    Email,
    /// By e-mail, too.
    Assistant,
}

/// Who is invited, and how.
#[derive(Clone)]
pub(super) struct Contact {
    /// How.
    pub(super) method: Delivery,
    /// Where to, for all but text messages.
    pub(super) email: Option<String>,
    /// Where to, for text messages.
    pub(super) phone: Option<Phone>,
}

/// A phone number, in the two shapes that the vendor has for it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phone {
    /// As registrations have it: `+1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone_number_prefix: Option<String>,
    /// As updates have it: `US`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone_country_code: Option<String>,
    /// The number in its country.
    pub(super) phone_number: String,
}

/// Something that happened to an invitation.
pub(super) struct Activity {
    name: &'static str,
    time: SystemTime,
    ticket: Option<String>,
}

/// What there is to tell the account after a move.
#[derive(Clone, Copy)]
pub(super) enum News {
    /// Nothing.
    None,
    /// The ticket at this place came further.
    Progress(usize),
    /// The ticket at this place is decided.
    Decided(usize),
}

impl Contact {
    /// What `send`, `update` and `delete` call the person.
    pub(super) fn recipient(&self) -> String {
        match (self.method, &self.email, &self.phone) {
            (Delivery::Phone, _, Some(phone)) => {
                format!("{}{}", phone.phone_number_prefix.as_deref().unwrap_or_default(), phone.phone_number)
            }
            (_, email, _) => email.clone().unwrap_or_default(),
        }
    }

    /// Whether `name` is this person: an e-mail address in upper or lower case, or a phone number with or without
    /// what stands before it.
    pub(super) fn is(&self, name: &str) -> bool {
        match (self.method, &self.phone) {
            (Delivery::Phone, Some(phone)) => phone.is(name),
            _ => self.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name)),
        }
    }
}

impl Phone {
    fn is(&self, name: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let (asked, own) = (digits(name), digits(&self.phone_number));
        let Some(before) = asked.strip_suffix(&own).filter(|_| !own.is_empty()) else { return false };
        let is_prefix = match &self.phone_number_prefix {
            Some(prefix) => before == digits(prefix),
            // A country code has up to three digits.
            None => before.len() <= 3,
        };
        before.is_empty() || is_prefix
    }
}

impl Invitation {
    /// Whether the person can still do something about it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Registered | State::Sent | State::InProgress)
    }

    /// It is delivered, for the first time or again until `expires`.
    pub(super) fn send(&mut self, now: SystemTime, expires: SystemTime) -> Result<(), &'static str> {
        match self.state {
            State::Completed => return Err("The invitation is completed"),
            State::Deleted => return Err("The invitation is deleted"),
            State::Registered | State::Sent | State::InProgress | State::Expired => {
                self.state = if self.tickets.is_empty() { State::Sent } else { State::InProgress };
            }
        }
        self.expires = expires;
        self.note("SENT", now, None);
        Ok(())
    }

    /// The person opens the link and begins.
    pub(super) fn start(&mut self, id: String, person: Person, now: SystemTime) -> Result<News, String> {
        if !self.is_open() {
            return Err(self.past());
        }
        let attempt = u32::try_from(self.tickets.len() + 1).unwrap_or(u32::MAX);
        self.note("STARTED", now, Some(id.clone()));
        self.tickets.push(Ticket::new(id, attempt, person, now));
        self.state = State::InProgress;
        Ok(News::Progress(self.tickets.len() - 1))
    }

    /// The person comes further with the ticket at `place`, or with the newest, or leaves.
    pub(super) fn proceed(
        &mut self,
        place: Option<usize>,
        progress: Progress,
        now: SystemTime,
    ) -> Result<News, String> {
        self.must_not_be_over()?;
        let leaves = progress.disposition == Disposition::Abandoned;
        let (place, ticket) = self.ticket(place)?;
        ticket.proceed(progress)?;
        if leaves {
            let id = ticket.id.clone();
            self.note("ABANDONED", now, Some(id));
        }
        Ok(News::Progress(place))
    }

    /// The ticket at `place`, or the newest, is decided, for the first time or anew.
    pub(super) fn complete(
        &mut self,
        place: Option<usize>,
        decision: Decision,
        now: SystemTime,
    ) -> Result<News, String> {
        self.must_not_be_over()?;
        let (place, ticket) = self.ticket(place)?;
        ticket.complete(decision, now)?;
        let id = ticket.id.clone();
        self.state = State::Completed;
        self.note("COMPLETED", now, Some(id));
        Ok(News::Decided(place))
    }

    /// Nobody finished it in time.
    pub(super) fn expire(&mut self, now: SystemTime) {
        self.state = State::Expired;
        self.note("EXPIRED", now, None);
    }

    /// The same, unless it has ended already.
    pub(super) fn try_expire(&mut self, now: SystemTime) -> Result<News, String> {
        if !self.is_open() {
            return Err(format!("{} has ended already", self.id));
        }
        self.expire(now);
        Ok(News::None)
    }

    /// The account takes it back.
    pub(super) fn delete(&mut self, now: SystemTime) {
        self.state = State::Deleted;
        self.note("DELETED", now, None);
    }

    /// Takes down what happened.
    pub(super) fn note(&mut self, name: &'static str, time: SystemTime, ticket: Option<String>) {
        self.activities.push(Activity { name, time, ticket });
    }

    fn must_not_be_over(&self) -> Result<(), String> {
        let is_over = matches!(self.state, State::Expired | State::Deleted);
        if is_over { Err(self.past()) } else { Ok(()) }
    }

    fn past(&self) -> String {
        format!("{} is past that: register another invitation", self.id)
    }

    fn ticket(&mut self, place: Option<usize>) -> Result<(usize, &mut Ticket), String> {
        let place = place.or(self.tickets.len().checked_sub(1));
        place
            .and_then(|place| Some((place, self.tickets.get_mut(place)?)))
            .ok_or_else(|| format!("{} has no ticket: the person has to POST .../start first", self.id))
    }
}

impl Activity {
    /// As the vendor's API shows it.
    pub(super) fn view(&self) -> Value {
        json!({ "activity": self.name, "created": millis(self.time), "ticket": self.ticket })
    }
}

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_known_with_and_without_what_stands_before_it() {
        let phone = |prefix: Option<&str>| Contact {
            method: Delivery::Phone,
            email: None,
            phone: Some(Phone {
                phone_number_prefix: prefix.map(str::to_owned),
                phone_country_code: None,
                phone_number: "234 567-890".to_owned(),
            }),
        };
        for name in ["+1234567890", "1234567890", "234567890", "+1 234 567 890"] {
            assert!(phone(Some("+1")).is(name), "{name}");
            assert!(phone(None).is(name), "{name}");
        }
        assert!(phone(None).is("+51234567890"));
        for name in ["+51234567890", "34567890", "", "a@example.com"] {
            assert!(!phone(Some("+1")).is(name), "{name}");
        }
        assert!(!phone(None).is("12345234567890"));
    }
}
