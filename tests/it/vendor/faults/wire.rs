//! Real sockets under a clock that is held by hand: the time moves only while nothing else can bring a call on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use http::HeaderValue;
use idv_gateway::clock::ManualClock;
use idv_gateway::vendor::kit::http::{
    HttpTransport, OpenResponse, Request, Response, Transport, TransportError,
};
use tokio::sync::watch;

use super::server::OPERATION;

const STEP: Duration = Duration::from_millis(50);

/// Requests under way. Each is the number of those that were stuck for ever when it began: it is stuck too once there
/// are more.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<Vec<usize>>>);

/// Real sockets, watched.
pub(super) struct Watched {
    pub(super) inner: HttpTransport,
    pub(super) stuck: watch::Receiver<usize>,
    pub(super) under_way: UnderWay,
}

/// A request, until its answer was read to the end or given up.
struct Asking {
    under_way: UnderWay,
    before: usize,
}

impl Watched {
    fn ask(&self) -> Asking {
        let (under_way, before) = (self.under_way.clone(), *self.stuck.borrow());
        under_way.0.lock().unwrap().push(before);
        Asking { under_way, before }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut all = self.under_way.0.lock().unwrap();
        let place = all.iter().position(|before| *before == self.before).unwrap();
        all.swap_remove(place);
    }
}

#[async_trait]
impl Transport for Watched {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let _asking = self.ask();
        self.inner.send(labelled(request)).await
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, TransportError> {
        let asking = self.ask();
        let OpenResponse { status, headers, body } = self.inner.open(labelled(request)).await?;
        let watched = body.map(move |piece| {
            let _asking = &asking;
            piece
        });
        Ok(OpenResponse { status, headers, body: watched.boxed() })
    }
}

/// `request`, which says what it is for.
fn labelled(mut request: Request) -> Request {
    request.headers.insert(OPERATION, HeaderValue::from_static(request.operation));
    request
}

/// What may be waited for.
pub(super) struct Waiting<'a> {
    pub(super) hand: &'a ManualClock,
    pub(super) under_way: &'a UnderWay,
    pub(super) stuck: watch::Receiver<usize>,
}

impl Waiting<'_> {
    /// What `work` comes to. The time moves while everybody waits for it: there are as many sleepers as `all` says, and
    /// no request may still be answered.
    pub(super) async fn for_the_end_of<T>(
        mut self,
        work: impl Future<Output = T>,
        all: impl Fn() -> usize,
    ) -> T {
        let (mut work, mut seen) = (pin!(work), self.stuck.clone());
        loop {
            let idle = poll_fn(|_context| {
                let stuck = *seen.borrow_and_update();
                let answered = self.under_way.0.lock().unwrap().iter().any(|before| stuck <= *before);
                if answered || self.hand.sleepers() < all() { Poll::Pending } else { Poll::Ready(()) }
            });
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = idle => self.hand.advance(STEP),
                _ = self.stuck.changed() => {}
            }
            tokio::task::yield_now().await;
        }
    }
}
