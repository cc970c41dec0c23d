//! Biometric users: their process, their pictures, and what was found.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::biometric::{
    CreateBiometricUser, DocumentType, EnrollBiometricUser, Pictures, Purpose,
};
use idv_gateway::proto::biometrics::EnrollBiometricUserResponse;
use idv_gateway::proto::{ClientContext, LexicalField};
use idv_gateway::vendor::biometrics::{CreatedUser, Enroll, Enrolled, UploadPictures};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{House, TICKET, USER, header};
use crate::vendor::rig::{basic, json};

const FINDINGS: &str = include_str!("../../../fixtures/preventor_open/findings.json");

fn client() -> ClientContext {
    ClientContext { ip_address: "203.0.113.7".to_owned(), ..ClientContext::default() }
}

async fn create(
    house: &House,
    purpose: Purpose,
    document_type: Option<DocumentType>,
) -> Result<CreatedUser, Error> {
    let (connection, client) = ("bank".parse().unwrap(), client());
    let command = CreateBiometricUser { connection, purpose, document_type, client, request_id: None };
    assert_eq!(house.biometrics().check(&command), []);
    house.biometrics().create_user(&command).await
}

async fn upload(house: &House, pictures: &Pictures) -> Result<String, Error> {
    let name = &format!("connections/bank/biometricUsers/{USER}").parse().unwrap();
    let (token, client) = (&SecretString::from("process-1"), &client());
    let upload = UploadPictures { name, token, pictures, client };
    house.biometrics().upload(upload).await.map(|ticket| ticket.to_string())
}

async fn enroll(house: &House) -> Result<Enrolled, Error> {
    let command = &EnrollBiometricUser {
        name: format!("connections/bank/biometricUsers/{USER}").parse().unwrap(),
        ticket: format!("connections/bank/tickets/{TICKET}").parse().unwrap(),
        client: client(),
        request_id: None,
    };
    house.biometrics().enroll(Enroll { command, token: &SecretString::from("process-1") }).await
}

fn pictures() -> Pictures {
    let picture = |byte| Bytes::from(vec![byte; 100]);
    Pictures { portraits: vec![picture(1), picture(2)], documents: vec![picture(3)] }
}

