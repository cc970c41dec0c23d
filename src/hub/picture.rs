//! Pictures on their way in: for every one its header, then chunks that must add up to the JPEG it announced.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use crate::error::{Error, Result};
use crate::hub::receive::{MAX_CHUNK, refused};
use crate::model::biometric::{AnnouncedPicture, PictureKind, Pictures};
use crate::model::jpeg;
use crate::proto::biometrics::upload_biometric_images_request::Part;
use crate::proto::biometrics::{UploadBiometricImagesHeader, UploadBiometricImagesRequest};
use crate::vendor::biometrics::PictureLimits;

/// Uploads at the same time: one takes a few MiB, and what its vendor is sent a little more than that once again.
pub(super) const MAX_UPLOADS: usize = 8;

const UPLOAD: &str = "upload_biometric_images";

/// The first part of an upload.
pub(super) async fn header<S>(parts: &mut Pin<Box<S>>) -> Result<UploadBiometricImagesHeader>
where
    S: Stream<Item = Result<UploadBiometricImagesRequest>>,
{
    match parts.next().await.transpose()?.and_then(|message| message.part) {
        Some(Part::Header(header)) => Ok(header),
        Some(Part::Image(_) | Part::Chunk(_)) | None => {
            Err(refused(UPLOAD, "header", "is required, and comes first"))
        }
    }
}

/// The pictures that follow the header, each whole and a JPEG; as many as `limits` says.
pub(super) async fn pictures<S>(mut parts: Pin<Box<S>>, limits: &PictureLimits) -> Result<Pictures>
where
    S: Stream<Item = Result<UploadBiometricImagesRequest>>,
{
    let mut incoming = Incoming { limits, whole: Pictures::default(), count: 0, coming: None };
    while let Some(message) = parts.next().await.transpose()? {
        match message.part {
            Some(Part::Image(header)) => {
                incoming.complete()?;
                let field = format!("image[{}]", incoming.count);
                incoming.begin(AnnouncedPicture::parse(&field, &header)?)?;
            }
            Some(Part::Chunk(chunk)) => incoming.take(&chunk)?,
            Some(Part::Header(_)) => {
                return Err(refused(UPLOAD, "header", "comes once, at the beginning"));
            }
            None => return Err(refused(UPLOAD, "part", "must be a picture's header or a chunk")),
        }
    }
    incoming.finish()
}

/// What has come in so far.
struct Incoming<'a> {
    limits: &'a PictureLimits,
    whole: Pictures,
    /// Pictures that are whole.
    count: usize,
    coming: Option<Coming>,
}

/// A picture that is on its way.
struct Coming {
    announced: AnnouncedPicture,
    content: Vec<u8>,
}

impl Incoming<'_> {
    fn begin(&mut self, announced: AnnouncedPicture) -> Result<()> {
        let (range, kind) = match announced.kind {
            PictureKind::Portrait => (&self.limits.portraits, "portraits"),
            PictureKind::Document => (&self.limits.documents, "pictures of documents"),
        };
        if self.whole.of(announced.kind).len() >= *range.end() {
            let expected = format!("the upload has {} {kind}, and may have no more", range.end());
            return Err(self.refused("kind", expected));
        }
        self.coming = Some(Coming { announced, content: Vec::with_capacity(announced.size) });
        Ok(())
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        if chunk.len() > MAX_CHUNK {
            return Err(refused(UPLOAD, "chunk", format!("must be at most {MAX_CHUNK} bytes")));
        }
        let Some(coming) = &mut self.coming else {
            return Err(refused(UPLOAD, "chunk", "must follow the header of its picture"));
        };
        let came = coming.content.len() + chunk.len();
        if came > coming.announced.size {
            let said = coming.announced.size;
            return Err(self.other_size(said, came));
        }
        coming.content.extend_from_slice(chunk);
        Ok(())
    }

    /// The picture that was on its way must be whole by now.
    fn complete(&mut self) -> Result<()> {
        let Some(Coming { announced, content }) = self.coming.take() else { return Ok(()) };
        if content.len() != announced.size {
            return Err(self.other_size(announced.size, content.len()));
        }
        jpeg::check(&content)
            .map_err(|error| self.refused("chunk", format!("must be the content of a JPEG: {error}")))?;
        self.whole.of(announced.kind).push(Bytes::from(content));
        self.count += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Pictures> {
        self.complete()?;
        for (kind, range, name) in [
            (PictureKind::Portrait, &self.limits.portraits, "portraits"),
            (PictureKind::Document, &self.limits.documents, "pictures of documents"),
        ] {
            let came = self.whole.of(kind).len();
            if came < *range.start() {
                let expected = format!("must be at least {} {name}; {came} came", range.start());
                return Err(refused(UPLOAD, "image", expected));
            }
        }
        Ok(self.whole)
    }

    /// Refuses the picture that is on its way; it is named by its place in the upload, from 0.
    fn refused(&self, part: &str, expected: String) -> Error {
        refused(UPLOAD, &format!("image[{}].{part}", self.count), expected)
    }

    fn other_size(&self, said: usize, came: usize) -> Error {
        let expected = format!(
            "must be the size of the picture: {said} were announced, and {came} had come when it was refused"
        );
        self.refused("size_bytes", expected)
    }
}
