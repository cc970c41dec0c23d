//! Archives that nobody should trust: each is refused by the rule it breaks, and sound ones are read.

use std::sync::Arc;

use axum::body::Bytes;
use futures::stream;
use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::vendor::kit::archive::{Archive, ArchiveError, Refused};
use idv_gateway::vendor::kit::spool::{Spool, Spools};
use proptest::prelude::*;

use crate::zip::{Entry, Local, archive, archive_with, deflated, stored};

const MIB: usize = 1 << 20;

async fn spool(bytes: &[u8]) -> Arc<Spool> {
    let spools = Spools::new(Clock::system(), std::env::temp_dir(), 64 << 20, 1);
    let pieces: Vec<_> = bytes.chunks(50_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Arc::new(spools.place("test").await.unwrap().keep(stream::iter(pieces)).await.unwrap())
}

async fn read(bytes: &[u8]) -> Result<Archive, &'static str> {
    let error = match Archive::read(spool(bytes).await) {
        Ok(archive) => return Ok(archive),
        Err(error) => error,
    };
    let ArchiveError::Refused(Refused(rule)) = error else { panic!("{error}") };
    let told = error.error("test");
    assert!(told.detail.starts_with("the vendor's archive "), "{}", told.detail);
    assert_eq!((told.kind, told.vendor.unwrap().rule), (Kind::ArchiveRefused, rule.as_str()));
    Err(rule.as_str())
}

async fn refused(bytes: &[u8]) -> &'static str {
    read(bytes).await.err().unwrap_or("nothing")
}

async fn refused_entry(entry: Entry) -> &'static str {
    refused(&archive(&[stored("before.txt", b"before"), entry])).await
}

fn unpacked(archive: &Archive, index: usize) -> Vec<u8> {
    let mut reader = archive.open(&archive.entries()[index]);
    let mut content = Vec::new();
    while let Some(piece) = reader.next_piece().unwrap() {
        content.extend_from_slice(&piece);
    }
    content
}

