//! IDnow's webhooks: HTTP Basic, perhaps from known addresses, and the body of the result API.

use crate::vendor::idnow::Idnow;
use crate::vendor::kit::delivery::{Refusal, Unverified, Verified};
use crate::vendor::{Reading, SecretWindow, Unreadable, Webhooks};

impl Webhooks for Idnow {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        let door = self.door.as_ref().ok_or(Refusal::Wrong)?;
        // Both are looked at, whatever comes of either: a sender's clock must not tell which was wrong. The address
        // only counts for who knows the password, so that its cause means a leak, or a vendor that has moved.
        let at_home = door.sources.as_ref().is_none_or(|sources| delivery.source.is_in(sources));
        let verified = door.credentials.verify(delivery)?;
        at_home.then_some(verified).ok_or(Refusal::ForeignSource)
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        let windows = self.door.iter().flat_map(|door| door.credentials.windows());
        windows.map(|(label, window)| SecretWindow { label: label.to_owned(), window }).collect()
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        self.reader.read(delivery.body(), delivery.evidence())
    }
}
