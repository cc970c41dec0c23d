//! A journal that is not as its store: what a test puts between the store and whoever uses it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use idv_gateway::journal::seal::SealedItem;
use idv_gateway::journal::subscription::Subscriptions;
use idv_gateway::journal::{
    Appended, Batch, Delivery, DeliveryPage, DeliveryQuery, Identity, Job, Journal, JournalError, Page,
    Place, Position, RecordPage, RecordQuery, Request, RequestKey, VendorId,
};
use idv_gateway::model::filter::Filter;
use idv_gateway::model::name::{ConnectionId, DeliveryName, IdentificationName};
use idv_gateway::model::record::Record;
use tokio::sync::watch;

/// How a journal differs from its store; in nothing, unless said otherwise.
#[async_trait]
pub(crate) trait Alter: Send + Sync {
    async fn append(&self, inner: &dyn Journal, batch: Batch) -> Result<Appended, JournalError> {
        inner.append(batch).await
    }

    /// Happens before something is read.
    async fn before_read(&self) {}

    fn read(&self, _after: Position, _limit: usize, _page: &mut Page) {}

    async fn list(&self, inner: &dyn Journal, query: RecordQuery) -> Result<RecordPage, JournalError> {
        inner.list(&query).await
    }

    async fn sweep(&self, inner: &dyn Journal, now: SystemTime) -> Result<u64, JournalError> {
        inner.sweep(now).await
    }

    async fn claim(
        &self,
        inner: &dyn Journal,
        now: SystemTime,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Job>, JournalError> {
        inner.claim(now, limit, lease).await
    }

    /// Whether a place of the store is there.
    fn has(&self, _position: Position) -> bool {
        true
    }
}

/// A store that differs by `A`.
pub(crate) struct Altered<A> {
    inner: Arc<dyn Journal>,
    how: A,
}

impl<A: Alter + 'static> Altered<A> {
    pub(crate) fn over(inner: Arc<dyn Journal>, how: A) -> Arc<dyn Journal> {
        Arc::new(Self { inner, how })
    }
}

#[async_trait]
impl<A: Alter> Journal for Altered<A> {
    async fn append(&self, batch: Batch) -> Result<Appended, JournalError> {
        self.how.append(&*self.inner, batch).await
    }

    async fn read(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, JournalError> {
        self.how.before_read().await;
        let mut page = self.inner.read(after, filter, limit).await?;
        self.how.read(after, limit, &mut page);
        Ok(page)
    }

    async fn place(&self, position: Position) -> Result<Option<Place>, JournalError> {
        let place = self.inner.place(position).await?;
        Ok(place.filter(|_place| self.how.has(position)))
    }

    async fn before(&self, time: SystemTime) -> Result<Option<Place>, JournalError> {
        let place = self.inner.before(time).await?;
        Ok(place.filter(|place| self.how.has(place.position)))
    }

    fn watch_head(&self) -> watch::Receiver<Position> {
        self.inner.watch_head()
    }

    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn event_retention(&self) -> Option<Duration> {
        self.inner.event_retention()
    }

    async fn record(&self, name: &IdentificationName) -> Result<Option<Record>, JournalError> {
        self.inner.record(name).await
    }

    async fn find(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Option<Record>, JournalError> {
        self.inner.find(connection, by).await
    }

    async fn list(&self, query: &RecordQuery) -> Result<RecordPage, JournalError> {
        self.how.list(&*self.inner, query.clone()).await
    }

    async fn find_current(
        &self,
        connection: &ConnectionId,
        external_reference: &str,
    ) -> Result<Option<Record>, JournalError> {
        self.inner.find_current(connection, external_reference).await
    }

    async fn delivery(&self, name: &DeliveryName) -> Result<Option<Delivery>, JournalError> {
        self.inner.delivery(name).await
    }

    async fn last_delivery_time(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<SystemTime>, JournalError> {
        self.inner.last_delivery_time(connection).await
    }

    async fn first_created_after(
        &self,
        connection: &ConnectionId,
        after: SystemTime,
    ) -> Result<Option<SystemTime>, JournalError> {
        self.inner.first_created_after(connection, after).await
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryPage, JournalError> {
        self.inner.deliveries(query).await
    }

    async fn deliveries_like(
        &self,
        connection: &ConnectionId,
        body_sha256: [u8; 32],
    ) -> Result<Vec<Delivery>, JournalError> {
        self.inner.deliveries_like(connection, body_sha256).await
    }

    async fn unmatched(
        &self,
        connection: &ConnectionId,
        by: VendorId<'_>,
    ) -> Result<Vec<Delivery>, JournalError> {
        self.inner.unmatched(connection, by).await
    }

    async fn confirming(&self, subject: &IdentificationName) -> Result<Vec<Delivery>, JournalError> {
        self.inner.confirming(subject).await
    }

    async fn request(&self, key: &RequestKey) -> Result<Option<Request>, JournalError> {
        self.inner.request(key).await
    }

    async fn sealed_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, JournalError> {
        self.inner.sealed_names(prefix, after, limit).await
    }

    async fn sealed(&self, item: &str) -> Result<Option<SealedItem>, JournalError> {
        self.inner.sealed(item).await
    }

    async fn claim(&self, now: SystemTime, limit: usize, lease: Duration) -> Result<Vec<Job>, JournalError> {
        self.how.claim(&*self.inner, now, limit, lease).await
    }

    async fn next_due(&self) -> Result<Option<SystemTime>, JournalError> {
        self.inner.next_due().await
    }

    fn watch_due(&self) -> watch::Receiver<u64> {
        self.inner.watch_due()
    }

    fn subscriptions(&self) -> &dyn Subscriptions {
        self.inner.subscriptions()
    }

    async fn sweep(&self, now: SystemTime) -> Result<u64, JournalError> {
        self.how.sweep(&*self.inner, now).await
    }

    async fn health(&self) -> Result<(), JournalError> {
        self.inner.health().await
    }
}
