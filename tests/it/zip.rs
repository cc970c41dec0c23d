//! ZIP archives written byte by byte, so that they can be as wrong as they like.

use std::io::Write as _;

use flate2::Crc;
use flate2::write::DeflateEncoder;

/// One entry: sound, until a field is changed.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    /// What its own header says otherwise.
    pub(crate) local: Local,
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
    /// What lies behind the content.
    pub(crate) behind: Vec<u8>,
}

/// Members of an entry's own header, where they are others than in the directory.
#[derive(Clone, Default)]
pub(crate) struct Local {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) flags: Option<u16>,
    pub(crate) method: Option<u16>,
    /// Checksum, packed size and size.
    pub(crate) sums: Option<[u32; 3]>,
    pub(crate) extra: Option<Vec<u8>>,
}

/// An entry that is not packed.
pub(crate) fn stored(name: &str, content: &[u8]) -> Entry {
    let mut crc = Crc::new();
    crc.update(content);
    Entry {
        name: name.into(),
        local: Local::default(),
        flags: 0,
        method: 0,
        extra: Vec::new(),
        mode: 0o100_644,
        size: u32::try_from(content.len()).unwrap(),
        checksum: crc.sum(),
        packed: content.to_vec(),
        place: None,
        behind: Vec::new(),
    }
}

/// An entry that is packed.
pub(crate) fn deflated(name: &str, content: &[u8]) -> Entry {
    let mut packer = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    Entry { method: 8, packed: packer.finish().unwrap(), ..stored(name, content) }
}

impl Entry {
    /// Checksum, packed size and size.
    fn sums(&self) -> [u32; 3] {
        [self.checksum, u32::try_from(self.packed.len()).unwrap(), self.size]
    }

    /// The same, whose own header leaves to a descriptor behind it what is in it.
    pub(crate) fn described_later(self, signed: bool) -> Self {
        let mut behind = if signed { b"PK\x07\x08".to_vec() } else { Vec::new() };
        words(&mut behind, &self.sums());
        let local = Local { sums: Some([0; 3]), ..self.local };
        Self { flags: self.flags | 1 << 3, local, behind, ..self }
    }
}

/// The archive of `entries`, ending in `comment`.
pub(crate) fn archive_with(entries: &[Entry], comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let begin = entry.place.unwrap_or(u32::try_from(bytes.len()).unwrap());
        let local = &entry.local;
        let name = local.name.as_ref().unwrap_or(&entry.name);
        let extra = local.extra.as_ref().unwrap_or(&entry.extra);
        let flags = local.flags.unwrap_or(entry.flags);
        let method = local.method.unwrap_or(entry.method);
        let sums = entry.sums();
        bytes.extend(b"PK\x03\x04");
        halves(&mut bytes, &[20, flags, method, 0, 0x21]);
        words(&mut bytes, &local.sums.unwrap_or(sums));
        halves(&mut bytes, &[length(name), length(extra)]);
        bytes.extend([name, extra, &entry.packed, &entry.behind].into_iter().flatten());

        directory.extend(b"PK\x01\x02");
        halves(&mut directory, &[0x031e, 20, entry.flags, entry.method, 0, 0x21]);
        words(&mut directory, &sums);
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
