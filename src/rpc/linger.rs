//! Connections that are closed without losing what is still on its way.
//!
//! A socket that is closed while its peer has something to say (it makes room for more, it answers a ping) is reset,
//! and whatever the peer has not read by then is lost: the end of a download, say, when the gateway drains.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::clock::Clock;

/// How long a peer may be silent that has not closed its end.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);
/// How long it may take in all.
const LONGEST: Duration = Duration::from_secs(30);

/// A connection that ends once its peer has closed its own end, too.
pub(super) struct Lingering<T> {
    inner: T,
    clock: Clock,
    farewell: Option<Farewell>,
}

/// Everything is said; the peer is still reading.
struct Farewell {
    ends_at: SystemTime,
    silence: BoxFuture<'static, ()>,
}

impl<T> Lingering<T> {
    pub(super) fn new(inner: T, clock: Clock) -> Self {
        Self { inner, clock, farewell: None }
    }
}

impl Farewell {
    fn new(clock: &Clock) -> Self {
        Self { ends_at: clock.now() + LONGEST, silence: clock.sleep(LONGEST_SILENCE) }
    }

    fn heard(&mut self, clock: &Clock) {
        self.silence = clock.sleep_until(self.ends_at.min(clock.now() + LONGEST_SILENCE));
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lingering<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, clock, farewell } = &mut *self;
        let farewell = match farewell {
            Some(farewell) => farewell,
            None => {
                ready!(Pin::new(&mut *inner).poll_shutdown(context))?;
                farewell.insert(Farewell::new(clock))
            }
        };
        loop {
            let mut bytes = [0; 1024];
            let mut heard = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *inner).poll_read(context, &mut heard) {
                Poll::Ready(Ok(())) if !heard.filled().is_empty() => farewell.heard(clock),
                // Nothing can be lost any more, or nothing can be done about it.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return farewell.silence.as_mut().poll(context).map(Ok),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<T: Connected> Connected for Lingering<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> T::ConnectInfo {
        self.inner.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn it_ends_with_its_peer() {
        let (clock, _hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let (ours, mut theirs) = duplex(64);
        let mut connection = Lingering::new(ours, clock);
        connection.write_all(b"the end").await.unwrap();
        let mut shutdown = Box::pin(connection.shutdown());
        assert!(futures::poll!(&mut shutdown).is_pending());
        theirs.write_all(b"more room").await.unwrap();
        assert!(futures::poll!(&mut shutdown).is_pending(), "it has not read it all");
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "the end");
        drop(theirs);
        shutdown.await.unwrap();
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let (ours, mut theirs) = duplex(64);
        let mut connection = Lingering::new(ours, clock);
        let mut shutdown = Box::pin(connection.shutdown());
        let almost = LONGEST_SILENCE - Duration::from_millis(1);
        let mut passed = Duration::ZERO;
        while passed + almost < LONGEST {
            assert!(futures::poll!(&mut shutdown).is_pending(), "after {passed:?}");
            theirs.write_all(b"one more word").await.unwrap();
            assert!(futures::poll!(&mut shutdown).is_pending(), "after {passed:?}");
            hand.advance(almost);
            passed += almost;
        }
        hand.advance(LONGEST - passed);
        shutdown.await.unwrap();

        let (ours, _silent) = duplex(64);
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let mut connection = Lingering::new(ours, clock);
        let mut silent = Box::pin(connection.shutdown());
        assert!(futures::poll!(&mut silent).is_pending());
        hand.advance(LONGEST_SILENCE);
        silent.await.unwrap();
    }
}
