//! The files of a result: what is in them, and the archives that are made to harm.

use std::io::{Cursor, Read};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey};
use axum::body::Bytes;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};
use zip::ZipArchive;

use super::house::{Answer, House, assert_fault};

async fn file(house: &House, name: &str) -> Answer {
    house.ask(Method::GET, &format!("/identifications/{name}")).await
}

async fn archive(house: &House) -> ZipArchive<Cursor<Bytes>> {
    let answer = file(house, "n.zip").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/zip"));
    ZipArchive::new(Cursor::new(answer.body)).unwrap()
}

fn entry(archive: &mut ZipArchive<Cursor<Bytes>>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

async fn shape(house: &House, shape: Value) {
    assert_eq!(house.control("identifications/n/archive", &shape).await.status, 200);
}

/// Whether the archive's signature is that of its XML, by the key that the control API gives.
async fn is_signed(house: &House, archive: &mut ZipArchive<Cursor<Bytes>>) -> bool {
    let pem = house.send(house.get("/control/signing-key")).await;
    let lines: Vec<&str> = pem.text().lines().collect();
    let [first, middle @ .., last] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((*first, *last), ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"));
    assert!(middle.iter().all(|line| line.len() <= 64));
    let key = STANDARD.decode(middle.concat()).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, key);
    key.verify(&entry(archive, "n.xml"), &entry(archive, "n.xml.sig")).is_ok()
}

#[tokio::test]
async fn the_archive_holds_every_attachment_and_a_signature_of_the_xml() {
    let house = House::new().await;
    house.finished("n").await;
    let mut archive = archive(&house).await;
    let result = house.result(&house.token().await, "n").await.json();
    let attachments = result["attachments"].as_object().unwrap();
    assert_eq!(attachments.len(), 6);
    for name in attachments.values().map(|name| name.as_str().unwrap()) {
        assert!(!entry(&mut archive, name).is_empty(), "{name}");
    }
    assert_eq!(archive.len(), 7, "and the signature");
    assert!(is_signed(&house, &mut archive).await);
    let [pdf, xml] = [file(&house, "n.pdf").await, file(&house, "N.xml").await];
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert_eq!(xml.header("content-type"), "application/xml");
    assert_eq!(entry(&mut archive, "n.pdf"), pdf.body);
    assert_eq!(entry(&mut archive, "n.xml"), xml.body);
    let counts = house.see("statistics").await;
    assert_eq!(counts["by_path"]["GET /api/v1/{customer}/identifications/{t}.zip"], json!({ "200": 1 }));
    assert_eq!(counts["gets"], 1, "files are no questions for the result");
}

#[tokio::test]
async fn the_pdf_says_where_its_objects_are() {
    let house = House::new().await;
    let id = house.finished("n").await;
    let pdf = file(&house, &format!("{id}.pdf")).await;
    let text = pdf.text();
    assert!(text.starts_with("%PDF-1.4\n") && text.ends_with("%%EOF\n") && text.contains(&id), "{text}");
    let number = |text: &str| text.trim().parse::<usize>().unwrap();
    let start = number(text.rsplit("startxref\n").next().unwrap().lines().next().unwrap());
    let table = &text[start..];
    assert!(table.starts_with("xref\n0 6\n0000000000 65535 f \n"), "{table}");
    for (object, line) in (1..=5).zip(table.lines().skip(3)) {
        assert!(text[number(&line[..10])..].starts_with(&format!("{object} 0 obj\n")), "{line}");
    }
}

#[tokio::test]
async fn the_xml_has_the_names_of_the_json_and_statuses_as_attributes() {
    let house = House::new().await;
    let person = json!({ "firstname": "Erika", "lastname": "Beispiel", "custom1": "<&\"\u{1}>" });
    let id = house.ident_of("n", &person).await;
    house.step("n", "start", json!({})).await;
    house.step("n", "submit", json!({ "result": "SUCCESS_DATA_CHANGED", "reason": "R" })).await;
    let xml = file(&house, "n.xml").await;
    let shown = xml.text().replace(&id, "TST-ABCDE");
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn the_xml_is_compressed_for_those_who_ask() {
    let house = House::new().await;
    house.finished("n").await;
    let path = format!("/api/v1/{}/identifications/n.xml", super::house::CUSTOMER);
    let request = house.get(&path).header("X-API-LOGIN-TOKEN", house.token().await);
    let packed = house.send(request.header("Accept-Encoding", "gzip")).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, file(&house, "n.xml").await.text());
}

#[tokio::test]
async fn pictures_are_jpeg_or_png_and_differ() {
    let house = House::new().await;
    house.finished("n").await;
    let mut jpegs = archive(&house).await;
    let [front, back] = ["n_idfrontside.jpg", "n_idbackside.jpg"].map(|name| entry(&mut jpegs, name));
    assert!(front.starts_with(&[0xff, 0xd8, 0xff, 0xdb]) && front.ends_with(&[0xff, 0xd9]));
    assert_ne!(front, back);
    assert_eq!(house.control("shape", &json!({ "pictures": "png" })).await.json()["pictures"], "png");
    let mut pngs = archive(&house).await;
    let png = entry(&mut pngs, "n_userface.png");
    let (head, data) = (&png[..33], &png[41..png.len() - 16]);
    assert_eq!(head[..8], *b"\x89PNG\r\n\x1a\n");
    let mut rows = Vec::new();
    ZlibDecoder::new(data).read_to_end(&mut rows).unwrap();
    assert_eq!(rows.len(), 40 * (1 + 3 * 64));
}

#[tokio::test]
async fn there_are_files_as_soon_as_there_is_a_result_with_data() {
    let house = House::new().await;
    let id = house.ident("n").await;
    let key = json!(format!("Ident {id} - No identification request found matching the provided parameters"));
    for (step, body, status) in [
        ("start", json!({}), 404),
        ("abort", json!({}), 404),
        ("start", json!({}), 404),
        ("submit", json!({ "result": "REVIEW_PENDING" }), 200),
        ("review", json!({ "result": "CANCELED" }), 404),
    ] {
        house.step("n", step, body).await;
        for name in ["n.pdf", "n.xml", "n.zip"] {
            let answer = file(&house, name).await;
            assert_eq!(answer.status, status, "{step} {name}");
            if status == 404 {
                assert_fault(&answer, 404, "OBJECT_NOT_FOUND", key.clone(), Value::Null);
            }
        }
    }
    house.finished("m").await;
    assert_eq!(file(&house, "m.mp4").await.status, 404);
    assert_eq!(file(&house, "nobody.pdf").await.status, 404);
    let refused = house.ask_with("made up", Method::GET, "/identifications/m.zip", "").await;
    assert_fault(&refused, 401, "INVALID_LOGIN_TOKEN", Value::Null, Value::Null);
}

#[tokio::test]
async fn an_archive_can_be_made_exactly_so_large() {
    let house = House::new().await;
    house.finished("n").await;
    shape(&house, json!({ "kind": "padded", "bytes": 3_000_001 })).await;
    let answer = file(&house, "n.zip").await;
    assert_eq!((answer.body.len(), answer.header("content-length")), (3_000_001, "3000001"));
    let mut archive = ZipArchive::new(Cursor::new(answer.body)).unwrap();
    assert!(entry(&mut archive, "n_securityfeaturevideo.mp4").len() > 2_900_000);
    assert!(is_signed(&house, &mut archive).await);
}

#[tokio::test]
async fn an_archive_can_be_made_to_harm_its_reader() {
    let house = House::new().await;
    house.finished("n").await;
    shape(&house, json!({ "kind": "traversal" })).await;
    let opened = archive(&house).await;
    let names: Vec<_> = opened.file_names().map(Result::unwrap).collect();
    for name in ["../../outside.txt", "/outside.txt", "..\\..\\outside.txt"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    shape(&house, json!({ "kind": "entries", "count": 2_000 })).await;
    assert_eq!(archive(&house).await.len(), 2_007);
    shape(&house, json!({ "kind": "bomb", "bytes": 8_000_000 })).await;
    let bomb = file(&house, "n.zip").await;
    assert!(bomb.body.len() < 100_000, "{} bytes on the way", bomb.body.len());
    let mut opened = ZipArchive::new(Cursor::new(bomb.body)).unwrap();
    assert_eq!(entry(&mut opened, "n_security9.jpg").len(), 8_000_000);
    shape(&house, json!({ "kind": "truncated" })).await;
    let half = file(&house, "n.zip").await;
    assert!(half.status == 200 && ZipArchive::new(Cursor::new(half.body)).is_err());
    shape(&house, json!({ "kind": "wrong_signature" })).await;
    let mut forged = archive(&house).await;
    assert!(!is_signed(&house, &mut forged).await);
    shape(&house, json!({ "kind": "plain" })).await;
    let mut plain = archive(&house).await;
    assert!(is_signed(&house, &mut plain).await);
}

#[tokio::test]
async fn what_no_archive_can_be_is_refused() {
    let house = House::new().await;
    house.finished("n").await;
    for (body, hint) in [
        (json!({}), "missing field `kind`"),
        (json!({ "kind": "padded", "bytes": 134_217_729 }), "`bytes` is at most 134217728"),
        (json!({ "kind": "bomb", "bytes": 1_073_741_825_u64 }), "`bytes` is at most 1073741824"),
        (json!({ "kind": "entries", "count": 60_001 }), "`count` is at most 60000"),
    ] {
        let answer = house.control("identifications/n/archive", &body).await;
        assert!(answer.status == 400 && answer.text().contains(hint), "{}", answer.text());
    }
}
