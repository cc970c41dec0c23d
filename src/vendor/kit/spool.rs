//! Files too large for memory and too personal for a disk: kept in a file without a name, encrypted under a key that
//! only this process has, and only as long as the file is open.
//!
//! The plaintext is cut into chunks of [`CHUNK`] bytes, the last one shorter. Each is sealed with AES-256-GCM under a
//! key of the spool's own; its number is its nonce, so that no chunk opens in the place of another.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, pin_mut};
use http_body::{Body, Frame, SizeHint};
use secrecy::zeroize::Zeroizing;
use tokio::sync::mpsc;
use tokio::task;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::vendor::kit::archive::{Refused, Rule};
use crate::vendor::kit::places::{Places, Taken};

/// Plaintext bytes that are sealed together, and held in memory at once.
pub const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// Makes spools, no more than so many at once.
#[derive(Debug)]
pub struct Spools {
    clock: Clock,
    directory: PathBuf,
    max_bytes: u64,
    places: Places,
}

/// The right to one spool.
pub struct Place<'a> {
    spools: &'a Spools,
    operation: &'static str,
    taken: Taken,
}

/// One file, written once and read as often as needed. Nothing is left of it when it is dropped.
pub struct Spool {
    file: File,
    cipher: LessSafeKey,
    len: u64,
    _taken: Taken,
}

/// Reads a part of a spool from its beginning to its end.
pub struct SpoolReader {
    spool: Arc<Spool>,
    at: u64,
    end: u64,
    chunk: Zeroizing<Vec<u8>>,
    /// Which chunk that is.
    number: Option<u64>,
}

/// A spool as the body of a request.
pub struct SpoolBody {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

struct Writer {
    file: File,
    cipher: LessSafeKey,
    chunk: Zeroizing<Vec<u8>>,
    number: u64,
    len: u64,
}

impl Spools {
    /// Spools of at most `max_bytes` each in `directory`, at most `max_open` of them.
    pub fn new(clock: Clock, directory: PathBuf, max_bytes: u64, max_open: usize) -> Self {
        let places = Places::new(clock.clone(), max_open);
        Self { clock, directory, max_bytes, places }
    }

    /// A place for a spool, as [`Places::take`].
    pub async fn place(&self, operation: &'static str) -> Result<Place<'_>> {
        let taken = self.places.take(operation).await?;
        Ok(Place { spools: self, operation, taken })
    }
}

impl Place<'_> {
    /// Writes `pieces` to a new spool.
    pub async fn keep(self, pieces: impl Stream<Item = Result<Bytes>> + Send) -> Result<Spool> {
        let Self { spools, operation, taken } = self;
        let broken = |error| unusable(operation, error);
        let (directory, key) = (spools.directory.clone(), Zeroizing::new(spools.clock.random::<32>()));
        let mut writer = blocking(move || Writer::new(&directory, &key)).await.map_err(broken)?;
        pin_mut!(pieces);
        while let Some(piece) = pieces.next().await.transpose()? {
            if writer.len + piece.len() as u64 > spools.max_bytes {
                return Err(Refused(Rule::ArchiveBytes).error(operation));
            }
            writer = blocking(move || writer.write(&piece)).await.map_err(broken)?;
        }
        let (file, cipher, len) = blocking(move || writer.finish()).await.map_err(broken)?;
        Ok(Spool { file, cipher, len, _taken: taken })
    }
}

impl Spool {
    /// Bytes of plaintext.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads from byte `from` to before `to`; what lies behind the end is not there.
    pub fn reader(self: &Arc<Self>, from: u64, to: u64) -> SpoolReader {
        let end = to.min(self.len);
        SpoolReader { spool: self.clone(), at: from.min(end), end, chunk: Zeroizing::default(), number: None }
    }

    /// The bytes from `from` on, at most `count`; none behind the end. Waits for the disk.
    pub fn read(self: &Arc<Self>, from: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(count);
        self.reader(from, from.saturating_add(count as u64)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&self, number: u64, chunk: &mut Vec<u8>) -> io::Result<()> {
        let begin = number * CHUNK as u64;
        let length = (self.len - begin).min(CHUNK as u64) as usize;
        chunk.resize(length + TAG, 0);
        self.file.read_exact_at(chunk, number * (CHUNK + TAG) as u64)?;
        self.cipher.open_in_place(nonce(number), Aad::empty(), chunk).map_err(altered)?;
        chunk.truncate(length);
        Ok(())
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.end {
            return Ok(0);
        }
        let number = self.at / CHUNK as u64;
        if self.number != Some(number) {
            self.number = None;
            self.spool.open(number, &mut self.chunk)?;
            self.number = Some(number);
        }
        let within = (self.at % CHUNK as u64) as usize;
        let left = (self.end - self.at).min((self.chunk.len() - within) as u64) as usize;
        let count = left.min(buffer.len());
        buffer[..count].copy_from_slice(&self.chunk[within..within + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl SpoolBody {
    /// Begins to read `spool`, one chunk ahead of whoever takes them.
    pub fn new(spool: Arc<Spool>) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let left = spool.len();
        task::spawn_blocking(move || {
            for number in 0..spool.len().div_ceil(CHUNK as u64) {
                let mut chunk = Vec::new();
                let piece = spool.open(number, &mut chunk).map(|()| Bytes::from(chunk));
                // A request that was given up has nobody who takes the rest.
                let broken = piece.is_err();
                if sender.blocking_send(piece).is_err() || broken {
                    return;
                }
            }
        });
        Self { pieces, left }
    }
}

impl Body for SpoolBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.pieces.poll_recv(context));
        if let Some(Ok(bytes)) = &piece {
            self.left -= bytes.len() as u64;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Writer {
    fn new(directory: &PathBuf, key: &[u8; 32]) -> io::Result<Self> {
        let cipher = UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(altered)?;
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        Ok(Self { file: tempfile::tempfile_in(directory)?, cipher, chunk, number: 0, len: 0 })
    }

    fn write(mut self, mut piece: &[u8]) -> io::Result<Self> {
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            self.len += now.len() as u64;
            if self.chunk.len() == CHUNK {
                self.seal()?;
            }
            piece = later;
        }
        Ok(self)
    }

    fn seal(&mut self) -> io::Result<()> {
        let nonce = nonce(self.number);
        self.cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut *self.chunk).map_err(altered)?;
        self.file.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }

    fn finish(mut self) -> io::Result<(File, LessSafeKey, u64)> {
        if !self.chunk.is_empty() {
            self.seal()?;
        }
        Ok((self.file, self.cipher, self.len))
    }
}

/// Runs what may wait for a disk where that holds up nobody.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
{
    task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic).into()))
}

