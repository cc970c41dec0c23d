//! Files and images on their way from a vendor to a caller, a file as a header, chunks, and a trailer with the hash.
//! Nothing of them is kept.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::model::validate::Checks;
use crate::proto::{
    Artifact, ContentDigest, Document, DocumentDefinition, DownloadArtifactResponse,
    DownloadDefaultDocumentResponse, DownloadSignedDocumentResponse, DownloadTicketImagesResponse,
    TicketImageHeader,
};

/// Bytes of one chunk; only the last is shorter.
pub(super) const CHUNK: usize = 64 * 1024;
/// How long a transfer may take when its caller sets no deadline, as the contract says.
pub(super) const DEFAULT_TIME: Duration = Duration::from_secs(300);
/// How long a transfer may take whatever its caller says.
const LONGEST_TIME: Duration = Duration::from_hours(1);
/// A reader that takes nothing for so long is dropped.
const SLOWEST_READER: Duration = Duration::from_secs(60);

/// A transfer as the door sends it: messages, or the error that ends it.
pub(super) type TransferStream<M> = ReceiverStream<Result<M>>;

/// The messages of a transfer.
pub(super) trait Message: Send + 'static {
    /// What is said of a file before its content.
    type Header: Send;

    /// The beginning of a file.
    fn header(header: Self::Header) -> Self;
    /// A piece of its content.
    fn chunk(bytes: Vec<u8>) -> Self;
}

/// The messages of a transfer of one file.
pub(super) trait FileMessage: Message {
    /// The end.
    fn trailer(digest: ContentDigest) -> Self;
}

/// What all transfers have in common, though they share no type: a member `part`, with its variants in a module of its
/// own.
macro_rules! messages {
    ($($message:ident, $module:ident: $header:ident;)*) => {$(
        impl Message for $message {
            type Header = $header;

            fn header(header: $header) -> Self {
                Self { part: Some(crate::proto::$module::Part::Header(header)) }
            }

            fn chunk(bytes: Vec<u8>) -> Self {
                Self { part: Some(crate::proto::$module::Part::Chunk(bytes)) }
            }
        }
    )*};
}

/// Transfers of one file.
macro_rules! file_messages {
    ($($message:ident, $module:ident: $header:ident;)*) => {
        messages! { $($message, $module: $header;)* }
        $(impl FileMessage for $message {
            fn trailer(digest: ContentDigest) -> Self {
                Self { part: Some(crate::proto::$module::Part::Trailer(digest)) }
            }
        })*
    };
}

file_messages! {
    DownloadArtifactResponse, download_artifact_response: Artifact;
    DownloadDefaultDocumentResponse, download_default_document_response: DocumentDefinition;
    DownloadSignedDocumentResponse, download_signed_document_response: Document;
}

messages! {
    DownloadTicketImagesResponse, download_ticket_images_response: TicketImageHeader;
}

/// What a caller asks of a transfer.
#[derive(Clone, Copy)]
pub(super) struct Transfer {
    operation: &'static str,
    /// Bytes that the caller has already.
    offset: u64,
    deadline: Option<SystemTime>,
}

impl Transfer {
    /// Reads what every download is asked for with: the file's name, and how much of it the caller has already.
    pub(super) fn parse<N: FromStr<Err: Display>>(
        operation: &'static str,
        (name, read_offset): (&str, i64),
        deadline: Option<SystemTime>,
    ) -> Result<(N, Self)> {
        let mut checks = Checks::default();
        let name = checks.parse("name", name);
        let offset =
            u64::try_from(read_offset).map_err(|_negative| checks.refuse("read_offset", "must be 0 or more"));
        match (name, offset) {
            (Some(name), Ok(offset)) => Ok((name, Self { operation, offset, deadline })),
            _ => Err(checks.refused(operation)),
        }
    }
}

/// The way of messages to one caller.
pub(super) struct Outlet<M> {
    clock: Clock,
    operation: &'static str,
    sender: mpsc::Sender<Result<M>>,
}

/// A file on its way.
struct Run<M> {
    transfer: Transfer,
    outlet: Outlet<M>,
}

