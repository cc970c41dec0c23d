//! One login for all callers of a credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use idv_gateway::clock::{Clock, ManualClock};
use idv_gateway::error::{Error, Kind};
use idv_gateway::vendor::kit::token::{Issued, TokenCache, TokenRules};
use tokio::sync::Semaphore;

use super::rig::noon;

const MINUTE: Duration = Duration::from_secs(60);

/// A login that waits for a permit, counts, and fails while told so.
struct Vendor {
    logins: AtomicUsize,
    gate: Semaphore,
    failing: AtomicUsize,
}

fn cache(permits: usize) -> (TokenCache<usize>, Arc<Vendor>, ManualClock) {
    let (clock, manual) = Clock::manual(noon());
    let gate = Semaphore::new(permits);
    let vendor = Arc::new(Vendor { logins: AtomicUsize::new(0), gate, failing: AtomicUsize::new(0) });
    let rules = TokenRules { renew_after: 50 * MINUTE, idle: 60 * MINUTE };
    let (server, time) = (vendor.clone(), clock.clone());
    let tokens = TokenCache::new(clock, rules, move || {
        let (server, time) = (server.clone(), time.clone());
        async move {
            let value = server.logins.fetch_add(1, SeqCst) + 1;
            server.gate.acquire().await.unwrap().forget();
            if server.failing.load(SeqCst) > 0 {
                return Err(Error::new(Kind::VendorUnavailable, "test.login", "is down").retry_after(MINUTE));
            }
            Ok(Issued { value, expires: time.now() + 60 * MINUTE })
        }
        .boxed()
    });
    (tokens, vendor, manual)
}

#[tokio::test]
async fn five_hundred_callers_share_one_login_and_after_a_revocation_one_more() {
    let (tokens, vendor, _time) = cache(0);
    let callers: Vec<_> = (0..500)
        .map(|_| {
            tokio::spawn({
                let tokens = tokens.clone();
                async move { tokens.get().await }
            })
        })
        .collect();
    while vendor.logins.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    vendor.gate.add_permits(2000);
    let held: Vec<_> = join_all(callers).await.into_iter().map(|caller| caller.unwrap().unwrap()).collect();
    assert!(held.iter().all(|token| token.value == 1));
    assert_eq!(vendor.logins.load(SeqCst), 1);

    // The vendor revokes it; every caller is refused, complains and asks again.
    let again = held.iter().map(|token| {
        let tokens = tokens.clone();
        let token = token.clone();
        tokio::spawn(async move { tokens.replace(&token).await.map(Option::unwrap) })
    });
    for caller in join_all(again).await {
        assert_eq!(caller.unwrap().unwrap().value, 2);
    }
    assert_eq!(vendor.logins.load(SeqCst), 2);
}

#[tokio::test]
async fn a_failed_login_fails_whoever_comes_before_the_next_may_be_tried() {
    let (tokens, vendor, time) = cache(0);
    vendor.failing.store(1, SeqCst);
    let mut waiting = join_all((0..20).map(|_| tokens.get()));
    assert!((&mut waiting).now_or_never().is_none());
    vendor.gate.add_permits(20);
    for error in waiting.await.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.kind, error.retry_after), (Kind::VendorUnavailable, Some(MINUTE)));
        assert_eq!((error.operation, error.detail.as_str()), ("test.login", "is down"));
    }
    assert_eq!(vendor.logins.load(SeqCst), 1);
    vendor.failing.store(0, SeqCst);
    time.advance(MINUTE / 3);
    let late = tokens.get().await.unwrap_err();
    assert_eq!((late.kind, late.retry_after), (Kind::VendorUnavailable, Some(MINUTE / 3 * 2)));
    assert_eq!(vendor.logins.load(SeqCst), 1);
    time.advance(MINUTE / 3 * 2);
    assert_eq!(tokens.get().await.unwrap().value, 2);
}

