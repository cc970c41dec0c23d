//! Documents that are refused: by the gateway before the vendor gets any of them, and by the vendor.

use idv_gateway::proto::upload_document_request::Part as Sent;
use idv_gateway::proto::{
    EventType, PhoneNumber, RefreshIdentificationRequest, UploadDocumentHeader, identification_spec,
};
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::signing::{creation, define, document, download, header, pdf, send, upload};
use super::words::{BANK, CUSTOMER, create, fields, refused, types};

/// A house with a definition, and an identification of it.
async fn ready() -> (House, String) {
    let house = House::silent().await;
    define(&house, creation("contract")).await.unwrap();
    let id = house.created().await;
    (house, id)
}

/// Requests to the vendor whose path has `part`.
pub(super) async fn asked_for(house: &House, part: &str) -> u64 {
    let counts = house.see("statistics").await["by_path"].clone();
    let counts = counts.as_object().unwrap().iter().filter(|(path, _)| path.contains(part));
    let counts = counts.flat_map(|(_, statuses)| statuses.as_object().unwrap().values());
    counts.map(|count| count.as_u64().unwrap()).sum()
}

#[track_caller]
fn refuses(status: &Status, field: &str) {
    assert_eq!(fields(&refused(status, Code::InvalidArgument, "VALIDATION_FAILED")), [field], "{status:?}");
}

#[tokio::test]
async fn what_is_not_the_document_that_was_announced_never_reaches_the_vendor() {
    let (house, id) = ready().await;
    let content = pdf(100_000);
    let good = || header(&id, "contract", &content);
    let chunk = |bytes: &[u8]| Sent::Chunk(bytes.to_vec());
    let said = |change: &dyn Fn(&mut UploadDocumentHeader)| {
        let mut header = good();
        change(&mut header);
        Sent::Header(header)
    };
    let cases: Vec<(&str, Vec<Sent>, &str)> = vec![
        ("nothing", vec![], "header"),
        ("no header", vec![chunk(&content)], "header"),
        ("two headers", vec![Sent::Header(good()), Sent::Header(good())], "header"),
        ("too short", vec![Sent::Header(good()), chunk(&content[..99_999])], "header.size_bytes"),
        ("too long", vec![Sent::Header(good()), chunk(&content), chunk(b"1")], "header.size_bytes"),
        ("empty", vec![said(&|header| header.size_bytes = 0), chunk(b"")], "header.size_bytes"),
        ("negative", vec![said(&|header| header.size_bytes = -1)], "header.size_bytes"),
        ("half a hash", vec![said(&|header| header.sha256.truncate(16))], "header.sha256"),
        ("a picture", vec![said(&|header| header.media_type = "image/png".into())], "header.media_type"),
        ("no name", vec![said(&|header| header.name.clear())], "header.name"),
        ("odd id", vec![said(&|header| header.request_id = "1".into())], "header.request_id"),
    ];
    for (what, parts, field) in cases {
        let status = send(&house, parts).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field], "{what}");
    }
    let page = b"<html>no PDF</html>";
    refuses(&upload(&house, header(&id, "contract", page), page).await.unwrap_err(), "chunk");
    let stub = b"%PD";
    refuses(&upload(&house, header(&id, "contract", stub), stub).await.unwrap_err(), "chunk");
    let mut altered = content.clone();
    altered[50_000] ^= 1;
    let status = upload(&house, good(), &altered).await.unwrap_err();
    refused(&status, Code::DataLoss, "CONTENT_HASH_MISMATCH");
    let large = said(&|header| header.size_bytes = (50 << 20) + 1);
    let status = send(&house, vec![large]).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "DOCUMENT_TOO_LARGE");
    assert_eq!(fields(&details), ["header.size_bytes"]);
    assert_eq!(asked_for(&house, "/data").await, 0);
    assert!(!types(&house.events().await).contains(&EventType::DocumentUploaded));
    upload(&house, good(), &content).await.unwrap();
    assert_eq!(asked_for(&house, "/data").await, 1);
}

#[tokio::test]
async fn chunks_have_a_size_of_their_own() {
    let (house, id) = ready().await;
    let content = pdf(2 << 20);
    let with_chunks = |size: usize| {
        let chunks = content.chunks(size).map(|chunk| Sent::Chunk(chunk.to_vec()));
        std::iter::once(Sent::Header(header(&id, "contract", &content))).chain(chunks).collect()
    };
    refuses(&send(&house, with_chunks((1 << 20) + 1)).await.unwrap_err(), "chunk");
    // Not even read.
    let status = send(&house, with_chunks((1 << 20) + 2000)).await.unwrap_err();
    refuses(&status, "request");
    assert!(status.message().contains("1049600 bytes in one message"), "{}", status.message());
    send(&house, with_chunks(1 << 20)).await.unwrap();
}

