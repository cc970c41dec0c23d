//! What is read of tickets: lists, single ones, images, and the vendor's own log.

use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use idv_gateway::error::{Kind, Result};
use idv_gateway::proto::download_ticket_images_response::Part;
use idv_gateway::proto::{
    Activity, DownloadTicketImagesRequest, GetTicketRequest, ListActivitiesRequest, ListTicketsRequest,
    Ticket, TicketImageHeader, TicketImageKind, TicketState, WebhookDeliveryState as State,
};
use idv_gateway::vendor::ticket::TicketImage;
use serde_json::json;

use super::Lab;
use crate::vendor::rig::noon;

impl Lab {
    async fn images(
        &self,
        kinds: Vec<i32>,
        deadline: Option<SystemTime>,
    ) -> Result<impl futures::Stream<Item = Result<Part>> + use<>> {
        let name = "connections/bank/tickets/T1".to_owned();
        let request = DownloadTicketImagesRequest { name, kinds };
        let messages = self.hub.download_ticket_images(&request, deadline).await?;
        Ok(messages.map(|message| message.map(|message| message.part.unwrap())))
    }

    fn has_image(&self, kind: TicketImageKind, size: usize) {
        let header = TicketImageHeader {
            kind: kind.into(),
            size_bytes: i64::try_from(size).unwrap(),
            ..TicketImageHeader::default()
        };
        let content = vec![7; size].into();
        let mut memory = self.vendor.memory();
        memory.tickets.insert("T1".to_owned(), Ticket::default());
        memory.images.push(TicketImage { header, content });
    }
}

