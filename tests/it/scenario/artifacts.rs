//! Files of identifications as callers meet them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use idv_gateway::proto::download_artifact_response::Part;
use idv_gateway::proto::{
    Artifact, ArtifactKind as Kind, ContentDigest, DownloadArtifactRequest, DownloadArtifactResponse,
    ListArtifactsRequest, SignatureVerdict,
};
use tokio::sync::Semaphore;
use tonic::{Code, Status, Streaming};

use super::house::House;
use super::operator::asked;
use super::words::{BANK, fields, refused, said};
use crate::file_vendor::{FileVendor, Reply};
use crate::zip::{archive, deflated, stored};

const CHUNK: usize = 64 * 1024;

/// A gateway whose vendor has files, with an identification of which it knows a decision.
struct Decided {
    vendor: FileVendor,
    house: House,
    /// `connections/../identifications/..`
    name: String,
}

impl Decided {
    async fn new() -> Self {
        let vendor = FileVendor::open().await;
        let house = House::with(|plan| {
            plan.webhooks = false;
            plan.vendor = Some(vendor.address);
            plan.min_evidence = "shared_secret";
        });
        let house = house.await;
        let id = house.created().await;
        assert_eq!(house.webhook(said("SUCCESS", &id).to_string()).await.status, 204);
        house.until("the decision", async || house.get(&id).await.decision).await;
        Self { vendor, house, name: format!("{BANK}/identifications/{id}") }
    }

    async fn page(&self, size: i32, token: &str) -> Result<(Vec<Artifact>, String), Status> {
        page(&self.house, &self.name, size, token).await
    }

    async fn listed(&self) -> Result<Vec<Artifact>, Status> {
        listed(&self.house, &self.name).await
    }

    async fn open(&self, artifact: &str, offset: i64) -> Result<Parts, Status> {
        opened(&self.house, &format!("{}/artifacts/{artifact}", self.name), offset).await
    }

    async fn download(&self, artifact: &str, offset: usize) -> Result<Downloaded, Status> {
        let offset = i64::try_from(offset).unwrap();
        Downloaded::read(self.open(artifact, offset).await?).await
    }
}

async fn page(
    house: &House,
    name: &str,
    page_size: i32,
    token: &str,
) -> Result<(Vec<Artifact>, String), Status> {
    let (parent, page_token) = (name.to_owned(), token.to_owned());
    let request = ListArtifactsRequest { parent, page_size, page_token };
    let page = house.identifications().list_artifacts(request).await?.into_inner();
    Ok((page.artifacts, page.next_page_token))
}

/// The first page of the files of the identification `name`.
pub(super) async fn listed(house: &House, name: &str) -> Result<Vec<Artifact>, Status> {
    page(house, name, 0, "").await.map(|(artifacts, _none)| artifacts)
}

/// A download of the file `name`.
pub(super) async fn opened(house: &House, name: &str, read_offset: i64) -> Result<Parts, Status> {
    let request = asked(DownloadArtifactRequest { name: name.to_owned(), read_offset });
    house.identifications().download_artifact(request).await.map(tonic::Response::into_inner)
}

type Parts = Streaming<DownloadArtifactResponse>;

/// A file as it came.
pub(super) struct Downloaded {
    pub(super) header: Artifact,
    pub(super) bytes: Vec<u8>,
}

impl Downloaded {
    /// Reads a download to its end, which must be as the contract says.
    pub(super) async fn read(mut stream: Parts) -> Result<Self, Status> {
        let Some(Part::Header(header)) = part(&mut stream).await? else { panic!("no header") };
        let mut bytes = Vec::new();
        let digest: ContentDigest = loop {
            match part(&mut stream).await?.expect("a trailer") {
                Part::Chunk(chunk) => {
                    assert!(bytes.len() % CHUNK == 0, "only the last chunk is short");
                    assert!((1..=CHUNK).contains(&chunk.len()), "{}", chunk.len());
                    bytes.extend(chunk);
                }
                Part::Trailer(digest) => break digest,
                Part::Header(header) => panic!("another header: {header:?}"),
            }
        };
        assert_eq!(part(&mut stream).await?, None, "the trailer is the last");
        assert_eq!(digest.size_bytes, i64::try_from(bytes.len()).unwrap());
        assert_eq!(digest.sha256, sha256(&bytes));
        Ok(Self { header, bytes })
    }
}

