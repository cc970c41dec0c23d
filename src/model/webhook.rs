//! Webhooks that are registered at a vendor: their names, and requests about them.

use std::fmt;
use std::str::FromStr;

use crate::error::Result;
use crate::model::name::{ConnectionId, NameError, is_resource_id};
use crate::model::validate::Checks;
use crate::proto::{RegisterVendorWebhookRequest, VendorWebhookKind, WebhookAuthentication};

const REGISTER: &str = "register_vendor_webhook";
const MAX_EVENTS: usize = 20;
const MAX_EVENT: usize = 100;

/// `connections/{connection}/vendorWebhooks/{webhook}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorWebhookName {
    /// The connection it lives on.
    pub connection: ConnectionId,
    /// The vendor's id of it, in the alphabet of resource names.
    pub id: String,
}

/// Register the gateway's webhook of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterWebhook {
    /// At whose vendor.
    pub connection: ConnectionId,
    /// What it reports.
    pub kind: VendorWebhookKind,
    /// How the vendor shows who it is.
    pub authentication: WebhookAuthentication,
    /// The vendor's names of events; none: all of the kind.
    pub vendor_events: Vec<String>,
    /// The vendor encrypts bodies.
    pub encrypted: bool,
}

impl RegisterWebhook {
    /// Parses a request.
    pub fn parse(request: &RegisterVendorWebhookRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let connection = checks.connection("parent", &request.parent);
        let kind = VendorWebhookKind::try_from(request.kind).unwrap_or_default();
        if kind == VendorWebhookKind::Unspecified {
            checks.refuse("kind", "must be a kind this gateway knows: TICKETS or INVITATIONS");
        }
        let authentication = WebhookAuthentication::try_from(request.authentication).unwrap_or_default();
        if authentication == WebhookAuthentication::Unspecified {
            checks.refuse("authentication", "must be BASIC, BEARER or API_KEY: nothing is accepted without");
        }
        if request.vendor_events.len() > MAX_EVENTS {
            checks.refuse("vendor_events", format!("must be at most {MAX_EVENTS} names"));
        }
        for (index, event) in request.vendor_events.iter().enumerate() {
            let field = format!("vendor_events[{index}]");
            if event.is_empty() {
                checks.refuse(field, "must not be empty");
            } else {
                checks.text(&field, event, MAX_EVENT);
            }
        }
        let Some(connection) = connection else { return Err(checks.refused(REGISTER)) };
        checks.finish(REGISTER)?;
        let (vendor_events, encrypted) = (request.vendor_events.clone(), request.encrypted);
        Ok(Self { connection, kind, authentication, vendor_events, encrypted })
    }
}

impl FromStr for VendorWebhookName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parse = || {
            let (connection, id) = text.strip_prefix("connections/")?.split_once("/vendorWebhooks/")?;
            let id = is_resource_id(id).then(|| id.to_owned())?;
            Some(Self { connection: connection.parse().ok()?, id })
        };
        parse().ok_or(NameError("must be connections/{connection}/vendorWebhooks/{webhook}"))
    }
}

impl fmt::Display for VendorWebhookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/vendorWebhooks/{}", self.connection.name(), self.id)
    }
}
