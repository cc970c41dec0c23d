//! IDnow's webhooks: HTTP Basic, perhaps from known addresses, and the body of the result API.

use crate::vendor::idnow::Idnow;
use crate::vendor::kit::delivery::{Door, Refusal, Unverified, Verified};
use crate::vendor::{Reading, SecretWindow, Unreadable, Webhooks};

impl Webhooks for Idnow {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        self.door.as_ref().ok_or(Refusal::Wrong)?.verify(delivery)
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        let windows = self.door.iter().flat_map(Door::windows);
        windows.map(|(label, window)| SecretWindow { label, window }).collect()
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        self.reader.read(delivery.body(), delivery.evidence())
    }
}
