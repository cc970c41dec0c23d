//! The vendor fails where tickets and images are asked for.

use std::time::Duration;

use idv_gateway::proto::ticket_service_client::TicketServiceClient;
use idv_gateway::proto::{
    DownloadTicketImagesRequest, EventType as Type, Evidence, GetTicketRequest, IdentificationState as Seen,
    WebhookDeliveryState as State, download_ticket_images_response::Part,
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{EMAIL, FETCHED, bank, told, way};
use crate::scenario::house::House;
use crate::scenario::operator::asked;
use crate::scenario::words::refused;

const SECOND: Duration = Duration::from_secs(1);

/// What the vendor does, and what its caller is told.
fn faults() -> Vec<(Value, Code, &'static str)> {
    let (invalid, away) = ("VENDOR_RESPONSE_INVALID", "VENDOR_UNAVAILABLE");
    vec![
        (json!({ "kind": "status", "status": 500 }), Code::Unavailable, away),
        (json!({ "kind": "status", "status": 503 }), Code::Unavailable, away),
        (json!({ "kind": "rate_limit", "retry_after": 7 }), Code::ResourceExhausted, "VENDOR_RATE_LIMITED"),
        (json!({ "kind": "unauthorized" }), Code::FailedPrecondition, "VENDOR_CREDENTIALS_REJECTED"),
        (json!({ "kind": "page" }), Code::Internal, invalid),
        (json!({ "kind": "empty" }), Code::Internal, invalid),
        (json!({ "kind": "redirect" }), Code::Internal, invalid),
        (json!({ "kind": "body", "text": "[1" }), Code::Internal, invalid),
    ]
}

impl House {
    async fn look_at(&self, ticket: &str) -> Result<(), Status> {
        let request = asked(GetTicketRequest { name: ticket.to_owned() });
        TicketServiceClient::new(self.channel.clone()).get_ticket(request).await.map(drop)
    }

    /// How many images came to their end, and what ended the download.
    async fn download(&self, ticket: &str) -> (usize, Result<(), Status>) {
        download(TicketServiceClient::new(self.channel.clone()), ticket.to_owned()).await
    }

    async fn goes_wrong_with(&self, operation: &str, mut fault: Value) {
        fault["operation"] = json!(operation);
        self.goes_wrong(&fault).await;
    }
}

async fn download(
    mut tickets: TicketServiceClient<tonic::transport::Channel>,
    name: String,
) -> (usize, Result<(), Status>) {
    let request = asked(DownloadTicketImagesRequest { name, ..DownloadTicketImagesRequest::default() });
    let mut parts = match tickets.download_ticket_images(request).await {
        Ok(parts) => parts.into_inner(),
        Err(status) => return (0, Err(status)),
    };
    let (mut whole, mut left) = (0, 0);
    loop {
        match parts.message().await {
            Ok(Some(message)) => match message.part.unwrap() {
                Part::Header(header) => left = usize::try_from(header.size_bytes).unwrap(),
                Part::Chunk(chunk) => {
                    left -= chunk.len();
                    whole += usize::from(left == 0);
                }
            },
            Ok(None) => return (whole, Ok(())),
            Err(status) => return (whole, Err(status)),
        }
    }
}

#[tokio::test]
async fn whatever_it_says_of_a_ticket_callers_are_told_precisely() {
    let house = told().await;
    house.invited(EMAIL).await;
    let ticket = house.accepted().await;
    for (fault, code, reason) in faults() {
        house.goes_wrong_with("ticket", fault.clone()).await;
        let status = house.look_at(&ticket).await.unwrap_err();
        let details = refused(&status, code, reason);
        let delay = details.retry_info().and_then(|retry| retry.retry_delay);
        let expected = match reason {
            "VENDOR_RATE_LIMITED" => Some(7 * SECOND),
            "VENDOR_UNAVAILABLE" => Some(SECOND),
            _ => None,
        };
        assert_eq!(delay, expected, "{fault}");
        house.mended().await;
        house.look_at(&ticket).await.unwrap();
    }
    // A token that is refused once is replaced.
    house.goes_wrong_with("ticket", json!({ "kind": "unauthorized", "times": 1 })).await;
    house.look_at(&ticket).await.unwrap();
    house.goes_wrong_with("ticket", json!({ "kind": "half_body" })).await;
    refused(&house.look_at(&ticket).await.unwrap_err(), Code::Unavailable, "VENDOR_UNAVAILABLE");
}

#[tokio::test]
async fn whatever_it_says_where_images_are_callers_are_told_precisely() {
    let house = told().await;
    house.invited(EMAIL).await;
    let ticket = house.accepted().await;
    for (fault, code, reason) in faults() {
        house.goes_wrong_with("images", fault.clone()).await;
        let (images, ended) = house.download(&ticket).await;
        assert_eq!(images, 0, "{fault}");
        refused(&ended.unwrap_err(), code, reason);
        house.mended().await;
        let (images, ended) = house.download(&ticket).await;
        assert!(images == 6 && ended.is_ok(), "{fault}: {ended:?}");
    }
}

#[tokio::test]
async fn images_that_do_not_come_to_an_end_are_not_waited_for() {
    let house = told().await;
    house.invited(EMAIL).await;
    let ticket = house.accepted().await;
    for (fault, reason) in [
        (json!({ "kind": "half_body" }), "VENDOR_UNAVAILABLE"),
        (json!({ "kind": "slow", "seconds": 3600 }), "VENDOR_TIMEOUT"),
        (json!({ "kind": "hang" }), "VENDOR_TIMEOUT"),
    ] {
        house.goes_wrong_with("images", fault.clone()).await;
        let tickets = TicketServiceClient::new(house.channel.clone());
        let call = tokio::spawn(download(tickets, ticket.clone()));
        house.in_time("the end of the download", async || call.is_finished().then_some(())).await;
        let (images, ended) = call.await.unwrap();
        assert_eq!(images, 0, "{fault}");
        refused(&ended.unwrap_err(), Code::Unavailable, reason);
        house.mended().await;
    }
}

/// What is decided is published once the vendor can be asked, and then on its own word.
#[tokio::test]
async fn a_decision_waits_for_a_vendor_that_cannot_be_asked() {
    for (fault, _, _) in faults().into_iter().filter(|(_, code, _)| *code != Code::FailedPrecondition) {
        let house = bank(FETCHED).await;
        house.send_plain().await;
        let name = house.invited(EMAIL).await.name;
        house.start(EMAIL).await;
        house.ended(1).await;
        house.goes_wrong_with("ticket", fault.clone()).await;
        house.decide(EMAIL, "ACCEPTED").await;
        let waits = async || house.states()[1..].contains(&State::Confirming).then_some(());
        house.in_time("the question", waits).await;
        assert_eq!(house.whole(&name).await.state(), Seen::InProgress, "{fault}");
        house.mended().await;
        let over = async || {
            let ends = [State::Applied, State::Duplicate, State::Stale];
            (house.states().len() == 3 && house.states().iter().all(|state| ends.contains(state)))
                .then_some(())
        };
        house.in_time("the answer", over).await;
        let seen = house.whole(&name).await;
        assert_eq!((seen.state(), seen.decision.unwrap().evidence()), (Seen::Completed, Evidence::Fetched));
        let moves = way(&house.events().await);
        let expected = [Type::IdentificationStarted, Type::IdentificationCompleted];
        let changes = moves.into_iter().filter(|r#type| *r#type != Type::ConnectionHealthChanged);
        assert_eq!(changes.collect::<Vec<_>>(), expected, "{fault}");
    }
}