#[tokio::test]
async fn a_sound_archive_is_read() {
    let noise: Vec<u8> =
        (0..300_000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let entries = [
        stored("empty", b""),
        stored("folder/", b""),
        deflated("folder/Müller.jpg", &noise),
        stored("inner.zip", &archive(&[stored("../../nobody/looks/in/here", b"x")])),
        deflated("text.xml", b"<a>text</a>"),
    ];
    for bytes in
        [archive(&entries), archive_with(&entries, b"a comment"), archive_with(&entries, &[b'c'; 65_535])]
    {
        let archive = read(&bytes).await.unwrap();
        let names: Vec<_> = archive.entries().iter().map(|entry| (entry.name.as_str(), entry.size)).collect();
        let inner = entries[3].packed.len() as u64;
        let sizes = [("empty", 0), ("folder/Müller.jpg", 1_200_000), ("inner.zip", inner), ("text.xml", 11)];
        assert_eq!(names, sizes);
        assert_eq!(unpacked(&archive, 1), noise);
        assert_eq!(unpacked(&archive, 3), b"<a>text</a>");
    }
    assert!(read(&archive(&[])).await.unwrap().entries().is_empty());
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let traversal = [
        "../up",
        "a/../../up",
        "a/..",
        "..",
        ".",
        "./a",
        "/etc/passwd",
        "a//b",
        "//server/share",
        "C:/a",
        "c:a",
        "a\\..\\b",
        "\\\\server\\share",
        "a:stream",
        "/",
    ];
    for name in traversal {
        assert_eq!(refused_entry(stored(name, b"x")).await, "name_traversal", "{name}");
    }
    let long = "x".repeat(256);
    for name in ["", "a\0.jpg", "a\n", "a\u{7f}", "a\u{85}b", &long] {
        assert_eq!(refused_entry(stored(name, b"x")).await, "name_malformed", "{name:?}");
    }
    let latin = Entry { name: b"M\xfcller.jpg".to_vec(), ..stored("", b"x") };
    assert_eq!(refused_entry(latin).await, "name_malformed");
    let other_name = Entry { extra: b"\x75\x70\x04\x00evil".to_vec(), ..stored("good.jpg", b"x") };
    assert_eq!(refused_entry(other_name).await, "name_malformed");
    for twin in ["before.txt", "BEFORE.TXT", "before.txt/"] {
        assert_eq!(refused_entry(stored(twin, b"x")).await, "name_duplicate", "{twin}");
    }
    assert_eq!(refused_entry(stored("...", b"x")).await, "nothing", "an odd name that leads nowhere");
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    for mode in [0o120_777, 0o060_600, 0o020_600, 0o010_600, 0o140_600] {
        let entry = Entry { mode, ..stored("a", b"/etc/passwd") };
        assert_eq!(refused_entry(entry).await, "special_file", "{mode:o}");
    }
    for flags in [1, 1 << 6, 1 << 13] {
        assert_eq!(refused_entry(Entry { flags, ..stored("a", b"x") }).await, "encrypted", "{flags}");
    }
    for method in [1, 9, 12, 14, 93, 99] {
        assert_eq!(refused_entry(Entry { method, ..stored("a", b"x") }).await, "unsupported", "{method}");
    }
}

#[tokio::test]
async fn bombs_are_refused() {
    let many: Vec<_> = (0..1001).map(|number| stored(&number.to_string(), b"")).collect();
    assert_eq!(refused(&archive(&many)).await, "entries");
    assert!(read(&archive(&many[..1000])).await.is_ok());
    let wordy: Vec<_> =
        (0..20).map(|number| Entry { extra: vec![0; 60_000], ..stored(&number.to_string(), b"") }).collect();
    assert_eq!(refused(&archive(&wordy)).await, "entries", "a directory of more than a MiB");

    let zeros = deflated("zeros", &vec![0; 8 * MIB]);
    assert_eq!(refused_entry(zeros.clone()).await, "ratio");
    let quiet = Entry { size: 1000, ..zeros };
    assert_eq!(refused_entry(quiet).await, "size", "it says that it is small");
    let large = |name: &str| Entry { size: 300 << 20, packed: vec![0; 2 * MIB], ..deflated(name, b"") };
    assert_eq!(refused(&archive(&[large("a"), large("b")])).await, "total_bytes");

    let first = stored("a", &[7; 1000]);
    let inside = Entry { place: Some(0), ..first.clone() };
    let twin = Entry { name: b"b".to_vec(), local: local(|own| own.name = Some(b"b".to_vec())), ..inside };
    assert_eq!(refused(&archive(&[first.clone(), twin])).await, "damaged", "its own header has another name");
    let mut quoted = stored("x", b"");
    quoted.packed = archive(&[stored("inner", b"content")]);
    (quoted.size, quoted.checksum) = {
        let whole = stored("x", &quoted.packed);
        (whole.size, whole.checksum)
    };
    let shared = Entry { place: Some(31), ..stored("inner", b"content") };
    assert_eq!(refused(&archive(&[quoted, shared])).await, "overlap", "an entry within another");
}

#[tokio::test]
async fn what_is_damaged_is_refused() {
    let text = b"a text that is packed, a text that is packed".repeat(50);
    let sound = [deflated("a", &text), stored("b", &text)];
    let bytes = archive(&sound);
    assert!(read(&bytes).await.is_ok());
    assert_eq!(refused(b"").await, "not_an_archive");
    assert_eq!(refused(b"%PDF-1.7 and no archive").await, "not_an_archive");
    for length in [4, 30, bytes.len() / 2, bytes.len() - 22, bytes.len() - 1] {
        assert_eq!(refused(&bytes[..length]).await, "truncated", "{length} of {}", bytes.len());
    }
    assert_eq!(refused(&[&bytes[..], b"more"].concat()).await, "truncated", "bytes behind the end");
    assert_eq!(refused(&[b"more", &bytes[..]].concat()).await, "damaged", "bytes before the beginning");

    let wrong = |change: &dyn Fn(&mut Entry)| {
        let mut entries = sound.clone();
        change(&mut entries[0]);
        archive(&entries)
    };
    for (bytes, rule) in [
        (wrong(&|entry| entry.checksum ^= 1), "checksum"),
        (wrong(&|entry| entry.size += 1), "size"),
        (wrong(&|entry| entry.size -= 1), "size"),
        (wrong(&|entry| entry.packed.truncate(20)), "damaged"),
        (wrong(&|entry| entry.packed[0] = 0xff), "damaged"),
        (wrong(&|entry| entry.local.name = Some(b"c".to_vec())), "damaged"),
        (wrong(&|entry| entry.place = Some(1)), "damaged"),
        (wrong(&|entry| entry.place = Some(4_000_000_000)), "damaged"),
        (wrong(&|entry| entry.size = u32::MAX), "unsupported"),
    ] {
        assert_eq!(refused(&bytes).await, rule);
    }
}

fn local(change: impl FnOnce(&mut Local)) -> Local {
    let mut local = Local::default();
    change(&mut local);
    local
}

/// A program that goes from header to header, without the directory, would read something else.
#[tokio::test]
async fn an_archive_that_is_read_in_two_ways_is_refused() {
    let text = b"a text that is packed, a text that is packed".repeat(50);
    let hidden = &archive(&[stored("evil.xml", b"<a>other text</a>")])[..30 + 8 + 17];
    let sums = |at: usize| {
        let entry = stored("a", &text);
        let mut sums = [entry.checksum, entry.size, entry.size];
        sums[at] ^= 1;
        Some(sums)
    };
    let other_name = b"\x75\x70\x04\x00evil".to_vec();
    for (own, rule) in [
        (local(|own| own.sums = sums(0)), "damaged"),
        (local(|own| own.sums = sums(1)), "damaged"),
        (local(|own| own.sums = sums(2)), "damaged"),
        (local(|own| own.sums = Some([0; 3])), "damaged"),
        (local(|own| own.method = Some(12)), "damaged"),
        (local(|own| own.flags = Some(1)), "encrypted"),
        (local(|own| own.flags = Some(1 << 3)), "unsupported"),
        (local(|own| own.extra = Some(other_name)), "name_malformed"),
    ] {
        assert_eq!(refused_entry(Entry { local: own, ..stored("a", &text) }).await, rule);
    }
    let more_extra = local(|own| own.extra = Some(b"\x55\x54\x05\x00\x01time".to_vec()));
    assert_eq!(refused_entry(Entry { local: more_extra, ..stored("a", &text) }).await, "nothing");

    for at in 0..2 {
        let mut entries = [stored("a", &text), deflated("b", &text)];
        assert!(read(&archive(&entries)).await.is_ok());
        entries[at].behind = hidden.to_vec();
        assert_eq!(refused(&archive(&entries)).await, "damaged", "hidden behind {at}");
    }
    let mut inside = deflated("b", &text);
    inside.packed.extend_from_slice(hidden);
    assert_eq!(refused_entry(inside).await, "damaged", "hidden behind the end of what is packed");
    let later = Entry { place: Some(u32::try_from(hidden.len()).unwrap()), ..stored("a", b"x") };
    let mut bytes = archive(&[later]);
    bytes.splice(0..0, hidden.iter().copied());
    let directory = bytes.len() - 6;
    let begin = u32::from_le_bytes(bytes[directory..directory + 4].try_into().unwrap()) + hidden.len() as u32;
    bytes.splice(directory..directory + 4, begin.to_le_bytes());
    assert_eq!(refused(&bytes).await, "damaged", "hidden before the first");
}

/// As programs write archives that they cannot go back in.
#[tokio::test]
async fn what_a_header_leaves_to_a_descriptor_must_be_there() {
    let text = b"a text that is packed, a text that is packed".repeat(50);
    let later = |signed| deflated("a", &text).described_later(signed);
    for signed in [true, false] {
        let empty = stored("folder/", b"").described_later(signed);
        let archive = read(&archive(&[later(signed), empty, deflated("b", &text).described_later(signed)]))
            .await
            .unwrap();
        assert_eq!((unpacked(&archive, 0), unpacked(&archive, 1)), (text.clone(), text.clone()));
    }
    let said_twice = Entry { local: Local::default(), ..later(true) };
    assert_eq!(refused_entry(said_twice).await, "nothing", "the header says it, too");
    let wrong = |change: &dyn Fn(&mut Entry)| {
        let mut entry = later(true);
        change(&mut entry);
        entry
    };
    for entry in [
        wrong(&|entry| entry.behind.clear()),
        wrong(&|entry| entry.behind[4] ^= 1),
        wrong(&|entry| entry.behind[15] ^= 1),
        wrong(&|entry| entry.behind.push(0)),
        wrong(&|entry| entry.local.sums = Some([1, 0, 0])),
    ] {
        assert_eq!(refused_entry(entry).await, "damaged");
    }
    assert_eq!(refused_entry(stored("a", &text).described_later(true)).await, "unsupported");
}

/// What an archive is refused for does not matter here: that it is read to an end does.
fn judged(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _verdict = runtime.block_on(async { Archive::read(spool(bytes).await) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_stop_the_reader(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = archive(&[deflated("a", &[b'a'; 500]), stored("folder/b", b"b"), stored("c", &[1; 100])]);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        judged(&bytes);
        judged(&bytes[..cut.index(bytes.len())]);
    }
}
