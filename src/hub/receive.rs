//! The parts of an upload: the header first, then chunks that must add up to what it announced.

use std::pin::Pin;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};

use crate::error::{Error, Kind, Result, Violation};
use crate::model::document::UploadHeader;
use crate::proto::upload_document_request::Part;
use crate::proto::{UploadDocumentHeader, UploadDocumentRequest};

const UPLOAD: &str = "upload_document";
/// Largest chunk, as the contract says.
const MAX_CHUNK: usize = 1 << 20;
/// How every PDF begins.
const MAGIC: &[u8] = b"%PDF-";

/// The first part of an upload.
pub(super) async fn header<S>(parts: &mut Pin<Box<S>>) -> Result<UploadDocumentHeader>
where
    S: Stream<Item = Result<UploadDocumentRequest>>,
{
    match parts.next().await.transpose()?.and_then(|request| request.part) {
        Some(Part::Header(header)) => Ok(header),
        Some(Part::Chunk(_)) | None => Err(refused("header", "is required, and comes first")),
    }
}

/// The content that follows `header`, chunk by chunk. Ends with an error unless it is a PDF with the size and hash that
/// were announced.
pub(super) fn content<S>(parts: Pin<Box<S>>, header: UploadHeader) -> impl Stream<Item = Result<Bytes>> + Send
where
    S: Stream<Item = Result<UploadDocumentRequest>> + Send,
{
    let check = Check { hash: Context::new(&SHA256), begin: Vec::new(), size: 0, header };
    stream::try_unfold(Some((parts, check)), |state| async {
        let Some((mut parts, mut check)) = state else { return Ok(None) };
        let Some(request) = parts.next().await.transpose()? else {
            check.finish()?;
            return Ok(None);
        };
        let chunk = match request.part {
            Some(Part::Chunk(chunk)) => Bytes::from(chunk),
            Some(Part::Header(_)) => return Err(refused("header", "comes once, at the beginning")),
            None => return Err(refused("part", "must be a chunk after the header")),
        };
        check.take(&chunk)?;
        Ok(Some((chunk, Some((parts, check)))))
    })
}

/// What has come in so far.
struct Check {
    header: UploadHeader,
    hash: Context,
    /// As much of the beginning as tells what it is.
    begin: Vec<u8>,
    size: u64,
}

impl Check {
    fn take(&mut self, chunk: &Bytes) -> Result<()> {
        if chunk.len() > MAX_CHUNK {
            return Err(refused("chunk", format!("must be at most {MAX_CHUNK} bytes")));
        }
        self.size += chunk.len() as u64;
        if self.size > self.header.size {
            return Err(self.other_size());
        }
        self.begin.extend(chunk.iter().take(MAGIC.len() - self.begin.len()));
        if !MAGIC.starts_with(&self.begin) {
            return Err(refused("chunk", "must be the content of a PDF, which begins with %PDF-"));
        }
        self.hash.update(chunk);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.size != self.header.size {
            return Err(self.other_size());
        }
        if self.begin != MAGIC {
            return Err(refused("chunk", "must be the content of a PDF, which begins with %PDF-"));
        }
        if self.hash.finish().as_ref() != self.header.sha256 {
            let detail = "the content that came in has another SHA-256 than header.sha256; upload it again";
            return Err(Error::new(Kind::ContentHashMismatch, UPLOAD, detail));
        }
        Ok(())
    }

    fn other_size(&self) -> Error {
        let (said, came) = (self.header.size, self.size);
        refused(
            "header.size_bytes",
            format!(
                "must be the size of the content: {said} were announced, and {came} had come when it was refused"
            ),
        )
    }
}

fn refused(field: &str, expected: impl Into<String>) -> Error {
    Error::invalid(UPLOAD, vec![Violation::new(field, expected)])
}
