//! Tickets where the vendor has none: refused by name, and an empty list.

use idv_gateway::proto::ticket_service_client::TicketServiceClient;
use idv_gateway::proto::{DownloadTicketImagesRequest, GetTicketRequest, ListTicketsRequest};
use tonic::Code;

use super::house::House;
use super::operator::asked;
use super::words::{BANK, fields, named, refused};

#[tokio::test]
async fn a_vendor_without_tickets_has_none() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut tickets = TicketServiceClient::new(house.channel.clone());
    let name = format!("{BANK}/tickets/T1");
    let status = tickets.get_ticket(asked(GetTicketRequest { name: name.clone() })).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    let images = DownloadTicketImagesRequest { name, kinds: vec![] };
    let status = tickets.download_ticket_images(asked(images)).await.unwrap_err();
    refused(&status, Code::Unimplemented, "CAPABILITY_NOT_SUPPORTED");
    for parent in [BANK.to_owned(), named(&id)] {
        let list = ListTicketsRequest { parent, ..ListTicketsRequest::default() };
        let listed = tickets.list_tickets(asked(list)).await.unwrap().into_inner();
        assert_eq!((listed.tickets.len(), listed.next_page_token.as_str()), (0, ""));
    }
}

#[tokio::test]
async fn bad_names_and_missing_purposes_are_refused() {
    let house = House::silent().await;
    let mut tickets = TicketServiceClient::new(house.channel.clone());
    for name in ["", BANK, "connections/x/tickets/", "connections/x/tickets/a b", "connections/X/tickets/a"] {
        let request = GetTicketRequest { name: name.to_owned() };
        let status = tickets.get_ticket(asked(request.clone())).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["name"], "{name}");
        let status = tickets.get_ticket(request).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
    }
    let absent = GetTicketRequest { name: "connections/nobody/tickets/a".to_owned() };
    let status = tickets.get_ticket(asked(absent)).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}
