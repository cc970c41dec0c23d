//! Vendors with verification records of their own.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::model::name::TicketName;
use crate::proto::{Ticket, TicketImageHeader, TicketImageKind};

/// Verification records at one vendor account. Nothing of them is kept.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// One ticket with everything in it: personal data. The name of its identification is not filled in. `None`: the
    /// vendor has none of that id.
    async fn ticket(&self, name: &TicketName) -> Result<Option<FoundTicket>, Error>;
    /// The images of a ticket, of these kinds; none: all. `None`: the vendor has none of that id. Dropping the stream ends
    /// the transfer.
    async fn images(
        &self,
        name: &TicketName,
        kinds: &[TicketImageKind],
    ) -> Result<Option<BoxStream<'static, Result<TicketImage, Error>>>, Error>;
}

/// A ticket as the vendor shows it. Personal data: it has no debug form.
pub struct FoundTicket {
    /// What was read of it; `raw_json` is the body as it came.
    pub ticket: Ticket,
    /// Paths of fields that are not as the connector knows them, for the drift counter.
    pub drift: Vec<String>,
}

/// One image: what it is, and its whole content, which vendors cap at a few MiB.
pub struct TicketImage {
    /// What it is; size and hash are those of the content.
    pub header: TicketImageHeader,
    /// The content.
    pub content: Bytes,
}
