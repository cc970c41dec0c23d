//! Webhooks registered at a vendor by the gateway itself, which makes their URL and their secrets.
//!
//! A secret is sealed in the journal and accepted before the vendor is told of it, and the one before it goes on being
//! accepted for a day: no authentic delivery is refused, whenever it was sent and whatever broke off.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::generated::{Generations, MAX_GENERATIONS};
use crate::hub::outcome::leaves_doubt;
use crate::hub::page::last_part;
use crate::model::name::ConnectionId;
use crate::model::validate::Checks;
use crate::model::webhook::{RegisterWebhook, VendorWebhookName};
use crate::proto::{
    DeleteVendorWebhookRequest, DeleteVendorWebhookResponse, ListVendorWebhooksRequest,
    ListVendorWebhooksResponse, RegisterVendorWebhookRequest, RegisterVendorWebhookResponse, VendorWebhook,
    VendorWebhookKind,
};
use crate::vendor::Vendor;
use crate::vendor::webhook_setting::{Registration, WebhookSettings};

const LIST: &str = "list_vendor_webhooks";
const REGISTER: &str = "register_vendor_webhook";
const DELETE: &str = "delete_vendor_webhook";
const CAPABILITY: &str = "webhook_settings";

/// The lock of a connection's webhooks. Those of all kinds take turns: what is accepted is handed over for all at once.
fn turn(connection: &ConnectionId) -> String {
    format!("webhook_settings/{connection}")
}

impl Hub {
    /// A page of the webhooks that are registered at the vendor, in order of their ids.
    pub async fn list_vendor_webhooks(
        &self,
        request: &ListVendorWebhooksRequest,
    ) -> Result<ListVendorWebhooksResponse> {
        let asked = (request.page_size, request.page_token.as_str());
        let parent = |checks: &mut Checks| checks.connection("parent", &request.parent);
        let (connection, page) = self.named_page(LIST, asked, parent)?;
        let vendor = self.vendor(&connection, LIST)?;
        let registered = self.registered(&*vendor, LIST).await?;
        let (vendor_webhooks, next_page_token) = page.of(registered, |webhook| &webhook.name);
        Ok(ListVendorWebhooksResponse { vendor_webhooks, next_page_token })
    }

    /// Registers the gateway's webhook of one kind with new secrets, in place of an earlier one. Goes on to the end when
    /// the caller goes away.
    pub async fn register_vendor_webhook(
        self: &Arc<Self>,
        request: &RegisterVendorWebhookRequest,
    ) -> Result<RegisterVendorWebhookResponse> {
        let wanted = RegisterWebhook::parse(request)?;
        let hub = self.clone();
        self.see_through(REGISTER, async move { hub.register(&wanted).await }).await
    }

    async fn register(&self, wanted: &RegisterWebhook) -> Result<RegisterVendorWebhookResponse> {
        let connection = &wanted.connection;
        let vendor = self.vendor(connection, REGISTER)?;
        let settings = offered(&*vendor, vendor.webhook_settings(), CAPABILITY, REGISTER)?;
        // Whatever the vendor would send then, the door would refuse it.
        offered(&*vendor, vendor.webhooks(), "webhooks", REGISTER)?;
        let violations = settings.check(wanted);
        if !violations.is_empty() {
            return Err(Error::invalid(REGISTER, violations));
        }
        let uri = self.webhook_urls.get(connection).ok_or_else(|| {
            let detail = "the gateway does not know its own address: set public_url in [webhooks]";
            Error::new(Kind::StateNotAllowed, REGISTER, detail).about(connection.name())
        })?;
        let _turn = self.locks.lock(&turn(connection)).await;
        let before = self.generations(connection, wanted.kind, REGISTER).await?;
        let before = before.without_ended(self.clock.now());
        let (offered, secret) = before.offer(wanted, &self.clock).ok_or_else(|| {
            let detail = format!(
                "{MAX_GENERATIONS} secrets are accepted for webhooks of this kind, and there may be no more: try \
                 again when one has ended, at most a day from now"
            );
            Error::new(Kind::StateNotAllowed, REGISTER, detail).about(connection.name())
        })?;
        self.keep_generations(&*vendor, wanted.kind, &offered, REGISTER).await?;
        let registered = settings.register(Registration { wanted, uri, secret: &secret }).await;
        match self.note_health(&*vendor, registered).await {
            Ok(webhook) => {
                let after = offered.taken(&secret.label, self.clock.now());
                self.keep_generations(&*vendor, wanted.kind, &after, REGISTER).await?;
                let vendor_webhook = Some(VendorWebhook { managed: true, ..webhook });
                Ok(RegisterVendorWebhookResponse { vendor_webhook })
            }
            // The vendor may use the new one already, or the old one still.
            Err(error) if leaves_doubt(&error) => Err(error),
            Err(error) => {
                let after = before.without_refused(&offered);
                self.keep_generations(&*vendor, wanted.kind, &after, REGISTER).await?;
                Err(error)
            }
        }
    }

