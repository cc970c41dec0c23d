//! What happened to one identification, as the journal has it.

use prost::Message as _;

use crate::error::Result;
use crate::hub::capability::not_offered;
use crate::hub::evolve::system_time;
use crate::hub::page::{self, Pages};
use crate::hub::{Hub, store};
use crate::journal::{Entry, JournalError, Position};
use crate::model::filter::Filter;
use crate::model::name::IdentificationName;
use crate::model::validate::Checks;
use crate::proto::{Activity, Event, EventFilter, ListActivitiesRequest, ListActivitiesResponse};

const LIST: &str = "list_activities";
/// Looks into the journal for one page: what happened to one is far apart in a long journal.
const LOOKS: usize = 8;

impl Hub {
    /// The events about an identification and what belongs to it, oldest first, a page of them.
    pub async fn list_activities(&self, request: &ListActivitiesRequest) -> Result<ListActivitiesResponse> {
        let mut checks = Checks::default();
        let name: Option<IdentificationName> = checks.parse("parent", &request.parent);
        let size = page::size(request.page_size, &mut checks);
        let Some(name) = name else { return Err(checks.refused(LIST)) };
        let of_it = EventFilter { identifications: vec![name.to_string()], ..EventFilter::default() };
        let filter = Filter::parse(of_it, &mut checks);
        checks.finish(LIST)?;
        let vendor = self.vendor(&name.connection, LIST)?;
        if request.include_vendor {
            return Err(not_offered(&*vendor, "activities", LIST));
        }
        let record = self.existing(&name, LIST).await?;
        let pages = Pages::new(&self.journal.identity().key, LIST, &name);
        let mut after = match pages.after(&request.page_token)? {
            Some(after) => after,
            None => self.before_first(&record.identification.create_time.unwrap_or_default()).await?,
        };
        let mut response = ListActivitiesResponse::default();
        for _look in 0..LOOKS {
            let wanted = size - response.activities.len();
            let page = self.journal.read(after, &filter, wanted).await.map_err(|error| store(error, LIST))?;
            for entry in &page.entries {
                response.activities.push(activity(entry)?);
            }
            after = page.next.position;
            if after >= page.head {
                return Ok(response);
            }
            if response.activities.len() >= size {
                break;
            }
        }
        response.next_page_token = pages.token(after);
        Ok(response)
    }

    /// The place right before whatever was recorded since `time`, or before everything that is kept.
    async fn before_first(&self, time: &prost_types::Timestamp) -> Result<Position> {
        let before = self.journal.before(system_time(time)).await.map_err(|error| store(error, LIST))?;
        Ok(before.map_or(0, |place| place.position))
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
