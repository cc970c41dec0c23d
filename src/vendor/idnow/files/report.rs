//! Reports that IDnow also hands out by themselves. They pass through: the caller's pace is the vendor's.

use futures::StreamExt as _;

use crate::error::{Error, Kind, Result};
use crate::proto::{Artifact, ArtifactKind, VendorReference};
use crate::vendor::OpenedArtifact;
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::files::kind::REPORT_PDF;
use crate::vendor::idnow::files::size;
use crate::vendor::idnow::identification::address;

const GET_PDF: &str = "idnow.get_pdf";
const GET_XML: &str = "idnow.get_xml";

/// The PDF is the same file as in the archive. The XML is not called so: no signature comes with it.
pub(super) const REPORTS: [Report; 2] = [
    Report {
        id: REPORT_PDF,
        operation: GET_PDF,
        extension: "pdf",
        kind: ArtifactKind::ReportPdf,
        media_type: "application/pdf",
        file_name: "report.pdf",
    },
    Report {
        id: "report-xml-direct",
        operation: GET_XML,
        extension: "xml",
        kind: ArtifactKind::ReportXml,
        media_type: "application/xml",
        file_name: "report.xml",
    },
];

/// One of them.
pub(super) struct Report {
    /// The last part of its name.
    pub(super) id: &'static str,
    operation: &'static str,
    /// How its path ends, which is also IDnow's word for it.
    extension: &'static str,
    kind: ArtifactKind,
    media_type: &'static str,
    file_name: &'static str,
}

impl Report {
    /// What is known of it without asking.
    pub(super) fn artifact(&self) -> Artifact {
        Artifact {
            kind: self.kind.into(),
            media_type: self.media_type.to_owned(),
            file_name: self.file_name.to_owned(),
            vendor_kind: self.extension.to_owned(),
            ..Artifact::default()
        }
    }

    /// Straight from the vendor, at most `max_bytes`. `None`: there is none.
    pub(super) async fn open(
        &self,
        vendor: &Idnow,
        reference: &VendorReference,
        max_bytes: u64,
    ) -> Result<Option<OpenedArtifact>> {
        let file = vendor.api.file(self.operation, &address(reference)?, self.extension).await?;
        let Some(file) = file else { return Ok(None) };
        let artifact = Artifact { size_bytes: file.size.map_or(0, size), ..self.artifact() };
        let (operation, mut left) = (self.operation, max_bytes);
        let content = file.pieces.map(move |piece| {
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
                Error::new(Kind::VendorResponseInvalid, operation, "the vendor's file is too large")
            })?;
            Ok(piece)
        });
        Ok(Some(OpenedArtifact { artifact, content: content.boxed() }))
    }
}
