//! Pages of events, for readers that hold no stream.

use std::time::Duration;

use prost::Message as _;

use crate::error::Result;
use crate::hub::wait::{LONGEST_WAIT, patience};
use crate::hub::{Hub, expired, page, refused_cursor, store};
use crate::journal::{Entry, JournalError, Place, cursor};
use crate::model::filter::Filter;
use crate::model::validate::Checks;
use crate::proto::{Event, PollEventsRequest, PollEventsResponse, StartPosition};

const POLL: &str = "poll_events";
/// Most bytes of events in one answer: clients refuse messages of more than 4 MiB.
const MAX_BYTES: usize = 2 << 20;

impl Hub {
    /// Answers with the next events, as soon as there is one; or without any when the time is over, which is `max_wait`
    /// or what is `left` to the caller, or when the process drains. The cursor moves past what the filter drops.
    pub async fn poll_events(
        &self,
        request: PollEventsRequest,
        left: Option<Duration>,
    ) -> Result<PollEventsResponse> {
        let poll = Poll::parse(request)?;
        let ends_at = self.clock.now() + patience(poll.max_wait, left);
        let mut place = self.poll_from(&poll.begin).await?;
        let mut head = self.journal.watch_head();
        let mut turn = None;
        loop {
            // Before the look, so that nothing can happen between the two unnoticed.
            head.mark_unchanged();
            let part = self.part(place, &poll).await?;
            let over = self.clock.now() >= ends_at || self.drain.is_cancelled();
            if !part.events.is_empty() || over {
                return Ok(PollEventsResponse {
                    events: part.events,
                    next_cursor: self.cursor(part.next),
                    caught_up: part.at_head,
                    lag: Some(self.lag(part.next, POLL).await?),
                });
            }
            place = part.next;
            if !part.at_head {
                continue;
            }
            if turn.is_none() {
                turn = Some(self.begin_to_wait(POLL)?);
            }
            self.until_moved(&mut head, ends_at).await;
        }
    }

    async fn poll_from(&self, begin: &Begin) -> Result<Place> {
        match begin {
            Begin::After(cursor) => {
                cursor::resolve(&*self.journal, cursor).await.map_err(|error| refused_cursor(error, POLL))
            }
            Begin::Earliest => self.earliest_place(POLL).await,
            Begin::Latest => self.head_place().await,
        }
    }

    /// The events after `place` that one look at the journal finds.
    async fn part(&self, place: Place, poll: &Poll) -> Result<Part> {
        let page = self.journal.read(place.position, &poll.filter, poll.size).await;
        let page = page.map_err(|error| store(error, POLL))?;
        if page.low_water > place.position {
            let earliest = self.cursor(self.earliest_place(POLL).await?);
            return Err(expired("events right after the cursor are no longer kept", earliest, POLL));
        }
        let mut part = Part { events: Vec::new(), next: place, at_head: false };
        let mut bytes = 0;
        for entry in page.entries {
            bytes += entry.bytes.len();
            if bytes > MAX_BYTES && !part.events.is_empty() {
                return Ok(part);
            }
            part.next = entry.place;
            part.events.push(decode(entry).map_err(|error| store(error, POLL))?);
        }
        Ok(Part { next: page.next, at_head: page.next.position >= page.head, ..part })
    }
}

/// What is asked for.
struct Poll {
    begin: Begin,
    filter: Filter,
    size: usize,
    max_wait: Duration,
}

/// Where a reader goes on.
enum Begin {
    After(String),
    Earliest,
    Latest,
}

/// Events, and the place behind them.
struct Part {
    events: Vec<Event>,
    next: Place,
    at_head: bool,
}

impl Poll {
    fn parse(request: PollEventsRequest) -> Result<Self> {
        let mut checks = Checks::default();
        let begin = Begin::parse(request.after_cursor, request.start_position, &mut checks);
        let filter = Filter::parse(request.filter.unwrap_or_default(), &mut checks);
        let size = page::size(request.page_size, &mut checks);
        let max_wait = match request.max_wait.map_or(Ok(Duration::ZERO), Duration::try_from) {
            Ok(wait) if wait <= LONGEST_WAIT => wait,
            Ok(_) | Err(_) => {
                checks.refuse("max_wait", "must be at most 60 s");
                Duration::ZERO
            }
        };
        checks.finish(POLL)?;
        Ok(Self { begin, filter, size, max_wait })
    }
}

impl Begin {
    fn parse(cursor: String, position: i32, checks: &mut Checks) -> Self {
        match StartPosition::try_from(position) {
            Ok(StartPosition::Snapshot) => {
                checks.refuse("start_position", "must not be SNAPSHOT: WatchEvents sends snapshots");
            }
            Err(_unknown) => checks.refuse("start_position", "is not a start position this gateway knows"),
            Ok(_) if !cursor.is_empty() => return Self::After(cursor),
            Ok(StartPosition::Earliest) => return Self::Earliest,
            Ok(StartPosition::Latest | StartPosition::Unspecified) => {}
        }
        Self::Latest
    }
}

fn decode(entry: Entry) -> Result<Event, JournalError> {
    Event::decode(entry.bytes)
        .map_err(|error| JournalError::Damaged(format!("position {}: {error}", entry.place.position)))
}