/// The next part; `None` at the end.
async fn part(stream: &mut Parts) -> Result<Option<Part>, Status> {
    Ok(stream.message().await?.map(|message| message.part.unwrap()))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect()
}

#[tokio::test]
async fn every_file_is_listed_and_handed_on() {
    let decided = Decided::new().await;
    let (front, video, report) = (noise(200_000), noise(3 * CHUNK), b"%PDF-1.7 made up".to_vec());
    let bytes = archive(&[
        stored("tx_securityfeaturevideo.mp4", &video),
        deflated("tx_idfrontside.jpg", &front),
        deflated("tx.pdf", &report),
        deflated("tx_security2.jpg", b"second"),
        deflated("tx_security1.jpg", b"first"),
        stored("tx etwas ganz anderes.bin", b""),
    ]);
    decided.vendor.archive(bytes.clone());
    decided.vendor.says("pdf", Reply::File(report.clone().into()));
    let xml = b"<identification/>";
    decided.vendor.says("xml", Reply::Unannounced(Bytes::from_static(xml)));

    let listed = decided.listed().await.unwrap();
    let told = |artifact: &Artifact| {
        let id = artifact.name.strip_prefix(&format!("{}/artifacts/", decided.name)).unwrap().to_owned();
        (id, artifact.kind(), artifact.media_type.clone(), artifact.file_name.clone(), artifact.size_bytes)
    };
    let expected = [
        ("archive", Kind::ArchiveZip, "application/zip", "archive.zip", bytes.as_slice()),
        ("file", Kind::Unspecified, "application/octet-stream", "tx_etwas_ganz_anderes.bin", b""),
        ("report-pdf", Kind::ReportPdf, "application/pdf", "tx.pdf", &report),
        ("document-front", Kind::DocumentFront, "image/jpeg", "tx_idfrontside.jpg", &front),
        ("security-feature-image", Kind::SecurityFeatureImage, "image/jpeg", "tx_security1.jpg", b"first"),
        ("security-feature-image-2", Kind::SecurityFeatureImage, "image/jpeg", "tx_security2.jpg", b"second"),
        (
            "security-feature-video",
            Kind::SecurityFeatureVideo,
            "video/mp4",
            "tx_securityfeaturevideo.mp4",
            &video,
        ),
        ("report-xml-direct", Kind::ReportXml, "application/xml", "report.xml", xml),
    ];
    let shown = expected.map(|(id, kind, media, file, bytes)| {
        let size = if id == "report-xml-direct" { 0 } else { i64::try_from(bytes.len()).unwrap() };
        (id.to_owned(), kind, media.to_owned(), file.to_owned(), size)
    });
    assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), shown);
    assert!(listed.iter().all(|artifact| artifact.signature() == SignatureVerdict::Unspecified));

    for (artifact, (id, _, _, _, bytes)) in listed.iter().zip(expected) {
        let whole = decided.download(id, 0).await.unwrap();
        assert_eq!(whole.bytes, bytes, "{id}");
        if id != "report-pdf" {
            assert_eq!(&whole.header, artifact);
        }
        for offset in [1, CHUNK, CHUNK + 1, bytes.len()].into_iter().filter(|offset| *offset <= bytes.len()) {
            let rest = decided.download(id, offset).await.unwrap();
            assert_eq!(rest.bytes, bytes[offset..], "{id} from {offset}");
            assert_eq!(rest.header, whole.header);
        }
        let status = decided.download(id, bytes.len() + 1).await.err().unwrap();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["read_offset"]);
    }
}

#[tokio::test]
async fn files_are_listed_by_page() {
    let decided = Decided::new().await;
    let entries: Vec<_> = (0..7).map(|number| stored(&format!("{number}_userface.jpg"), b"x")).collect();
    decided.vendor.archive(archive(&entries));
    let whole = decided.listed().await.unwrap();
    assert_eq!(whole.len(), 10);
    for size in [1, 3, 10, 1000] {
        let (mut artifacts, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = decided.page(size, &token).await.unwrap();
            assert!(page.len() <= usize::try_from(size).unwrap());
            artifacts.extend(page);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(artifacts, whole, "{size}");
    }
    let status = decided.page(-1, "").await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["page_size"]);
    let status = decided.page(0, "made up").await.unwrap_err();
    assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), ["page_token"]);
}

