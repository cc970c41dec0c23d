//! Uploads on their way in: the header first, then chunks that must add up to what it announced.

use std::pin::Pin;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};

use crate::error::{Error, Kind, Result, Violation};
use crate::hub::Hub;
use crate::hub::request::Mutation;
use crate::hub::transfer::DEFAULT_TIME;
use crate::model::upload::Announced;

/// Largest chunk, as the contract says.
pub(super) const MAX_CHUNK: usize = 1 << 20;
/// How every PDF begins.
const MAGIC: &[u8] = b"%PDF-";

/// One message of an upload.
pub(super) trait Incoming: Send {
    /// What the first one holds. It stands for the whole upload: it has the hash of what follows.
    type Header: Mutation;

    /// What it holds; `None`: nothing.
    fn part(self) -> Option<Part<Self::Header>>;
}

/// What one message of an upload holds.
pub(super) enum Part<H> {
    /// How it begins.
    Header(H),
    /// A piece of the content.
    Chunk(Vec<u8>),
}

impl Hub {
    /// Ends an upload that takes too long: it would keep its place for as long as its caller stalls.
    pub(super) async fn in_time<T>(
        &self,
        operation: &'static str,
        upload: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let ends_at = self.clock.now() + DEFAULT_TIME;
        tokio::select! {
            biased;
            uploaded = upload => uploaded,
            () = self.clock.sleep_until(ends_at) => {
                let detail = "the upload did not come in within 300 s";
                Err(Error::new(Kind::DeadlineExceeded, operation, detail))
            }
        }
    }
}

/// The first part of an upload.
pub(super) async fn header<M: Incoming>(
    parts: &mut Pin<Box<impl Stream<Item = Result<M>>>>,
) -> Result<M::Header> {
    match parts.next().await.transpose()?.and_then(M::part) {
        Some(Part::Header(header)) => Ok(header),
        Some(Part::Chunk(_)) | None => {
            Err(refused(M::Header::OPERATION, "header", "is required, and comes first"))
        }
    }
}

/// The content that follows the header, chunk by chunk. Ends with an error unless it is a PDF with the size and hash
/// that were announced.
pub(super) fn content<M: Incoming>(
    parts: Pin<Box<impl Stream<Item = Result<M>> + Send>>,
    announced: Announced,
) -> impl Stream<Item = Result<Bytes>> + Send {
    let operation = M::Header::OPERATION;
    let check = Check { operation, announced, hash: Context::new(&SHA256), begin: Vec::new(), size: 0 };
    stream::try_unfold((parts, check), move |(mut parts, mut check)| async move {
        let Some(message) = parts.next().await.transpose()? else {
            check.finish()?;
            return Ok(None);
        };
        let chunk = match message.part() {
            Some(Part::Chunk(chunk)) => Bytes::from(chunk),
            Some(Part::Header(_)) => {
                return Err(refused(operation, "header", "comes once, at the beginning"));
            }
            None => return Err(refused(operation, "part", "must be a chunk after the header")),
        };
        check.take(&chunk)?;
        Ok(Some((chunk, (parts, check))))
    })
}

/// What has come in so far.
struct Check {
    operation: &'static str,
    announced: Announced,
    hash: Context,
    /// As much of the beginning as tells what it is.
    begin: Vec<u8>,
    size: u64,
}

impl Check {
    fn take(&mut self, chunk: &Bytes) -> Result<()> {
        if chunk.len() > MAX_CHUNK {
            return Err(refused(self.operation, "chunk", format!("must be at most {MAX_CHUNK} bytes")));
        }
        self.size += chunk.len() as u64;
        if self.size > self.announced.size {
            return Err(self.other_size());
        }
        self.begin.extend(chunk.iter().take(MAGIC.len() - self.begin.len()));
        if !MAGIC.starts_with(&self.begin) {
            return Err(self.no_pdf());
        }
        self.hash.update(chunk);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.size != self.announced.size {
            return Err(self.other_size());
        }
        if self.begin != MAGIC {
            return Err(self.no_pdf());
        }
        if self.hash.finish().as_ref() != self.announced.sha256 {
            let detail = "the content that came in has another SHA-256 than header.sha256; upload it again";
            return Err(Error::new(Kind::ContentHashMismatch, self.operation, detail));
        }
        Ok(())
    }

    fn no_pdf(&self) -> Error {
        refused(self.operation, "chunk", "must be the content of a PDF, which begins with %PDF-")
    }

    fn other_size(&self) -> Error {
        let (said, came) = (self.announced.size, self.size);
        refused(
            self.operation,
            "header.size_bytes",
            format!(
                "must be the size of the content: {said} were announced, and {came} had come when it was refused"
            ),
        )
    }
}

pub(super) fn refused(operation: &'static str, field: &str, expected: impl Into<String>) -> Error {
    Error::invalid(operation, vec![Violation::new(field, expected)])
}
