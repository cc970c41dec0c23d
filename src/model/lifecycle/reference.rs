//! What a vendor calls an identification, as it becomes known part by part.

use crate::model::name::TicketName;
use crate::proto::VendorReference;

/// Tickets kept of one identification: the newest ones.
pub(super) const MAX_TICKETS: usize = 50;

/// Adds to `known` what it lacks of `said`. True when that was anything.
pub fn learn(known: &mut VendorReference, said: &VendorReference) -> bool {
    let mut learned = learn_tickets(&mut known.ticket_ids, &said.ticket_ids);
    let single = [
        (&mut known.id, &said.id),
        (&mut known.reference, &said.reference),
        (&mut known.customer_id, &said.customer_id),
    ];
    for (known, said) in single {
        if known.is_empty() && !said.is_empty() {
            known.clone_from(said);
            learned = true;
        }
    }
    learned
}

/// Whether the two cannot be one identification's.
pub fn contradicts(one: &VendorReference, other: &VendorReference) -> bool {
    let differs = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && !same(one, other);
    differs(&one.id, &other.id) || differs(&one.reference, &other.reference)
}

/// Adds the tickets that are not `known` and can be named, in order of attempts as far as `said` tells it.
fn learn_tickets(known: &mut Vec<String>, said: &[String]) -> bool {
    let mut learned = false;
    for (index, id) in said.iter().enumerate() {
        if !TicketName::can_end_with(id) || position(known, id).is_some() {
            continue;
        }
        let later = said[index + 1..].iter().find_map(|later| position(known, later));
        let place = later.unwrap_or(known.len());
        // The oldest gives way, so that one that is older still is not kept.
        if known.len() < MAX_TICKETS || place > 0 {
            known.insert(place, id.clone());
            learned = true;
        }
        known.drain(..known.len().saturating_sub(MAX_TICKETS));
    }
    learned
}

pub(super) fn position(known: &[String], id: &str) -> Option<usize> {
    known.iter().position(|known| same(known, id))
}

/// Vendors' identifiers are compared without case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
