//! Images of tickets.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{TryStreamExt as _, poll};
use idv_gateway::error::Kind;
use idv_gateway::model::name::TicketName;
use idv_gateway::proto::{ArtifactKind, TicketImageKind};
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::ticket::{TicketImage, Tickets as _};
use idv_gateway::vendor::{Artifacts as _, ListArtifacts, OpenArtifact};

use super::{INVITATION, TICKET, calls, connect, connect_with, known};
use crate::vendor::rig::{ID, json};

fn name() -> TicketName {
    format!("connections/bank/tickets/{TICKET}").parse().unwrap()
}

fn picture(seed: u8) -> Vec<u8> {
    (0..100_000u32).map(|index| (index % 251) as u8 ^ seed).collect()
}

fn uri(content: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(content))
}

fn pictures() -> String {
    format!(
        r#"{{"ticket":"{TICKET}","images":[{{"type":"SELF_PORTRAITS","image":"{}"}},
            {{"image":"{}","type":"DOCUMENT"}},{{"type":"DOCUMENT","image":"{}"}},{{"type":"NEW","image":"{}"}}]}}"#,
        uri(&picture(1)),
        uri(&picture(2)),
        uri(&picture(3)),
        uri(&picture(4))
    )
}

async fn images(preventor: &Preventor, kinds: &[TicketImageKind]) -> Vec<TicketImage> {
    preventor.images(&name(), kinds).await.unwrap().unwrap().try_collect().await.unwrap()
}

#[tokio::test]
async fn images_come_one_by_one_with_their_kind() {
    let (preventor, stub) = connect(|_seen| json(200, &pictures())).await;
    let all = images(&preventor, &[]).await;
    let told: Vec<_> = all.iter().map(|image| (image.header.kind(), image.header.index)).collect();
    assert_eq!(
        told,
        [
            (TicketImageKind::SelfPortrait, 0),
            (TicketImageKind::Document, 0),
            (TicketImageKind::Document, 1),
            (TicketImageKind::Unspecified, 0),
        ]
    );
    for (image, seed) in all.iter().zip(1..) {
        assert_eq!(image.content, picture(seed));
        assert_eq!((image.header.size_bytes, image.header.sha256.len()), (100_000, 32));
        assert_eq!(image.header.media_type, "image/jpeg");
    }
    let kinds = [TicketImageKind::Document, TicketImageKind::DocumentPortrait];
    assert_eq!(images(&preventor, &kinds).await.len(), 2, "what nobody asked for is left out");
    assert_eq!(
        calls(&stub),
        [
            format!("GET /transactions/{TICKET}/images?type=ALL"),
            format!("GET /transactions/{TICKET}/images?type=DOCUMENT,DOCUMENT_PORTRAIT"),
        ]
    );
}

