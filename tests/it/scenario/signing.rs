//! Documents that people sign, from the definition to the signed file.

use aws_lc_rs::digest::{SHA256, digest};
use idv_gateway::proto::document_signing_service_client::DocumentSigningServiceClient;
use idv_gateway::proto::download_signed_document_response::Part;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::upload_document_request::Part as Sent;
use idv_gateway::proto::{
    CreateDocumentDefinitionRequest, CreateDocumentDefinitionResponse, DeleteDocumentDefinitionRequest,
    Document, DocumentDefinition, DocumentState, DownloadSignedDocumentRequest, Event, EventOrigin,
    EventType, Evidence, GetDocumentDefinitionRequest, GetDocumentRequest, ListDocumentDefinitionsRequest,
    ListDocumentsRequest, RefreshIdentificationRequest, UpdateDocumentDefinitionRequest,
    UpdateDocumentRequest, UploadDocumentHeader, UploadDocumentRequest, UploadDocumentResponse, ViewPolicy,
};
use prost_types::FieldMask;
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::house::House;
use super::operator::asked;
use super::words::{BANK, fields, refused, resource, types};

const REQUEST: &str = "0b6f6c1e-0a3e-4d7f-8f0e-2f4f9d1c7a55";

pub(super) fn client(house: &House) -> DocumentSigningServiceClient<Channel> {
    DocumentSigningServiceClient::new(house.channel.clone())
}

