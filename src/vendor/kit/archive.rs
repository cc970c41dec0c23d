//! ZIP archives that nobody trusts: read from a spool, and refused before anything in them is handed on.
//!
//! Only what vendors need is understood: one volume, entries stored or deflated. Sizes, counts and names have limits,
//! and the two places in which an archive describes an entry must agree: programs differ in which they believe, and a
//! refused archive is one of which they would not read the same.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::error::{Error, Kind, VendorFault};
use crate::vendor::kit::spool::{CHUNK, Spool, SpoolReader, unusable};

/// Most entries, folders included.
const MAX_ENTRIES: usize = 1000;
/// Longest directory, in bytes: names and what else describes the entries.
const MAX_DIRECTORY: usize = 1 << 20;
/// Most bytes of all entries together, unpacked.
const MAX_TOTAL: u64 = 512 << 20;
/// Most times its packed size that an entry may have unpacked.
const MAX_RATIO: u64 = 200;
/// An entry this small may have any ratio.
const SMALL: u64 = 256 * 1024;
const MAX_NAME: usize = 255;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const MAX_COMMENT: usize = 0xffff;
/// An extra field with another name for the entry.
const OTHER_NAME: u16 = 0x7075;

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

/// An archive whose every entry was unpacked once and found as it says.
#[derive(Debug)]
pub struct Archive {
    spool: Arc<Spool>,
    entries: Vec<Entry>,
}

/// One file in an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name, which the vendor chose; nothing in it leads out of a folder.
    pub name: String,
    /// Bytes when unpacked.
    pub size: u64,
    packed: u64,
    deflated: bool,
    checksum: u32,
    local: u64,
    data: u64,
}

/// Unpacks one file, piece by piece.
pub struct EntryReader {
    source: Source,
    left: u64,
    crc: Crc,
    checksum: u32,
}

enum Source {
    Stored(SpoolReader),
    Deflated(Box<DeflateDecoder<SpoolReader>>),
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

type Result<T, E = ArchiveError> = std::result::Result<T, E>;

fn refuse<T>(rule: Rule) -> Result<T> {
    Err(Refused(rule).into())
}

impl Archive {
    /// Reads the directory of the archive in `spool`, and unpacks every entry once to see that it is what it says.
    /// Waits for the disk.
    pub fn read(spool: Arc<Spool>) -> Result<Self> {
        let end = End::find(&spool)?;
        let mut entries = end.entries(&spool)?;
        for entry in &mut entries {
            entry.locate(&spool)?;
        }
        refuse_overlaps(&entries, end.directory)?;
        entries.retain(|entry| !entry.name.ends_with('/'));
        let archive = Self { spool, entries };
        for entry in &archive.entries {
            let mut reader = archive.open(entry);
            while reader.next_piece()?.is_some() {}
        }
        Ok(archive)
    }

    /// Its files, in the archive's own order, without folders.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bytes it is in.
    pub fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// Unpacks `entry`, which is one of its own.
    pub fn open(&self, entry: &Entry) -> EntryReader {
        let packed = self.spool.reader(entry.data, entry.data + entry.packed);
        let source = match entry.deflated {
            true => Source::Deflated(Box::new(DeflateDecoder::new(packed))),
            false => Source::Stored(packed),
        };
        EntryReader { source, left: entry.size, crc: Crc::new(), checksum: entry.checksum }
    }
}

impl EntryReader {
    /// The next piece, at most [`CHUNK`] bytes; `None` at the end, when size and checksum have proven right. Waits for
    /// the disk.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let mut piece = vec![0; CHUNK];
        let mut length = 0;
        while length < CHUNK {
            match self.read(&mut piece[length..])? {
                0 => break,
                count => length += count,
            }
        }
        piece.truncate(length);
        self.crc.update(&piece);
        self.left = self.left.checked_sub(length as u64).ok_or(Refused(Rule::Size))?;
        match length {
            0 if self.left > 0 => refuse(Rule::Size),
            0 if self.crc.sum() != self.checksum => refuse(Rule::Checksum),
            0 => Ok(None),
            _ => Ok(Some(piece.into())),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match &mut self.source {
            Source::Stored(packed) => Ok(packed.read(buffer)?),
            Source::Deflated(unpacked) => unpacked.read(buffer).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Refused(Rule::Damaged).into()
                }
                _ => error.into(),
            }),
        }
    }
}

/// The record at the end of an archive, which says where its directory is.
struct End {
    count: usize,
    directory: u64,
    length: usize,
}

impl End {
    /// The last record that fits the end of the file exactly.
    fn find(spool: &Arc<Spool>) -> Result<Self> {
        let begin = spool.len().saturating_sub((END_LENGTH + MAX_COMMENT) as u64);
        let tail = spool.read(begin, END_LENGTH + MAX_COMMENT)?;
        let fits = |at: &usize| {
            let record = Fields(&tail[*at..]);
            record.u32(0) == END && END_LENGTH + usize::from(record.u16(20)) == tail.len() - at
        };
        let starts = tail.len().checked_sub(END_LENGTH).map(|last| (0..=last).rev());
        let Some(at) = starts.into_iter().flatten().find(fits) else {
            let head = spool.read(0, 4)?;
            let begins = head.len() == 4 && Fields(&head).u32(0) == LOCAL;
            return refuse(if begins { Rule::Truncated } else { Rule::NotAnArchive });
        };
        let record = Fields(&tail[at..]);
        let (count, all) = (record.u16(8), record.u16(10));
        let (length, directory) = (record.u32(12), record.u32(16));
        let large = count == u16::MAX || length == u32::MAX || directory == u32::MAX;
        if large || record.u16(4) != 0 || record.u16(6) != 0 || count != all {
            return refuse(Rule::Unsupported);
        }
        let (directory, length, count) = (u64::from(directory), length as usize, usize::from(count));
        if directory + length as u64 != begin + at as u64 {
            return refuse(Rule::Damaged);
        }
        if count > MAX_ENTRIES || length > MAX_DIRECTORY {
            return refuse(Rule::Entries);
        }
        Ok(Self { count, directory, length })
    }

