//! What a ticket shows: itself, its images, and the result and files of its identification.

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::proto::ticket_service_client::TicketServiceClient;
use idv_gateway::proto::{
    ArtifactKind, DownloadTicketImagesRequest, GetIdentificationResultRequest, GetTicketRequest,
    IdentityDocumentType, ListTicketsRequest, Outcome, ResultView, Ticket, TicketImageHeader,
    TicketImageKind as Kind, TicketState, download_artifact_response, download_ticket_images_response,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{EMAIL, PARENT, told};
use crate::scenario::artifacts::{listed, opened};
use crate::scenario::house::House;
use crate::scenario::operator::asked;
use crate::scenario::words::refused;

/// Somebody who was accepted: their identification and their ticket.
struct Accepted {
    house: House,
    identification: String,
    ticket: String,
}

impl Accepted {
    async fn new() -> Self {
        let house = told().await;
        let identification = house.invited(EMAIL).await.name;
        let ticket = house.accepted().await;
        Self { house, identification, ticket }
    }

    fn tickets(&self) -> TicketServiceClient<Channel> {
        TicketServiceClient::new(self.house.channel.clone())
    }

    async fn ticket(&self, name: &str) -> Result<Ticket, Status> {
        let got = self.tickets().get_ticket(asked(GetTicketRequest { name: name.to_owned() })).await?;
        Ok(got.into_inner().ticket.unwrap())
    }

    async fn images(&self, kinds: &[Kind]) -> Vec<(TicketImageHeader, Vec<u8>)> {
        use download_ticket_images_response::Part;
        let kinds = kinds.iter().map(|kind| *kind as i32).collect();
        let request = DownloadTicketImagesRequest { name: self.ticket.clone(), kinds };
        let mut parts = self.tickets().download_ticket_images(asked(request)).await.unwrap().into_inner();
        let mut images = Vec::new();
        while let Some(message) = parts.message().await.unwrap() {
            match (message.part.unwrap(), images.last_mut()) {
                (Part::Header(header), _) => images.push((header, Vec::new())),
                (Part::Chunk(chunk), Some((_, content))) => content.extend(chunk),
                (Part::Chunk(_), None) => panic!("a chunk of nothing"),
            }
        }
        images
    }
}

#[tokio::test]
async fn a_ticket_shows_what_was_read() {
    let accepted = Accepted::new().await;
    let ticket = accepted.ticket(&accepted.ticket).await.unwrap();
    assert_eq!((ticket.state(), ticket.outcome()), (TicketState::Accepted, Outcome::Verified));
    assert_eq!(ticket.identification, accepted.identification);
    assert_eq!((ticket.risk_code.as_str(), ticket.confidence), ("LOW", Some(0.975)));
    let named = |path: &str| ticket.person.iter().find(|field| field.path == path).unwrap().value.clone();
    assert_eq!(named("subject.given_name"), "José");
    assert_eq!(named("subject.birth_date"), "1990-04-12");
    assert_eq!(ticket.documents[0].r#type(), IdentityDocumentType::IdCard);
    assert_eq!((ticket.steps.len(), ticket.lexical_fields.len()), (3, 6));
    let surname = ticket.lexical_fields.iter().find(|field| field.field_type == "last_name").unwrap();
    assert_eq!((surname.mrz_value.as_str(), surname.visual_value.as_str()), ("NUNEZ", "Núñez"));
    assert!(ticket.device.is_some() && ticket.create_time.is_some() && ticket.update_time.is_some());
    assert!(String::from_utf8(ticket.raw_json).unwrap().contains("ocr_validations"));
    let drift = ["vendor=\"VENDOR_PREVENTOR\""];
    assert_eq!(accepted.house.metric("idv_vendor_drift_total", &drift).await, 0.0, "all of it is understood");

    let status = accepted.ticket(&format!("{PARENT}/tickets/nobodys")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn tickets_are_listed_by_connection_and_identification() {
    let accepted = Accepted::new().await;
    for parent in [PARENT, &accepted.identification] {
        let list = ListTicketsRequest { parent: parent.to_owned(), ..ListTicketsRequest::default() };
        let listed = accepted.tickets().list_tickets(asked(list)).await.unwrap().into_inner().tickets;
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].name, listed[0].state()), (&accepted.ticket, TicketState::Accepted));
        assert_eq!(listed[0].steps.len(), 2, "what became of each step at last: {:?}", listed[0].steps);
    }
}

#[tokio::test]
async fn images_come_whole_and_by_kind() {
    let accepted = Accepted::new().await;
    let all = accepted.images(&[]).await;
    let kinds: Vec<_> = all.iter().map(|(header, _)| (header.kind(), header.index)).collect();
    let first = kinds[0].1;
    let expected = [
        (Kind::SelfPortrait, first),
        (Kind::Document, first),
        (Kind::Document, first + 1),
        (Kind::DocumentPortrait, first),
        (Kind::DocumentSignature, first),
        (Kind::DocumentGhostPortrait, first),
    ];
    assert_eq!(kinds, expected);
    for (header, content) in &all {
        assert_eq!(header.media_type, "image/jpeg");
        assert_eq!(header.size_bytes, i64::try_from(content.len()).unwrap());
        assert_eq!(header.sha256, digest(&SHA256, content).as_ref());
        assert!(content.starts_with(&[0xff, 0xd8]), "a JPEG");
    }
    assert_eq!(accepted.images(&[Kind::Document]).await, all[1..3]);
}

#[tokio::test]
async fn the_result_and_the_files_are_those_of_the_ticket() {
    use download_artifact_response::Part;
    let accepted = Accepted::new().await;
    let view = ResultView::Full.into();
    let name = accepted.identification.clone();
    let request = GetIdentificationResultRequest { name: name.clone(), view, allow_preliminary: false };
    let result = accepted.house.identifications().get_identification_result(asked(request)).await;
    let result = result.unwrap().into_inner().result.unwrap();
    let value = |path: &str| result.fields.iter().find(|field| field.path == path).unwrap().value.clone();
    assert_eq!(value("subject.full_name"), "José Núñez");
    assert_eq!(result.decision.as_ref().unwrap().outcome(), Outcome::Verified);
    assert_eq!(result.documents[0].fields.len(), 5);

    let files = listed(&accepted.house, &name).await.unwrap();
    let images = accepted.images(&[]).await;
    assert_eq!(files.len(), images.len());
    assert_eq!(files[0].kind(), ArtifactKind::Face);
    for (file, (_, image)) in files.iter().zip(images) {
        let mut parts = opened(&accepted.house, &file.name, 0).await.unwrap();
        let mut content = Vec::new();
        while let Some(message) = parts.message().await.unwrap() {
            if let Part::Chunk(chunk) = message.part.unwrap() {
                content.extend(chunk);
            }
        }
        assert_eq!(content, image, "{}", file.name);
    }
}
