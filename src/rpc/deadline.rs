//! The caller's deadline. tonic cuts unary calls at it, but lets response streams run on: those end here.

use std::time::{Duration, SystemTime};

use futures::{Stream, StreamExt, stream};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::clock::Clock;

/// When the caller stops waiting.
pub(super) fn deadline(clock: &Clock, metadata: &MetadataMap) -> Option<SystemTime> {
    clock.now().checked_add(timeout(metadata)?)
}

/// How long the caller waits, from the `grpc-timeout` header: up to eight digits and a unit.
pub(super) fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// `messages` until `deadline`, then DEADLINE_EXCEEDED; unless they end before.
pub(super) fn until<T: Send + 'static>(
    clock: &Clock,
    deadline: SystemTime,
    messages: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> impl Stream<Item = Result<T, Status>> + Send + 'static {
    let exceeded = || Status::deadline_exceeded("the deadline of the call has passed");
    // `None` ends the whole: that of the messages, or the one after the error.
    let late = stream::once(clock.sleep_until(deadline))
        .flat_map(move |()| stream::iter([Some(Err(exceeded())), None]));
    let ended = stream::once(std::future::ready(None));
    stream::select(messages.map(Some).chain(ended), late).scan((), |(), item| std::future::ready(item))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use futures::{StreamExt, stream};
    use tonic::Code;
    use tonic::metadata::MetadataMap;

    use super::{deadline, until};
    use crate::clock::Clock;

    #[test]
    fn reads_the_header_as_the_protocol_writes_it() {
        let (clock, _hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            deadline(&clock, &metadata).map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap())
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("15S"), Some(Duration::from_secs(15)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("9n"), Some(Duration::from_nanos(9)));
        for malformed in ["", "S", "5", "5s", "123456789S", "-1S", "1 S", "ﬀS"] {
            let text = malformed.parse::<tonic::metadata::MetadataValue<_>>();
            assert!(text.is_err() || read(malformed).is_none(), "{malformed:?}");
        }
    }

    #[tokio::test]
    async fn ends_a_silent_stream_at_the_deadline() {
        let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let at = clock.now() + Duration::from_secs(5);
        let mut stream = Box::pin(until::<u32>(&clock, at, stream::pending()));
        assert!(futures::poll!(stream.next()).is_pending());
        hand.advance(Duration::from_secs(5));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn lets_a_stream_end_before_the_deadline() {
        let (clock, _hand) = Clock::manual(SystemTime::UNIX_EPOCH);
        let at = clock.now() + Duration::from_secs(5);
        let items: Vec<_> =
            until(&clock, at, stream::iter([Ok(1), Ok(2)])).map(Result::unwrap).collect().await;
        assert_eq!(items, [1, 2]);
    }
}
