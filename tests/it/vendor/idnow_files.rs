//! IDnow's files: the signature over the XML report, and where archives are kept meanwhile.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt as _;
use idv_gateway::clock::Clock;
use idv_gateway::error::{Error, Kind};
use idv_gateway::proto::{ArtifactKind, SignatureVerdict};
use idv_gateway::settings::Problems;
use idv_gateway::vendor::account_settings::AccountSettings as _;
use idv_gateway::vendor::idnow::Idnow;
use idv_gateway::vendor::kit::http::{HttpTransport, Timeouts};
use idv_gateway::vendor::{ListArtifacts, OpenArtifact, Vendor as _};

use super::rig::{Files, ID, connect, line, reference};
use crate::file_vendor::{FileVendor, Reply};
use crate::zip::{Entry, archive, deflated, stored};

const REPORT: &[u8] = b"<identifications><identification/></identifications>";

fn connection(vendor: &FileVendor, files: &Files, more: &str) -> Idnow {
    let settings = format!("base_url = \"http://{}\"\n[files]\n{more}", vendor.address);
    let transport = HttpTransport::new(Timeouts::default()).unwrap();
    connect(&files.settings("sandbox", &settings), Clock::system(), std::sync::Arc::new(transport))
}

fn name() -> String {
    format!("connections/bank/identifications/{ID}")
}

/// The verdict on the report, as the list and the download show it.
async fn verdict(idnow: &Idnow) -> Result<SignatureVerdict, Error> {
    let (whose, which) =
        (name().parse().unwrap(), format!("{}/artifacts/report-xml", name()).parse().unwrap());
    let reference = &reference("TST-FILES", ID);
    let artifacts = idnow.artifacts().unwrap();
    let listed = artifacts.list(ListArtifacts { name: &whose, reference }).await?.unwrap();
    let mut listed = listed.iter().filter(|it| it.kind() == ArtifactKind::ReportXml);
    let signed = listed.next();
    let beside: Vec<_> = listed.map(|it| (it.file_name.as_str(), it.signature())).collect();
    assert_eq!(beside, [("report.xml", SignatureVerdict::Unspecified)], "what nobody signed comes second");
    let opened = artifacts.open(OpenArtifact { name: &which, reference }).await?.unwrap();
    assert_eq!(signed, Some(&opened.artifact));
    let content: Vec<_> = opened.content.try_collect().await?;
    assert_eq!(content.concat(), REPORT);
    Ok(opened.artifact.signature())
}

struct Signer(RsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        let text = BASE64_STANDARD.encode(der.as_ref());
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), text, &mut signature).unwrap();
        signature
    }
}

#[tokio::test]
async fn a_signature_is_valid_invalid_or_unchecked() {
    let (vendor, files) = (FileVendor::open().await, Files::new());
    let (present, old, stranger) = (Signer::new(), Signer::new(), Signer::new());
    let keys = [("new.pem", &present), ("old.pem", &old)].map(|(name, key)| files.write(name, &key.pem()));
    let checking = connection(&vendor, &files, &format!("xml_signing_keys = {keys:?}"));
    let trusting = connection(&vendor, &files, "");
    let with = |signature: Vec<u8>| vec![deflated("tx.xml", REPORT), stored("tx.xml.sig", &signature)];
    let mut altered = present.sign(REPORT);
    altered[7] ^= 1;
    for (entries, checked, unchecked) in [
        (with(present.sign(REPORT)), SignatureVerdict::Valid, SignatureVerdict::Unchecked),
        (with(old.sign(REPORT)), SignatureVerdict::Valid, SignatureVerdict::Unchecked),
        (with(stranger.sign(REPORT)), SignatureVerdict::Invalid, SignatureVerdict::Unchecked),
        (with(present.sign(b"<another/>")), SignatureVerdict::Invalid, SignatureVerdict::Unchecked),
        (with(altered), SignatureVerdict::Invalid, SignatureVerdict::Unchecked),
        (with(Vec::new()), SignatureVerdict::Invalid, SignatureVerdict::Unchecked),
        (with(vec![1; 100_000]), SignatureVerdict::Invalid, SignatureVerdict::Unchecked),
        (vec![stored("tx.xml", REPORT)], SignatureVerdict::Unspecified, SignatureVerdict::Unspecified),
    ] {
        vendor.archive(archive(&entries));
        assert_eq!(verdict(&checking).await.unwrap(), checked);
        assert_eq!(verdict(&trusting).await.unwrap(), unchecked);
    }
}

