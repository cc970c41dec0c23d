//! Stands between the gateway and the sandbox, and can hold or spoil what the vendor answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream;
use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const LARGEST: usize = 1 << 20;

/// What happens to a request to start an identification, or to all requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// The sandbox answers.
    Fine,
    /// The sandbox does as it is told, but half of its answer to a start is lost.
    LosesAnswers,
    /// The sandbox does as it is told, but its answer to a start is held until it is let go.
    HoldsAnswers,
    /// The sandbox answers, but its results do not say the transaction number.
    HidesNumbers,
    /// Nothing reaches the sandbox: 503.
    Down,
    /// Nothing reaches the sandbox: 200, and a page for people.
    Page,
}

pub(super) struct VendorDoor {
    address: SocketAddr,
    shared: Arc<Shared>,
    held: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

struct Shared {
    sandbox: SocketAddr,
    mood: Mutex<Mood>,
    client: reqwest::Client,
    hold: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl VendorDoor {
    pub(super) async fn open(sandbox: SocketAddr) -> Self {
        let (hold, held) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { sandbox, mood: Mutex::new(Mood::Fine), client: client(), hold });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(pass).with_state(shared.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, shared, held }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// An answer that the sandbox has given and that is held; dropping it lets it go.
    pub(super) async fn held(&mut self) -> oneshot::Sender<()> {
        let held = tokio::time::timeout(std::time::Duration::from_secs(20), self.held.recv());
        held.await.expect("a start reaches the vendor").unwrap()
    }
}

async fn pass(State(door): State<Arc<Shared>>, mut request: Request) -> Response {
    let mood = *door.mood.lock().unwrap();
    let starts = request.uri().path().ends_with("/start");
    match mood {
        Mood::Down => return answer(StatusCode::SERVICE_UNAVAILABLE, Body::empty()),
        Mood::Page => return answer(StatusCode::OK, Body::from("<html>back soon</html>")),
        Mood::Fine | Mood::LosesAnswers | Mood::HoldsAnswers | Mood::HidesNumbers => {}
    }
    if mood == Mood::HidesNumbers {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let given = forward(&door, request).await;
    match mood {
        Mood::LosesAnswers if starts => {
            let (first, broken) = (Ok("{"), Err(std::io::Error::other("the line is cut")));
            let mut half = answer(StatusCode::CREATED, Body::from_stream(stream::iter([first, broken])));
            half.headers_mut().insert(CONTENT_LENGTH, 100.into());
            half
        }
        Mood::HoldsAnswers if starts => {
            let (let_go, gone) = oneshot::channel();
            door.hold.send(let_go).unwrap();
            // Its other half is dropped, never used.
            let _let_go = gone.await;
            given
        }
        Mood::HidesNumbers => without_number(given).await,
        _ => given,
    }
}

async fn without_number(given: Response) -> Response {
    let (mut parts, body) = given.into_parts();
    let mut object: Value = serde_json::from_slice(&to_bytes(body, LARGEST).await.unwrap()).unwrap();
    if let Some(process) = object.get_mut("identificationprocess").and_then(Value::as_object_mut) {
        process.remove("transactionnumber");
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(object.to_string()))
}

#[expect(clippy::disallowed_methods, reason = "the test stands in the middle; the kit is the gateway's")]
async fn forward(door: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let url = format!("http://{}{}", door.sandbox, parts.uri);
    let body = to_bytes(body, LARGEST).await.unwrap();
    let asked = door.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
    let given = asked.unwrap();
    let (status, headers) = (given.status(), given.headers().clone());
    let mut response = answer(status, Body::from(given.bytes().await.unwrap()));
    *response.headers_mut() = headers;
    response
}

fn answer(status: StatusCode, body: Body) -> Response {
    Response::builder().status(status).body(body).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the test stands in the middle; the kit is the gateway's")]
fn client() -> reqwest::Client {
    // Bytes pass as they are, compressed or not.
    reqwest::Client::builder().no_gzip().no_proxy().build().unwrap()
}
