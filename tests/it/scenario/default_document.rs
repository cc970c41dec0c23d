//! Default documents of definitions: what a person signs where nothing else was uploaded.

use idv_gateway::proto::download_default_document_response::Part;
use idv_gateway::proto::upload_default_document_request::Part as Sent;
use idv_gateway::proto::{
    DocumentDefinition, DocumentState, DownloadDefaultDocumentRequest, EventType,
    UploadDefaultDocumentHeader, UploadDefaultDocumentRequest, UploadDefaultDocumentResponse,
};
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::operator::asked;
use super::signing::{client, creation, define, document, download, header, pdf, sha256, upload};
use super::signing_refusals::asked_for;
use super::words::{BANK, CUSTOMER, fields, refused, types};

const REQUEST: &str = "5e9b3d9c-0a0b-4f0e-9a53-6c1b7c6f2d11";

/// The header of `content` as the default document of `definition`.
fn announced(definition: &str, content: &[u8]) -> UploadDefaultDocumentHeader {
    UploadDefaultDocumentHeader {
        name: format!("{BANK}/documentDefinitions/{definition}"),
        size_bytes: content.len() as i64,
        sha256: sha256(content),
        media_type: "application/pdf".to_owned(),
        request_id: String::new(),
    }
}

async fn send(
    house: &House,
    header: UploadDefaultDocumentHeader,
    content: &[u8],
) -> Result<UploadDefaultDocumentResponse, Status> {
    let chunks = content.chunks(1 << 20).map(|chunk| Sent::Chunk(chunk.to_vec()));
    let parts = std::iter::once(Sent::Header(header)).chain(chunks);
    let messages = parts.map(|part| UploadDefaultDocumentRequest { part: Some(part) }).collect::<Vec<_>>();
    let sent = client(house).upload_default_document(futures::stream::iter(messages)).await;
    sent.map(tonic::Response::into_inner)
}

/// The definition, the bytes, and the hash that the trailer has.
async fn fetched(
    house: &House,
    definition: &str,
    read_offset: i64,
) -> Result<(DocumentDefinition, Vec<u8>, Vec<u8>), Status> {
    let name = format!("{BANK}/documentDefinitions/{definition}");
    let request = asked(DownloadDefaultDocumentRequest { name, read_offset });
    let mut stream = client(house).download_default_document(request).await?.into_inner();
    let (mut header, mut bytes) = (DocumentDefinition::default(), Vec::new());
    while let Some(message) = stream.message().await? {
        match message.part.unwrap() {
            Part::Header(definition) => header = definition,
            Part::Chunk(chunk) => bytes.extend(chunk),
            Part::Trailer(trailer) => return Ok((header, bytes, trailer.sha256)),
        }
    }
    panic!("no trailer")
}

