//! Every identification, found by its transaction number or its IdentID.

use std::collections::HashMap;

use tokio::sync::watch;

use crate::clock::Clock;

use super::fields::Fields;
use super::ident::{Channel, Ident, State};

const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Every identification since the start; deleted ones leave their numbers behind.
#[derive(Default)]
pub(super) struct Register {
    idents: Vec<Ident>,
    numbers: HashMap<(String, String), usize>,
    ids: HashMap<String, usize>,
}

/// A place in the register. Places are never taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl Register {
    /// The place of `name`, a transaction number of `customer` or anyone's IdentID, in upper or lower case.
    pub(super) fn find(&self, customer: &str, name: &str) -> Option<Place> {
        let number = (customer.to_owned(), name.to_ascii_lowercase());
        let id = || self.ids.get(&name.to_ascii_uppercase());
        self.numbers.get(&number).or_else(id).copied().map(Place)
    }

    /// A new identification without data.
    pub(super) fn create(&mut self, clock: &Clock, customer: &str, number: &str) -> Place {
        let id = self.new_id(clock);
        let place = self.idents.len();
        self.numbers.insert((customer.to_owned(), number.to_ascii_lowercase()), place);
        self.ids.insert(id.clone(), place);
        self.idents.push(Ident {
            customer: customer.to_owned(),
            number: number.to_owned(),
            id,
            fields: Fields::default(),
            channel: Channel::default(),
            state: State::Created,
            reason: None,
            previous: None,
            finished: None,
            reviewer: None,
            attempts: 0,
            starts_received: 0,
            gets_received: 0,
            revision: watch::Sender::new(0),
            last_webhook: None,
        });
        Place(place)
    }

    /// The identification at `place`.
    pub(super) fn at(&mut self, place: Place) -> &mut Ident {
        &mut self.idents[place.0]
    }

    /// All of them, in order of creation.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Ident)> {
        self.idents.iter().enumerate().map(|(place, ident)| (Place(place), ident))
    }

    fn new_id(&self, clock: &Clock) -> String {
        loop {
            let letters =
                clock.random::<5>().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            let id = format!("TST-{}", String::from_iter(letters));
            if !self.ids.contains_key(&id) {
                return id;
            }
        }
    }
}
