//! A vendor that has files, as sound or as bad as a test wants them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::vendor::rig::{fault, json, login};

const PIECE: usize = 64 * 1024;

/// What is answered to a request for a file.
#[derive(Clone)]
pub(crate) enum Reply {
    /// The file.
    File(Bytes),
    /// The file, without saying how long it is.
    Unannounced(Bytes),
    /// The first bytes; then the connection breaks.
    CutOff(Bytes),
    /// A file without an end.
    Endless,
    /// A file of which nothing comes.
    Stalling,
    /// A file without an end, a piece for every permit.
    Paced(Arc<Semaphore>),
    /// Something else with a status.
    Text(u16, &'static str, &'static str),
    /// A refusal in the vendor's form.
    Refused(u16, &'static str),
}

/// The vendor. It takes every login, knows one IdentID and no result.
pub(crate) struct FileVendor {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<HashMap<&'static str, Reply>>,
    asked: Mutex<Vec<String>>,
    /// Transfers that are not at their end.
    open: AtomicUsize,
    /// Bytes that were handed to the connection.
    sent: AtomicU64,
}

/// A transfer, until it is dropped.
struct Transfer(Arc<Shared>);

impl Transfer {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FileVendor {
    pub(crate) async fn open() -> Self {
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, shared }
    }

    /// From now on answers requests for files with `extension` so.
    pub(crate) fn says(&self, extension: &'static str, reply: Reply) {
        self.shared.files.lock().unwrap().insert(extension, reply);
    }

    /// From now on the archive is this.
    pub(crate) fn archive(&self, bytes: Vec<u8>) {
        self.says("zip", Reply::File(bytes.into()));
    }

    /// Transfers under way.
    pub(crate) fn transfers(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Bytes sent in all.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// How often a path with this end was asked for.
    pub(crate) fn asked(&self, end: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|path| path.ends_with(end)).count()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let path = uri.path();
    shared.asked.lock().unwrap().push(path.to_owned());
    if path.ends_with("/login") {
        return login("token");
    }
    if path.ends_with("/start") {
        return json(201, r#"{"id":"TST-FILES"}"#);
    }
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let reply = shared.files.lock().unwrap().get(extension).cloned();
    match reply {
        Some(Reply::File(bytes)) => {
            let length = bytes.len();
            ([(header::CONTENT_LENGTH, length)], sent(&shared, bytes)).into_response()
        }
        Some(Reply::Unannounced(bytes)) => sent(&shared, bytes).into_response(),
        Some(Reply::CutOff(bytes)) => {
            let pieces = [Ok(bytes), Err(io::Error::other("cut off"))];
            Body::from_stream(stream::iter(pieces)).into_response()
        }
        Some(Reply::Endless) => {
            body(&shared, stream::repeat(Bytes::from_static(&[b'e'; PIECE]))).into_response()
        }
        Some(Reply::Paced(permits)) => {
            let pieces = stream::unfold(permits, async |permits| {
                permits.acquire().await.ok()?.forget();
                Some((Bytes::from_static(&[b'p'; PIECE]), permits))
            });
            body(&shared, pieces).into_response()
        }
        Some(Reply::Stalling) => body(&shared, stream::pending()).into_response(),
        Some(Reply::Text(status, media, text)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, media)], text).into_response()
        }
        Some(Reply::Refused(status, cause)) => fault(status, cause, "null"),
        None => fault(404, "OBJECT_NOT_FOUND", "null"),
    }
}

fn sent(shared: &Arc<Shared>, bytes: Bytes) -> Body {
    let pieces = bytes.chunks(PIECE).map(|piece| bytes.slice_ref(piece)).collect::<Vec<_>>();
    body(shared, stream::iter(pieces))
}

fn body(shared: &Arc<Shared>, pieces: impl stream::Stream<Item = Bytes> + Send + 'static) -> Body {
    let transfer = Transfer::begin(shared);
    Body::from_stream(pieces.map(move |piece| {
        transfer.0.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        Ok::<_, Infallible>(piece)
    }))
}