#[tokio::test]
async fn an_identification_has_room_for_so_many_documents_and_bytes() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.signing = "max_documents = 2, max_total_bytes = 1048576";
    });
    let house = house.await;
    for id in ["a", "b", "c"] {
        define(&house, creation(id)).await.unwrap();
    }
    let id = house.created().await;
    let half = pdf(1 << 19);
    let too_large = pdf((1 << 19) + 1);
    upload(&house, header(&id, "a", &half), &half).await.unwrap();
    let status = upload(&house, header(&id, "b", &too_large), &too_large).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "DOCUMENT_TOO_LARGE");
    upload(&house, header(&id, "b", &half), &half).await.unwrap();
    let tiny = pdf(10);
    refuses(&upload(&house, header(&id, "c", &tiny), &tiny).await.unwrap_err(), "header.name");
    // A document takes the place of an earlier one.
    upload(&house, header(&id, "b", &tiny), &tiny).await.unwrap();
    upload(&house, header(&id, "a", &too_large), &too_large).await.unwrap();
    // What counts is remembered.
    let house = house.restarted().await;
    refuses(&upload(&house, header(&id, "c", &tiny), &tiny).await.unwrap_err(), "header.name");
}

#[tokio::test]
async fn the_vendor_refuses_with_its_own_reasons() {
    let (house, id) = ready().await;
    let content = pdf(100);
    let status = upload(&house, header(&id, "other", &content), &content).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "DOCUMENT_DEFINITION_MISSING");
    refused(&document(&house, &id, "other").await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
    refused(&download(&house, &id, "other", 0).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");

    let path = format!("accounts/{CUSTOMER}");
    assert_eq!(house.control(&path, &json!({ "signing": false })).await.status, 200);
    for status in [
        define(&house, creation("another")).await.unwrap_err(),
        upload(&house, header(&id, "contract", &content), &content).await.unwrap_err(),
        document(&house, &id, "contract").await.unwrap_err(),
    ] {
        let details = refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
        assert_eq!(details.error_info().unwrap().metadata["vendor_http_status"], "412");
    }
    assert_eq!(house.control(&path, &json!({ "signing": true })).await.status, 200);

    upload(&house, header(&id, "contract", &content), &content).await.unwrap();
    house.reviewed(&id, "SUCCESS").await;
    let refresh = RefreshIdentificationRequest { name: format!("{BANK}/identifications/{id}") };
    house.identifications().refresh_identification(refresh).await.unwrap();
    let status = upload(&house, header(&id, "contract", &content), &content).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "IDENTIFICATION_COMPLETED");
}

#[tokio::test]
async fn malformed_definitions_are_refused_field_by_field() {
    let house = House::silent().await;
    let mut request = creation("Contract!");
    request.parent = "bank".to_owned();
    request.request_id = "1".to_owned();
    let definition = request.document_definition.as_mut().unwrap();
    definition.display_name.clear();
    definition.media_type = "text/plain".to_owned();
    definition.sort_order = -1;
    definition.view_policy = 77;
    let status = define(&house, request).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    let of_definition = |field: &str| format!("document_definition.{field}");
    let expected = [
        "parent".to_owned(),
        "document_definition_id".to_owned(),
        "request_id".to_owned(),
        of_definition("display_name"),
        of_definition("media_type"),
        of_definition("sort_order"),
        of_definition("view_policy"),
    ];
    assert_eq!(fields(&details), expected);
    assert_eq!(asked_for(&house, "documentdefinitions").await, 0);
}

#[tokio::test]
async fn who_signs_has_a_name_and_a_phone_that_certificates_take() {
    let house = House::with(|plan| {
        plan.webhooks = false;
        plan.signing = "person_names = \"ascii_letters\", trust_service = \"namirial\"";
    });
    let house = house.await;
    let mut request = create(BANK);
    let subject = request.subject.as_mut().unwrap();
    subject.given_name = "Zoë".to_owned();
    subject.family_name = "O'Neil".to_owned();
    let status = house.try_create(request.clone()).await.unwrap_err();
    let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
    let needed = ["subject.phone.e164", "spec.auto_ident.signing_language_code"];
    assert_eq!(fields(&details), ["subject.given_name", "subject.family_name", needed[0], needed[1]]);
    assert!(!status.message().contains("Neil"));
    assert_eq!(house.asked("starts").await, 0);

    let subject = request.subject.as_mut().unwrap();
    (subject.given_name, subject.family_name) = ("Zoe-Ann".to_owned(), "ONeil".to_owned());
    subject.phone = Some(PhoneNumber { e164: "+4915100000000".to_owned(), region_code: "DE".to_owned() });
    let Some(identification_spec::Kind::AutoIdent(spec)) = request.spec.as_mut().unwrap().kind.as_mut()
    else {
        panic!("another vendor's");
    };
    spec.signing_language_code = "en".to_owned();
    house.try_create(request).await.unwrap();
}
