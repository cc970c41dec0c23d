//! Which of two statements of a vendor came first.

use prost_types::Timestamp;

/// How the time of an observation stands to the newest one accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Older,
    Same,
    Newer,
    /// One of them has no time.
    Unknown,
}

pub(super) fn order(known: Option<&Timestamp>, said: Option<&Timestamp>) -> Order {
    let (Some(known), Some(said)) = (known, said) else {
        return Order::Unknown;
    };
    match (said.seconds, said.nanos).cmp(&(known.seconds, known.nanos)) {
        std::cmp::Ordering::Less => Order::Older,
        std::cmp::Ordering::Equal => Order::Same,
        std::cmp::Ordering::Greater => Order::Newer,
    }
}