/// A PDF, as far as its beginning tells, of `length` bytes.
pub(super) fn pdf(length: usize) -> Vec<u8> {
    let pattern = (0..length).map(|at| (at * 7 % 251) as u8);
    b"%PDF-1.7\n".iter().copied().chain(pattern).take(length).collect()
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

pub(super) fn contract() -> DocumentDefinition {
    DocumentDefinition {
        display_name: "Contract".to_owned(),
        media_type: "application/pdf".to_owned(),
        sort_order: 1,
        ..DocumentDefinition::default()
    }
}

pub(super) fn creation(id: &str) -> CreateDocumentDefinitionRequest {
    CreateDocumentDefinitionRequest {
        parent: BANK.to_owned(),
        document_definition_id: id.to_owned(),
        document_definition: Some(contract()),
        request_id: String::new(),
    }
}

pub(super) async fn define(
    house: &House,
    request: CreateDocumentDefinitionRequest,
) -> Result<CreateDocumentDefinitionResponse, Status> {
    client(house).create_document_definition(request).await.map(tonic::Response::into_inner)
}

/// The header of `content` as the document `definition` of the identification `id`.
pub(super) fn header(id: &str, definition: &str, content: &[u8]) -> UploadDocumentHeader {
    UploadDocumentHeader {
        name: format!("{BANK}/identifications/{id}/documents/{definition}"),
        size_bytes: content.len() as i64,
        sha256: sha256(content),
        media_type: "application/pdf".to_owned(),
        request_id: String::new(),
    }
}

pub(super) async fn send(house: &House, parts: Vec<Sent>) -> Result<UploadDocumentResponse, Status> {
    let messages = parts.into_iter().map(|part| UploadDocumentRequest { part: Some(part) });
    let sent = client(house).upload_document(futures::stream::iter(messages.collect::<Vec<_>>())).await;
    sent.map(tonic::Response::into_inner)
}

pub(super) async fn upload(
    house: &House,
    header: UploadDocumentHeader,
    content: &[u8],
) -> Result<UploadDocumentResponse, Status> {
    let chunks = content.chunks(64 * 1024).map(|chunk| Sent::Chunk(chunk.to_vec()));
    send(house, std::iter::once(Sent::Header(header)).chain(chunks).collect()).await
}

pub(super) async fn document(house: &House, id: &str, definition: &str) -> Result<Document, Status> {
    let name = format!("{BANK}/identifications/{id}/documents/{definition}");
    let got = client(house).get_document(GetDocumentRequest { name }).await?;
    Ok(got.into_inner().document.unwrap())
}

/// The bytes and the hash that the trailer has.
pub(super) async fn download(
    house: &House,
    id: &str,
    definition: &str,
    read_offset: i64,
) -> Result<(Document, Vec<u8>, Vec<u8>), Status> {
    let name = format!("{BANK}/identifications/{id}/documents/{definition}");
    let request = asked(DownloadSignedDocumentRequest { name, read_offset });
    let mut stream = client(house).download_signed_document(request).await?.into_inner();
    let (mut header, mut bytes) = (Document::default(), Vec::new());
    while let Some(message) = stream.message().await? {
        match message.part.unwrap() {
            Part::Header(document) => header = document,
            Part::Chunk(chunk) => bytes.extend(chunk),
            Part::Trailer(trailer) => {
                assert_eq!(trailer.size_bytes, bytes.len() as i64);
                assert!(stream.message().await?.is_none(), "nothing follows the trailer");
                return Ok((header, bytes, trailer.sha256));
            }
        }
    }
    panic!("no trailer")
}

fn told(event: &Event) -> &Document {
    match &event.payload {
        Some(Payload::DocumentChanged(changed)) => changed.document.as_ref().unwrap(),
        other => panic!("not about a document: {other:?}"),
    }
}

async fn events_of(house: &House, kind: EventType) -> Vec<Event> {
    house.events().await.into_iter().filter(|event| event.r#type() == kind).collect()
}

#[tokio::test]
async fn a_document_is_uploaded_signed_and_downloaded() {
    let house = House::new().await;
    define(&house, creation("contract")).await.unwrap();
    let id = house.created().await;
    assert_eq!(document(&house, &id, "contract").await.unwrap().state(), DocumentState::AwaitingUpload);

    let content = pdf(3 << 20);
    let uploaded = upload(&house, header(&id, "contract", &content), &content).await.unwrap();
    let shown = uploaded.document.unwrap();
    assert_eq!((shown.state(), &shown.sha256), (DocumentState::Uploaded, &sha256(&content)));
    assert!(!uploaded.replayed && !uploaded.cursor.is_empty());
    assert_eq!(document(&house, &id, "contract").await.unwrap(), shown);

    let early = download(&house, &id, "contract", 0).await.unwrap_err();
    refused(&early, Code::FailedPrecondition, "DOCUMENT_NOT_SIGNED");

    house.reviewed(&id, "SUCCESS").await;
    let signed =
        house.in_time("the signature", async || events_of(&house, EventType::DocumentSigned).await.pop());
    let signed = signed.await;
    let (header, bytes, hash) = download(&house, &id, "contract", 0).await.unwrap();
    assert_eq!((header.state(), &hash), (DocumentState::Signed, &sha256(&bytes)));
    assert!(bytes.starts_with(&content) && bytes.len() > content.len());
    let (_, rest, hash) = download(&house, &id, "contract", 1_000_000).await.unwrap();
    assert_eq!((&rest[..], hash), (&bytes[1_000_000..], sha256(&bytes[1_000_000..])));
    let beyond = download(&house, &id, "contract", bytes.len() as i64 + 1).await.unwrap_err();
    refused(&beyond, Code::InvalidArgument, "VALIDATION_FAILED");

    let identification = format!("{BANK}/identifications/{id}");
    let uploads = events_of(&house, EventType::DocumentUploaded).await;
    for (event, origin) in [(&uploads[0], EventOrigin::Api), (&signed, EventOrigin::Poll)] {
        assert_eq!((event.origin(), event.evidence()), (origin, Evidence::Fetched));
        assert_eq!(event.subject, format!("{identification}/documents/contract"));
        assert_eq!((&event.identification, event.revision), (&identification, 0));
        assert_eq!((told(event).display_name.as_str(), &told(event).definition), ("", &None));
    }
    assert_eq!(told(&signed).state(), DocumentState::Signed);
    assert_eq!(
        events_of(&house, EventType::DocumentSigned).await.len(),
        1,
        "told once, however often it is seen"
    );
}

#[tokio::test]
async fn a_signature_is_also_told_when_a_caller_sees_it_first() {
    let house = House::silent().await;
    define(&house, creation("contract")).await.unwrap();
    let id = house.created().await;
    let content = pdf(100);
    upload(&house, header(&id, "contract", &content), &content).await.unwrap();
    house.reviewed(&id, "SUCCESS").await;
    let request =
        ListDocumentsRequest { parent: format!("{BANK}/identifications/{id}"), ..Default::default() };
    let listed = client(&house).list_documents(request).await.unwrap().into_inner();
    assert_eq!(listed.documents[0].state(), DocumentState::Signed);
    document(&house, &id, "contract").await.unwrap();
    let events = house.events().await;
    assert_eq!(types(&events).iter().filter(|kind| **kind == EventType::DocumentSigned).count(), 1);
    assert_eq!(events.last().unwrap().origin(), EventOrigin::Api);
}

#[tokio::test]
async fn definitions_are_made_found_changed_and_deleted() {
    let house = House::silent().await;
    for shape in [json!({}), json!({ "old_definitions": true })] {
        assert_eq!(house.control("shape", &shape).await.status, 200);
        for id in ["terms", "contract", "loan_2026-v1"] {
            let made = define(&house, creation(id)).await.unwrap().document_definition.unwrap();
            assert_eq!(made.name, format!("{BANK}/documentDefinitions/{id}"));
            assert_eq!((made.display_name.as_str(), made.view_policy()), ("Contract", ViewPolicy::Default));
        }
        let again = define(&house, creation("terms")).await.unwrap();
        assert!(!again.replayed, "the same is found");
        let mut other = creation("terms");
        other.document_definition.as_mut().unwrap().optional = true;
        let taken = define(&house, other).await.unwrap_err();
        let details = refused(&taken, Code::AlreadyExists, "RESOURCE_EXISTS");
        assert_eq!(resource(&details), format!("{BANK}/documentDefinitions/terms"));

        let mut client = client(&house);
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListDocumentDefinitionsRequest { parent: BANK.into(), page_size: 2, page_token };
            let page = client.list_document_definitions(request).await.unwrap().into_inner();
            names.extend(page.document_definitions.into_iter().map(|it| super::house::id_of(&it.name)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(names, ["contract", "loan_2026-v1", "terms"]);

        let name = format!("{BANK}/documentDefinitions/terms");
        let change = UpdateDocumentDefinitionRequest {
            document_definition: Some(DocumentDefinition {
                name: name.clone(),
                display_name: "Terms".to_owned(),
                view_policy: ViewPolicy::Scroll.into(),
                ..DocumentDefinition::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["display_name".to_owned(), "view_policy".to_owned()] }),
        };
        let changed = client.update_document_definition(change).await.unwrap().into_inner();
        let get = GetDocumentDefinitionRequest { name: name.clone() };
        let got = client.get_document_definition(get.clone()).await.unwrap().into_inner();
        assert_eq!(changed.document_definition, got.document_definition);
        let definition = got.document_definition.unwrap();
        assert_eq!((definition.display_name.as_str(), definition.sort_order), ("Terms", 1));

        for id in names {
            let name = format!("{BANK}/documentDefinitions/{id}");
            let delete = DeleteDocumentDefinitionRequest { name, allow_missing: false };
            client.delete_document_definition(delete).await.unwrap();
        }
        let missing = client.get_document_definition(get).await.unwrap_err();
        refused(&missing, Code::NotFound, "RESOURCE_NOT_FOUND");
        let delete = DeleteDocumentDefinitionRequest { name, allow_missing: false };
        let missing = client.delete_document_definition(delete.clone()).await.unwrap_err();
        refused(&missing, Code::NotFound, "RESOURCE_NOT_FOUND");
        let harmless = DeleteDocumentDefinitionRequest { allow_missing: true, ..delete };
        client.delete_document_definition(harmless).await.unwrap();
    }
}

#[tokio::test]
async fn a_document_has_another_name_for_one_person_alone() {
    let house = House::silent().await;
    define(&house, creation("contract")).await.unwrap();
    let (id, other) = (house.created().await, house.created().await);
    let content = pdf(1000);
    upload(&house, header(&id, "contract", &content), &content).await.unwrap();
    let rename = |id: &str, definition: &str, display_name: &str| UpdateDocumentRequest {
        document: Some(Document {
            name: format!("{BANK}/identifications/{id}/documents/{definition}"),
            display_name: display_name.to_owned(),
            ..Document::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    let mut client = client(&house);
    for display_name in ["Loan of May", "Loan of June", "Loan of June"] {
        let renamed = client.update_document(rename(&id, "contract", display_name)).await.unwrap();
        let shown = document(&house, &id, "contract").await.unwrap();
        assert_eq!(renamed.into_inner().document.as_ref(), Some(&shown));
        assert_eq!((shown.display_name.as_str(), shown.state()), (display_name, DocumentState::Uploaded));
        assert_eq!(shown.definition.unwrap().display_name, "Contract");
    }
    assert_eq!(document(&house, &other, "contract").await.unwrap().display_name, "Contract");

    let status = client.update_document(rename(&id, "other", "Loan")).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    let status = client.update_document(rename(&id, "contract", "")).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    assert_eq!(fields(&details), ["document.display_name"]);
    let errors = json!({ "errors": [{ "cause": "BAD_REQUEST", "id": "73464627", "key": "name" }] });
    house.fault(json!({ "kind": "body", "operation": "sign", "text": errors.to_string() })).await;
    let status = client.update_document(rename(&id, "contract", "Loan!")).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "VENDOR_REJECTED_FIELD");
    assert_eq!(fields(&details), ["document.display_name"]);
    house.well().await;
    house.reviewed(&id, "SUCCESS").await;
    // First the vendor says so, then what is known here.
    for _known in [false, true] {
        let status = client.update_document(rename(&id, "contract", "Late")).await.unwrap_err();
        refused(&status, Code::FailedPrecondition, "IDENTIFICATION_COMPLETED");
        let refresh = RefreshIdentificationRequest { name: format!("{BANK}/identifications/{id}") };
        house.identifications().refresh_identification(refresh).await.unwrap();
    }
    assert_eq!(document(&house, &id, "contract").await.unwrap().display_name, "Loan of June");
}

#[tokio::test]
async fn a_single_document_may_come_in_a_list() {
    let house = House::silent().await;
    assert_eq!(house.control("shape", &json!({ "document_in_array": true })).await.status, 200);
    define(&house, creation("contract")).await.unwrap();
    let id = house.created().await;
    let content = pdf(1000);
    let uploaded = upload(&house, header(&id, "contract", &content), &content).await.unwrap();
    assert_eq!(uploaded.document.unwrap().sha256, sha256(&content));
}

#[tokio::test]
async fn a_repeat_with_the_same_request_id_gets_the_first_answer() {
    let house = House::silent().await;
    let creation = CreateDocumentDefinitionRequest { request_id: REQUEST.into(), ..creation("contract") };
    let first = define(&house, creation.clone()).await.unwrap();
    let repeat = define(&house, creation).await.unwrap();
    assert_eq!((first.replayed, repeat.replayed), (false, true));
    assert_eq!(repeat.document_definition, first.document_definition);

    let id = house.created().await;
    let content = pdf(200_000);
    let said = UploadDocumentHeader { request_id: REQUEST.into(), ..header(&id, "contract", &content) };
    let first = upload(&house, said.clone(), &content).await.unwrap();
    // Nobody waits for the content of a repeat: its header says enough.
    let repeat = send(&house, vec![Sent::Header(said)]).await.unwrap();
    // No text that a person wrote is kept for it.
    let kept =
        first.document.map(|shown| Document { display_name: String::new(), definition: None, ..shown });
    assert_eq!((repeat.replayed, &repeat.document, &repeat.cursor), (true, &kept, &first.cursor));
    assert_eq!(events_of(&house, EventType::DocumentUploaded).await.len(), 1);

    let other = pdf(200_001);
    let reused = UploadDocumentHeader { request_id: REQUEST.into(), ..header(&id, "contract", &other) };
    let status = upload(&house, reused, &other).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
