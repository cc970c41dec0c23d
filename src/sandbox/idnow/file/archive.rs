//! The ZIP of a result, and the ways in which one can be made to harm its reader.

use std::io::{self, Cursor, Read, Write};

use serde::{Deserialize, Serialize};
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Dossier, Signer};
use crate::sandbox::picture;

/// Most bytes that an archive is padded to.
const LONGEST: u64 = 128 << 20;
/// Most bytes that a bomb unpacks to.
const LARGEST_BOMB: u64 = 1 << 30;
/// Most entries without a meaning.
const MOST_ENTRIES: u32 = 60_000;

/// What is odd about an archive.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::sandbox::idnow) enum Shape {
    /// Nothing.
    #[default]
    Plain,
    /// A film that makes the whole exactly so long.
    Padded {
        /// Up to 128 MiB. An archive that is longer stays as it is.
        bytes: u64,
    },
    /// Entries with names that lead out of the reader's folder.
    Traversal,
    /// More entries than anyone needs.
    Entries {
        /// Up to 60000.
        count: u32,
    },
    /// An entry that unpacks to many more bytes than it has.
    Bomb {
        /// Unpacked bytes, up to 1 GiB.
        bytes: u64,
    },
    /// The second half is missing.
    Truncated,
    /// The signature is not that of the XML.
    WrongSignature,
}

impl Shape {
    /// Says what no type can say about it.
    pub(in crate::sandbox::idnow) fn check(self) -> Result<(), String> {
        let most = |name: &str, value: u64, most: u64| match value {
            value if value <= most => Ok(()),
            _ => Err(format!("`{name}` is at most {most}, not {value}")),
        };
        match self {
            Self::Padded { bytes } => most("bytes", bytes, LONGEST),
            Self::Bomb { bytes } => most("bytes", bytes, LARGEST_BOMB),
            Self::Entries { count } => most("count", count.into(), MOST_ENTRIES.into()),
            Self::Plain | Self::Traversal | Self::Truncated | Self::WrongSignature => Ok(()),
        }
    }
}

/// The archive of `dossier`.
pub(super) fn build(dossier: &Dossier, signer: &Signer) -> io::Result<Vec<u8>> {
    match dossier.shape {
        Shape::Padded { bytes } => {
            let least = Archive::of(dossier, signer)?.film(dossier, 0)?.finish()?;
            let missing = bytes.saturating_sub(least.len() as u64);
            Archive::of(dossier, signer)?.film(dossier, missing)?.finish()
        }
        Shape::Truncated => {
            let mut whole = Archive::of(dossier, signer)?.finish()?;
            whole.truncate(whole.len() / 2);
            Ok(whole)
        }
        Shape::Traversal => {
            let mut archive = Archive::of(dossier, signer)?;
            for name in ["../../outside.txt", "/outside.txt", "..\\..\\outside.txt", "a/../../outside.txt"] {
                archive.add(name, Deflated, &b"outside"[..])?;
            }
            archive.finish()
        }
        Shape::Entries { count } => {
            let mut archive = Archive::of(dossier, signer)?;
            for number in 0..count {
                archive.add(&format!("{}_{number}.txt", dossier.number), Stored, io::empty())?;
            }
            archive.finish()
        }
        Shape::Bomb { bytes } => {
            let mut archive = Archive::of(dossier, signer)?;
            let name = format!("{}_security9.jpg", dossier.number);
            archive.add(&name, Deflated, io::repeat(0).take(bytes))?;
            archive.finish()
        }
        Shape::Plain | Shape::WrongSignature => Archive::of(dossier, signer)?.finish(),
    }
}

struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    /// With everything that belongs into it.
    fn of(dossier: &Dossier, signer: &Signer) -> io::Result<Self> {
        let mut archive = Self(ZipWriter::new(Cursor::default()));
        let xml = dossier.xml();
        for (name, file) in dossier.attachments() {
            match (name, dossier.contract(name)) {
                ("pdf", _) => archive.add(file, Deflated, &dossier.pdf()[..])?,
                ("xml", _) => archive.add(file, Deflated, xml.as_bytes())?,
                (_, Some(contract)) => archive.add(file, Deflated, &contract[..])?,
                (_, None) => {
                    if let Some(picture) = picture::of(file) {
                        archive.add(file, Stored, &picture?[..])?;
                    }
                }
            }
        }
        let mut signature = signer.sign(xml.as_bytes())?;
        if matches!(dossier.shape, Shape::WrongSignature)
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        archive.add(&format!("{}.xml.sig", dossier.number), Stored, &signature[..])?;
        Ok(archive)
    }

    fn film(mut self, dossier: &Dossier, bytes: u64) -> io::Result<Self> {
        let name = format!("{}_securityfeaturevideo.mp4", dossier.number);
        self.add(&name, Stored, io::repeat(0).take(bytes))?;
        Ok(self)
    }

    fn add(&mut self, name: &str, method: CompressionMethod, mut content: impl Read) -> io::Result<()> {
        self.0.start_file(name, SimpleFileOptions::default().compression_method(method))?;
        io::copy(&mut content, &mut self.0)?;
        self.0.flush()
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        Ok(self.0.finish()?.into_inner())
    }
}
