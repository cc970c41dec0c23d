//! Files of identifications: IDnow hands out a PDF report, and an archive with everything.
//!
//! The archive is spooled and looked through before anything in it is handed on. The PDF passes through: it is the one
//! file that IDnow also hands out by itself and does not sign.

pub(super) mod config;
mod kind;
mod signature;

use std::fmt;
use std::io::Read as _;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA512};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::proto::{Artifact, ArtifactKind, SignatureVerdict, VendorReference};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::files::config::FileSettings;
use crate::vendor::idnow::files::kind::{ARCHIVE, Known, REPORT_PDF, is_signature, is_signed, name_all};
use crate::vendor::idnow::files::signature::{KeyError, MAX_SIGNATURE, SigningKeys};
use crate::vendor::idnow::identification::address;
use crate::vendor::kit::archive::{Archive, ArchiveError, EntryReader};
use crate::vendor::kit::spool::{CHUNK, Spool, SpoolReader, Spools, blocking};
use crate::vendor::{Artifacts, ListArtifacts, OpenArtifact, OpenedArtifact};

const GET_PDF: &str = "idnow.get_pdf";
const GET_ZIP: &str = "idnow.get_zip";

/// What the files of one account are read with.
pub(super) struct Files {
    spools: Spools,
    keys: Arc<SigningKeys>,
    max_bytes: u64,
}

/// An archive that was looked through, and what is in it.
struct Contents {
    archive: Archive,
    files: Vec<Known>,
}

impl Files {
    pub(super) fn new(settings: &FileSettings, clock: Clock) -> Result<Self, KeyError> {
        Ok(Self {
            spools: Spools::new(clock, settings.directory(), settings.max_bytes, settings.max_open),
            keys: Arc::new(SigningKeys::read(&settings.xml_signing_keys)?),
            max_bytes: settings.max_bytes,
        })
    }

    /// The archive of one identification. `None`: there is none.
    async fn contents(&self, vendor: &Idnow, reference: &VendorReference) -> Result<Option<Contents>> {
        let place = self.spools.place(GET_ZIP).await?;
        let file = vendor.api.file(GET_ZIP, &address(reference)?, "zip").await?;
        let Some(file) = file else { return Ok(None) };
        let spool = Arc::new(place.keep(file.pieces).await?);
        let keys = self.keys.clone();
        let contents = blocking(move || Contents::read(spool, &keys)).await;
        contents.map(Some).map_err(|error: ArchiveError| error.error(GET_ZIP))
    }

    /// The report, straight from the vendor.
    async fn report(&self, vendor: &Idnow, reference: &VendorReference) -> Result<Option<OpenedArtifact>> {
        let file = vendor.api.file(GET_PDF, &address(reference)?, "pdf").await?;
        let Some(file) = file else { return Ok(None) };
        let artifact = Artifact {
            kind: ArtifactKind::ReportPdf.into(),
            media_type: "application/pdf".to_owned(),
            file_name: "report.pdf".to_owned(),
            size_bytes: file.size.map_or(0, size),
            vendor_kind: "pdf".to_owned(),
            ..Artifact::default()
        };
        let mut left = self.max_bytes;
        let content = file.pieces.map(move |piece| {
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
                Error::new(Kind::VendorResponseInvalid, GET_PDF, "the vendor's file is too large")
            })?;
            Ok(piece)
        });
        Ok(Some(OpenedArtifact { artifact, content: content.boxed() }))
    }
}

impl Contents {
    /// Looks through the archive in `spool`. Waits for the disk.
    fn read(spool: Arc<Spool>, keys: &SigningKeys) -> Result<Self, ArchiveError> {
        let archive = Archive::read(spool)?;
        let mut files = name_all(archive.entries());
        let report = files.iter().position(is_signed);
        let signature = files.iter().position(is_signature);
        if let (Some(report), Some(signature)) = (report, signature) {
            let verdict = verify(&archive, &files[report], &files[signature], keys)?;
            files[report].artifact.signature = verdict.into();
        }
        Ok(Self { archive, files })
    }

