//! Documents, their names and those who sign them are nowhere but at the vendor: not in logs, events, errors, metrics or
//! the store's bytes.

use std::io;
use std::sync::{Arc, Mutex};

use idv_gateway::journal::Journal as _;
use idv_gateway::model::filter::Filter;
use idv_gateway::proto::upload_default_document_request::Part as SentDefault;
use idv_gateway::proto::upload_document_request::Part as Sent;
use idv_gateway::proto::{
    Document, DownloadDefaultDocumentRequest, EventType, UpdateDocumentRequest, UploadDefaultDocumentHeader,
    UploadDefaultDocumentRequest, UploadDocumentHeader,
};
use serde_json::json;
use tonic::Status;
use tracing::level_filters::LevelFilter;

use super::canary::{CANARY, canaries, holds, look_into_store};
use super::house::{House, id_of};
use super::operator::asked;
use super::signing::{client, creation, define, document, download, header, send, sha256, upload};
use super::words::{BANK, types};

const REQUEST: &str = "9a4e7d52-5b0f-4a4e-8f5b-0d3d8a2f7c10";

/// Every log line of this test's thread, which runs the whole gateway but for what waits for disks.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(super) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
        tracing::subscriber::set_default(log.with_writer(move || lines.clone()).finish())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn content() -> Vec<u8> {
    format!("%PDF-1.7\n{CANARY} signs this\n").repeat(100).into_bytes()
}

async fn rename(house: &House, id: &str, display_name: &str) -> Result<Document, Status> {
    let name = format!("{BANK}/identifications/{id}/documents/contract");
    let document = Document { name, display_name: display_name.to_owned(), ..Document::default() };
    let request = UpdateDocumentRequest { document: Some(document), update_mask: None };
    let renamed = client(house).update_document(request).await?;
    Ok(renamed.into_inner().document.unwrap())
}

async fn send_default(house: &House, content: &[u8]) -> Result<(), Status> {
    let header = UploadDefaultDocumentHeader {
        name: format!("{BANK}/documentDefinitions/contract"),
        size_bytes: content.len() as i64,
        sha256: sha256(content),
        media_type: "application/pdf".to_owned(),
        request_id: String::new(),
    };
    let parts = [SentDefault::Header(header), SentDefault::Chunk(content.to_vec())];
    let messages = parts.map(|part| UploadDefaultDocumentRequest { part: Some(part) });
    client(house).upload_default_document(futures::stream::iter(messages)).await.map(|_uploaded| ())
}

async fn fetch_default(house: &House) -> Result<Vec<u8>, Status> {
    let name = format!("{BANK}/documentDefinitions/contract");
    let request = asked(DownloadDefaultDocumentRequest { name, read_offset: 0 });
    let mut stream = client(house).download_default_document(request).await?.into_inner();
    let mut shown = Vec::new();
    while let Some(message) = stream.message().await? {
        shown.extend(prost::Message::encode_to_vec(&message));
    }
    Ok(shown)
}

