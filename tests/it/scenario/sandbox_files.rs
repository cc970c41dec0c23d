//! The files of the sandbox, sound and hostile, by way of the gateway.

use idv_gateway::proto::{Artifact, ArtifactKind as Kind, ResultView, SignatureVerdict as Verdict};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::artifacts::{Downloaded, listed, opened};
use super::house::House;
use super::result::try_result;
use super::words::{BANK, refused};

/// The large archive of a video identification.
const LARGE: i64 = 45_000_000;

/// An identification with a decision, and what its vendor's archive is like.
struct Finished {
    house: House,
    id: String,
}

impl Finished {
    async fn new() -> Self {
        let house = House::silent().await;
        let id = house.created().await;
        house.reviewed(&id, "SUCCESS").await;
        Self { house, id }
    }

    fn name(&self) -> String {
        format!("{BANK}/identifications/{}", self.id)
    }

    async fn shape(&self, shape: Value) {
        self.house.person(&self.id, "archive", shape).await;
    }

    async fn listed(&self) -> Result<Vec<Artifact>, Status> {
        listed(&self.house, &self.name()).await
    }

    async fn download(&self, artifact: &str) -> Result<Downloaded, Status> {
        let name = format!("{}/artifacts/{artifact}", self.name());
        Downloaded::read(opened(&self.house, &name, 0).await?).await
    }

    /// The verdict on the XML report, in the list and in the download.
    async fn verdict(&self) -> Verdict {
        let listed = self.listed().await.unwrap();
        let report = listed.iter().find(|artifact| artifact.kind() == Kind::ReportXml).unwrap();
        assert_eq!(&self.download("report-xml").await.unwrap().header, report);
        report.signature()
    }
}

#[tokio::test]
async fn every_file_of_a_result_comes_through() {
    let finished = Finished::new().await;
    let listed = finished.listed().await.unwrap();
    let kinds: Vec<_> = listed.iter().map(Artifact::kind).collect();
    for kind in [
        Kind::ArchiveZip,
        Kind::ReportPdf,
        Kind::ReportXml,
        Kind::ReportXmlSignature,
        Kind::DocumentFront,
        Kind::DocumentBack,
        Kind::Face,
        Kind::SecurityFeatureImage,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} is not in {kinds:?}");
    }
    for artifact in &listed {
        let id = artifact.name.rsplit('/').next().unwrap();
        let downloaded = finished.download(id).await.unwrap();
        let told = if artifact.size_bytes == 0 { &downloaded.header } else { artifact };
        assert_eq!(i64::try_from(downloaded.bytes.len()).unwrap(), told.size_bytes, "{id}");
        let begins: &[u8] = match artifact.media_type.as_str() {
            "application/pdf" => b"%PDF",
            "application/zip" => b"PK\x03\x04",
            "image/jpeg" => b"\xff\xd8\xff",
            "image/png" => b"\x89PNG",
            _ => b"",
        };
        assert!(downloaded.bytes.starts_with(begins), "{id}");
    }
}

#[tokio::test]
async fn a_result_names_the_files_that_need_no_look() {
    let finished = Finished::new().await;
    let listed: Vec<_> = finished.listed().await.unwrap().into_iter().map(|artifact| artifact.name).collect();
    for view in [ResultView::Status, ResultView::Full] {
        let result = try_result(&finished.house, &finished.id, view, false).await.unwrap().result.unwrap();
        let id = |artifact: &Artifact| artifact.name.rsplit('/').next().unwrap().to_owned();
        let ids: Vec<_> = result.artifacts.iter().map(id).collect();
        assert_eq!(ids, ["archive", "report-pdf", "report-xml-direct"], "{view:?}");
        for artifact in result.artifacts {
            assert!(listed.contains(&artifact.name), "{} is not in {listed:?}", artifact.name);
            let header = finished.download(&id(&artifact)).await.unwrap().header;
            assert_eq!(artifact, Artifact { size_bytes: 0, ..header });
        }
    }
    finished.house.person(&finished.id, "archive", json!({ "kind": "truncated" })).await;
    let report = finished.download("report-xml-direct").await.unwrap();
    assert!(report.bytes.starts_with(b"<"), "whatever the archive is like");

    let id = finished.house.created().await;
    finished.house.person(&id, "start", json!({})).await;
    finished.house.person(&id, "submit", json!({ "result": "REVIEW_PENDING" })).await;
    let early = try_result(&finished.house, &id, ResultView::Full, true).await.unwrap();
    assert!(early.preliminary && early.result.unwrap().artifacts.is_empty());
}

#[tokio::test]
async fn before_there_is_a_result_there_are_no_files() {
    let house = House::silent().await;
    let id = house.created().await;
    let finished = Finished { house, id };
    for status in [finished.listed().await.unwrap_err(), finished.download("face").await.err().unwrap()] {
        refused(&status, Code::FailedPrecondition, "RESULT_NOT_READY");
    }
    finished.house.person(&finished.id, "start", json!({})).await;
    refused(&finished.listed().await.unwrap_err(), Code::FailedPrecondition, "RESULT_NOT_READY");
    finished.house.person(&finished.id, "submit", json!({ "result": "REVIEW_PENDING" })).await;
    assert!(!finished.listed().await.unwrap().is_empty(), "preliminary ones");
}

#[tokio::test]
async fn the_verdict_on_the_signature_is_shown() {
    let Finished { house, id } = Finished::new().await;
    let url = format!("http://{}/control/signing-key", house.vendor_address());
    let key = house.send(house.client().get(url)).await.body;
    std::fs::write(house.folder().join("signing.pem"), key).unwrap();
    let finished = Finished { house, id };
    assert_eq!(finished.verdict().await, Verdict::Unchecked);

    let Finished { house, id } = finished;
    let finished = Finished { house: house.restarted_with(|plan| plan.signing_key = true).await, id };
    assert_eq!(finished.verdict().await, Verdict::Valid);
    finished.shape(json!({ "kind": "wrong_signature" })).await;
    assert_eq!(finished.verdict().await, Verdict::Invalid);
}

#[tokio::test]
async fn a_large_archive_comes_whole() {
    let finished = Finished::new().await;
    finished.shape(json!({ "kind": "padded", "bytes": LARGE })).await;
    let downloaded = finished.download("archive").await.unwrap();
    assert_eq!(downloaded.header.size_bytes, LARGE);
    assert_eq!(i64::try_from(downloaded.bytes.len()).unwrap(), LARGE);
}

#[tokio::test]
async fn hostile_archives_are_refused_by_their_rule() {
    let finished = Finished::new().await;
    for (shape, rule) in [
        (json!({ "kind": "traversal" }), "name_traversal"),
        (json!({ "kind": "entries", "count": 2000 }), "entries"),
        (json!({ "kind": "bomb", "bytes": 50_000_000 }), "ratio"),
        (json!({ "kind": "truncated" }), "truncated"),
    ] {
        finished.shape(shape).await;
        for status in [
            finished.listed().await.unwrap_err(),
            finished.download("archive").await.err().unwrap(),
            finished.download("face").await.err().unwrap(),
        ] {
            let details = refused(&status, Code::DataLoss, "ARCHIVE_REFUSED");
            assert_eq!(details.error_info().unwrap().metadata["rule"], rule);
            assert!(!status.message().contains("outside"), "a name of the vendor: {}", status.message());
        }
    }
    finished.shape(json!({ "kind": "plain" })).await;
    assert!(finished.listed().await.is_ok());
}