    /// What callers see, the archive itself first.
    fn artifacts(&self) -> impl Iterator<Item = (&str, Artifact)> {
        let whole = Artifact {
            kind: ArtifactKind::ArchiveZip.into(),
            media_type: "application/zip".to_owned(),
            file_name: "archive.zip".to_owned(),
            size_bytes: size(self.archive.spool().len()),
            vendor_kind: "zip".to_owned(),
            ..Artifact::default()
        };
        let files = self.files.iter().map(|file| (file.id.as_str(), file.artifact.clone()));
        std::iter::once((ARCHIVE, whole)).chain(files)
    }

    fn content(&self, id: &str) -> BoxStream<'static, Result<Bytes>> {
        let file = self.files.iter().find(|file| file.id == id);
        let reader = file.map(|file| self.archive.open(&file.entry));
        match reader {
            Some(reader) => stream::try_unfold(reader, next_of_entry).boxed(),
            None => stream::try_unfold(self.archive.spool().reader(0, u64::MAX), next_of_spool).boxed(),
        }
        .map_err(|error| error.error(GET_ZIP))
        .boxed()
    }
}

async fn next_of_entry(mut reader: EntryReader) -> Result<Option<(Bytes, EntryReader)>, ArchiveError> {
    blocking(move || Ok(reader.next_piece()?.map(|piece| (piece, reader)))).await
}

async fn next_of_spool(mut reader: SpoolReader) -> Result<Option<(Bytes, SpoolReader)>, ArchiveError> {
    blocking(move || {
        let mut piece = vec![0; CHUNK];
        let count = reader.read(&mut piece)?;
        piece.truncate(count);
        Ok((count > 0).then(|| (piece.into(), reader)))
    })
    .await
}

fn verify(
    archive: &Archive,
    report: &Known,
    signature: &Known,
    keys: &SigningKeys,
) -> Result<SignatureVerdict, ArchiveError> {
    let mut hash = Context::new(&SHA512);
    let mut reader = archive.open(&report.entry);
    while let Some(piece) = reader.next_piece()? {
        hash.update(&piece);
    }
    // Longer than one piece is longer than any signature.
    let said = archive.open(&signature.entry).next_piece()?.unwrap_or_default();
    let said = if said.len() <= MAX_SIGNATURE { said } else { Bytes::new() };
    Ok(keys.judge(&hash.finish(), &said))
}

fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[async_trait]
impl Artifacts for Idnow {
    async fn list(&self, list: ListArtifacts<'_>) -> Result<Option<Vec<Artifact>>> {
        let Some(contents) = self.files.contents(self, list.reference).await? else { return Ok(None) };
        let named = |(id, artifact): (&str, Artifact)| Artifact {
            name: format!("{}/artifacts/{id}", list.name),
            ..artifact
        };
        Ok(Some(contents.artifacts().map(named).collect()))
    }

    async fn open(&self, open: OpenArtifact<'_>) -> Result<Option<OpenedArtifact>> {
        let id = open.name.artifact.as_str();
        let named = |artifact| Artifact { name: open.name.to_string(), ..artifact };
        if id == REPORT_PDF {
            let report = self.files.report(self, open.reference).await?;
            return Ok(report.map(|it| OpenedArtifact { artifact: named(it.artifact), ..it }));
        }
        let Some(contents) = self.files.contents(self, open.reference).await? else { return Ok(None) };
        let found = contents.artifacts().find(|(known, _)| *known == id).map(|(_, artifact)| artifact);
        let artifact = found.map(named).ok_or_else(|| {
            Error::new(Kind::ResourceNotFound, GET_ZIP, "the identification has no such file")
        })?;
        Ok(Some(OpenedArtifact { artifact, content: contents.content(id) }))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("spools", &self.spools).finish_non_exhaustive()
    }
}
