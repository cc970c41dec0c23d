//! What happened to one identification, as the journal has it, and then as its vendor noted it.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use prost::Message as _;

use crate::error::Result;
use crate::hub::capability::offered;
use crate::hub::evolve::system_time;
use crate::hub::page::{self, Pages};
use crate::hub::{Hub, store};
use crate::journal::{Entry, JournalError, Position};
use crate::model::filter::Filter;
use crate::model::name::IdentificationName;
use crate::model::validate::Checks;
use crate::proto::{
    Activity, Event, EventFilter, Identification, IdentificationState as State, ListActivitiesRequest,
    ListActivitiesResponse,
};
use crate::vendor::Vendor;
use crate::vendor::capability::Activities;

const LIST: &str = "list_activities";
/// Looks into the journal for one page: what happened to one is far apart in a long journal.
const LOOKS: usize = 8;

impl Hub {
    /// The events about an identification and what belongs to it, oldest first, a page of them. Behind the last one come
    /// the vendor's own entries, where they are asked for.
    pub async fn list_activities(&self, request: &ListActivitiesRequest) -> Result<ListActivitiesResponse> {
        let mut checks = Checks::default();
        let name: Option<IdentificationName> = checks.parse("parent", &request.parent);
        let size = page::size(request.page_size, &mut checks);
        let Some(name) = name else { return Err(checks.refused(LIST)) };
        let of_it = EventFilter { identifications: vec![name.to_string()], ..EventFilter::default() };
        let filter = Filter::parse(of_it, &mut checks);
        checks.finish(LIST)?;
        let vendor = self.vendor(&name.connection, LIST)?;
        let activities = match request.include_vendor {
            true => Some(offered(&*vendor, vendor.activities(), "activities", LIST)?),
            false => None,
        };
        let record = self.existing(&name, LIST).await?;
        let pages = Pages::new(&self.journal.identity().key, LIST, &(&name, request.include_vendor));
        let mut place = match pages.after(&request.page_token)? {
            Some(place) => place,
            None => {
                let created = record.identification.create_time.unwrap_or_default();
                Place::Gateway(self.before_first(&created).await?)
            }
        };
        let mut response = ListActivitiesResponse::default();
        if let Place::Gateway(after) = place {
            let (own, next) = self.own_activities(&filter, after, size).await?;
            response.activities = own;
            place = next.map_or(Place::Vendor(0), Place::Gateway);
        }
        let room = size - response.activities.len();
        if let (Place::Vendor(after), Some(activities), true) = (&place, activities, room > 0) {
            let theirs = self.vendor_activities(&*vendor, activities, record.identification).await?;
            let end = after.saturating_add(room);
            let more = theirs.len() > end;
            response.activities.extend(theirs.into_iter().take(end).skip(*after));
            response.next_page_token = if more { pages.token(Place::Vendor(end)) } else { String::new() };
        } else if matches!(place, Place::Gateway(_)) || activities.is_some() {
            response.next_page_token = pages.token(place);
        }
        Ok(response)
    }

    /// Up to `size` of the gateway's own events after `after`, and where to go on.
    async fn own_activities(
        &self,
        filter: &Filter,
        mut after: Position,
        size: usize,
    ) -> Result<(Vec<Activity>, Option<Position>)> {
        let mut activities = Vec::new();
        for _look in 0..LOOKS {
            let wanted = size - activities.len();
            let page = self.journal.read(after, filter, wanted).await.map_err(|error| store(error, LIST))?;
            for entry in &page.entries {
                activities.push(activity(entry)?);
            }
            after = page.next.position;
            if after >= page.head {
                return Ok((activities, None));
            }
            if activities.len() >= size {
                break;
            }
        }
        Ok((activities, Some(after)))
    }

    /// Everything that the vendor noted of an identification that it has.
    async fn vendor_activities(
        &self,
        vendor: &dyn Vendor,
        activities: &dyn Activities,
        identification: Identification,
    ) -> Result<Vec<Activity>> {
        if matches!(identification.state(), State::Creating | State::Failed | State::Deleted) {
            return Ok(Vec::new());
        }
        let known = self.known(&identification, LIST).await?;
        let noted = activities.activities(known.about()).await;
        Ok(self.note_health_of(vendor, Some(&identification.name), noted).await?.unwrap_or_default())
    }

    /// The place right before whatever was recorded since `time`, or before everything that is kept.
    async fn before_first(&self, time: &prost_types::Timestamp) -> Result<Position> {
        // Entries are stamped with whole milliseconds: one may seem to be older than what it tells.
        let from = prost_types::Timestamp { nanos: time.nanos - time.nanos % 1_000_000, ..*time };
        let before = self.journal.before(system_time(&from)).await.map_err(|error| store(error, LIST))?;
        Ok(before.map_or(0, |place| place.position))
    }
}

/// Where a page goes on.
enum Place {
    /// Behind this event.
    Gateway(Position),
    /// Behind so many of the vendor's entries.
    Vendor(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(position) => write!(f, "{position}"),
            Self::Vendor(passed) => write!(f, "v{passed}"),
        }
    }
}

impl FromStr for Place {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text.strip_prefix('v') {
            Some(passed) => passed.parse().map(Self::Vendor),
            None => text.parse().map(Self::Gateway),
        }
    }
}

fn activity(entry: &Entry) -> Result<Activity> {
    let event = Event::decode(entry.bytes.clone()).map_err(|_undecodable| {
        store(JournalError::Damaged(format!("position {}", entry.place.position)), LIST)
    })?;
    Ok(Activity {
        occur_time: event.occur_time.or(event.record_time),
        source: "gateway".to_owned(),
        kind: event.r#type().as_str_name().trim_start_matches("EVENT_TYPE_").to_owned(),
        revision: event.revision,
        vendor_json: String::new(),
    })
}