#[tokio::test]
async fn a_hostile_archive_is_refused_before_anything_of_it_is_handed_on() {
    let decided = Decided::new().await;
    decided.vendor.says("pdf", Reply::File(Bytes::from_static(b"%PDF")));
    decided.vendor.says("xml", Reply::File(Bytes::from_static(b"<?xml")));
    let sound = archive(&[stored("tx_userface.jpg", b"face")]);
    let bomb = archive(&[deflated("tx_userface.jpg", &vec![0; 4 << 20])]);
    for (bytes, rule) in [
        (archive(&[stored("../../etc/passwd", b"x")]), "name_traversal"),
        (bomb, "ratio"),
        (sound[..sound.len() - 5].to_vec(), "truncated"),
        (b"<html>".to_vec(), "not_an_archive"),
    ] {
        decided.vendor.archive(bytes);
        let list = decided.listed().await.unwrap_err();
        let whole = decided.download("archive", 0).await.err().unwrap();
        let face = decided.download("face", 0).await.err().unwrap();
        for status in [list, whole, face] {
            let details = refused(&status, Code::DataLoss, "ARCHIVE_REFUSED");
            assert_eq!(details.error_info().unwrap().metadata["rule"], rule);
            assert!(!status.message().contains("passwd"), "{}", status.message());
        }
        for (id, begins) in [("report-pdf", b"%PDF".as_slice()), ("report-xml-direct", b"<?xml")] {
            let report = decided.download(id, 0).await.unwrap();
            assert_eq!(
                (report.bytes.as_slice(), report.header.signature()),
                (begins, SignatureVerdict::Unspecified)
            );
        }
    }
    assert_eq!(decided.vendor.transfers(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_told_by_the_state() {
    let decided = Decided::new().await;
    for status in [decided.listed().await.unwrap_err(), decided.download("face", 0).await.err().unwrap()] {
        refused(&status, Code::FailedPrecondition, "IDENTIFICATION_GONE");
    }
    decided.vendor.archive(archive(&[]));
    let status = decided.download("face", 0).await.err().unwrap();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");

    let open =
        Decided { name: format!("{BANK}/identifications/{}", decided.house.created().await), ..decided };
    open.vendor.says("zip", Reply::Refused(404, "OBJECT_NOT_FOUND"));
    for status in [open.listed().await.unwrap_err(), open.download("report-pdf", 0).await.err().unwrap()] {
        refused(&status, Code::FailedPrecondition, "RESULT_NOT_READY");
    }
    let unknown =
        Decided { name: format!("{BANK}/identifications/0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d"), ..open };
    for status in [unknown.listed().await.unwrap_err(), unknown.open("face", 0).await.err().unwrap()] {
        refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    for id in ["", "Face", "../archive", "a/b", "1face", "a%2e", &"a".repeat(64)] {
        let status = unknown.open(id, -1).await.err().unwrap();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), ["name", "read_offset"], "{id}");
    }
}

#[tokio::test]
async fn the_vendors_faults_have_their_reasons() {
    let decided = Decided::new().await;
    let cut = || Reply::CutOff(Bytes::from(vec![b'P'; 3 * CHUNK]));
    for (reply, code, reason) in [
        (Reply::Refused(503, "INTERNAL_SERVER_ERROR"), Code::Unavailable, "VENDOR_UNAVAILABLE"),
        (Reply::Refused(429, ""), Code::ResourceExhausted, "VENDOR_RATE_LIMITED"),
        (Reply::Refused(403, "FORBIDDEN"), Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED"),
        (Reply::Refused(401, "INVALID_LOGIN_TOKEN"), Code::FailedPrecondition, "VENDOR_CREDENTIALS_REJECTED"),
        (Reply::Refused(404, ""), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (Reply::Refused(200, "OBJECT_NOT_FOUND"), Code::FailedPrecondition, "IDENTIFICATION_GONE"),
        (Reply::Text(200, "text/html; charset=utf-8", "<p>"), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (Reply::Text(200, "application/json", "{}"), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (Reply::Text(204, "application/zip", ""), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (Reply::Text(302, "application/zip", ""), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (cut(), Code::Unavailable, "VENDOR_UNAVAILABLE"),
    ] {
        for extension in ["zip", "pdf", "xml"] {
            decided.vendor.says(extension, reply.clone());
        }
        refused(&decided.listed().await.unwrap_err(), code, reason);
        for id in ["archive", "report-pdf", "report-xml-direct"] {
            refused(&decided.download(id, 0).await.err().unwrap(), code, reason);
        }
    }
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_vendors_transfer() {
    let decided = Decided::new().await;
    decided.vendor.says("pdf", Reply::Endless);
    let mut stream = decided.open("report-pdf", 0).await.unwrap();
    assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Header(_))));
    assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Chunk(_))));
    assert_eq!(decided.vendor.transfers(), 1);
    drop(stream);
    decided.house.until("the end", async || (decided.vendor.transfers() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_nothing_and_is_dropped() {
    let decided = Decided::new().await;
    decided.vendor.says("pdf", Reply::Endless);
    let mut stream = decided.open("report-pdf", 0).await.unwrap();
    assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Header(_))));
    decided.house.in_time("the end", async || (decided.vendor.transfers() == 0).then_some(())).await;
    assert!(decided.vendor.sent() < 16 << 20, "{}", decided.vendor.sent());
    let status = end(stream).await;
    refused(&status, Code::ResourceExhausted, "SLOW_CONSUMER");
}

/// Reads until the stream breaks off.
async fn end(mut stream: Parts) -> Status {
    loop {
        match part(&mut stream).await {
            Ok(Some(_part)) => {}
            Ok(None) => panic!("it ended in good order"),
            Err(status) => return status,
        }
    }
}

#[tokio::test]
async fn a_download_ends_at_its_deadline_and_has_one_in_any_case() {
    let decided = Decided::new().await;
    let permits = Arc::new(Semaphore::new(0));
    decided.vendor.says("pdf", Reply::Paced(permits.clone()));
    for (asked_for, ends_after) in [(Some(20), 20), (None, 300), (Some(86_400), 3600)] {
        let name = format!("{}/artifacts/report-pdf", decided.name);
        let mut request = asked(DownloadArtifactRequest { name, read_offset: 0 });
        if let Some(seconds) = asked_for {
            request.set_timeout(Duration::from_secs(seconds));
        }
        let mut stream =
            decided.house.identifications().download_artifact(request).await.unwrap().into_inner();
        assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Header(_))));
        // The vendor is slow, and never silent for ten seconds.
        let mut left = ends_after - 1;
        while left > 0 {
            permits.add_permits(1);
            assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Chunk(_))));
            let pause = left.min(9);
            decided.house.clock.advance(Duration::from_secs(pause));
            left -= pause;
        }
        assert_eq!(decided.house.operator("/livez").await.status, 200);
        assert_eq!(decided.vendor.transfers(), 1, "{asked_for:?}");
        decided.house.clock.advance(Duration::from_secs(1));
        refused(&end(stream).await, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
        decided.house.until("the end", async || (decided.vendor.transfers() == 0).then_some(())).await;
    }
}

