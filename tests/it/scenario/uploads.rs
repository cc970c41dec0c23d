//! Uploads that stall half way, and vendors that make something else of what they were sent.

use std::net::SocketAddr;
use std::time::Duration;

use idv_gateway::proto::upload_document_request::Part as Sent;
use idv_gateway::proto::{EventType, UploadDocumentRequest, UploadDocumentResponse};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::house::House;
use super::signing::{client, creation, define, header, pdf, sha256, upload};
use super::signing_refusals::asked_for;
use super::words::{refused, types};
use crate::vendor::rig::{Stub, json};

const CONTENT: &[u8] = b"%PDF-1.7 as text";

/// An upload whose parts come when the test gives them.
fn begun(
    house: &House,
) -> (mpsc::Sender<UploadDocumentRequest>, JoinHandle<Result<UploadDocumentResponse, Status>>) {
    let (sender, parts) = mpsc::channel(1);
    let mut client = client(house);
    let call = async move { client.upload_document(ReceiverStream::new(parts)).await };
    (sender, tokio::spawn(async { call.await.map(tonic::Response::into_inner) }))
}

#[tokio::test]
async fn who_stalls_half_way_loses_the_place_and_the_vendor_gets_nothing() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.settings = "polling = { enabled = false }\nfiles.max_open = 1";
    });
    let house = house.await;
    define(&house, creation("contract")).await.unwrap();
    let id = house.created().await;
    let content = pdf(4 << 20);
    let give = async |sender: &mpsc::Sender<UploadDocumentRequest>, part: Sent| {
        sender.send(UploadDocumentRequest { part: Some(part) }).await.unwrap();
    };

    let (stalling, stalled) = begun(&house);
    give(&stalling, Sent::Header(header(&id, "contract", &content))).await;
    // Many times what fits between caller and gateway: that it was taken means that the gateway keeps it.
    for chunk in content[..2 << 20].chunks(64 * 1024) {
        give(&stalling, Sent::Chunk(chunk.to_vec())).await;
    }
    let (waiting, waited) = begun(&house);
    give(&waiting, Sent::Header(header(&id, "contract", &content))).await;
    house.in_time("the end of the wait", async || waited.is_finished().then_some(())).await;
    refused(&waited.await.unwrap().unwrap_err(), Code::Unavailable, "GATEWAY_OVERLOADED");
    assert!(!stalled.is_finished());

    house.clock.advance(Duration::from_secs(300));
    refused(&stalled.await.unwrap().unwrap_err(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_eq!(asked_for(&house, "/data").await, 0);
    assert!(!types(&house.events().await).contains(&EventType::DocumentUploaded));

    let (sender, next) = begun(&house);
    give(&sender, Sent::Header(header(&id, "contract", CONTENT))).await;
    give(&sender, Sent::Chunk(CONTENT.to_vec())).await;
    drop(sender);
    house.until("an upload in the place that is free", async || next.is_finished().then_some(())).await;
    assert_eq!(next.await.unwrap().unwrap().document.unwrap().sha256, sha256(CONTENT));
    assert_eq!(asked_for(&house, "/data").await, 1);
}

/// A gateway whose vendor spoils every document, with an identification. `hidden`: the vendor shows the hash of what it
/// should have, so that the gateway does what one without that check would do.
async fn spoiling(hidden: bool) -> (Stub, House, String) {
    let shown = if hidden { sha256(CONTENT) } else { vec![0; 32] };
    let shown: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let stub = Stub::logged_in(move |seen| match seen.path.rsplit('/').next().unwrap() {
        "start" => json(201, r#"{"id":"TST-KLMNP"}"#),
        "data" => json(200, ""),
        _ => json(200, &format!(r#"{{"name":"Contract","status":"UPLOADED","hash":"{shown}"}}"#)),
    });
    let stub = stub.await;
    let vendor: SocketAddr = stub.base.trim_start_matches("http://").parse().unwrap();
    let house = House::with(|plan| (plan.webhooks, plan.vendor) = (false, Some(vendor))).await;
    let id = house.created().await;
    (stub, house, id)
}

/// What is wrong with a gateway whose vendor spoils documents.
async fn faults(house: &House, id: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    match upload(house, header(id, "contract", CONTENT), CONTENT).await {
        Ok(_uploaded) => faults.push("it says that the vendor has the document"),
        Err(status) => {
            refused(&status, Code::DataLoss, "CONTENT_HASH_MISMATCH");
        }
    }
    if types(&house.events().await).contains(&EventType::DocumentUploaded) {
        faults.push("it tells subscribers so");
    }
    faults
}

#[tokio::test]
async fn a_vendor_that_shows_another_hash_has_another_document() {
    let (stub, house, id) = spoiling(false).await;
    assert_eq!(faults(&house, &id).await, [""; 0]);
    let seen = stub.seen();
    let sent = seen.iter().find(|seen| seen.path.ends_with("/documents/contract/data")).unwrap();
    let media_type = &sent.headers["content-type"];
    assert_eq!((sent.body.as_bytes(), media_type.as_bytes()), (CONTENT, &b"application/pdf"[..]));
    assert_eq!(sent.headers["content-length"], CONTENT.len().to_string());
}

#[tokio::test]
async fn a_gateway_that_does_not_look_at_the_hash_is_caught() {
    let (_stub, house, id) = spoiling(true).await;
    let expected = ["it says that the vendor has the document", "it tells subscribers so"];
    assert_eq!(faults(&house, &id).await, expected);
}