    /// Removes a webhook at the vendor. What it was accepted by ends a day later: a delivery may be under way.
    pub async fn delete_vendor_webhook(
        self: &Arc<Self>,
        request: &DeleteVendorWebhookRequest,
    ) -> Result<DeleteVendorWebhookResponse> {
        let mut checks = Checks::default();
        let name: Option<VendorWebhookName> = checks.parse("name", &request.name);
        let Some(name) = name else { return Err(checks.refused(DELETE)) };
        let (hub, allow_missing) = (self.clone(), request.allow_missing);
        self.see_through(DELETE, async move { hub.remove_webhook(&name, allow_missing).await }).await
    }

    async fn remove_webhook(
        &self,
        name: &VendorWebhookName,
        allow_missing: bool,
    ) -> Result<DeleteVendorWebhookResponse> {
        let vendor = self.vendor(&name.connection, DELETE)?;
        let settings = offered(&*vendor, vendor.webhook_settings(), CAPABILITY, DELETE)?;
        let _turn = self.locks.lock(&turn(&name.connection)).await;
        let (found, others): (Vec<_>, Vec<_>) = self
            .registered(&*vendor, DELETE)
            .await?
            .into_iter()
            .partition(|webhook| last_part(&webhook.name) == name.id);
        let removed = match found.first() {
            None => None,
            Some(_) => self.note_health(&*vendor, settings.remove(&name.id).await).await?,
        };
        let used = |kind| others.iter().any(|other| other.managed && other.kind() == kind);
        if let Some(webhook) = found.first().filter(|webhook| webhook.managed && !used(webhook.kind())) {
            let now = self.clock.now();
            let before = self.generations(&name.connection, webhook.kind(), DELETE).await?;
            let after = before.without_ended(now).ending_soon(now);
            self.keep_generations(&*vendor, webhook.kind(), &after, DELETE).await?;
        }
        match removed {
            None if !allow_missing => {
                let detail = format!("{name} is not registered at the vendor");
                Err(Error::new(Kind::ResourceNotFound, DELETE, detail).about(name))
            }
            Some(()) | None => Ok(DeleteVendorWebhookResponse {}),
        }
    }

    /// Everything that is registered, telling what points here.
    async fn registered(&self, vendor: &dyn Vendor, operation: &'static str) -> Result<Vec<VendorWebhook>> {
        let settings: &dyn WebhookSettings =
            offered(vendor, vendor.webhook_settings(), CAPABILITY, operation)?;
        let mut webhooks = self.note_health(vendor, settings.webhooks().await).await?;
        let own = self.webhook_urls.get(&vendor.account().connection);
        for webhook in &mut webhooks {
            webhook.managed = own.is_some_and(|own| *own == webhook.uri);
        }
        Ok(webhooks)
    }

    async fn keep_generations(
        &self,
        vendor: &dyn Vendor,
        kind: VendorWebhookKind,
        generations: &Generations,
        operation: &'static str,
    ) -> Result<()> {
        self.seal_generations(&vendor.account().connection, kind, generations, operation).await?;
        self.accept_generated(vendor, operation).await
    }
}
