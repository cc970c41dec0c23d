//! Vendors that send webhooks.

use crate::model::observation::Observation;
use crate::settings::Window;
use crate::vendor::kit::delivery::{Refusal, Unverified, Verified};
use crate::vendor::webhook_setting::GeneratedSecret;

/// Webhooks of one vendor account.
pub trait Webhooks: Send + Sync {
    /// Proves that the delivery is the vendor's, in constant time. Every refusal gets the same answer.
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal>;
    /// The shared secrets a delivery may come with, each with its time.
    fn secrets(&self) -> Vec<SecretWindow>;
    /// Takes also what the gateway itself made when it registered its webhooks, in place of what it took before. Where
    /// the vendor has no such registration there is nothing to take.
    fn accept(&self, _secrets: Vec<GeneratedSecret>) {}
    /// Reads a delivery. `Err` keeps it as UNREADABLE.
    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable>;
}

/// When one shared secret of a connection's webhooks is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWindow {
    /// The secret's name in metrics and logs.
    pub label: String,
    /// When it is accepted.
    pub window: Window,
}

/// What a delivery or a list said.
#[derive(Debug, Default)]
pub struct Reading {
    /// Statements about identifications, in the order of the body; `reference` says about which.
    pub observations: Vec<Observation>,
    /// Paths of fields whose value the connector does not know, for the drift counter.
    pub drift: Vec<&'static str>,
}

/// An authentic delivery that the connector cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Path of the field that is missing or malformed (`$` for the body), without its value and made of names that the
    /// connector knows: operators see it, and metrics count by it.
    pub path: String,
    /// What was expected there.
    pub expected: &'static str,
}