#[tokio::test]
async fn a_file_that_is_no_key_stops_the_connection() {
    let files = Files::new();
    for (text, word) in
        [("", "must hold one"), ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "PEM")]
    {
        let key = files.write("key.pem", text);
        let settings = files.settings("test", &format!("[files]\nxml_signing_keys = [{key:?}]"));
        let transport = std::sync::Arc::new(HttpTransport::new(Timeouts::default()).unwrap());
        let line = line(settings.limits, Clock::system(), transport);
        let error = Idnow::new("bank".parse().unwrap(), &settings, Clock::system(), line).unwrap_err();
        assert_eq!(error.kind, Kind::ValidationFailed);
        assert!(
            error.detail.starts_with("connections.bank.idnow.files.xml_signing_keys: "),
            "{}",
            error.detail
        );
        assert!(error.detail.contains(word), "{}", error.detail);
    }
}

#[test]
fn limits_have_limits() {
    let files = Files::new();
    let problems = |more: &str| {
        let mut problems = Problems::default();
        files.settings("test", &format!("[files]\n{more}")).check(&mut problems);
        problems.into_found().into_iter().map(|problem| problem.path.join(".")).collect::<Vec<_>>()
    };
    assert_eq!(problems("max_bytes = 1048576\nmax_open = 64"), [] as [&str; 0]);
    assert_eq!(problems("max_bytes = 1048575\nmax_open = 65"), ["files.max_bytes", "files.max_open"]);
    assert_eq!(problems("max_bytes = 1073741825\nmax_open = 0"), ["files.max_bytes", "files.max_open"]);
}

#[tokio::test]
async fn an_archive_leaves_no_name_on_the_disk_and_has_a_largest_size() {
    let (vendor, files, spools) = (FileVendor::open().await, Files::new(), tempfile::tempdir().unwrap());
    let directory = spools.path();
    let idnow = connection(&vendor, &files, &format!("spool_directory = {directory:?}\nmax_bytes = 1048576"));
    let which = format!("{}/artifacts/archive", name()).parse().unwrap();
    let open = || OpenArtifact { name: &which, reference: Box::leak(Box::new(reference("", ID))) };
    let of = |length: usize| {
        let noise = Entry { packed: vec![7; length], ..stored("a_userface.jpg", &vec![7; length]) };
        archive(&[noise])
    };
    vendor.archive(of(1_000_000));
    let opened = idnow.artifacts().unwrap().open(open()).await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "nobody else can open it");
    let content: Vec<_> = opened.content.try_collect().await.unwrap();
    assert_eq!(content.concat(), of(1_000_000));

    vendor.archive(of(1_048_576));
    let error = idnow.artifacts().unwrap().open(open()).await.err().unwrap();
    assert_eq!((error.kind, error.vendor.unwrap().rule), (Kind::ArchiveRefused, "archive_bytes"));
    drop(spools);
    vendor.archive(of(1));
    let error = idnow.artifacts().unwrap().open(open()).await.err().unwrap();
    assert_eq!(error.kind, Kind::GatewayOverloaded, "no place to work in");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (vendor, files) = (FileVendor::open().await, Files::new());
    let idnow = connection(&vendor, &files, "");
    vendor.says("zip", Reply::Refused(401, "INVALID_LOGIN_TOKEN"));
    let error = verdict(&idnow).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorCredentialsRejected);
    assert_eq!((vendor.asked("/login"), vendor.asked(".zip")), (2, 2));
    vendor.archive(archive(&[stored("tx.xml", REPORT)]));
    assert!(verdict(&idnow).await.is_ok());
    assert_eq!(vendor.asked("/login"), 2);
}