impl Hub {
    /// Begins a transfer of what `open` finds: the header and the content. It goes on through a drain, as calls do.
    pub(super) fn transfer<M: FileMessage>(
        self: &Arc<Self>,
        transfer: Transfer,
        open: impl Future<Output = Result<(M::Header, BoxStream<'static, Result<Bytes>>)>> + Send + 'static,
    ) -> Result<TransferStream<M>> {
        let Transfer { operation, deadline, .. } = transfer;
        self.send_out(operation, deadline, move |outlet| async move {
            let digest = Run { transfer, outlet }.serve(open).await?;
            Ok(Some(M::trailer(digest)))
        })
    }

    /// Begins to send what `serve` delivers; what it returns is the last message. It goes on through a drain, as calls
    /// do, and ends at `deadline`.
    pub(super) fn send_out<M: Send + 'static, S: Future<Output = Result<Option<M>>> + Send>(
        self: &Arc<Self>,
        operation: &'static str,
        deadline: Option<SystemTime>,
        serve: impl FnOnce(Outlet<M>) -> S + Send + 'static,
    ) -> Result<TransferStream<M>> {
        if self.drain.is_cancelled() {
            let detail = "the gateway is shutting down; download it from another one";
            return Err(Error::new(Kind::GatewayDraining, operation, detail));
        }
        let (clock, now) = (self.clock.clone(), self.clock.now());
        let ends_at = deadline.unwrap_or(now + DEFAULT_TIME).min(now + LONGEST_TIME);
        // One message on its way, and the last word, which must not wait for room.
        let (sender, receiver) = mpsc::channel(2);
        self.calls.spawn(async move {
            let Ok(last_word) = sender.clone().reserve_owned().await else { return };
            let outlet = Outlet { clock: clock.clone(), operation, sender: sender.clone() };
            // Dropping the work ends the vendor's transfer, and everything that was kept for it.
            let sent = tokio::select! {
                biased;
                () = sender.closed() => return,
                // Before the vendor's own time, which may be over at the same moment.
                () = clock.sleep_until(ends_at) => {
                    let detail = "the deadline of the call has passed";
                    Err(Error::new(Kind::DeadlineExceeded, operation, detail))
                }
                sent = serve(outlet) => sent,
            };
            if let Some(last) = sent.transpose() {
                last_word.send(last);
            }
        });
        Ok(ReceiverStream::new(receiver))
    }
}

impl<M: Send + 'static> Outlet<M> {
    /// Hands over `message`, unless the reader has taken nothing for too long.
    pub(super) async fn deliver(&self, message: M) -> Result<()> {
        tokio::select! {
            biased;
            sent = self.sender.send(Ok(message)) => match sent {
                Ok(()) => Ok(()),
                // Whoever runs this sees it too, and drops it.
                Err(_gone) => std::future::pending().await,
            },
            () = self.clock.sleep(SLOWEST_READER) => {
                let detail = "the reader took nothing for 60 s; take up the download again";
                Err(Error::new(Kind::SlowConsumer, self.operation, detail))
            }
        }
    }
}

impl<M: Message> Run<M> {
    /// Sends everything but the trailer, which it returns.
    async fn serve(
        &self,
        open: impl Future<Output = Result<(M::Header, BoxStream<'static, Result<Bytes>>)>> + Send,
    ) -> Result<ContentDigest> {
        let (header, mut content) = open.await?;
        let (mut buffer, mut skip) = (BytesMut::new(), self.transfer.offset);
        while skip > 0 {
            let mut piece = content.next().await.transpose()?.ok_or_else(|| self.beyond_the_end())?;
            let passed = piece.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            piece.advance(passed);
            skip -= passed as u64;
            buffer.extend_from_slice(&piece);
        }
        self.outlet.deliver(M::header(header)).await?;
        let (mut hash, mut size_bytes) = (Context::new(&SHA256), 0);
        let mut more = true;
        while more || !buffer.is_empty() {
            if more && buffer.len() < CHUNK {
                let piece = content.next().await.transpose()?;
                more = piece.is_some();
                buffer.extend_from_slice(&piece.unwrap_or_default());
                continue;
            }
            let chunk = buffer.split_to(CHUNK.min(buffer.len()));
            hash.update(&chunk);
            size_bytes += chunk.len() as i64;
            self.outlet.deliver(M::chunk(chunk.to_vec())).await?;
        }
        Ok(ContentDigest { size_bytes, sha256: hash.finish().as_ref().to_vec() })
    }

    fn beyond_the_end(&self) -> Error {
        let mut checks = Checks::default();
        checks.refuse("read_offset", "must not lie behind the end of the file");
        checks.refused(self.transfer.operation)
    }
}
