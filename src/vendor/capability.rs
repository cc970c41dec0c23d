//! What some vendors can do with an identification that exists. Each is `None` on a connection that cannot.

use async_trait::async_trait;
use prost_types::Timestamp;
use secrecy::SecretString;

use crate::error::{Error, Violation};
use crate::model::change::UpdateIdentification;
use crate::proto::{Activity, VendorReference};
use crate::vendor::Vendor;
use crate::vendor::keepsake::{About, Keepsake};

/// What works on a connection, as the contract's policies spell it, for example `get`.
pub fn capabilities(vendor: &dyn Vendor) -> Vec<&'static str> {
    let offered = support(vendor).into_iter().filter(|(_name, offered)| *offered);
    offered.map(|(name, _offered)| name).collect()
}

/// Every capability that the contract's policies name, and whether it works on a connection.
pub fn support(vendor: &dyn Vendor) -> Vec<(&'static str, bool)> {
    let identifications = vendor.identifications().is_some();
    vec![
        ("get", identifications),
        ("list", vendor.lists().is_some()),
        ("update", vendor.updates().is_some()),
        ("cancel", vendor.cancellations().is_some()),
        ("restart", vendor.restarts().is_some()),
        ("copy", vendor.copies().is_some()),
        ("archive", vendor.archives().is_some()),
        ("delete", vendor.deletions().is_some()),
        ("result", vendor.results().is_some()),
        ("artifacts", vendor.artifacts().is_some()),
        ("binding_key", vendor.binding_keys().is_some()),
        ("invitation", vendor.invitations().is_some()),
        ("ticket", vendor.tickets().is_some()),
        ("ticket_images", vendor.tickets().is_some()),
        ("document_signing", vendor.signing().is_some()),
        ("onboarding", vendor.onboarding().is_some()),
        ("biometrics", vendor.biometrics().is_some()),
        ("webhook_settings", vendor.webhook_settings().is_some()),
        ("client_token", vendor.client_tokens().is_some()),
    ]
}

/// Telling the vendor other data about a person whom it has not decided about.
#[async_trait]
pub trait Updates: Send + Sync {
    /// Which parts of `update` this vendor cannot take; called before anything is sent.
    fn check(&self, update: &UpdateIdentification) -> Vec<Violation>;
    /// What to keep in place of the keepsake before `update` is sent, so that the vendor is found to have it whether or
    /// not the update takes effect. `None`: the keepsake says enough.
    fn foresee(&self, _update: &Update<'_>) -> Result<Option<Keepsake>, Error> {
        Ok(None)
    }
    /// Tells it. The same update may be told again. `Some`: what is to be kept in place of the keepsake from now on.
    /// `Err` IDENTIFICATION_COMPLETED: it has decided.
    async fn update(&self, update: Update<'_>) -> Result<Option<Keepsake>, Error>;
}

/// Input of [`Updates::update`].
#[derive(Debug)]
pub struct Update<'a> {
    /// Whose.
    pub about: About<'a>,
    /// What the caller changes; only what its paths name is sent.
    pub command: &'a UpdateIdentification,
}

/// Copying a decided identification to another account at the same vendor.
#[async_trait]
pub trait Copies: Send + Sync {
    /// What other accounts call this one when they copy to it.
    fn account_name(&self) -> &str;
    /// Which of `vendor_account` and `target_reference` cannot be any of the vendor's; an empty one is not looked at.
    fn check(&self, vendor_account: &str, target_reference: &str) -> Vec<Violation>;
    /// Copies it and returns the copy's identifiers. Nothing says that it is safe to repeat: the caller looks first.
    async fn copy(&self, copy: Copy<'_>) -> Result<VendorReference, Error>;
}

/// Input of [`Copies::copy`].
#[derive(Debug)]
pub struct Copy<'a> {
    /// The vendor's identifiers of the original.
    pub reference: &'a VendorReference,
    /// The account that gets the copy.
    pub account: &'a str,
    /// The copy's reference there.
    pub target_reference: &'a str,
}

/// Moving a decided identification to the vendor's archive.
#[async_trait]
pub trait Archives: Send + Sync {
    /// Archives it; also `Ok` when it was archived before.
    async fn archive(&self, reference: &VendorReference) -> Result<(), Error>;
}

/// Erasing an identification at the vendor.
#[async_trait]
pub trait Deletions: Send + Sync {
    /// Erases it. May be repeated.
    async fn delete(&self, deletion: Deletion<'_>) -> Result<Deleted, Error>;
}

/// Input of [`Deletions::delete`].
#[derive(Debug)]
pub struct Deletion<'a> {
    /// What is erased.
    pub about: About<'a>,
    /// Also where the vendor has begun with it, if it makes that difference.
    pub force: bool,
}

/// What a deletion found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The vendor has erased it now.
    Now,
    /// The vendor has nothing to erase: it has done so before, or has no result yet.
    NothingThere,
    /// The vendor erases only what is finished.
    NotFinished,
}

/// Ending an identification for good.
#[async_trait]
pub trait Cancellations: Send + Sync {
    /// Which parts of `reason` this vendor cannot take; called before anything is sent. Vendors without reasons take any.
    fn check(&self, reason: &str) -> Vec<Violation>;
    /// Cancels it; also `Ok` when it was cancelled before. `Err` STATE_NOT_ALLOWED: the vendor has finished it.
    async fn cancel(&self, cancellation: Cancellation<'_>) -> Result<(), Error>;
}

/// Input of [`Cancellations::cancel`].
#[derive(Debug)]
pub struct Cancellation<'a> {
    /// What is cancelled.
    pub about: About<'a>,
    /// Why, in the caller's words; without personal data. May be empty.
    pub reason: &'a str,
}

/// New attempts at vendors that need a call for them.
#[async_trait]
pub trait Restarts: Send + Sync {
    /// Opens a new attempt. Nothing says that it is safe to repeat. `Some`: what is to be kept in place of the keepsake.
    async fn restart(&self, about: About<'_>) -> Result<Option<Keepsake>, Error>;
}

/// The vendor's own log of an identification.
#[async_trait]
pub trait Activities: Send + Sync {
    /// What the vendor noted, oldest first: personal data. `None`: it has nothing of the identification.
    async fn activities(&self, about: About<'_>) -> Result<Option<Vec<Activity>>, Error>;
}

/// Short-lived tokens for a vendor's SDK on a person's device.
#[async_trait]
pub trait ClientTokens: Send + Sync {
    /// Mints one. Each call makes another.
    async fn issue(&self) -> Result<ClientToken, Error>;
}

/// A token for a vendor's SDK.
#[derive(Debug)]
pub struct ClientToken {
    /// The token.
    pub token: SecretString,
    /// Until when the vendor takes it, where that is known.
    pub expire_time: Option<Timestamp>,
}

/// Keys that bind a person's device to an identification.
#[async_trait]
pub trait BindingKeys: Send + Sync {
    /// The key as a JWS; `None`: there is none, or none yet.
    async fn binding_key(&self, reference: &VendorReference) -> Result<Option<String>, Error>;
}
