//! What readers can know of the journal: its ends, and how far behind somebody is.

use std::time::{Duration, SystemTime};

use prost::Message as _;
use prost_types::Timestamp;

use crate::error::Result;
use crate::hub::{Hub, store};
use crate::journal::{JournalError, Page, Place, cursor};
use crate::model::event_keys::EventKeys;
use crate::model::filter::Filter;
use crate::proto::{GetEventLogResponse, Lag};

const GET: &str = "get_event_log";
const RECENT: Duration = Duration::from_secs(1);

impl Hub {
    /// Tells the ends of the journal, and how long it keeps events.
    pub async fn get_event_log(&self) -> Result<GetEventLogResponse> {
        Ok(GetEventLogResponse {
            epoch: self.journal.identity().epoch.to_string(),
            earliest_cursor: self.cursor(self.earliest_place(GET).await?),
            latest_cursor: self.head_cursor().await?,
            oldest_record_time: self.oldest_record_time(GET).await?,
            retention: self.journal.event_retention().and_then(|kept| kept.try_into().ok()),
        })
    }

    /// The place before the oldest event that is kept.
    pub(super) async fn earliest_place(&self, operation: &'static str) -> Result<Place> {
        cursor::earliest(&*self.journal).await.map_err(|error| store(error, operation))
    }

    /// When the oldest event that is kept was recorded; `None`: there is none.
    pub(super) async fn oldest_record_time(&self, operation: &'static str) -> Result<Option<Timestamp>> {
        let earliest = self.earliest_place(operation).await?;
        let page = self.next_event(earliest, operation).await?;
        record_time(&page).map_err(|error| store(error, operation))
    }

    /// The same as it was a second ago at most: many streams ask for it at once.
    pub(super) async fn recent_oldest_record_time(
        &self,
        operation: &'static str,
    ) -> Result<Option<Timestamp>> {
        let mut known = self.oldest.lock().await;
        let now = self.clock.now();
        if let Some((at, oldest)) = *known
            && (at..at + RECENT).contains(&now)
        {
            return Ok(oldest);
        }
        let oldest = self.oldest_record_time(operation).await?;
        *known = Some((now, oldest));
        Ok(oldest)
    }

    /// How far a reader at `place` is behind.
    pub(super) async fn lag(&self, place: Place, operation: &'static str) -> Result<Lag> {
        let unread = self.next_event(place, operation).await?;
        let events = i64::try_from(unread.head.saturating_sub(place.position)).unwrap_or(i64::MAX);
        let recorded = record_time(&unread).map_err(|error| store(error, operation))?;
        let recorded = recorded.and_then(|time| SystemTime::try_from(time).ok());
        let age = recorded.and_then(|time| self.clock.now().duration_since(time).ok());
        let age = prost_types::Duration::try_from(age.unwrap_or_default()).ok();
        Ok(Lag { events, age })
    }

    async fn next_event(&self, after: Place, operation: &'static str) -> Result<Page> {
        let page = self.journal.read(after.position, &Filter::default(), 1).await;
        page.map_err(|error| store(error, operation))
    }
}

/// When the first event of a page was recorded.
fn record_time(page: &Page) -> Result<Option<Timestamp>, JournalError> {
    let Some(entry) = page.entries.first() else { return Ok(None) };
    let keys = EventKeys::decode(entry.bytes.clone())
        .map_err(|error| JournalError::Damaged(format!("position {}: {error}", entry.place.position)))?;
    Ok(keys.record_time)
}
