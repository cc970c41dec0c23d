//! Every invitation, found by its id, its recipient or one of its tickets.

use std::collections::HashMap;
use std::time::SystemTime;

use super::invitation::{Contact, Invitation, State};
use super::ticket::Ticket;
use crate::sandbox::stand_in;

/// Every invitation since the start.
#[derive(Default)]
pub(super) struct Register {
    invitations: Vec<Invitation>,
    ids: HashMap<String, usize>,
}

/// A place in the register, and that of a ticket there if one was named. Places are never taken away.
#[derive(Clone, Copy)]
pub(super) struct Place {
    invitation: usize,
    /// Which of the invitation's tickets.
    pub(super) ticket: Option<usize>,
}

impl Register {
    /// Adds `invitation`.
    pub(super) fn add(&mut self, invitation: Invitation) -> Place {
        let place = self.invitations.len();
        self.ids.insert(invitation.id.clone(), place);
        self.invitations.push(invitation);
        Place { invitation: place, ticket: None }
    }

    /// The invitation at `place`.
    pub(super) fn at(&mut self, place: Place) -> &mut Invitation {
        &mut self.invitations[place.invitation]
    }

    /// All of them, in order of registration.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Invitation> {
        self.invitations.iter()
    }

    /// The invitation `id`, deleted or not.
    pub(super) fn by_id(&self, id: &str) -> Option<Place> {
        self.ids.get(id).map(|place| Place { invitation: *place, ticket: None })
    }

    /// The newest invitation of `recipient` that was not deleted.
    pub(super) fn by_recipient(&self, recipient: &str) -> Option<Place> {
        let is_it = |known: &Invitation| known.state != State::Deleted && known.contact.is(recipient);
        let invitation = self.invitations.iter().rposition(is_it)?;
        Some(Place { invitation, ticket: None })
    }

    /// The ticket `id`, and the invitation that it came of.
    pub(super) fn by_ticket(&self, id: &str) -> Option<(&Invitation, &Ticket)> {
        let place = self.place_of_ticket(id)?;
        let invitation = &self.invitations[place.invitation];
        Some((invitation, invitation.tickets.get(place.ticket?)?))
    }

    /// What the control API calls `name`: an invitation's id or recipient, or a ticket.
    pub(super) fn find(&self, name: &str) -> Option<Place> {
        self.by_id(name).or_else(|| self.by_recipient(name)).or_else(|| self.place_of_ticket(name))
    }

    /// Whether an open invitation, but the one at `but`, has that name or person.
    pub(super) fn is_taken(&self, unique: &str, contact: &Contact, but: Option<Place>) -> bool {
        let recipient = contact.recipient();
        let others = self.invitations.iter().enumerate();
        let others = others.filter(|(place, _)| but.is_none_or(|but| but.invitation != *place));
        let mut open = others.map(|(_, known)| known).filter(|known| known.is_open());
        open.any(|known| known.unique == unique || known.contact.is(&recipient))
    }

    fn place_of_ticket(&self, id: &str) -> Option<Place> {
        self.invitations.iter().enumerate().rev().find_map(|(invitation, known)| {
            let ticket = known.tickets.iter().position(|ticket| ticket.id == id)?;
            Some(Place { invitation, ticket: Some(ticket) })
        })
    }
}

impl stand_in::Register for Register {
    fn expire(&mut self, now: SystemTime) {
        let is_over = |known: &&mut Invitation| known.is_open() && known.expires < now;
        for invitation in self.invitations.iter_mut().filter(is_over) {
            invitation.expire(invitation.expires);
        }
    }
}
