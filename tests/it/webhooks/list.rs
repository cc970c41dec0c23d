//! The list of what is registered at the vendor.

use idv_gateway::error::Kind;
use idv_gateway::proto::{ListVendorWebhooksRequest, ListVendorWebhooksResponse, VendorWebhookKind};

use super::house::{House, URI};
use super::registrar::BANK;

const TICKETS: VendorWebhookKind = VendorWebhookKind::Tickets;

async fn page(house: &House, page_size: i32, page_token: &str) -> ListVendorWebhooksResponse {
    let (parent, page_token) = (BANK.to_owned(), page_token.to_owned());
    let request = ListVendorWebhooksRequest { parent, page_size, page_token };
    house.hub.list_vendor_webhooks(&request).await.unwrap()
}

fn ids(page: &ListVendorWebhooksResponse) -> Vec<&str> {
    page.vendor_webhooks.iter().map(|webhook| webhook.name.rsplit('/').next().unwrap()).collect()
}

#[tokio::test]
async fn pages_stay_apart_while_the_list_changes() {
    let house = House::new().await;
    for id in ["e", "a", "c", "d", "b"] {
        house.office.has(id, TICKETS, "https://elsewhere.example/");
    }
    let first = page(&house, 2, "").await;
    assert_eq!(ids(&first), ["a", "b"]);
    house.delete("b", false).await.unwrap();
    house.office.has("aa", TICKETS, "https://elsewhere.example/");
    let second = page(&house, 2, &first.next_page_token).await;
    assert_eq!(ids(&second), ["c", "d"]);
    let last = page(&house, 1, &second.next_page_token).await;
    assert_eq!((ids(&last), last.next_page_token.as_str()), (vec!["e"], ""));
}

#[tokio::test]
async fn managed_is_what_points_here() {
    let house = House::new().await;
    house.office.has("same-host", TICKETS, "https://idv.bank.example/webhooks/other");
    house.office.has("here", VendorWebhookKind::Invitations, URI);
    house.register(TICKETS).await.unwrap();
    let shown = page(&house, 0, "").await;
    let managed: Vec<_> = shown.vendor_webhooks.iter().map(|webhook| webhook.managed).collect();
    assert_eq!((ids(&shown), managed), (vec!["here", "own-1", "same-host"], vec![true, true, false]));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_told_so() {
    let house = House::new().await;
    let wrong = ListVendorWebhooksRequest { page_size: 1001, ..ListVendorWebhooksRequest::default() };
    let error = house.hub.list_vendor_webhooks(&wrong).await.unwrap_err();
    let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["parent", "page_size"]);
    let parent = "connections/nobody".to_owned();
    let unknown = ListVendorWebhooksRequest { parent, ..ListVendorWebhooksRequest::default() };
    let error = house.hub.list_vendor_webhooks(&unknown).await.unwrap_err();
    assert_eq!(error.kind, Kind::ResourceNotFound);
}
