//! Every identification, found by its transaction number or its IdentID.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

use super::ident::{Ident, Name};

const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// As many digits as in the vendor's recorded error.
const FIRST_REQUEST: u64 = 381_892;

/// Every identification since the start; deleted ones leave their numbers behind.
#[derive(Default)]
pub(super) struct Register {
    idents: Vec<Ident>,
    numbers: HashMap<(String, String), usize>,
    ids: HashMap<String, usize>,
    /// How many, from the front, have come to the end of their life.
    expired: usize,
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
        let name = self.name(clock, customer, number);
        self.insert(Ident::new(name))
    }

    /// A new identification with the data and the result of the one at `from`.
    pub(super) fn copy(&mut self, clock: &Clock, from: Place, customer: &str, number: &str) -> Place {
        let name = self.name(clock, customer, number);
        self.insert(self.idents[from.0].copy_as(name))
    }

    /// Deletes what was made `life` or longer before `now`.
    pub(super) fn expire(&mut self, now: SystemTime, life: Duration) {
        while let Some(ident) = self.idents.get_mut(self.expired)
            && ident.created.checked_add(life).is_some_and(|end| end <= now)
        {
            // One that is deleted already stays so.
            let _deleted = ident.delete();
            ident.revision.send_modify(|revision| *revision += 1);
            self.expired += 1;
        }
    }

    /// The identification at `place`.
    pub(super) fn at(&mut self, place: Place) -> &mut Ident {
        &mut self.idents[place.0]
    }

    /// All of them, in order of creation.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Ident)> {
        self.idents.iter().enumerate().map(|(place, ident)| (Place(place), ident))
    }

    fn insert(&mut self, ident: Ident) -> Place {
        let place = self.idents.len();
        self.numbers.insert((ident.customer.clone(), ident.number.to_ascii_lowercase()), place);
        self.ids.insert(ident.id.clone(), place);
        self.idents.push(ident);
        Place(place)
    }

    fn name(&self, clock: &Clock, customer: &str, number: &str) -> Name {
        Name {
            customer: customer.to_owned(),
            number: number.to_owned(),
            id: self.new_id(clock),
            request: FIRST_REQUEST + self.idents.len() as u64,
            created: clock.now(),
        }
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
