//! The real transport: HTTP over pooled connections.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::error::{Error, Kind, Result};
use crate::vendor::kit::http::{
    FILE_TIME, LARGE_ANSWER_TIME, MAX_ANSWER, OpenResponse, Payload, Request, Response, Transport,
    TransportError, UPLOAD_TIME,
};
use crate::vendor::kit::limit::LONGEST_ATTEMPT;
use crate::vendor::kit::spool::SpoolBody;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer begins, and between two pieces of it. No shorter than a connection may allow a try.
    pub read: Duration,
    /// The whole call.
    pub total: Duration,
    /// The whole call where the answer is a file.
    pub file: Duration,
    /// The whole call where the request is a file.
    pub upload: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let (connect, file, upload) = (Duration::from_secs(2), FILE_TIME, UPLOAD_TIME);
        Self { connect, read: LONGEST_ATTEMPT, total: LONGEST_ATTEMPT, file, upload }
    }
}

/// The real transport: pooled connections, TLS by rustls with aws-lc.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    /// For what is large and sent: reqwest counts the time that takes as waiting for the answer.
    uploader: reqwest::Client,
    timeouts: Timeouts,
}

impl HttpTransport {
    /// A transport with limits `timeouts`. `Err` when the system's certificates cannot be used.
    pub fn new(timeouts: Timeouts) -> Result<Self> {
        let detail = "no HTTP client can be built: check the certificates of this system";
        let built = |client: reqwest::ClientBuilder| {
            client
                .build()
                .map_err(|error| Error::new(Kind::Unspecified, "http.client", detail).caused_by(error))
        };
        let client = built(self::client(timeouts).read_timeout(timeouts.read))?;
        Ok(Self { client, uploader: built(self::client(timeouts))?, timeouts })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
fn client(timeouts: Timeouts) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        // A redirect would send credentials and personal data to wherever it points.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // A proxy from the environment would see, and could change, where vendors are reached.
        .no_proxy()
        .user_agent(concat!("idv-gateway/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
}

impl HttpTransport {
    #[expect(clippy::disallowed_methods, reason = "the one place that sends HTTP")]
    async fn execute(&self, request: Request, total: Duration) -> Result<reqwest::Response, TransportError> {
        let mut out = reqwest::Request::new(request.method, request.target.url().clone());
        *out.timeout_mut() = Some(total);
        *out.headers_mut() = request.headers;
        let client = match request.body {
            Payload::Bytes(bytes) => {
                *out.body_mut() = Some(bytes).filter(|bytes| !bytes.is_empty()).map(Into::into);
                &self.client
            }
            Payload::Large(bytes) => self.uploads(&mut out, bytes.into()),
            Payload::File(file) => self.uploads(&mut out, reqwest::Body::wrap(SpoolBody::new(file))),
        };
        client.execute(out).await.map_err(no_answer)
    }

    fn uploads(&self, out: &mut reqwest::Request, body: reqwest::Body) -> &reqwest::Client {
        *out.timeout_mut() = Some(self.timeouts.upload);
        *out.body_mut() = Some(body);
        &self.uploader
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let large = request.max_answer > MAX_ANSWER;
        let (total, most) = (if large { LARGE_ANSWER_TIME } else { self.timeouts.total }, request.max_answer);
        let mut answer = self.execute(request, total).await?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(Response { status, headers, body: gather(pieces(answer), most).await? })
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        let mut answer = self.execute(request, self.timeouts.file).await?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(OpenResponse { status, headers, body: pieces(answer) })
    }
}

fn pieces(answer: reqwest::Response) -> BoxStream<'static, Result<Bytes, TransportError>> {
    stream::try_unfold(answer, |mut answer| async {
        let piece = answer.chunk().await.map_err(no_answer)?;
        Ok(piece.map(|piece| (piece, answer)))
    })
    .boxed()
}

/// The whole of a body that has to fit into memory.
pub(super) async fn gather(
    mut pieces: BoxStream<'static, Result<Bytes, TransportError>>,
    most: usize,
) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.next().await.transpose()? {
        if body.len() + piece.len() > most {
            return Err(TransportError::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn no_answer(error: reqwest::Error) -> TransportError {
    // The URL may end in an identifier; the span already names the template.
    let error = error.without_url();
    if error.is_connect() {
        TransportError::Unconnected(error.into())
    } else if error.is_timeout() {
        TransportError::Timeout(error.into())
    } else if is_damaged(&error) {
        TransportError::Undecodable(error.into())
    } else {
        TransportError::Unreachable(error.into())
    }
}

/// Whether the bytes came but made no sense to the decompressor, as opposed to a connection that broke.
fn is_damaged(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let kinds = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    error.is_decode()
        && kinds
            .into_iter()
            .any(|kind| matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
}