#[tokio::test]
async fn a_default_document_is_what_is_signed_where_nothing_else_is_there() {
    let house = House::silent().await;
    define(&house, creation("terms")).await.unwrap();
    let none = fetched(&house, "terms", 0).await.unwrap_err();
    refused(&none, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert!(none.message().contains("no default document"), "{}", none.message());

    let first = pdf(100);
    send(&house, announced("terms", &first), &first).await.unwrap();
    let content = pdf(3 << 20);
    let uploaded = send(&house, announced("terms", &content), &content).await.unwrap();
    let definition = uploaded.document_definition.unwrap();
    assert_eq!(definition.name, format!("{BANK}/documentDefinitions/terms"));
    assert!(!uploaded.replayed);
    let (shown, bytes, hash) = fetched(&house, "terms", 0).await.unwrap();
    assert_eq!((&shown, &bytes, hash), (&definition, &content, sha256(&content)), "in place of the first");
    let (_, rest, hash) = fetched(&house, "terms", 1_000_000).await.unwrap();
    assert_eq!((&rest[..], hash), (&content[1_000_000..], sha256(&content[1_000_000..])));

    let (id, other) = (house.created().await, house.created().await);
    let own = pdf(200);
    upload(&house, header(&other, "terms", &own), &own).await.unwrap();
    for (id, content) in [(&id, &content), (&other, &own)] {
        let shown = document(&house, id, "terms").await.unwrap();
        assert_eq!((shown.state(), shown.sha256), (DocumentState::Uploaded, sha256(content)));
        house.reviewed(id, "SUCCESS").await;
        let (header, signed, _hash) = download(&house, id, "terms", 0).await.unwrap();
        assert_eq!(header.state(), DocumentState::Signed);
        assert!(signed.starts_with(content) && signed.len() > content.len());
    }
    let kinds = types(&house.events().await);
    let told = |wanted: EventType| kinds.iter().filter(|kind| **kind == wanted).count();
    // A default document is nobody's own: only the one of an identification is an event.
    assert_eq!((told(EventType::DocumentUploaded), told(EventType::DocumentSigned)), (1, 2));
}

#[tokio::test]
async fn a_default_document_is_refused_before_the_vendor_gets_any_of_it() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.signing = "max_total_bytes = 1048576";
    });
    let house = house.await;
    define(&house, creation("terms")).await.unwrap();
    let content = pdf(100_000);

    let mut odd = announced("Terms", &content);
    (odd.size_bytes, odd.media_type, odd.request_id) = (0, "text/plain".into(), "1".into());
    odd.sha256.pop();
    let details =
        refused(&send(&house, odd, &content).await.unwrap_err(), Code::InvalidArgument, "VALIDATION_FAILED");
    let members = ["name", "size_bytes", "sha256", "media_type", "request_id"];
    assert_eq!(fields(&details), members.map(|member| format!("header.{member}")));

    let mut altered = content.clone();
    altered[50_000] ^= 1;
    let status = send(&house, announced("terms", &content), &altered).await.unwrap_err();
    refused(&status, Code::DataLoss, "CONTENT_HASH_MISMATCH");
    let page = b"<html>no PDF</html>";
    let status = send(&house, announced("terms", page), page).await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["chunk"]);
    let large = pdf((1 << 20) + 1);
    // Known from the header: nothing else is sent.
    let status = send(&house, announced("terms", &large), &[]).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "DOCUMENT_TOO_LARGE");
    let status = send(&house, announced("other", &content), &[]).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(asked_for(&house, "/data").await, 0);

    let missing = fetched(&house, "other", 0).await.unwrap_err();
    refused(&missing, Code::NotFound, "RESOURCE_NOT_FOUND");
    send(&house, announced("terms", &content), &content).await.unwrap();
    for (offset, code) in [(-1, Code::InvalidArgument), (100_001, Code::InvalidArgument)] {
        let status = fetched(&house, "terms", offset).await.unwrap_err();
        assert_eq!(fields(&refused(&status, code, "VALIDATION_FAILED")), ["read_offset"], "{offset}");
    }
    let path = format!("accounts/{CUSTOMER}");
    assert_eq!(house.control(&path, &json!({ "signing": false })).await.status, 200);
    for status in [
        send(&house, announced("terms", &content), &content).await.unwrap_err(),
        fetched(&house, "terms", 0).await.unwrap_err(),
    ] {
        refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
    }
}

#[tokio::test]
async fn a_repeated_upload_of_a_default_document_gets_the_first_answer() {
    let house = House::silent().await;
    define(&house, creation("terms")).await.unwrap();
    let content = pdf(1000);
    let said = UploadDefaultDocumentHeader { request_id: REQUEST.into(), ..announced("terms", &content) };
    let first = send(&house, said.clone(), &content).await.unwrap();
    let sent = asked_for(&house, "/data").await;
    let repeat = send(&house, said.clone(), &[]).await.unwrap();
    assert_eq!((first.replayed, repeat.replayed), (false, true));
    assert_eq!(repeat.document_definition, first.document_definition);
    let other = UploadDefaultDocumentHeader { size_bytes: 999, ..said };
    let status = send(&house, other, &content).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(asked_for(&house, "/data").await, sent);
}
