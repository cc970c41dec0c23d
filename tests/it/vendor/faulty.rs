//! A vendor's server, byte by byte: it answers as it should until it is told to break one path.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use idv_gateway::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How every TLS connection begins.
const TLS_HELLO: &[u8] = b"\x16\x03";

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// These bytes are sent, and the connection is closed.
    Says(Vec<u8>),
    /// The first time; then all is well.
    SaysOnce(Vec<u8>),
    /// These bytes are sent, and nothing more.
    Stalls(Vec<u8>),
    /// The first bytes are sent, and then a space a second.
    Drips(Vec<u8>),
    /// The connection is reset before the request was read to its end, or after.
    Resets { after: bool },
}

/// Which requests are broken, by their path.
pub(crate) type Meets = fn(&str) -> bool;

/// The server.
pub(crate) struct Faulty {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    meets: Meets,
    does: Does,
    /// Requests that were to be broken.
    met: AtomicUsize,
    /// Requests that will never be answered.
    stuck: watch::Sender<usize>,
}

impl Faulty {
    /// A server that does this with requests of such a path.
    pub(crate) async fn start(clock: Clock, meets: Meets, does: Does) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            clock,
            meets,
            does,
            met: AtomicUsize::default(),
            stuck: watch::Sender::default(),
        });
        let served = shared.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = served.clone();
                tokio::spawn(async move { shared.serve(socket).await });
            }
        });
        Self { port, shared }
    }

    /// How many requests met the fault.
    pub(crate) fn met(&self) -> usize {
        self.shared.met.load(SeqCst)
    }

    /// How many requests will never be answered, as it changes.
    pub(crate) fn stuck(&self) -> watch::Receiver<usize> {
        self.shared.stuck.subscribe()
    }
}

impl Shared {
    /// Answers one request. What goes wrong on the way is the caller's to notice.
    async fn serve(&self, mut socket: TcpStream) -> Option<()> {
        let mut read = Vec::new();
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break String::from_utf8(read.drain(..end + 4).collect()).ok()?.to_ascii_lowercase();
            }
            if socket.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
            if read.starts_with(TLS_HELLO) {
                return socket.write_all(&answer("400 Bad Request", "", b"")).await.ok();
            }
        };
        let path = head.split(' ').nth(1)?.to_owned();
        let number = (self.meets)(&path).then(|| self.met.fetch_add(1, SeqCst) + 1);
        if number.is_some() && matches!(self.does, Does::Resets { after: false }) {
            return socket.set_zero_linger().ok();
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        while read.len() < length.unwrap_or_default() {
            socket.read_buf(&mut read).await.ok()?;
        }
        match (&self.does, number) {
            (Does::Says(answer), Some(_)) | (Does::SaysOnce(answer), Some(1)) => {
                socket.write_all(answer).await.ok()
            }
            (Does::SaysOnce(_), _) | (_, None) => socket.write_all(&sound(&path)).await.ok(),
            (Does::Resets { .. }, _) => socket.set_zero_linger().ok(),
            (Does::Stalls(begin), _) => {
                socket.write_all(begin).await.ok()?;
                self.stuck.send_modify(|stuck| *stuck += 1);
                // Until the other side gives up.
                socket.read_buf(&mut read).await.ok().map(drop)
            }
            (Does::Drips(begin), _) => {
                socket.write_all(begin).await.ok()?;
                self.stuck.send_modify(|stuck| *stuck += 1);
                loop {
                    self.clock.sleep(Duration::from_secs(1)).await;
                    socket.write_all(b" ").await.ok()?;
                }
            }
        }
    }
}

/// The answer of a vendor that works.
fn sound(path: &str) -> Vec<u8> {
    match path.rsplit('/').next() {
        Some("login") => answer("200 OK", "", br#"{"authToken":"token"}"#),
        Some("start") => answer("201 Created", "", br#"{"id":"TST-KLMNP"}"#),
        Some("system_check") => answer("200 OK", "", b"SYSTEM_CHECK_OK"),
        _ => answer("404 Not Found", "", fault("OBJECT_NOT_FOUND", "token").as_bytes()),
    }
}

/// A whole answer; `headers` are lines of their own.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// The vendor's error body.
pub(crate) fn fault(cause: &str, key: &str) -> String {
    format!(
        r#"{{"errors":[{{"cause":"{cause}","errorType":null,"id":"1","key":"{key}","message":"Erika","translationKey":null}}]}}"#
    )
}
