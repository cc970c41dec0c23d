//! The files of a result: PDF, XML and the archive of everything.

mod archive;
mod printout;
mod signature;
mod xml;

use std::io;

use axum::body::Bytes;
use serde_json::Value;

use printout::pdf;

pub(super) use archive::Shape;
pub(super) use signature::Signer;

/// What the files of one identification are made from.
pub(super) struct Dossier {
    /// The transaction number: every file is named after it.
    pub(super) number: String,
    /// What GET answers.
    pub(super) document: Value,
    /// The contracts, by the names they have among the attachments.
    pub(super) contracts: Vec<(String, Bytes)>,
    /// What is odd about the archive.
    pub(super) shape: Shape,
}

impl Dossier {
    /// The result on a page.
    pub(super) fn pdf(&self) -> Vec<u8> {
        let process = &self.document["identificationprocess"];
        let text = |name: &str| process[name].as_str().unwrap_or("none").to_owned();
        pdf(&[
            "Result of an identification".to_owned(),
            format!("Transaction number: {}", self.number),
            format!("Ident: {}", text("id")),
            format!("Result: {}", text("result")),
            format!("Time: {}", text("identificationtime")),
            "Made by the sandbox of idv-gateway. Nobody was identified.".to_owned(),
        ])
    }

    /// The result as XML.
    pub(super) fn xml(&self) -> String {
        xml::render(&self.document)
    }

    /// Everything in one archive.
    pub(super) fn zip(&self, signer: &Signer) -> io::Result<Vec<u8>> {
        archive::build(self, signer)
    }

    /// The attachments: their names in the result, and those of their files.
    fn attachments(&self) -> impl Iterator<Item = (&str, &str)> {
        let attachments = self.document["attachments"].as_object().into_iter().flatten();
        attachments.filter_map(|(name, file)| Some((name.as_str(), file.as_str()?)))
    }

    fn contract(&self, name: &str) -> Option<&Bytes> {
        self.contracts.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes)
    }
}
