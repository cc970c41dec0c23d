//! Files of identifications: IDnow hands out two reports, and an archive with everything.
//!
//! The archive is spooled and looked through before anything in it is handed on.

pub(super) mod config;
mod kind;
mod report;
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
use crate::model::name::IdentificationName;
use crate::model::observation::Word;
use crate::proto::{Artifact, ArtifactKind, SignatureVerdict, VendorReference};
use crate::vendor::idnow::Idnow;
use crate::vendor::idnow::files::config::FileSettings;
use crate::vendor::idnow::files::kind::{ARCHIVE, Known, is_signature, is_signed, name_all};
use crate::vendor::idnow::files::report::REPORTS;
use crate::vendor::idnow::files::signature::{KeyError, MAX_SIGNATURE, SigningKeys};
use crate::vendor::idnow::identification::address;
use crate::vendor::kit::archive::{Archive, ArchiveError, EntryReader};
use crate::vendor::kit::spool::{CHUNK, Spool, SpoolReader, Spools, blocking};
use crate::vendor::{Artifacts, KnownArtifacts, ListArtifacts, OpenArtifact, OpenedArtifact};

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

    /// What callers see: the archive itself, what is in it, and what is to be had beside it. The report that comes with
    /// its signature stands before the one that does not.
    fn artifacts(&self) -> impl Iterator<Item = (&str, Artifact)> {
        let whole = Artifact { size_bytes: size(self.archive.spool().len()), ..whole() };
        let files = self.files.iter().map(|file| (file.id.as_str(), file.artifact.clone()));
        let beside = REPORTS.iter().filter(|report| self.files.iter().all(|file| file.id != report.id));
        let beside = beside.map(|report| (report.id, report.artifact()));
        std::iter::once((ARCHIVE, whole)).chain(files).chain(beside)
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

/// The archive, as far as it is known without asking.
fn whole() -> Artifact {
    Artifact {
        kind: ArtifactKind::ArchiveZip.into(),
        media_type: "application/zip".to_owned(),
        file_name: "archive.zip".to_owned(),
        vendor_kind: "zip".to_owned(),
        ..Artifact::default()
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

fn named(identification: &IdentificationName, id: &str, artifact: Artifact) -> Artifact {
    Artifact { name: format!("{identification}/artifacts/{id}"), ..artifact }
}

#[async_trait]
impl Artifacts for Idnow {
    fn known(&self, known: KnownArtifacts<'_>) -> Vec<Artifact> {
        // Whether there are files before the decision is not documented.
        let Word::Decided(_) = known.observation.word else { return Vec::new() };
        let reports = REPORTS.iter().map(|report| (report.id, report.artifact()));
        let artifacts = std::iter::once((ARCHIVE, whole())).chain(reports);
        artifacts.map(|(id, artifact)| named(known.name, id, artifact)).collect()
    }

    async fn list(&self, list: ListArtifacts<'_>) -> Result<Option<Vec<Artifact>>> {
        let Some(contents) = self.files.contents(self, list.reference).await? else { return Ok(None) };
        Ok(Some(contents.artifacts().map(|(id, artifact)| named(list.name, id, artifact)).collect()))
    }

    async fn open(&self, open: OpenArtifact<'_>) -> Result<Option<OpenedArtifact>> {
        let (whose, id) = (&open.name.identification, open.name.artifact.as_str());
        if let Some(report) = REPORTS.iter().find(|report| report.id == id) {
            let opened = report.open(self, open.reference, self.files.max_bytes).await?;
            return Ok(opened.map(|it| OpenedArtifact { artifact: named(whose, id, it.artifact), ..it }));
        }
        let Some(contents) = self.files.contents(self, open.reference).await? else { return Ok(None) };
        let found = contents.artifacts().find(|(known, _)| *known == id);
        let (_, artifact) = found.ok_or_else(|| {
            Error::new(Kind::ResourceNotFound, GET_ZIP, "the identification has no such file")
        })?;
        Ok(Some(OpenedArtifact { artifact: named(whose, id, artifact), content: contents.content(id) }))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("spools", &self.spools).finish_non_exhaustive()
    }
}
