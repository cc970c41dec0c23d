//! Tickets, the vendor's own verification records: fetched and handed on, and what the gateway itself knows of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use futures::StreamExt as _;
use prost::Message as _;

use crate::error::{Error, Kind, Result};
use crate::hub::capability::offered;
use crate::hub::page::{self, Pages};
use crate::hub::transfer::{CHUNK, Message as _, TransferStream};
use crate::hub::{Hub, store};
use crate::journal::{Order, RecordQuery, VendorId};
use crate::model::name::{ConnectionId, IdentificationName, TicketName};
use crate::model::record::Record;
use crate::model::record_filter::RecordFilter;
use crate::model::validate::Checks;
use crate::proto::{
    DownloadTicketImagesRequest, DownloadTicketImagesResponse, GetTicketRequest, GetTicketResponse,
    IdentificationState as State, ListTicketsRequest, ListTicketsResponse, Ticket, TicketImageKind,
    TicketStep, VendorReference,
};
use crate::vendor::ticket::FoundTicket;

const GET: &str = "get_ticket";
const LIST: &str = "list_tickets";
const DOWNLOAD: &str = "download_ticket_images";
/// Looks into the journal for one page: identifications with tickets may be far apart.
const LOOKS: usize = 8;
/// Bytes that are enough for a page: with what one ticket adds it stays below the 4 MiB that clients take by default.
const ENOUGH_BYTES: usize = 1 << 20;

impl Hub {
    /// A ticket as the vendor shows it now, and whose it is as far as the gateway knows.
    pub async fn get_ticket(&self, request: &GetTicketRequest) -> Result<GetTicketResponse> {
        let mut checks = Checks::default();
        let name: Option<TicketName> = checks.parse("name", &request.name);
        let Some(name) = name else { return Err(checks.refused(GET)) };
        let vendor = self.vendor(&name.connection, GET)?;
        let found = offered(&*vendor, vendor.tickets(), "ticket", GET)?.ticket(&name).await;
        let found = self.note_health_about(&*vendor, &reference(&name), found).await?;
        let FoundTicket { mut ticket, drift } = found.ok_or_else(|| unknown(&name, GET))?;
        for field in &drift {
            self.metrics.drift(vendor.account().vendor.as_str_name(), field);
        }
        let record = self.journal.find(&name.connection, VendorId::Ticket(&name.id)).await;
        let record = record.map_err(|error| store(error, GET))?;
        ticket.identification = record.map(|record| record.name.to_string()).unwrap_or_default();
        Ok(GetTicketResponse { ticket: Some(ticket) })
    }

    /// A page of the tickets that the gateway knows of one connection, or of one identification, with what it knows of
    /// them: nothing that was found out about people.
    pub async fn list_tickets(&self, request: &ListTicketsRequest) -> Result<ListTicketsResponse> {
        let mut checks = Checks::default();
        let size = page::size(request.page_size, &mut checks);
        let parent = Parent::parse(&request.parent, &mut checks);
        let Some(parent) = parent else { return Err(checks.refused(LIST)) };
        checks.finish(LIST)?;
        let pages = Pages::new(&self.journal.identity().key, LIST, &parent);
        let after: Option<Place> = pages.after(&request.page_token)?;
        match parent {
            Parent::Identification(name) => {
                self.vendor(&name.connection, LIST)?;
                let record = self.existing(&name, LIST).await?;
                let passed = after.map_or(0, |place| place.passed);
                let mut tickets: Vec<_> = (1..).zip(known_tickets(&record)).skip(passed).collect();
                let place = |(passed, _ticket): &(usize, Ticket)| Place { record: 0, passed: *passed };
                let next_page_token = pages.cut(&mut tickets, size, place);
                let tickets = tickets.into_iter().map(|(_passed, ticket)| ticket).collect();
                Ok(ListTicketsResponse { tickets, next_page_token })
            }
            Parent::Connection(connection) => {
                self.vendor(&connection, LIST)?;
                let (tickets, next) = self.tickets_on(connection, after, size).await?;
                let next_page_token = next.map_or_else(String::new, |place| pages.token(place));
                Ok(ListTicketsResponse { tickets, next_page_token })
            }
        }
    }