/// The gateway's own disk failed, not the vendor.
pub fn unusable(operation: &'static str, error: io::Error) -> Error {
    tracing::error!(error = %error, "A file of a vendor cannot be spooled; look at spool_directory and its space");
    let detail = "the gateway has no working place for files now";
    Error::new(Kind::GatewayOverloaded, operation, detail).caused_by(error)
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn altered(_unspecified: Unspecified) -> io::Error {
    io::Error::other("a spooled chunk cannot be sealed or opened")
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::vendor::kit::places::LONGEST_WAIT;

    fn spools(max_bytes: u64) -> Spools {
        Spools::new(Clock::system(), std::env::temp_dir(), max_bytes, 1)
    }

    async fn kept(bytes: &[u8], pieces: usize) -> Arc<Spool> {
        let pieces: Vec<_> = bytes.chunks(pieces).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let spools = spools(1 << 20);
        Arc::new(spools.place("test").await.unwrap().keep(stream::iter(pieces)).await.unwrap())
    }

    fn patterned(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 % 251) as u8).collect()
    }

    #[tokio::test]
    async fn what_was_written_is_read_from_anywhere() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let bytes = patterned(length);
            let spool = kept(&bytes, 10_007).await;
            assert_eq!((spool.len(), spool.is_empty()), (length as u64, length == 0));
            for (from, to) in [(0, length), (length / 2, length), (1, CHUNK + 1), (length, length + 9)] {
                let mut read = Vec::new();
                spool.reader(from as u64, to as u64).read_to_end(&mut read).unwrap();
                let end = to.min(length);
                assert_eq!(read, bytes[from.min(end)..end], "{from}..{to} of {length}");
            }
        }
    }

    #[tokio::test]
    async fn the_disk_holds_nothing_readable_and_no_chunk_twice() {
        let spool = kept(&[b'A'; 3 * CHUNK], CHUNK).await;
        let mut sealed = vec![0; 3 * (CHUNK + TAG)];
        spool.file.read_exact_at(&mut sealed, 0).unwrap();
        assert!(!sealed.windows(8).any(|window| window == b"AAAAAAAA"));
        let (first, rest) = sealed.split_at(CHUNK + TAG);
        assert_ne!(first, &rest[..CHUNK + TAG], "equal chunks look different");
    }

    #[tokio::test]
    async fn an_altered_or_moved_chunk_does_not_open() {
        let spool = kept(&patterned(2 * CHUNK), CHUNK).await;
        let mut chunk = vec![0; CHUNK + TAG];
        spool.file.read_exact_at(&mut chunk, 0).unwrap();
        spool.file.write_all_at(&chunk, (CHUNK + TAG) as u64).unwrap();
        let mut byte = [0];
        assert!(spool.reader(0, 1).read_exact(&mut byte).is_ok());
        assert!(spool.reader(CHUNK as u64, CHUNK as u64 + 1).read_exact(&mut byte).is_err(), "moved");
        spool.file.write_all_at(&[chunk[9] ^ 1], 9).unwrap();
        assert!(spool.reader(0, 1).read_exact(&mut byte).is_err(), "altered");
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_and_gives_its_place_back() {
        let spools = spools(10);
        let ten = async |bytes: &'static [u8]| {
            let place = spools.place("test").await.unwrap();
            place.keep(stream::iter([Ok(Bytes::from_static(bytes))])).await
        };
        let error = ten(&[0; 11]).await.err().unwrap();
        assert_eq!((error.kind, error.vendor.unwrap().rule), (Kind::ArchiveRefused, "archive_bytes"));
        assert_eq!(ten(&[0; 10]).await.unwrap().len(), 10);
    }

    #[tokio::test]
    async fn places_are_waited_for_and_not_for_ever() {
        let (clock, hand) = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
        let spools = Spools::new(clock, std::env::temp_dir(), 10, 1);
        let spool = spools.place("test").await.unwrap().keep(stream::empty()).await.unwrap();
        let mut waiting = Box::pin(spools.place("test"));
        assert!(futures::poll!(&mut waiting).is_pending(), "a spool keeps its place");
        hand.advance(LONGEST_WAIT);
        assert_eq!(waiting.await.err().unwrap().kind, Kind::GatewayOverloaded);
        let mut waiting = Box::pin(spools.place("test"));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(spool);
        assert!(waiting.await.is_ok());
    }
}
