//! The connections this gateway is configured with.

use std::sync::Arc;

use crate::error::Result;
use crate::hub::Hub;
use crate::hub::page::{self, Pages};
use crate::model::name::ConnectionId;
use crate::model::validate::Checks;
use crate::proto::{Connection, ListConnectionsRequest, ListConnectionsResponse};
use crate::vendor::{Vendor, capabilities};

const LIST: &str = "list_connections";

impl Hub {
    /// One connection.
    pub fn connection(&self, connection: &ConnectionId) -> Result<Connection> {
        Ok(self.describe(&*self.vendor(connection, "get_connection")?))
    }

    /// The connections in name order, a page of them.
    pub fn connections(&self, request: &ListConnectionsRequest) -> Result<ListConnectionsResponse> {
        let mut checks = Checks::default();
        let size = page::size(request.page_size, &mut checks);
        checks.finish(LIST)?;
        let pages = Pages::new(&self.journal.identity().key, LIST, &());
        let after: Option<ConnectionId> = pages.after(&request.page_token)?;
        let behind = |vendor: &&Arc<dyn Vendor>| {
            after.as_ref().is_none_or(|after| vendor.account().connection > *after)
        };
        let mut rest = self.registry.list().filter(behind).peekable();
        let page: Vec<_> = rest.by_ref().take(size).collect();
        let last = page.last().filter(|_last| rest.peek().is_some());
        Ok(ListConnectionsResponse {
            next_page_token: last.map_or_else(String::new, |last| pages.token(&last.account().connection)),
            connections: page.into_iter().map(|vendor| self.describe(&**vendor)).collect(),
        })
    }

    fn describe(&self, vendor: &dyn Vendor) -> Connection {
        let account = vendor.account();
        Connection {
            name: account.connection.name(),
            vendor: account.vendor.into(),
            display_name: account.display_name.clone(),
            environment: account.environment.clone(),
            region: account.region.clone(),
            capabilities: capabilities(vendor).into_iter().map(str::to_owned).collect(),
            health: Some(self.health_of(vendor)),
        }
    }
}
