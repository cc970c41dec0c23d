//! A vendor's server, byte by byte: it answers as it should until it is told to break one kind of request.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use idv_gateway::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How every TLS connection begins.
const TLS_HELLO: &[u8] = b"\x16\x03";

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(super) enum Does {
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

/// A request by method and path, for example `GET /things/*`, where the star stands for one segment, and the answer to
/// it of a vendor that works.
pub(super) type Sound = (&'static str, Vec<u8>);

/// A request as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vendor) struct Seen {
    /// What it is for, as [`OPERATION`] says.
    pub(in crate::vendor) operation: String,
    /// Its method and path.
    pub(in crate::vendor) asked: String,
}

/// The header field in which a request says what it is for.
pub(super) const OPERATION: &str = "x-operation";

/// The server. It is gone when this is dropped.
pub(super) struct Server {
    pub(super) port: u16,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    clock: Clock,
    seen: Mutex<Vec<Seen>>,
    /// The first that fits a request tells which one it is.
    sound: Vec<Sound>,
    broken: &'static str,
    does: Does,
    /// Requests that were to be broken.
    met: AtomicUsize,
    /// Requests that will never be answered.
    stuck: watch::Sender<usize>,
    /// Drips that wait for the clock.
    asleep: AtomicUsize,
}

impl Server {
    /// A server that does this with requests that are `broken`.
    pub(super) async fn start(clock: Clock, sound: Vec<Sound>, broken: &'static str, does: Does) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, met, stuck, asleep) = Default::default();
        let shared = Arc::new(Shared { clock, seen, sound, broken, does, met, stuck, asleep });
        let served = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = served.clone();
                tokio::spawn(async move { shared.serve(socket).await });
            }
        });
        Self { port, shared, task }
    }

    /// Every request.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests met the fault.
    pub(super) fn met(&self) -> usize {
        self.shared.met.load(SeqCst)
    }

    /// How many of the clock's sleepers are the server's own.
    pub(super) fn asleep(&self) -> usize {
        self.shared.asleep.load(SeqCst)
    }

    /// How many requests will never be answered, as it changes.
    pub(super) fn stuck(&self) -> watch::Receiver<usize> {
        self.shared.stuck.subscribe()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// Answers one request. What goes wrong on the way is the caller's to notice.
    async fn serve(&self, mut socket: TcpStream) -> Option<()> {
        let mut read = Vec::new();
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break String::from_utf8(read.drain(..end + 4).collect()).ok()?;
            }
            if socket.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
            if read.starts_with(TLS_HELLO) {
                return socket.write_all(&answer("400 Bad Request", "", b"")).await.ok();
            }
        };
        let (line, fields) = head.split_once("\r\n")?;
        let (asked, _version) = line.rsplit_once(' ')?;
        let fields = fields.to_ascii_lowercase();
        let field = |name: &str| fields.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let operation = field(OPERATION)?.to_owned();
        self.seen.lock().unwrap().push(Seen { operation, asked: asked.to_owned() });
        let sound = self.sound.iter().find(|(request, _)| fits(request, asked));
        let number = sound
            .is_some_and(|(request, _)| *request == self.broken)
            .then(|| self.met.fetch_add(1, SeqCst) + 1);
        if number.is_some() && matches!(self.does, Does::Resets { after: false }) {
            return socket.set_zero_linger().ok();
        }
        let length = field("content-length").and_then(|length| length.parse::<usize>().ok());
        while read.len() < length.unwrap_or_default() {
            socket.read_buf(&mut read).await.ok()?;
        }
        match (&self.does, number) {
            (Does::Says(answer), Some(_)) | (Does::SaysOnce(answer), Some(1)) => {
                socket.write_all(answer).await.ok()
            }
            (Does::SaysOnce(_), _) | (_, None) => match sound {
                Some((_, sound)) => socket.write_all(sound).await.ok(),
                None => socket.write_all(&answer("501 Not Implemented", "", asked.as_bytes())).await.ok(),
            },
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
                    self.asleep.fetch_add(1, SeqCst);
                    self.clock.sleep(Duration::from_secs(1)).await;
                    self.asleep.fetch_sub(1, SeqCst);
                    // Whoever counts the sleepers counts again.
                    self.stuck.send_modify(|_as_before| ());
                    socket.write_all(b" ").await.ok()?;
                }
            }
        }
    }
}

fn fits(pattern: &str, asked: &str) -> bool {
    let (mut expected, mut parts) = (pattern.split('/'), asked.split('/'));
    loop {
        match (expected.next(), parts.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || one == "*" => {}
            _ => return false,
        }
    }
}

/// A whole answer; `headers` are lines of their own.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A whole answer that carries JSON.
pub(super) fn json(status: &str, body: &str) -> Vec<u8> {
    answer(status, "content-type: application/json;charset=UTF-8\r\n", body.as_bytes())
}
