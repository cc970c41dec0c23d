//! What a file in IDnow's archive is, told by the end of its name.

use std::collections::HashMap;

use crate::proto::{Artifact, ArtifactKind as Kind, SignatureVerdict};
use crate::vendor::kit::archive::Entry;

/// Longest name that is shown.
const MAX_SHOWN: usize = 128;

/// The archive as a whole.
pub(super) const ARCHIVE: &str = "archive";
/// The report that IDnow also hands out by itself.
pub(super) const REPORT_PDF: &str = "report-pdf";
const REPORT_XML: &str = "report-xml";
const REPORT_XML_SIGNATURE: &str = "report-xml-signature";

/// What a name may end in (without its extension, and without a number behind), and what it means.
const WORDS: [(&str, Kind, &str); 11] = [
    ("idfrontside", Kind::DocumentFront, "document-front"),
    ("idbackside", Kind::DocumentBack, "document-back"),
    ("userface", Kind::Face, "face"),
    ("securityfeaturevideo", Kind::SecurityFeatureVideo, "security-feature-video"),
    ("security", Kind::SecurityFeatureImage, "security-feature-image"),
    ("utilitybill", Kind::ProofOfAddress, "proof-of-address"),
    ("bankstatement", Kind::ProofOfAddress, "proof-of-address"),
    ("signed", Kind::ContractSigned, "contract-signed"),
    ("original", Kind::ContractOriginal, "contract-original"),
    ("signedcontract", Kind::ContractSigned, "contract-signed"),
    ("contract", Kind::ContractOriginal, "contract-original"),
];

/// One file of an archive: what callers see of it, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The last part of its name, made of its kind and a number.
    pub(super) id: String,
    pub(super) entry: Entry,
    pub(super) artifact: Artifact,
}

/// The files of an archive in the order of their names, so that the same archive has the same ids however it is packed.
pub(super) fn name_all(entries: &[Entry]) -> Vec<Known> {
    let mut entries = entries.to_vec();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut counts = HashMap::new();
    let known = |entry: Entry| {
        let file_name = entry.name.rsplit('/').next().unwrap_or_default();
        let (kind, stem, vendor_kind) = classify(&file_name.to_ascii_lowercase());
        let count = counts.entry(stem).and_modify(|count| *count += 1).or_insert(1);
        let id = if *count == 1 { stem.to_owned() } else { format!("{stem}-{count}") };
        let artifact = Artifact {
            name: String::new(),
            kind: kind.into(),
            media_type: media_type(file_name).to_owned(),
            file_name: shown(file_name),
            size_bytes: i64::try_from(entry.size).unwrap_or(i64::MAX),
            vendor_kind,
            signature: SignatureVerdict::Unspecified.into(),
        };
        Known { id, entry, artifact }
    };
    entries.into_iter().map(known).collect()
}

/// Whether `artifact` is the report that IDnow signs.
pub(super) fn is_signed(known: &Known) -> bool {
    known.id == REPORT_XML
}

/// Whether `artifact` is the signature over that report.
pub(super) fn is_signature(known: &Known) -> bool {
    known.id == REPORT_XML_SIGNATURE
}

/// Kind, id without its number, and IDnow's own word for it.
fn classify(name: &str) -> (Kind, &'static str, String) {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if extension == "sig" {
        return (Kind::ReportXmlSignature, REPORT_XML_SIGNATURE, "xmlsig".to_owned());
    }
    if extension == "xml" {
        return (Kind::ReportXml, REPORT_XML, "xml".to_owned());
    }
    let end = stem.rsplit('_').next().unwrap_or_default();
    let word = end.trim_end_matches(|digit: char| digit.is_ascii_digit());
    if end.len() - word.len() <= 2
        && let Some((_, kind, id)) = WORDS.into_iter().find(|(known, ..)| *known == contract_or(word))
    {
        return (kind, id, contract_or(end).to_owned());
    }
    match extension {
        "pdf" => (Kind::ReportPdf, REPORT_PDF, "pdf".to_owned()),
        _ => (Kind::Unspecified, "file", String::new()),
    }
}

/// A signed contract may be called by IDnow's word for it, a hyphen and the document's identifier.
fn contract_or(word: &str) -> &str {
    match word.split_once('-') {
        Some((contract @ ("contract" | "signedcontract"), _identifier)) => contract,
        _ => word,
    }
}

/// The media type that the end of a name stands for.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        "zip" => "application/zip",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}

/// A name that can be printed and used anywhere: other characters than `[A-Za-z0-9._-]` become `_`, and no more than the
/// end is kept of a long one. It never begins with a dot or a hyphen.
fn shown(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let mut letters: Vec<char> =
        name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    letters.drain(..letters.len().saturating_sub(MAX_SHOWN));
    if let Some(first) = letters.first_mut().filter(|first| ['.', '-'].contains(first)) {
        *first = '_';
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> (Kind, &'static str, String) {
        classify(&name.to_ascii_lowercase())
    }

    #[test]
    fn every_name_of_the_documents_has_its_kind() {
        for (name, kind, vendor_kind) in [
            ("AH73JK3LM.pdf", Kind::ReportPdf, "pdf"),
            ("AH73JK3LM.xml", Kind::ReportXml, "xml"),
            ("AH73JK3LM.xml.sig", Kind::ReportXmlSignature, "xmlsig"),
            ("AH73JK3LM.sig", Kind::ReportXmlSignature, "xmlsig"),
            ("AH73JK3LM_idfrontside.jpg", Kind::DocumentFront, "idfrontside"),
            ("AH73JK3LM_IDBACKSIDE.PNG", Kind::DocumentBack, "idbackside"),
            ("a_b_userface.jpg", Kind::Face, "userface"),
            ("a_security1.jpg", Kind::SecurityFeatureImage, "security1"),
            ("a_security12.png", Kind::SecurityFeatureImage, "security12"),
            ("a_securityfeaturevideo.mp4", Kind::SecurityFeatureVideo, "securityfeaturevideo"),
            ("20250206_utilitybill.jpg", Kind::ProofOfAddress, "utilitybill"),
            ("a_Contract_document_original.pdf", Kind::ContractOriginal, "original"),
            ("a_Contract_document_signed.pdf", Kind::ContractSigned, "signed"),
            ("signedcontract-doc.pdf", Kind::ContractSigned, "signedcontract"),
            ("a_contract-doc.pdf", Kind::ContractOriginal, "contract"),
            ("20250206_signature.jpg", Kind::Unspecified, ""),
            ("a_security123.jpg", Kind::Unspecified, ""),
            ("", Kind::Unspecified, ""),
            ("idfrontside", Kind::DocumentFront, "idfrontside"),
        ] {
            let (found, _, word) = told(name);
            assert_eq!((found, word.as_str()), (kind, vendor_kind), "{name}");
        }
    }

    #[test]
    fn names_are_shown_without_anything_odd() {
        assert_eq!(shown("a b\u{202e}gpj.exe"), "a_b_gpj.exe");
        assert_eq!(shown("-rf"), "_rf");
        assert_eq!(shown(".profile"), "_profile");
        assert_eq!(shown("Müller<script>.jpg"), "M_ller_script_.jpg");
        let long = format!("{}.jpg", "x".repeat(300));
        assert_eq!((shown(&long).len(), shown(&long).ends_with("x.jpg")), (128, true));
        assert_eq!(shown(""), "");
    }
}