#[tokio::test]
async fn each_user_has_a_process_of_its_own() {
    let made = AtomicUsize::new(0);
    let house = House::new(move |_seen| {
        let number = made.fetch_add(1, SeqCst);
        json(201, &format!(r#"{{"userId":"u-{number}","create":"2026-03-14T12:00:00.109Z"}}"#))
    })
    .await;
    let cases = [
        (
            Purpose::Onboarding,
            Some(DocumentType::Passport),
            json!({ "transactionType": "ONBOARDING", "documentType": "PASSPORT" }),
        ),
        (Purpose::Authentication, None, json!({ "transactionType": "AUTHENTICATION" })),
    ];
    for (number, (purpose, document, body)) in cases.into_iter().enumerate() {
        let user = create(&house, purpose, document).await.unwrap();
        assert_eq!(user.name.to_string(), format!("connections/bank/biometricUsers/u-{number}"));
        assert_eq!(user.create_time.unwrap().to_string(), "2026-03-14T12:00:00.109Z");
        assert_eq!((user.token.expose_secret(), user.expire_time), ("process-1", None));
        let seen = house.stub.seen();
        let [token, create] = &seen[2 * number..] else { panic!("two calls each: {seen:?}") };
        assert_eq!(format!("{} {}", token.method, token.path), "POST /v1/auth/token");
        assert_eq!(serde_json::from_str::<Value>(&token.body).unwrap(), body);
        assert_eq!(header(token, "authorization"), basic("made-up-key", "made-up-secret"));
        assert_eq!(format!("{} {}", create.method, create.path), "POST /v1/workflow/enroll/user");
        assert_eq!(
            (header(create, "authorization").as_str(), create.body.as_str()),
            ("Bearer process-1", "")
        );
        for seen in [token, create] {
            for (name, value) in [
                ("x-api-key", "made-up-key"),
                ("x-tenant", "bank"),
                ("x-env", "test"),
                ("x-banknu", "001"),
                ("x-ip", "203.0.113.7"),
                ("content-type", "application/json"),
            ] {
                assert_eq!(header(seen, name), value, "{name} of {}", seen.path);
            }
        }
    }
}

#[tokio::test]
async fn a_user_without_an_id_is_none() {
    for body in ["{}", r#"{"userId":""}"#, r#"{"userId":7}"#, r#"{"userId":"a/b"}"#] {
        let house = House::new(move |_seen| json(200, body)).await;
        let error = create(&house, Purpose::Onboarding, None).await.err().unwrap();
        assert_eq!(error.kind, Kind::VendorResponseInvalid);
        assert!(error.detail.ends_with("has no usable user id at userId"), "{}", error.detail);
    }
    let house = House::new(|_seen| json(200, r#"{"userId":"u","create":"yesterday"}"#)).await;
    assert_eq!(create(&house, Purpose::Onboarding, None).await.unwrap().create_time, None);
}

#[tokio::test]
async fn pictures_are_base64_in_their_places() {
    for (more, prefix) in [("", ""), ("[biometrics]\npicture = \"data_uri\"", "data:image/jpeg;base64,")] {
        let files = super::Files::new();
        let stub =
            crate::vendor::rig::Stub::start(|_seen| json(200, &format!(r#"{{"ticket":"{TICKET}"}}"#))).await;
        let parts = files.biometrics(&stub.base);
        let parts = if more.is_empty() { parts } else { parts.replacen("[biometrics]", more, 1) };
        let (vendor, _clock) = super::build(&super::parsed(&files.toml("", &parts)));
        let house = House { vendor: vendor.unwrap(), stub };
        assert_eq!(idv_gateway::vendor::capabilities(&house.vendor), ["biometrics"]);
        assert_eq!(upload(&house, &pictures()).await.unwrap(), format!("connections/bank/tickets/{TICKET}"));
        let (line, body) = house.last();
        assert_eq!(line, format!("POST /v1/workflow/enroll/user/{USER}/upload"));
        let base64 = |byte: u8| format!("{prefix}{}", STANDARD.encode([byte; 100]));
        let expected = json!({
            "portraits": { "picture1": base64(1), "picture2": base64(2) }, "documents": { "picture1": base64(3) },
        });
        assert_eq!(body, expected);
        let seen = house.calls().pop().unwrap();
        assert_eq!(header(&seen, "authorization"), "Bearer process-1");
        assert_eq!(header(&seen, "content-type"), "application/json");
    }
}

#[tokio::test]
async fn how_many_pictures_there_have_to_be_is_a_setting() {
    let house = House::new(|_seen| json(200, "{}")).await;
    assert_eq!(
        (house.biometrics().limits().portraits, house.biometrics().limits().documents),
        (1..=2, 1..=2)
    );
    let error = upload(&house, &pictures()).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorResponseInvalid);
    assert!(error.detail.ends_with("has no usable ticket at ticket"), "{}", error.detail);
}

#[tokio::test]
async fn findings_are_asked_for_with_a_body_and_read_to_the_last_member() {
    let house = House::new(|_seen| json(200, FINDINGS)).await;
    let Enrolled { response, drift } = enroll(&house).await.unwrap();
    let (line, body) = house.last();
    assert_eq!(line, format!("GET /v1/workflow/enroll/user/{USER}/ticket/{TICKET}"));
    assert_eq!(body, json!({ "userId": USER, "ticket": TICKET }));
    assert_eq!(header(&house.calls()[0], "content-type"), "application/json");
    let field = |kind: &str, code, values: [&str; 3], words: [&str; 4]| LexicalField {
        field_type: kind.to_owned(),
        field_type_code: code,
        mrz_value: values[0].to_owned(),
        barcode_value: values[1].to_owned(),
        visual_value: values[2].to_owned(),
        mrz_barcode_status: words[0].to_owned(),
        mrz_visual_status: words[1].to_owned(),
        visual_barcode_status: words[2].to_owned(),
        lexical_validity: words[3].to_owned(),
    };
    let expected = EnrollBiometricUserResponse {
        photo_verified: true,
        liveness_passed: true,
        enrolled: false,
        document_name: "Utopia - Id Card #1".to_owned(),
        country_name: "Utopia".to_owned(),
        fields: vec![
            field(
                "Document #",
                2,
                ["X0001", "X0002", "X0003"],
                ["compared", "disabled", "compared", "valid"],
            ),
            field("Surname (10250)", 8, ["", "", "EJEMPLO"], ["disabled"; 4]),
        ],
        portrait: vec![0xff, 0xd8, 0xff, 0xd9],
        portrait_media_type: "image/jpeg".to_owned(),
        portrait_vendor_kind: "Portrait".to_owned(),
        has_mrz: true,
        has_barcode: false,
        has_visual: true,
        has_mrz_visual: true,
        has_mrz_barcode: false,
        has_visual_barcode: true,
        replayed: false,
    };
    assert_eq!((response, drift), (expected, Vec::new()));
}

#[tokio::test]
async fn a_portrait_comes_with_a_prefix_or_without() {
    for (graphics, media_type, drift) in [
        (r#"{"image":"/9j/2Q==","format":".jpeg"}"#, "image/jpeg", &[][..]),
        (r#"{"image":"/9j/2Q","format":".PNG"}"#, "image/png", &[]),
        (r#"{"image":"data:image/png;base64,/9j/2Q==","format":".jpg"}"#, "image/png", &[]),
        (r#"{"image":"/9j/2Q==","format":".bmp"}"#, "application/octet-stream", &["graphics.format"]),
        (r#"{"image":"?","format":".jpg"}"#, "", &["graphics.image"]),
        ("{}", "", &[]),
        ("[]", "", &["graphics"]),
    ] {
        let body = format!(
            r#"{{"photoVerify":true,"liveness":"false","enroll":true,"documentReader":{{"graphics":{graphics}}}}}"#
        );
        let house = House::new(move |_seen| json(200, &body)).await;
        let enrolled = enroll(&house).await.unwrap();
        assert_eq!(enrolled.response.portrait_media_type, media_type, "{graphics}");
        assert_eq!(enrolled.response.portrait.is_empty(), media_type.is_empty());
        assert!(!enrolled.response.liveness_passed);
        assert_eq!(
            enrolled.drift,
            drift.iter().map(|path| format!("documentReader.{path}")).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn what_is_odd_in_findings_is_counted_and_what_decides_has_to_be_there() {
    let body = r#"{"photoVerify":true,"liveness":true,"enroll":true,"Erika":1,
        "documentReader":{"generalInfo":{"hasMrz":7},"fields":[{"fieldTypeCode":99999999999,"new":0,
        "lexicalValidity":"Erika Beispiel"},7],"more":{}}}"#;
    let house = House::new(move |_seen| json(200, body)).await;
    let enrolled = enroll(&house).await.unwrap();
    let odd = [
        "*",
        "documentReader.*",
        "documentReader.fields",
        "documentReader.fields.*",
        "documentReader.fields.fieldTypeCode",
        "documentReader.fields.lexicalValidity",
        "documentReader.generalInfo.hasMrz",
    ];
    assert_eq!(enrolled.drift, odd);
    assert_eq!(enrolled.response.fields[0].lexical_validity, "UNPRINTABLE");
    for (missing, body) in [
        ("photoVerify", r#"{"liveness":true,"enroll":true}"#),
        ("liveness", r#"{"photoVerify":true,"liveness":"Erika","enroll":true}"#),
        ("enroll", r#"{"photoVerify":true,"liveness":true,"enroll":null}"#),
    ] {
        let house = House::new(move |_seen| json(200, body)).await;
        let error = enroll(&house).await.err().unwrap();
        assert_eq!(error.kind, Kind::VendorResponseInvalid);
        assert!(error.detail.ends_with(&format!("at {missing}")), "{}", error.detail);
        assert!(!format!("{error:?}").contains("Erika"));
    }
}

#[tokio::test]
async fn a_process_whose_token_is_refused_is_over() {
    let house = House::new(|_seen| json(401, "")).await;
    assert_eq!(upload(&house, &pictures()).await.unwrap_err().kind, Kind::StateNotAllowed);
    assert_eq!(enroll(&house).await.err().unwrap().kind, Kind::StateNotAllowed);
    assert_eq!(house.stub.seen().len(), 2, "no other token is asked for");
    let error = create(&house, Purpose::Onboarding, None).await.err().unwrap();
    assert_eq!(error.kind, Kind::VendorCredentialsRejected);
}