#[tokio::test]
async fn a_token_that_was_got_for_a_refused_one_and_is_refused_too_leads_to_no_login_for_a_while() {
    let (tokens, vendor, time) = cache(100);
    let first = tokens.get().await.unwrap();
    let second = tokens.replace(&first).await.unwrap().unwrap();
    assert_eq!(second.value, 2);
    assert!(tokens.replace(&second).await.unwrap().is_none());
    assert_eq!(tokens.replace(&first).await.unwrap().unwrap().value, 2, "late news of the first");
    assert_eq!(vendor.logins.load(SeqCst), 2);
    time.advance(MINUTE);
    let third = tokens.replace(&second).await.unwrap().unwrap();
    assert_eq!(third.value, 3);
    // One that worked was revoked since.
    third.worked();
    assert_eq!(tokens.replace(&third).await.unwrap().unwrap().value, 4);
}

#[tokio::test]
async fn a_login_that_everybody_gave_up_on_holds_nobody_up() {
    let (tokens, vendor, _time) = cache(0);
    assert!(tokens.get().now_or_never().is_none());
    vendor.gate.add_permits(1);
    assert_eq!(tokens.get().await.unwrap().value, 2);
}

impl Vendor {
    /// Waits until `count` logins were begun, and as far as they come.
    async fn begun(&self, count: usize) {
        while self.logins.load(SeqCst) < count {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_renewal_that_hangs_stops_nobody_while_the_token_is_good() {
    let (tokens, vendor, time) = cache(1);
    assert_eq!(tokens.get().await.unwrap().value, 1);
    let at_once = || tokens.get().now_or_never().map(|got| got.unwrap().value);
    time.advance(53 * MINUTE);
    assert_eq!(at_once(), Some(1));
    vendor.begun(2).await;
    time.advance(6 * MINUTE);
    assert_eq!((at_once(), at_once()), (Some(1), Some(1)));
    assert_eq!(vendor.logins.load(SeqCst), 2, "it goes on though nobody waits for it");
    time.advance(MINUTE);
    assert_eq!(at_once(), None, "its hour is over");
    vendor.gate.add_permits(1);
    assert_eq!(tokens.get().await.unwrap().value, 2);
    assert_eq!(vendor.logins.load(SeqCst), 2);
}

#[tokio::test]
async fn a_token_is_renewed_early_and_never_used_past_its_end() {
    let (tokens, vendor, time) = cache(100);
    assert_eq!(tokens.get().await.unwrap().value, 1);
    time.advance(47 * MINUTE);
    assert_eq!(tokens.get().await.unwrap().value, 1, "before the earliest renewal");
    time.advance(6 * MINUTE);
    // The renewal fails: the old token is still good, and the next try waits.
    vendor.failing.store(1, SeqCst);
    assert_eq!(tokens.get().await.unwrap().value, 1);
    vendor.begun(2).await;
    assert_eq!(tokens.get().await.unwrap().value, 1);
    tokio::task::yield_now().await;
    assert_eq!(vendor.logins.load(SeqCst), 2);
    vendor.failing.store(0, SeqCst);
    time.advance(MINUTE / 2);
    assert_eq!(tokens.get().await.unwrap().value, 1);
    vendor.begun(3).await;
    assert_eq!(tokens.get().await.unwrap().value, 3);
    vendor.failing.store(1, SeqCst);
    time.advance(60 * MINUTE);
    assert_eq!(tokens.get().await.unwrap_err().kind, Kind::VendorUnavailable, "its hour is over");
    vendor.failing.store(0, SeqCst);
    time.advance(MINUTE);
    assert_eq!(tokens.get().await.unwrap().value, 5);
}

#[tokio::test]
async fn a_token_nobody_used_is_not_used_again() {
    let (clock, time) = Clock::manual(noon());
    let (logins, now) = (Arc::new(AtomicUsize::new(0)), clock.clone());
    let rules = TokenRules { renew_after: 600 * MINUTE, idle: 60 * MINUTE };
    let tokens = TokenCache::new(clock, rules, move || {
        let issued = Issued { value: logins.fetch_add(1, SeqCst) + 1, expires: now.now() + 900 * MINUTE };
        async move { Ok(issued) }.boxed()
    });
    for _ in 0..3 {
        assert_eq!(tokens.get().await.unwrap().value, 1);
        time.advance(59 * MINUTE);
    }
    time.advance(MINUTE);
    assert_eq!(tokens.get().await.unwrap().value, 2);
}