/// Everything that a document goes through; what callers were told who did not ask for it.
async fn everything(house: &House) -> Vec<String> {
    let mut told = Vec::new();
    let created = house.try_create(canaries()).await.unwrap().identification.unwrap();
    let id = &id_of(&created.name);
    define(house, creation("contract")).await.unwrap();
    let content = content();
    send_default(house, &content).await.unwrap();
    assert!(holds(&fetch_default(house).await.unwrap()));
    // Named first, so that the answer to the upload has the name.
    assert!(holds(rename(house, id, CANARY).await.unwrap().display_name.as_bytes()));
    let said = UploadDocumentHeader { request_id: REQUEST.into(), ..header(id, "contract", &content) };
    let uploaded = upload(house, said.clone(), &content).await.unwrap();
    assert!(holds(uploaded.document.unwrap().display_name.as_bytes()));
    let repeat = send(house, vec![Sent::Header(said.clone())]).await.unwrap();
    told.push(format!("{repeat:?}"));

    told.extend(refusals(house, id, &content).await);
    let refused = json!({ "errors": [{
        "cause": "BAD_REQUEST", "errorType": null, "id": "73464627", "key": "name", "message": CANARY
    }] });
    for fault in [
        json!({ "kind": "status", "operation": "sign", "status": 503 }),
        json!({ "kind": "half_body", "operation": "sign" }),
        json!({ "kind": "page", "operation": "sign" }),
        json!({ "kind": "body", "operation": "sign", "text": refused.to_string() }),
        json!({ "kind": "body", "operation": "sign", "text": format!("{{\"name\":{CANARY}") }),
    ] {
        house.fault(fault).await;
        told.push(format!("{:?}", upload(house, header(id, "contract", &content), &content).await.err()));
        told.push(format!("{:?}", rename(house, id, &format!("{CANARY} again")).await.err()));
        told.push(format!("{:?}", document(house, id, "contract").await.err()));
        told.push(format!("{:?}", send_default(house, &content).await.err()));
        told.push(format!("{:?}", fetch_default(house).await.err()));
        house.well().await;
    }

    house.reviewed(id, "SUCCESS").await;
    house
        .in_time("the signature", async || {
            types(&house.events().await).contains(&EventType::DocumentSigned).then_some(())
        })
        .await;
    let (_header, signed, _hash) = download(house, id, "contract", 0).await.unwrap();
    assert!(holds(&signed));
    house.fault(json!({ "kind": "half_body", "operation": "sign" })).await;
    told.push(format!("{:?}", download(house, id, "contract", 0).await.unwrap_err()));
    house.well().await;
    told
}

/// What is not taken, with the person in every part of it.
async fn refusals(house: &House, id: &str, content: &[u8]) -> Vec<String> {
    let good = || header(id, "contract", content);
    let other = format!("%PDF-{CANARY}").into_bytes();
    let mut told = Vec::new();
    for (header, content) in [
        (UploadDocumentHeader { name: CANARY.into(), ..good() }, content),
        (UploadDocumentHeader { request_id: CANARY.into(), ..good() }, content),
        (UploadDocumentHeader { media_type: CANARY.into(), ..good() }, content),
        (UploadDocumentHeader { sha256: CANARY.into(), ..good() }, content),
        (UploadDocumentHeader { sha256: vec![7; 32], ..good() }, content),
        (good(), &other[..]),
        (good(), CANARY.as_bytes()),
    ] {
        told.push(format!("{:?}", upload(house, header, content).await.unwrap_err()));
    }
    for display_name in [format!("{CANARY}\n"), CANARY.repeat(20)] {
        told.push(format!("{:?}", rename(house, id, &display_name).await.unwrap_err()));
    }
    told.push(format!("{:?}", rename(house, CANARY, CANARY).await.unwrap_err()));
    told
}

#[tokio::test]
async fn documents_and_those_who_sign_them_are_not_found_anywhere() {
    let lines = Lines::default();
    let listening = lines.listen();
    let house = House::new().await;
    for text in everything(&house).await {
        assert!(!holds(text.as_bytes()), "{text}");
    }
    for entry in &house.journal().read(0, &Filter::default(), 1000).await.unwrap().entries {
        assert!(!holds(&entry.bytes), "an event: {:?}", entry.place);
    }
    assert!(!holds(&house.operator("/metrics").await.body));
    assert!(look_into_store(house.folder()) >= 2);
    let (_in_time, folder) = house.shut_down().await;
    assert!(look_into_store(folder.path()) >= 1);
    let logged = lines.bytes();
    assert!(!holds(&logged), "in the log");
    // The log that was searched is the gateway's, and the search would find it there.
    assert!(String::from_utf8_lossy(&logged).contains("idv_gateway"));
    tracing::trace!("{CANARY}");
    assert!(holds(&lines.bytes()));
    drop(listening);
}
