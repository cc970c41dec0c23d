//! The identifications this gateway has records of.

use prost::Message as _;

use crate::error::Result;
use crate::hub::page::{self, Pages};
use crate::hub::{Hub, store};
use crate::journal::{Order, RecordQuery};
use crate::model::record_filter::RecordFilter;
use crate::model::validate::Checks;
use crate::proto::{ListIdentificationsRequest, ListIdentificationsResponse};

const LIST: &str = "list_identifications";

/// Looks into the journal for one page: few matches far apart make a short page, not a long call.
const LOOKS: usize = 8;
/// Bytes that are enough for a page. With what one look adds it stays below the 4 MiB that clients take by default.
const ENOUGH_BYTES: usize = 1 << 20;

impl Hub {
    /// A page of identifications without links, the one recorded last first.
    pub async fn list_identifications(
        &self,
        request: ListIdentificationsRequest,
    ) -> Result<ListIdentificationsResponse> {
        let mut checks = Checks::default();
        let wanted = request.filter.unwrap_or_default();
        let filter = RecordFilter::parse(&request.parent, wanted, request.show_deleted, &mut checks);
        let size = page::size(request.page_size, &mut checks);
        checks.finish(LIST)?;
        for connection in &filter.connections {
            self.vendor(connection, LIST)?;
        }
        let pages = Pages::new(&self.journal.identity().key, LIST, &filter);
        let after = pages.after(&request.page_token)?;

        let mut query = RecordQuery { filter, order: Order::NewestFirst, after, limit: size };
        let (mut identifications, mut bytes) = (Vec::new(), 0);
        for _look in 0..LOOKS {
            let page = self.journal.list(&query).await.map_err(|error| store(error, LIST))?;
            for record in page.records {
                bytes += record.identification.encoded_len();
                identifications.push(record.identification);
            }
            query.after = page.next;
            query.limit = size - identifications.len();
            if query.after.is_none() || query.limit == 0 || bytes >= ENOUGH_BYTES {
                break;
            }
        }
        let next_page_token = query.after.map_or_else(String::new, |next| pages.token(next));
        Ok(ListIdentificationsResponse { identifications, next_page_token })
    }
}
