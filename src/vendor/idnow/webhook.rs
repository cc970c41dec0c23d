//! IDnow's webhooks: HTTP Basic, and the body of the result API.

use crate::vendor::idnow::Idnow;
use crate::vendor::kit::delivery::{Refusal, Unverified, Verified};
use crate::vendor::{Reading, Unreadable, Webhooks};

impl Webhooks for Idnow {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        self.credentials.as_ref().ok_or(Refusal::Wrong)?.verify(delivery)
    }

    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        self.reader.read(delivery.body(), delivery.evidence())
    }
}
