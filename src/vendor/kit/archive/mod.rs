//! ZIP archives that nobody trusts: read from a spool, and refused before anything in them is handed on.
//!
//! Only what vendors need is understood: one volume, entries stored or deflated. Sizes, counts and names have limits,
//! the two places in which an archive describes an entry must agree, and nothing lies between entries: some programs go
//! by the directory, others from header to header, and both read the same.

mod rule;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io::{self, Read as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;
use flate2::read::DeflateDecoder;

pub use crate::vendor::kit::archive::rule::{ArchiveError, Refused, Rule};
use crate::vendor::kit::spool::{CHUNK, Spool, SpoolReader};

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
/// What a descriptor may begin with.
const DESCRIPTOR: u32 = 0x0807_4b50;
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const DESCRIPTOR_LENGTH: usize = 12;
const MAX_COMMENT: usize = 0xffff;
/// Flags of an encrypted entry.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// The flag of an entry whose size was not known when its header was written: a descriptor follows it.
const DESCRIBED_LATER: u16 = 1 << 3;
const DEFLATED: u16 = 8;
/// An extra field with another name for the entry.
const OTHER_NAME: u16 = 0x7075;

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
    /// Where the next thing begins.
    end: u64,
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
    Deflated { unpacked: Box<DeflateDecoder<SpoolReader>>, packed: u64 },
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
        refuse_disorder(&entries, end.directory)?;
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
            true => {
                let unpacked = Box::new(DeflateDecoder::new(packed));
                Source::Deflated { unpacked, packed: entry.packed }
            }
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
            0 if self.source.goes_on() => refuse(Rule::Damaged),
            0 => Ok(None),
            _ => Ok(Some(piece.into())),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match &mut self.source {
            Source::Stored(packed) => Ok(packed.read(buffer)?),
            Source::Deflated { unpacked, .. } => unpacked.read(buffer).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Refused(Rule::Damaged).into()
                }
                _ => error.into(),
            }),
        }
    }
}

impl Source {
    /// Whether it ends before its bytes do.
    fn goes_on(&self) -> bool {
        matches!(self, Self::Deflated { unpacked, packed } if unpacked.total_in() < *packed)
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
            DEFLATED => true,
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
        Ok((Self { name, size, packed, deflated, checksum, local, data: 0, end: 0 }, rest))
    }

    /// Finds its bytes behind its own header, which must say what the directory says.
    fn locate(&mut self, spool: &Arc<Spool>) -> Result<()> {
        let header = spool.read(self.local, LOCAL_LENGTH)?;
        if header.len() != LOCAL_LENGTH {
            return refuse(Rule::Damaged);
        }
        let head = Fields(&header);
        let (flags, name, extra) = (head.u16(6), head.u16(26), head.u16(28));
        let begin = self.local + LOCAL_LENGTH as u64;
        let names = spool.read(begin, usize::from(name) + usize::from(extra))?;
        let (name, extra) = names.split_at_checked(name.into()).ok_or(Refused(Rule::Damaged))?;
        let method = if self.deflated { DEFLATED } else { 0 };
        if head.u32(0) != LOCAL || name != self.name.as_bytes() || head.u16(8) != method {
            return refuse(Rule::Damaged);
        }
        if flags & ENCRYPTED != 0 {
            return refuse(Rule::Encrypted);
        }
        if has_other_name(extra) {
            return refuse(Rule::NameMalformed);
        }
        let later = flags & DESCRIBED_LATER != 0;
        let said = [head.u32(14), head.u32(18), head.u32(22)];
        if self.sums() != said && !(later && said == [0; 3]) {
            return refuse(Rule::Damaged);
        }
        self.data = begin + names.len() as u64;
        self.end = self.data + self.packed;
        if later {
            self.end += self.descriptor(spool)?;
        }
        Ok(())
    }

    /// How long the descriptor behind its bytes is, which must say what the directory says.
    fn descriptor(&self, spool: &Arc<Spool>) -> Result<u64> {
        if !self.deflated && self.packed > 0 {
            // Nothing but the descriptor, which its bytes may look like, says where they end.
            return refuse(Rule::Unsupported);
        }
        let descriptor = spool.read(self.end, 4 + DESCRIPTOR_LENGTH)?;
        let says = |at: usize| {
            let sums = descriptor.get(at..at + DESCRIPTOR_LENGTH).map(Fields);
            sums.is_some_and(|sums| [sums.u32(0), sums.u32(4), sums.u32(8)] == self.sums())
        };
        let signed = descriptor.len() >= 4 && Fields(&descriptor).u32(0) == DESCRIPTOR;
        match (signed && says(4), says(0)) {
            (true, _) => Ok(4 + DESCRIPTOR_LENGTH as u64),
            (false, true) => Ok(DESCRIPTOR_LENGTH as u64),
            (false, false) => refuse(Rule::Damaged),
        }
    }

    /// Checksum and sizes, in the order in which they are always written.
    fn sums(&self) -> [u32; 3] {
        // Both were read from as many bits.
        [self.checksum, self.packed as u32, self.size as u32]
    }
}

/// Refuses entries that share bytes, and bytes that belong to none: a header among those would be found by programs that
/// do not go by the directory.
fn refuse_disorder(entries: &[Entry], directory: u64) -> Result<()> {
    let mut places: Vec<_> = entries.iter().map(|entry| (entry.local, entry.end)).collect();
    places.sort_unstable();
    let ends = [0].into_iter().chain(places.iter().map(|(_, end)| *end));
    let begins = places.iter().map(|(begin, _)| *begin).chain([directory]);
    for (end, next) in ends.zip(begins) {
        match end.cmp(&next) {
            Ordering::Equal => {}
            Ordering::Greater => return refuse(Rule::Overlap),
            Ordering::Less => return refuse(Rule::Damaged),
        }
    }
    Ok(())
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
