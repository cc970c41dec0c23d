//! Pictures on their way in: what is no picture, too much or too little is refused by name, before the vendor hears of it.

use idv_gateway::proto::biometrics::upload_biometric_images_request::Part;
use idv_gateway::proto::biometrics::{BiometricImageHeader, BiometricImageKind as Kind};
use tonic::Code;

use super::biometrics::{created, header, send};
use super::house::House;
use super::{Heard, REQUEST_ID};
use crate::scenario::words::{fields, refused};

const LARGEST: usize = 1 << 20;

/// A made-up JPEG of so many bytes, at least 64.
pub(crate) fn jpeg(size: usize) -> Vec<u8> {
    let mut image = vec![0xff, 0xd8];
    image.extend([0xff, 0xc0, 0, 11, 8, 0, 40, 0, 64, 1, 1, 0x11, 0]);
    image.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    image.resize(size - 2, 0x2a);
    image.extend([0xff, 0xd9]);
    image
}

pub(super) fn image(kind: Kind, size: usize) -> Part {
    let size_bytes = size.try_into().unwrap();
    Part::Image(BiometricImageHeader { kind: kind.into(), media_type: "image/jpeg".to_owned(), size_bytes })
}

/// A picture in one chunk.
pub(crate) fn whole(kind: Kind, content: &[u8]) -> [Part; 2] {
    [image(kind, content.len()), Part::Chunk(content.to_vec())]
}

fn portrait() -> [Part; 2] {
    whole(Kind::Portrait, &jpeg(64))
}

fn document() -> [Part; 2] {
    whole(Kind::Document, &jpeg(65))
}

/// A house in which a user was made.
async fn ready() -> House {
    let house = House::new().await;
    created(&house, "").await;
    house.platform.memory().heard.clear();
    house
}

/// Which fields are refused of an upload that goes on so after its header.
async fn refusal(house: &House, parts: Vec<Part>) -> Vec<String> {
    let parts = [vec![Part::Header(header("user-1", REQUEST_ID))], parts].concat();
    let status = send(house, parts).await.unwrap_err();
    fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"))
}

#[tokio::test]
async fn the_largest_pictures_come_in_pieces_and_reach_the_vendor_as_they_were() {
    let house = ready().await;
    let contents = [jpeg(LARGEST), jpeg(LARGEST - 1), jpeg(64), jpeg(100_000)];
    let kinds = [Kind::Document, Kind::Portrait, Kind::Document, Kind::Portrait];
    let mut parts = vec![Part::Header(header("user-1", ""))];
    for (kind, content) in kinds.into_iter().zip(&contents) {
        parts.push(image(kind, content.len()));
        parts.push(Part::Chunk(Vec::new()));
        parts.extend(content.chunks(70_001).map(|chunk| Part::Chunk(chunk.to_vec())));
    }
    send(&house, parts).await.unwrap();
    let Heard::Pictures(upload) = house.platform.only() else { panic!("something else") };
    let [first, second, third, fourth] = contents;
    assert_eq!(upload.pictures.documents, [first, third]);
    assert_eq!(upload.pictures.portraits, [second, fourth]);
}

#[tokio::test]
async fn what_a_header_announces_wrongly_is_named() {
    let house = ready().await;
    let odd = BiometricImageHeader { kind: 0, media_type: "image/png".to_owned(), size_bytes: 0 };
    let named = ["image[0].kind", "image[0].media_type", "image[0].size_bytes"];
    assert_eq!(refusal(&house, vec![Part::Image(odd)]).await, named);
    for size in [0, -1, LARGEST as i64 + 1, i64::MAX] {
        let odd = BiometricImageHeader {
            kind: Kind::Document.into(),
            media_type: "image/jpeg".to_owned(),
            size_bytes: size,
        };
        let parts = [portrait().to_vec(), vec![Part::Image(odd)]].concat();
        assert_eq!(refusal(&house, parts).await, ["image[1].size_bytes"], "{size}");
    }
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn what_comes_is_what_was_announced() {
    let house = ready().await;
    let content = jpeg(64);
    for (said, chunks) in
        [(63, vec![&content[..]]), (65, vec![&content[..]]), (64, vec![&content[..], b"\0"])]
    {
        let chunks = chunks.into_iter().map(|chunk| Part::Chunk(chunk.to_vec()));
        let parts = [portrait().to_vec(), vec![image(Kind::Document, said)], chunks.collect()].concat();
        assert_eq!(refusal(&house, parts).await, ["image[1].size_bytes"], "{said}");
    }
    assert_eq!(refusal(&house, vec![image(Kind::Portrait, 64)]).await, ["image[0].size_bytes"]);
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn what_is_no_jpeg_is_refused() {
    let house = ready().await;
    let cut = &jpeg(200)[..198];
    let png = b"\x89PNG\r\n\x1a\n and what follows it, as long as it likes to be";
    let mut without_frame = jpeg(64);
    without_frame[3] = 0xfe;
    for odd in [cut, png, &without_frame, b"/9j/4AAQSkZJRgABAQ", &[0xff, 0xd8, 0xff, 0xd9]] {
        let parts = [document().to_vec(), whole(Kind::Portrait, odd).to_vec()].concat();
        assert_eq!(refusal(&house, parts).await, ["image[1].chunk"], "{odd:?}");
    }
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn there_are_as_many_as_the_vendor_takes() {
    let house = ready().await;
    assert_eq!(refusal(&house, vec![]).await, ["image"]);
    assert_eq!(refusal(&house, portrait().to_vec()).await, ["image"]);
    assert_eq!(refusal(&house, document().to_vec()).await, ["image"]);
    let third = [portrait(), document(), portrait(), portrait()].concat();
    assert_eq!(refusal(&house, third).await, ["image[3].kind"]);
    let third = [document(), document(), document()].concat();
    assert_eq!(refusal(&house, third).await, ["image[2].kind"]);
    assert_eq!(house.platform.heard().len(), 0);
    let most = [portrait(), document(), portrait(), document()].concat();
    send(&house, [vec![Part::Header(header("user-1", ""))], most].concat()).await.unwrap();
}

#[tokio::test]
async fn parts_have_an_order() {
    let house = ready().await;
    let chunk = || Part::Chunk(jpeg(64));
    let again = || Part::Header(header("user-1", ""));
    assert_eq!(refusal(&house, vec![chunk()]).await, ["chunk"]);
    assert_eq!(refusal(&house, [vec![again()], portrait().to_vec()].concat()).await, ["header"]);
    for first in [vec![], vec![chunk()], portrait().to_vec()] {
        let status = send(&house, first).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["header"]);
    }
    let mut odd = header("user-1", "7");
    odd.name = "connections/platform/biometricUsers/".to_owned();
    odd.client.get_or_insert_default().ip_address = "somewhere".to_owned();
    let status = send(&house, vec![Part::Header(odd)]).await.unwrap_err();
    let named = fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED"));
    assert_eq!(named, ["header.name", "header.request_id", "header.client.ip_address"]);
    assert_eq!(house.platform.heard().len(), 0);
}

#[tokio::test]
async fn a_message_longer_than_a_chunk_is_refused() {
    let house = ready().await;
    let parts = vec![image(Kind::Portrait, LARGEST), Part::Chunk(vec![0; LARGEST + 2000])];
    assert_eq!(refusal(&house, parts).await, ["request"]);
}