    fn entries(&self, spool: &Arc<Spool>) -> Result<Vec<Entry>> {
        let directory = spool.read(self.directory, self.length)?;
        let mut rest = directory.as_slice();
        let (mut entries, mut names, mut total) = (Vec::new(), HashSet::new(), 0);
        for _entry in 0..self.count {
            let (entry, after) = Entry::parse(rest)?;
            total += entry.size;
            if total > MAX_TOTAL {
                return refuse(Rule::TotalBytes);
            }
            if !names.insert(entry.name.trim_end_matches('/').to_lowercase()) {
                return refuse(Rule::NameDuplicate);
            }
            entries.push(entry);
            rest = after;
        }
        if rest.is_empty() { Ok(entries) } else { refuse(Rule::Damaged) }
    }
}

impl Entry {
    /// The entry that `directory` begins with, and the rest.
    fn parse(directory: &[u8]) -> Result<(Self, &[u8])> {
        let (head, rest) = directory.split_at_checked(CENTRAL_LENGTH).ok_or(Refused(Rule::Damaged))?;
        let head = Fields(head);
        let (name, extra, comment) = (head.u16(28), head.u16(30), head.u16(32));
        let (name, rest) = rest.split_at_checked(name.into()).ok_or(Refused(Rule::Damaged))?;
        let (extra, rest) = rest.split_at_checked(extra.into()).ok_or(Refused(Rule::Damaged))?;
        let (_comment, rest) = rest.split_at_checked(comment.into()).ok_or(Refused(Rule::Damaged))?;
        if head.u32(0) != CENTRAL {
            return refuse(Rule::Damaged);
        }
        const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
        if head.u16(8) & ENCRYPTED != 0 {
            return refuse(Rule::Encrypted);
        }
        let name = checked_name(name)?;
        if has_other_name(extra) {
            return refuse(Rule::NameMalformed);
        }
        // The upper half is what Unix calls the mode; its first four bits say what kind of thing it is.
        let kind = head.u32(38) >> 28;
        if ![0, 0o4, 0o10].contains(&kind) {
            return refuse(Rule::SpecialFile);
        }
        let deflated = match head.u16(10) {
            0 => false,
            8 => true,
            _ => return refuse(Rule::Unsupported),
        };
        let (packed, size, local) = (head.u32(20), head.u32(24), head.u32(42));
        if [packed, size, local].contains(&u32::MAX) || head.u16(34) != 0 {
            return refuse(Rule::Unsupported);
        }
        let (packed, size, local) = (u64::from(packed), u64::from(size), u64::from(local));
        if size > SMALL && size / MAX_RATIO > packed {
            return refuse(Rule::Ratio);
        }
        let checksum = head.u32(16);
        Ok((Self { name, size, packed, deflated, checksum, local, data: 0 }, rest))
    }

    /// Finds its bytes behind its own header, which must say what the directory says.
    fn locate(&mut self, spool: &Arc<Spool>) -> Result<()> {
        let header = spool.read(self.local, LOCAL_LENGTH)?;
        if header.len() != LOCAL_LENGTH {
            return refuse(Rule::Damaged);
        }
        let head = Fields(&header);
        let begin = self.local + LOCAL_LENGTH as u64;
        let name = spool.read(begin, head.u16(26).into())?;
        let deflated = head.u16(8) == 8;
        if head.u32(0) != LOCAL || name != self.name.as_bytes() || deflated != self.deflated {
            return refuse(Rule::Damaged);
        }
        self.data = begin + u64::from(head.u16(26)) + u64::from(head.u16(28));
        Ok(())
    }
}

fn refuse_overlaps(entries: &[Entry], directory: u64) -> Result<()> {
    let mut places: Vec<_> = entries.iter().map(|entry| (entry.local, entry.data + entry.packed)).collect();
    places.sort_unstable();
    let begins = places.iter().skip(1).map(|(begin, _)| *begin).chain([directory]);
    match places.iter().zip(begins).any(|((_, end), next)| *end > next) {
        true => refuse(Rule::Overlap),
        false => Ok(()),
    }
}

fn checked_name(name: &[u8]) -> Result<String> {
    let name = std::str::from_utf8(name).map_err(|_other| Refused(Rule::NameMalformed))?;
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return refuse(Rule::NameMalformed);
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    let leads_out = |part: &str| matches!(part, "" | "." | "..");
    if name.contains(['\\', ':']) || path.split('/').any(leads_out) {
        return refuse(Rule::NameTraversal);
    }
    Ok(name.to_owned())
}

/// Whether an extra field gives the entry another name, which some programs would believe.
fn has_other_name(mut extra: &[u8]) -> bool {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let head = Fields(head);
        if head.u16(0) == OTHER_NAME {
            return true;
        }
        extra = rest.get(usize::from(head.u16(2))..).unwrap_or_default();
    }
    false
}

/// Little-endian numbers in a record that is long enough for them.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}