    /// Up to `size` tickets behind `after`, and where to go on.
    async fn tickets_on(
        &self,
        connection: ConnectionId,
        after: Option<Place>,
        size: usize,
    ) -> Result<(Vec<Ticket>, Option<Place>)> {
        let filter =
            RecordFilter { connections: [connection].into(), has_tickets: true, ..RecordFilter::default() };
        // The identification that the page before ended in is read once more.
        let before = after.as_ref().and_then(|place| place.record.checked_sub(1));
        let mut query = RecordQuery { filter, order: Order::OldestFirst, after: before, limit: size };
        let (mut tickets, mut bytes) = (Vec::new(), 0);
        for _look in 0..LOOKS {
            let found = self.journal.list(&query).await.map_err(|error| store(error, LIST))?;
            for (record, number) in found.records.iter().zip(found.places) {
                let passed = after.as_ref().filter(|place| place.record == number);
                let passed = passed.map_or(0, |place| place.passed);
                for (index, ticket) in known_tickets(record).enumerate().skip(passed) {
                    if tickets.len() == size || bytes >= ENOUGH_BYTES {
                        return Ok((tickets, Some(Place { record: number, passed: index })));
                    }
                    bytes += ticket.encoded_len();
                    tickets.push(ticket);
                }
            }
            query.after = found.next;
            if query.after.is_none() || tickets.len() == size {
                break;
            }
        }
        Ok((tickets, query.after.map(|number| Place { record: number + 1, passed: 0 })))
    }

    /// Opens a download of a ticket's images, which ends at `deadline`.
    pub async fn download_ticket_images(
        self: &Arc<Self>,
        request: &DownloadTicketImagesRequest,
        deadline: Option<SystemTime>,
    ) -> Result<TransferStream<DownloadTicketImagesResponse>> {
        let mut checks = Checks::default();
        let name: Option<TicketName> = checks.parse("name", &request.name);
        let kinds = checks.values::<TicketImageKind>("kinds", &request.kinds);
        let Some(name) = name else { return Err(checks.refused(DOWNLOAD)) };
        checks.finish(DOWNLOAD)?;
        let vendor = self.vendor(&name.connection, DOWNLOAD)?;
        offered(&*vendor, vendor.tickets(), "ticket_images", DOWNLOAD)?;
        let kinds: Vec<_> = kinds.into_iter().collect();
        let hub = self.clone();
        self.send_out(DOWNLOAD, deadline, move |outlet| async move {
            let tickets = offered(&*vendor, vendor.tickets(), "ticket_images", DOWNLOAD)?;
            let opened = tickets.images(&name, &kinds).await;
            let opened = hub.note_health_about(&*vendor, &reference(&name), opened).await?;
            let mut images = opened.ok_or_else(|| unknown(&name, DOWNLOAD))?;
            while let Some(image) = images.next().await.transpose()? {
                outlet.deliver(DownloadTicketImagesResponse::header(image.header)).await?;
                for chunk in image.content.chunks(CHUNK) {
                    outlet.deliver(DownloadTicketImagesResponse::chunk(chunk.to_vec())).await?;
                }
            }
            Ok(None)
        })
    }
}

/// What a list of tickets is asked of.
#[derive(Hash)]
enum Parent {
    Connection(ConnectionId),
    Identification(IdentificationName),
}

impl Parent {
    fn parse(name: &str, checks: &mut Checks) -> Option<Self> {
        let connection = ConnectionId::from_name(name).map(Self::Connection);
        let parent = connection.or_else(|_shape| name.parse().map(Self::Identification));
        let expected = "must be connections/{connection} or connections/{connection}/identifications/{uuid}";
        parent.map_err(|_shape| checks.refuse("parent", expected)).ok()
    }
}

/// Where a page of tickets ends: behind the first `passed` ones of an identification. New ones come after them.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The identification's place among all; 0 where the list is of one.
    record: u64,
    passed: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.record, self.passed)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (record, passed) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { record: record.parse()?, passed: passed.parse()? })
    }
}

/// The tickets of an identification in order of attempts, with what the vendor has told of them.
fn known_tickets(record: &Record) -> impl Iterator<Item = Ticket> {
    let shown = &record.identification;
    let ids = shown.vendor_reference.iter().flat_map(|reference| &reference.ticket_ids);
    let ids = ids.filter(|_id| shown.state() != State::Deleted);
    ids.map(|id| {
        let known = record.memory.tickets.iter().find(|known| known.id.eq_ignore_ascii_case(id));
        let known = known.cloned().unwrap_or_default();
        Ticket {
            name: TicketName { connection: record.name.connection.clone(), id: id.clone() }.to_string(),
            identification: record.name.to_string(),
            state: known.state,
            outcome: known.outcome,
            create_time: known.create_time,
            update_time: known.update_time,
            steps: latest(known.steps),
            confidence: known.confidence,
            ..Ticket::default()
        }
    })
}

/// The last that was said of each step, in the order in which the steps were first spoken of.
fn latest(said: Vec<TicketStep>) -> Vec<TicketStep> {
    let mut steps: Vec<TicketStep> = Vec::new();
    for step in said {
        match steps.iter_mut().find(|known| known.vendor_step == step.vendor_step) {
            Some(known) => *known = step,
            None => steps.push(step),
        }
    }
    steps
}

fn reference(ticket: &TicketName) -> VendorReference {
    VendorReference { ticket_ids: vec![ticket.id.clone()], ..VendorReference::default() }
}

fn unknown(name: &TicketName, operation: &'static str) -> Error {
    Error::new(Kind::ResourceNotFound, operation, format!("the vendor knows nothing of {name}"))
}