#[tokio::test]
async fn other_words_can_be_configured() {
    let more = "[images]\ndocument = [\"ID_FRONT\", \"ID_BACK\"]\nkind_members = [\"what\"]\n";
    let body = format!(r#"[{{"what":"ID_BACK","x":"{}"}}]"#, uri(b"back"));
    let (preventor, stub, _clock) = connect_with(more, move |_seen| json(200, &body)).await;
    let found = images(&preventor, &[TicketImageKind::Document]).await;
    assert_eq!((found.len(), &*found[0].content), (1, b"back".as_slice()));
    assert!(calls(&stub)[0].ends_with("?type=ID_FRONT"));
}

#[tokio::test]
async fn a_media_type_is_one_or_none() {
    for (said, media_type, file_name) in [
        ("image/jpeg", "image/jpeg", "document-0.jpg"),
        ("image/PNG;name=a", "image/png", "document-0.png"),
        ("image/svg+xml", "image/svg+xml", "document-0.bin"),
        ("application/pdf", "application/pdf", "document-0.bin"),
        ("image/x/../../evil", "application/octet-stream", "document-0.bin"),
        ("image/..", "application/octet-stream", "document-0.bin"),
        ("image/x y", "application/octet-stream", "document-0.bin"),
        ("image", "application/octet-stream", "document-0.bin"),
        ("", "application/octet-stream", "document-0.bin"),
    ] {
        let body = format!(r#"{{"DOCUMENT":"data:{said};base64,AAAA"}}"#);
        let (preventor, _stub) = connect(move |_seen| json(200, &body)).await;
        assert_eq!(images(&preventor, &[]).await[0].header.media_type, media_type, "{said}");
        let name = format!("connections/bank/identifications/{ID}").parse().unwrap();
        let listed = ListArtifacts { name: &name, reference: &known(INVITATION, &[TICKET]) };
        let artifact = preventor.list(listed).await.unwrap().unwrap().remove(0);
        assert_eq!((artifact.file_name.as_str(), artifact.media_type.as_str()), (file_name, media_type));
    }
}

#[tokio::test]
async fn what_is_broken_or_too_large_ends_the_transfer() {
    for (status, body, kind) in [
        (200, pictures()[..200_000].to_owned(), Kind::VendorResponseInvalid),
        (200, r#"{"a":"data:image/png;base64,?"}"#.to_owned(), Kind::VendorResponseInvalid),
        (200, "<html>".to_owned(), Kind::VendorResponseInvalid),
        (403, r#"{"code":"NOPE"}"#.to_owned(), Kind::VendorFeatureNotEnabled),
        (200, format!("[{}]", " ".repeat(1 << 20)), Kind::VendorResponseInvalid),
        (200, format!("[\"{}\"]", uri(&[7; 65_537])), Kind::VendorResponseInvalid),
    ] {
        let shown = body.chars().take(40).collect::<String>();
        let more = "images = { max_bytes = 1048576, max_image_bytes = 65536 }";
        let (preventor, _stub, _clock) = connect_with(more, move |_seen| json(status, &body)).await;
        let error = match preventor.images(&name(), &[]).await {
            Ok(found) => found.unwrap().try_collect::<Vec<_>>().await.err().unwrap(),
            Err(error) => error,
        };
        assert_eq!(error.kind, kind, "{shown}");
    }
    for status in [200, 404] {
        let (preventor, _stub) = connect(move |_seen| json(status, r#"{"code":"TCKTNTFND"}"#)).await;
        assert!(preventor.images(&name(), &[]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn so_many_answers_are_read_at_once() {
    let more = "images.max_downloads = 1";
    let (preventor, stub, clock) = connect_with(more, |_seen| json(200, &pictures())).await;
    let first = preventor.images(&name(), &[]).await.unwrap();
    let ticket = name();
    let mut second = Box::pin(preventor.images(&ticket, &[]));
    assert!(poll!(&mut second).is_pending());
    assert_eq!(calls(&stub).len(), 1, "the vendor's answer would not wait");
    drop(first);
    let second = second.await.unwrap().unwrap();
    let mut third = Box::pin(preventor.images(&ticket, &[]));
    assert!(poll!(&mut third).is_pending());
    clock.advance(Duration::from_secs(20));
    assert_eq!(third.await.err().unwrap().kind, Kind::GatewayOverloaded);
    drop(second);

    // A file that was opened holds its place until it is read or left.
    let identification = format!("connections/bank/identifications/{ID}");
    let reference = known(INVITATION, &[TICKET]);
    let file = format!("{identification}/artifacts/document-0").parse().unwrap();
    let opened = preventor.open(OpenArtifact { name: &file, reference: &reference }).await.unwrap().unwrap();
    let mut fourth = Box::pin(preventor.images(&ticket, &[]));
    assert!(poll!(&mut fourth).is_pending());
    assert_eq!(opened.content.try_collect::<Vec<_>>().await.unwrap().concat(), picture(2));
    assert!(fourth.await.unwrap().is_some());
}

#[tokio::test]
async fn images_are_files_of_their_identification() {
    let (preventor, stub) = connect(|_seen| json(200, &pictures())).await;
    let identification = format!("connections/bank/identifications/{ID}").parse().unwrap();
    let reference = known(INVITATION, &[TICKET]);
    let listed = ListArtifacts { name: &identification, reference: &reference };
    let artifacts = preventor.list(listed).await.unwrap().unwrap();
    let told: Vec<_> = artifacts.iter().map(|it| (it.file_name.as_str(), it.kind())).collect();
    assert_eq!(
        told,
        [
            ("self-portrait-0.jpg", ArtifactKind::Face),
            ("document-0.jpg", ArtifactKind::DocumentFront),
            ("document-1.jpg", ArtifactKind::DocumentFront),
        ]
    );
    let name = artifacts[2].name.parse().unwrap();
    let opened = OpenArtifact { name: &name, reference: &reference };
    let opened = preventor.open(opened).await.unwrap().unwrap();
    assert_eq!(opened.artifact, artifacts[2]);
    let content: Vec<_> = opened.content.try_collect().await.unwrap();
    assert_eq!(content.concat(), picture(3));
    assert!(calls(&stub)[1].ends_with("?type=DOCUMENT"), "only what is needed is asked for");
    let missing = format!("{identification}/artifacts/document-7").parse().unwrap();
    let error = preventor.open(OpenArtifact { name: &missing, reference: &reference }).await.err().unwrap();
    assert_eq!(error.kind, Kind::ResourceNotFound);
    let nothing = ListArtifacts { name: &identification, reference: &known(INVITATION, &[]) };
    assert!(preventor.list(nothing).await.unwrap().is_none());
}