/// Every page of a list of tickets.
async fn pages(lab: &Lab, parent: &str, page_size: i32) -> Vec<Vec<Ticket>> {
    let mut request = ListTicketsRequest { parent: parent.to_owned(), page_size, page_token: String::new() };
    let mut pages = Vec::new();
    loop {
        let page = lab.hub.list_tickets(&request).await.unwrap();
        pages.push(page.tickets);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn tickets_are_listed_by_page_with_what_is_known_of_them() {
    let lab = Lab::new();
    let mut expected = Vec::new();
    let mut first = None;
    for number in 1..=4 {
        let made = lab.created().await;
        for attempt in 1..=number - 1 {
            let ticket = format!("T{number}-{attempt}");
            let id = format!("invitation-{number}");
            let body = json!({ "word": "started", "id": id, "ticket": ticket, "step": "liveness" });
            assert_eq!(lab.fate(body).await, State::Applied);
            expected.push(format!("connections/bank/tickets/{ticket}"));
        }
        first.get_or_insert(made);
    }
    let last = json!({ "word": "rejected", "id": "invitation-4", "ticket": "T4-3", "confidence": 0.2 });
    assert_eq!(lab.fate(last).await, State::Applied);
    for size in [1, 2, 3, 6, 100] {
        let pages = pages(&lab, "connections/bank", size).await;
        assert!(pages.iter().all(|page| page.len() <= usize::try_from(size).unwrap()));
        let names: Vec<_> = pages.into_iter().flatten().map(|ticket| ticket.name).collect();
        assert_eq!(names, expected, "{size}");
    }
    let newest = pages(&lab, "connections/bank", 100).await.concat().pop().unwrap();
    assert_eq!((newest.state(), newest.confidence), (TicketState::Rejected, Some(0.2)));
    assert_eq!((newest.steps.len(), newest.steps[0].vendor_step.as_str()), (1, "liveness"));
    assert!(newest.create_time.is_some() && newest.person.is_empty() && newest.raw_json.is_empty());
    let own = pages(&lab, &newest.identification, 2).await;
    assert_eq!(own.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(
        own.concat().iter().map(|ticket| &ticket.name).collect::<Vec<_>>(),
        expected[3..].iter().collect::<Vec<_>>()
    );
    assert_eq!(pages(&lab, &first.unwrap().name, 2).await, [Vec::new()]);

    let request =
        ListTicketsRequest { parent: "banks/bank".to_owned(), page_size: -1, page_token: String::new() };
    let refused = lab.hub.list_tickets(&request).await.unwrap_err();
    let fields: Vec<_> = refused.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!((refused.kind, fields), (Kind::ValidationFailed, vec!["page_size", "parent"]));
}

#[tokio::test]
async fn pages_of_tickets_stand_still_while_tickets_come() {
    let lab = Lab::new();
    for number in 1..=2 {
        lab.created().await;
        let id = format!("invitation-{number}");
        lab.fate(json!({ "word": "started", "id": id, "ticket": format!("T{number}-1") })).await;
    }
    let mut request =
        ListTicketsRequest { parent: "connections/bank".to_owned(), page_size: 1, page_token: String::new() };
    let page = lab.hub.list_tickets(&request).await.unwrap();
    assert_eq!(page.tickets[0].name, "connections/bank/tickets/T1-1");
    lab.fate(json!({ "word": "started", "id": "invitation-1", "ticket": "T1-2" })).await;
    request.page_token = page.next_page_token;
    request.page_size = 10;
    let page = lab.hub.list_tickets(&request).await.unwrap();
    let names: Vec<_> = page.tickets.iter().map(|ticket| ticket.name.rsplit('/').next().unwrap()).collect();
    assert!(names == ["T2-1"] || names == ["T1-2", "T2-1"], "{names:?}");
    // A token goes with its list.
    request.parent = page.tickets[0].identification.clone();
    assert_eq!(lab.hub.list_tickets(&request).await.unwrap_err().kind, Kind::ValidationFailed);
}

#[tokio::test]
async fn a_ticket_is_fetched_and_says_whose_it_is() {
    let lab = Lab::new();
    let made = lab.created().await;
    let asked = |id: &str| GetTicketRequest { name: format!("connections/bank/tickets/{id}") };
    assert_eq!(lab.hub.get_ticket(&asked("T1")).await.unwrap_err().kind, Kind::ResourceNotFound);
    let shown = Ticket {
        name: asked("T1").name,
        risk_code: "R17".to_owned(),
        raw_json: b"{}".to_vec(),
        ..Ticket::default()
    };
    lab.vendor.memory().tickets.insert("T1".to_owned(), shown.clone());
    let found = lab.hub.get_ticket(&asked("T1")).await.unwrap().ticket.unwrap();
    assert_eq!(found, shown, "nobody here knows whose it is");
    lab.fate(json!({ "word": "started", "id": "invitation-1", "ticket": "T1" })).await;
    let found = lab.hub.get_ticket(&asked("T1")).await.unwrap().ticket.unwrap();
    assert_eq!(found, Ticket { identification: made.name, ..shown });
    let odd = lab.hub.get_ticket(&asked("a/b")).await.unwrap_err();
    assert_eq!((odd.kind, odd.violations[0].field.as_str()), (Kind::ValidationFailed, "name"));
    lab.vendor.memory().down = true;
    assert_eq!(lab.hub.get_ticket(&asked("T1")).await.unwrap_err().kind, Kind::VendorUnavailable);
}

#[tokio::test]
async fn images_come_one_after_the_other_each_with_its_header() {
    use TicketImageKind::*;
    let lab = Lab::new();
    let unknown = lab.images(vec![], None).await.unwrap().next().await.unwrap().unwrap_err();
    assert_eq!(unknown.kind, Kind::ResourceNotFound);
    for (kind, size) in [(SelfPortrait, 3 * 65_536 + 1), (Document, 0), (DocumentPortrait, 65_536)] {
        lab.has_image(kind, size);
    }
    let mut seen: Vec<(TicketImageKind, Vec<usize>)> = Vec::new();
    let mut parts = lab.images(vec![], None).await.unwrap();
    while let Some(part) = parts.next().await {
        match part.unwrap() {
            Part::Header(header) => seen.push((header.kind(), Vec::new())),
            Part::Chunk(chunk) => seen.last_mut().unwrap().1.push(chunk.len()),
        }
    }
    let whole = vec![65_536; 3];
    let expected =
        [(SelfPortrait, [whole, vec![1]].concat()), (Document, vec![]), (DocumentPortrait, vec![65_536])];
    assert_eq!(seen, expected);
    let only = lab.images(vec![Document.into(), DocumentPortrait.into()], None).await.unwrap();
    assert_eq!(only.collect::<Vec<_>>().await.len(), 3);
    for kind in [0, 77] {
        let refused = lab.images(vec![1, kind], None).await.err().unwrap();
        assert_eq!(
            (refused.kind, refused.violations[0].field.as_str()),
            (Kind::ValidationFailed, "kinds[1]")
        );
    }
}

#[tokio::test]
async fn a_slow_reader_a_deadline_and_a_drain_end_images() {
    let lab = Lab::new();
    lab.has_image(TicketImageKind::Document, 10 * 65_536);
    for (deadline, passes, kind) in
        [(None, 61, Kind::SlowConsumer), (Some(noon() + Duration::from_secs(90)), 60, Kind::DeadlineExceeded)]
    {
        let mut parts = Box::pin(lab.images(vec![], deadline).await.unwrap());
        assert!(matches!(parts.next().await, Some(Ok(Part::Header(_)))));
        lab.pass(Duration::from_secs(passes)).await;
        let last = parts.collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.unwrap_err().kind, kind);
    }
    lab.drain.cancel();
    assert_eq!(lab.images(vec![], None).await.err().unwrap().kind, Kind::GatewayDraining);
}

#[tokio::test]
async fn the_vendors_own_log_follows_the_gateways() {
    let lab = Lab::new();
    let made = lab.created().await;
    lab.fate(json!({ "word": "started", "id": "invitation-1", "ticket": "T1" })).await;
    let note =
        |kind: &str| Activity { source: "vendor".to_owned(), kind: kind.to_owned(), ..Activity::default() };
    lab.vendor.memory().noted = vec![note("SENT"), note("OPENED"), note("CLOSED")];
    let expected = ["IDENTIFICATION_CREATED", "IDENTIFICATION_STARTED", "SENT", "OPENED", "CLOSED"];
    for page_size in [1, 2, 3, 100] {
        let mut request = ListActivitiesRequest {
            parent: made.name.clone(),
            page_size,
            include_vendor: true,
            ..ListActivitiesRequest::default()
        };
        let mut kinds = Vec::new();
        loop {
            let page = lab.hub.list_activities(&request).await.unwrap();
            assert!(page.activities.len() <= usize::try_from(page_size).unwrap());
            kinds.extend(page.activities.into_iter().map(|activity| activity.kind));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(kinds, expected, "{page_size}");
    }
    let own = ListActivitiesRequest { parent: made.name.clone(), ..ListActivitiesRequest::default() };
    assert_eq!(lab.hub.list_activities(&own).await.unwrap().activities.len(), 2);
    lab.vendor.memory().down = true;
    let both = ListActivitiesRequest { include_vendor: true, ..own };
    assert_eq!(lab.hub.list_activities(&both).await.unwrap_err().kind, Kind::VendorUnavailable);
}
