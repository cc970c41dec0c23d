//! ZIP archives written byte by byte, so that they can be as wrong as they like.

use std::io::Write as _;

use flate2::Crc;
use flate2::write::DeflateEncoder;

/// One entry: sound, until a field is changed.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    /// The name in the entry's own header, where it is another.
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) extra: Vec<u8>,
    /// The mode as Unix has it.
    pub(crate) mode: u32,
    /// The size it says.
    pub(crate) size: u32,
    pub(crate) checksum: u32,
    /// The content as it is packed.
    pub(crate) packed: Vec<u8>,
    /// Where the directory says that it is, if not where it is.
    pub(crate) place: Option<u32>,
}

/// An entry that is not packed.
pub(crate) fn stored(name: &str, content: &[u8]) -> Entry {
    let mut crc = Crc::new();
    crc.update(content);
    Entry {
        name: name.into(),
        local_name: None,
        flags: 0,
        method: 0,
        extra: Vec::new(),
        mode: 0o100_644,
        size: u32::try_from(content.len()).unwrap(),
        checksum: crc.sum(),
        packed: content.to_vec(),
        place: None,
    }
}

/// An entry that is packed.
pub(crate) fn deflated(name: &str, content: &[u8]) -> Entry {
    let mut packer = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    Entry { method: 8, packed: packer.finish().unwrap(), ..stored(name, content) }
}

/// The archive of `entries`, ending in `comment`.
pub(crate) fn archive_with(entries: &[Entry], comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let begin = entry.place.unwrap_or(u32::try_from(bytes.len()).unwrap());
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        let packed = u32::try_from(entry.packed.len()).unwrap();
        bytes.extend(b"PK\x03\x04");
        halves(&mut bytes, &[20, entry.flags, entry.method, 0, 0x21]);
        words(&mut bytes, &[entry.checksum, packed, entry.size]);
        halves(&mut bytes, &[length(name), length(&entry.extra)]);
        bytes.extend([name, &entry.extra, &entry.packed].into_iter().flatten());

        directory.extend(b"PK\x01\x02");
        halves(&mut directory, &[0x031e, 20, entry.flags, entry.method, 0, 0x21]);
        words(&mut directory, &[entry.checksum, packed, entry.size]);
        halves(&mut directory, &[length(&entry.name), length(&entry.extra), 0, 0, 0]);
        words(&mut directory, &[entry.mode << 16, begin]);
        directory.extend([&entry.name, &entry.extra].into_iter().flatten());
    }
    let (count, place) = (u16::try_from(entries.len()).unwrap(), u32::try_from(bytes.len()).unwrap());
    let size = u32::try_from(directory.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06");
    halves(&mut bytes, &[0, 0, count, count]);
    words(&mut bytes, &[size, place]);
    halves(&mut bytes, &[length(comment)]);
    bytes.extend(comment);
    bytes
}

/// The archive of `entries`.
pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    archive_with(entries, b"")
}

fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap()
}

fn halves(bytes: &mut Vec<u8>, numbers: &[u16]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn words(bytes: &mut Vec<u8>, numbers: &[u32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
