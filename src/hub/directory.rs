//! The connections this gateway is configured with.

use crate::error::Error;
use crate::error::{Result, Violation};
use crate::hub::Hub;
use crate::model::name::ConnectionId;
use crate::proto::{Connection, ListConnectionsResponse};
use crate::vendor::Vendor;

const LIST: &str = "list_connections";
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: i32 = 1000;

impl Hub {
    /// One connection.
    pub fn connection(&self, connection: &ConnectionId) -> Result<Connection> {
        Ok(self.describe(&*self.vendor(connection, "get_connection")?))
    }

    /// The connections in name order, a page of them. The page token is the name to go on after.
    pub fn connections(&self, page_size: i32, page_token: &str) -> Result<ListConnectionsResponse> {
        let refuse =
            |field: &str, description: &str| Error::invalid(LIST, vec![Violation::new(field, description)]);
        if !(0..=LARGEST_PAGE).contains(&page_size) {
            return Err(refuse("page_size", "must be 0 (default) to 1000"));
        }
        if !page_token.is_empty() && ConnectionId::from_name(page_token).is_err() {
            return Err(refuse("page_token", "must be a next_page_token of an earlier answer"));
        }
        let size =
            if page_size == 0 { DEFAULT_PAGE } else { usize::try_from(page_size).unwrap_or(DEFAULT_PAGE) };
        let after =
            |vendor: &&std::sync::Arc<dyn Vendor>| vendor.account().connection.name().as_str() > page_token;
        let mut rest = self.registry.list().filter(after);
        let connections: Vec<_> = rest.by_ref().take(size).map(|vendor| self.describe(&**vendor)).collect();
        let last = connections.last().map(|connection| connection.name.clone());
        let next_page_token = rest.next().and(last).unwrap_or_default();
        Ok(ListConnectionsResponse { connections, next_page_token })
    }

    fn describe(&self, vendor: &dyn Vendor) -> Connection {
        let account = vendor.account();
        Connection {
            name: account.connection.name(),
            vendor: account.vendor.into(),
            display_name: account.display_name.clone(),
            environment: account.environment.clone(),
            region: account.region.clone(),
            capabilities: account.capabilities.iter().map(|name| (*name).to_owned()).collect(),
            health: Some(self.health_of(vendor)),
        }
    }
}