#[tokio::test]
async fn a_vendor_that_falls_silent_ends_a_download() {
    let decided = Decided::new().await;
    decided.vendor.says("pdf", Reply::Stalling);
    let mut stream = decided.open("report-pdf", 0).await.unwrap();
    assert!(matches!(part(&mut stream).await.unwrap(), Some(Part::Header(_))));
    let over = async || (decided.vendor.transfers() == 0).then_some(());
    decided.house.in_time("the end", over).await;
    refused(&end(stream).await, Code::Unavailable, "VENDOR_TIMEOUT");
}

#[tokio::test]
async fn a_download_goes_on_through_a_drain() {
    let decided = Decided::new().await;
    let report = noise(1 << 20);
    decided.vendor.says("pdf", Reply::Unannounced(report.clone().into()));
    let stream = decided.open("report-pdf", 0).await.unwrap();
    decided.house.until("its transfer", async || (decided.vendor.sent() > 0).then_some(())).await;
    let Decided { house, vendor, .. } = decided;
    let (downloaded, (in_time, _folder)) = tokio::join!(Downloaded::read(stream), house.shut_down());
    let downloaded = downloaded.unwrap();
    assert!(in_time);
    assert_eq!(vendor.transfers(), 0);
    assert_eq!(downloaded.header.size_bytes, 0, "the vendor did not say");
    assert!(downloaded.bytes == report, "{} bytes came", downloaded.bytes.len());
}
