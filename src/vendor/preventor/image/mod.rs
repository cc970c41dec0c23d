//! Images of tickets. The vendor sends them all in one JSON text, which is read as it comes. An image is held until the
//! object or the list that it stands in ends, because a word behind it may say of which kind it is: that may be all of
//! them. So an image has a largest size, and so many answers are read at once.

mod scan;

use std::collections::{HashMap, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode};

use crate::error::{Error, Kind, Result};
use crate::proto::{ArtifactKind, TicketImageHeader, TicketImageKind};
use crate::vendor::kit::http::{FileStream, Opened};
use crate::vendor::kit::places::Taken;
use crate::vendor::preventor::api::misbuilt;
use crate::vendor::preventor::fault::Refused;
use crate::vendor::preventor::field::{ImageSettings, WORD};
use crate::vendor::preventor::image::scan::{Found, Scan, ScanError};
use crate::vendor::preventor::{Preventor, TICKET};
use crate::vendor::ticket::TicketImage;

pub(super) const GET_IMAGES: &str = "preventor.get_images";

/// Every kind of image, what the ids of its files begin with, and its kind as a file.
pub(super) const KINDS: [(TicketImageKind, &str, ArtifactKind); 5] = [
    (TicketImageKind::SelfPortrait, "self-portrait", ArtifactKind::Face),
    (TicketImageKind::Document, "document", ArtifactKind::DocumentFront),
    (TicketImageKind::DocumentPortrait, "document-portrait", ArtifactKind::DocumentPortrait),
    (TicketImageKind::DocumentSignature, "document-signature", ArtifactKind::DocumentSignature),
    (TicketImageKind::DocumentGhostPortrait, "document-ghost-portrait", ArtifactKind::DocumentGhostPortrait),
];
/// What the vendor calls all of them.
const ALL: &str = "ALL";

/// The images of one answer, as they come.
struct Download {
    pieces: BoxStream<'static, Result<Bytes>>,
    scan: Scan,
    found: VecDeque<Found>,
    /// Bytes that may still come.
    left: usize,
    words: Vec<(String, TicketImageKind)>,
    /// None: all.
    wanted: Vec<TicketImageKind>,
    counts: HashMap<TicketImageKind, i32>,
    _taken: Taken,
}

impl Preventor {
    /// The images of a ticket, of these kinds; none: all. `None`: the vendor has none of that id.
    pub(super) async fn open_images(
        &self,
        ticket: &str,
        kinds: &[TicketImageKind],
    ) -> Result<Option<BoxStream<'static, Result<TicketImage>>>> {
        let Ok(ticket) = TICKET.segment(ticket) else { return Ok(None) };
        let asked: Vec<_> = match kinds {
            [] => vec![ALL],
            kinds => kinds
                .iter()
                .filter_map(|kind| words(&self.images, *kind).first())
                .map(String::as_str)
                .collect(),
        };
        let asked: Result<Vec<_>, _> = asked.into_iter().map(|word| WORD.segment(word)).collect();
        let asked = asked.map_err(|error| misbuilt(GET_IMAGES, error))?;
        let path = &self.api.paths().images;
        let call = self.api.prepare(GET_IMAGES, Method::GET, path, &[("ticket", &ticket)])?;
        let call = call.with_words("type", &asked).json_file();
        let taken = self.downloads.take(GET_IMAGES).await?;
        let images = |file| Ok(Some(Download::new(file, &self.images, kinds, taken)?.images()));
        match self.api.session.open(call).await? {
            Opened::File(file) => images(file),
            Opened::Answer(answer) => match Refused::read(&answer) {
                Some(refused) => refused.nothing_or_error(&answer).map(|()| None),
                None if answer.status() == StatusCode::OK => images(FileStream::of(answer.body().clone())),
                None => Err(answer.invalid("has no images")),
            },
        }
    }
}

impl Download {
    fn new(
        file: FileStream,
        settings: &ImageSettings,
        wanted: &[TicketImageKind],
        taken: Taken,
    ) -> Result<Self> {
        let max = settings.max_bytes;
        if file.size.is_some_and(|size| size > max as u64) {
            return Err(ScanError::TooLarge.into());
        }
        let kinds = KINDS.iter().map(|(kind, _, _)| *kind);
        let words = kinds.flat_map(|kind| words(settings, kind).iter().map(move |word| (word.clone(), kind)));
        Ok(Self {
            pieces: file.pieces,
            scan: Scan::new(settings.kind_members.clone(), settings.max_image_bytes),
            found: VecDeque::new(),
            left: max,
            words: words.collect(),
            wanted: wanted.to_vec(),
            counts: HashMap::new(),
            _taken: taken,
        })
    }

    fn images(self) -> BoxStream<'static, Result<TicketImage>> {
        stream::try_unfold(self, Self::next).boxed()
    }

    async fn next(mut self) -> Result<Option<(TicketImage, Self)>> {
        loop {
            while let Some(found) = self.found.pop_front() {
                if let Some(image) = self.image(found) {
                    return Ok(Some((image, self)));
                }
            }
            let Some(piece) = self.pieces.try_next().await? else {
                self.scan.finish()?;
                return Ok(None);
            };
            self.left = self.left.checked_sub(piece.len()).ok_or(ScanError::TooLarge)?;
            self.scan.feed(&piece, &mut self.found)?;
        }
    }

    /// `found`, unless it is of a kind that nobody asked for.
    fn image(&mut self, found: Found) -> Option<TicketImage> {
        let known = |label: &String| self.words.iter().find(|(word, _)| word == label).map(|(_, kind)| *kind);
        let kind = found.labels.iter().find_map(known).unwrap_or_default();
        if !self.wanted.is_empty() && !self.wanted.contains(&kind) {
            return None;
        }
        let count = self.counts.entry(kind).or_default();
        let index = *count;
        *count += 1;
        let header = TicketImageHeader {
            kind: kind.into(),
            index,
            media_type: media_type(&found.media_type),
            size_bytes: i64::try_from(found.content.len()).unwrap_or(i64::MAX),
            sha256: digest(&SHA256, &found.content).as_ref().to_vec(),
        };
        Some(TicketImage { header, content: found.content.into() })
    }
}

/// The media type that an image is `said` to have, without its parameters, where it is written as one (RFC 6838).
fn media_type(said: &str) -> String {
    let said = said.split(';').next().unwrap_or_default();
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(plain)
    };
    let is_one = said.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype));
    if is_one { said.to_ascii_lowercase() } else { "application/octet-stream".to_owned() }
}

/// The vendor's words for a kind, the one that it is asked with first.
fn words(settings: &ImageSettings, kind: TicketImageKind) -> &[String] {
    match kind {
        TicketImageKind::Unspecified => &[],
        TicketImageKind::SelfPortrait => &settings.self_portrait,
        TicketImageKind::Document => &settings.document,
        TicketImageKind::DocumentPortrait => &settings.document_portrait,
        TicketImageKind::DocumentSignature => &settings.document_signature,
        TicketImageKind::DocumentGhostPortrait => &settings.document_ghost_portrait,
    }
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        let kind = match &error {
            ScanError::Refused(code) if code == "TCKTNTFND" => Kind::ResourceNotFound,
            ScanError::Refused(_) => Kind::VendorRejectedRequest,
            _ => Kind::VendorResponseInvalid,
        };
        Self::new(kind, GET_IMAGES, error.to_string()).caused_by(error)
    }
}
