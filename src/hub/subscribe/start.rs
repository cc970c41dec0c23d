//! Where a stream begins.

use std::time::SystemTime;

use crate::error::Result;
use crate::hub::subscribe::WATCH;
use crate::hub::{Hub, expired, refused_cursor, store};
use crate::journal::Place;
use crate::journal::cursor::resolve;
use crate::model::filter::Filter;
use crate::model::validate::Checks;
use crate::proto::StartPosition;
use crate::proto::watch_events_request::Start;

/// Where a caller asked to begin.
pub(super) enum Begin {
    /// After a cursor, not checked yet.
    After(String),
    /// With what was recorded at or after a time.
    Since(SystemTime),
    Earliest,
    Latest,
    /// With the present state, then LATEST.
    Snapshot,
}

impl Begin {
    /// Parses the contract's choice; what it refuses is in `checks`.
    pub(super) fn parse(start: Option<Start>, checks: &mut Checks) -> Self {
        let number = match start {
            None => return Self::Latest,
            Some(Start::AfterCursor(cursor)) => return Self::After(cursor),
            Some(Start::StartTime(time)) => {
                return checks.time("start_time", Some(time)).map_or(Self::Latest, Self::Since);
            }
            Some(Start::StartPosition(number)) => number,
        };
        match StartPosition::try_from(number) {
            Ok(StartPosition::Earliest) => Self::Earliest,
            Ok(StartPosition::Snapshot) => Self::Snapshot,
            Ok(StartPosition::Latest | StartPosition::Unspecified) => Self::Latest,
            Err(_unknown) => {
                checks.refuse("start_position", "is not a start position this gateway knows");
                Self::Latest
            }
        }
    }

    /// `filter` without what was recorded too early: the place alone does not leave out what is still to be recorded
    /// before a time to come.
    pub(super) fn narrow(&self, filter: Filter) -> Filter {
        match self {
            Self::Since(time) => filter.since(*time),
            _ => filter,
        }
    }
}

impl Hub {
    /// The place before the first event to send. `None`: only the snapshot will tell.
    pub(super) async fn beginning(&self, begin: Begin) -> Result<Option<Place>> {
        let place = match begin {
            Begin::Snapshot => return Ok(None),
            Begin::After(cursor) => {
                resolve(&*self.journal, &cursor).await.map_err(|error| refused_cursor(error, WATCH))
            }
            Begin::Since(time) => self.since(time).await,
            Begin::Earliest => self.earliest_place(WATCH).await,
            Begin::Latest => self.head_place().await,
        };
        place.map(Some)
    }

    /// A time before what is kept is refused as a cursor from then is: what was recorded in between cannot be sent
    /// any more, and leaving it out without a word would be a gap.
    async fn since(&self, time: SystemTime) -> Result<Place> {
        if let Some(place) = self.journal.before(time).await.map_err(|error| store(error, WATCH))? {
            return Ok(place);
        }
        let earliest = self.cursor(self.earliest_place(WATCH).await?);
        Err(expired("not all events since start_time are kept", earliest, WATCH))
    }
}
