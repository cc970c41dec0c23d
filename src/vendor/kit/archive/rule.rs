//! What an archive may be refused for.

use std::io;

use crate::error::{Error, Kind, VendorFault};
use crate::vendor::kit::spool::unusable;

/// Which rule an archive broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is larger than a spool may be.
    ArchiveBytes,
    /// It is no ZIP archive at all.
    NotAnArchive,
    /// It ends too early.
    Truncated,
    /// It contradicts itself, or cannot be unpacked.
    Damaged,
    /// Several volumes, ZIP64, or a way of packing that no vendor needs.
    Unsupported,
    /// Too many entries, or too long a directory.
    Entries,
    /// Too many bytes when unpacked.
    TotalBytes,
    /// An entry unpacks to far more than its packed size.
    Ratio,
    /// An entry unpacks to another size than it says.
    Size,
    /// An entry does not match its checksum.
    Checksum,
    /// Two entries share bytes.
    Overlap,
    /// A name that leads elsewhere: absolute, a drive, `..`.
    NameTraversal,
    /// A name with control characters, a NUL, or nothing at all; too long, or not UTF-8.
    NameMalformed,
    /// Two entries have the same name, or differ only in case.
    NameDuplicate,
    /// A symbolic link or another thing that is neither file nor folder.
    SpecialFile,
    /// An encrypted entry.
    Encrypted,
}

/// An archive was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the archive broke the rule {}", self.0.as_str())]
pub struct Refused(pub Rule);

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is at fault itself.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The spool is.
    #[error("the spool cannot be read")]
    Spool(#[from] io::Error),
}

impl Rule {
    /// The word in the metadata of errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArchiveBytes => "archive_bytes",
            Self::NotAnArchive => "not_an_archive",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::Unsupported => "unsupported",
            Self::Entries => "entries",
            Self::TotalBytes => "total_bytes",
            Self::Ratio => "ratio",
            Self::Size => "size",
            Self::Checksum => "checksum",
            Self::Overlap => "overlap",
            Self::NameTraversal => "name_traversal",
            Self::NameMalformed => "name_malformed",
            Self::NameDuplicate => "name_duplicate",
            Self::SpecialFile => "special_file",
            Self::Encrypted => "encrypted",
        }
    }

    /// What is wrong, after "the vendor's archive".
    fn fault(self) -> &'static str {
        match self {
            Self::ArchiveBytes => "is larger than this connection takes",
            Self::NotAnArchive => "is no ZIP archive",
            Self::Truncated => "ends too early",
            Self::Damaged => "is damaged",
            Self::Unsupported => "is of a kind that is not read",
            Self::Entries => "has too many entries",
            Self::TotalBytes => "is too large when unpacked",
            Self::Ratio => "has an entry that unpacks to far more than it seems",
            Self::Size => "has an entry of another size than it says",
            Self::Checksum => "has an entry that does not match its checksum",
            Self::Overlap => "has entries that overlap",
            Self::NameTraversal => "has a name that leads out of a folder",
            Self::NameMalformed => "has a name that is none",
            Self::NameDuplicate => "has one name twice",
            Self::SpecialFile => "holds something that is neither file nor folder",
            Self::Encrypted => "has an encrypted entry",
        }
    }
}

impl Refused {
    /// The error for callers.
    pub fn error(self, operation: &'static str) -> Error {
        let detail = format!("the vendor's archive {}", self.0.fault());
        let fault = VendorFault { rule: self.0.as_str(), ..VendorFault::default() };
        Error::new(Kind::ArchiveRefused, operation, detail).from_vendor(fault)
    }
}

impl ArchiveError {
    /// The error for callers.
    pub fn error(self, operation: &'static str) -> Error {
        match self {
            Self::Refused(refused) => refused.error(operation),
            Self::Spool(error) => unusable(operation, error),
        }
    }
}
