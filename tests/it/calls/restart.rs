//! New attempts, at most one for a call.

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{
    AttemptEnd, EventType, IdentificationState as State, Outcome, ProvisionalOutcome,
    RestartIdentificationRequest, RestartIdentificationResponse,
};

use super::{CALLER, OTHER_ID, REQUEST_ID, refused};
use crate::double::desk::EMAIL;
use crate::double::{Desk, Fault};

impl Desk {
    async fn restart(
        &self,
        request: RestartIdentificationRequest,
    ) -> idv_gateway::error::Result<RestartIdentificationResponse> {
        self.hub.restart_identification(CALLER.to_owned(), request).await
    }

    /// How often the vendor was asked for a new attempt.
    fn restarts(&self) -> usize {
        self.double.calls().iter().filter(|call| call.starts_with("restart")).count()
    }
}

fn once(name: &str) -> RestartIdentificationRequest {
    RestartIdentificationRequest {
        name: name.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..RestartIdentificationRequest::default()
    }
}

#[tokio::test]
async fn fresh_links_come_with_the_answer_and_its_repeat() {
    let desk = Desk::new();
    let created = desk.created().await;
    desk.double.says(Word::Ended(AttemptEnd::Inconclusive));
    assert_eq!(desk.refreshed(&created.name).await.state(), State::AwaitingRetry);
    let first = desk.restart(once(&created.name)).await.unwrap();
    let shown = first.identification.unwrap();
    assert_eq!((shown.state(), first.replayed), (State::AwaitingRetry, false));
    assert_eq!(shown.start_links.len(), 1);
    assert_ne!(shown.start_links, created.start_links);
    assert_eq!(desk.told().await.last(), Some(&EventType::IdentificationUpdated));
    let desk = desk.restarted();
    let again = desk.restart(once(&created.name)).await.unwrap();
    assert_eq!((again.replayed, again.cursor), (true, first.cursor));
    assert_eq!(again.identification.unwrap().start_links, shown.start_links);
    assert_eq!(desk.double.calls(), ["create".to_owned(), "get".to_owned(), format!("restart {EMAIL}")]);
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_again() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.fault("restart", fault);
        refused(desk.restart(once(&name)).await, Kind::VendorOutcomeUnknown);
        let desk = desk.restarted();
        refused(desk.restart(once(&name)).await, Kind::VendorOutcomeUnknown);
        assert_eq!(desk.restarts(), 1, "{fault:?}");
        let other = RestartIdentificationRequest { request_id: OTHER_ID.to_owned(), ..once(&name) };
        desk.restart(other).await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_after_the_vendors_answer_leaves_it_unknown() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.forgets();
    refused(desk.restart(once(&name)).await, Kind::StoreUnavailable);
    let desk = desk.restarted();
    refused(desk.restart(once(&name)).await, Kind::VendorOutcomeUnknown);
    assert_eq!(desk.restarts(), 1);
}

#[tokio::test]
async fn what_was_not_done_may_be_asked_for_once_more() {
    for kind in [Kind::VendorRateLimited, Kind::VendorCircuitOpen, Kind::VendorCredentialsRejected] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.fault("restart", Fault::Refused(kind));
        refused(desk.restart(once(&name)).await, kind);
        let done = desk.restart(once(&name)).await.unwrap();
        assert!(!done.replayed, "{kind:?}");
        // Once it is sent, the doubt is back.
        assert!(desk.restart(once(&name)).await.unwrap().replayed);
        assert_eq!(desk.restarts(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn one_that_is_asked_for_once_more_is_in_doubt_again() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.double.fault("restart", Fault::Refused(Kind::VendorRateLimited));
    desk.double.fault("restart", Fault::LostAfter);
    refused(desk.restart(once(&name)).await, Kind::VendorRateLimited);
    refused(desk.restart(once(&name)).await, Kind::VendorOutcomeUnknown);
    refused(desk.restart(once(&name)).await, Kind::VendorOutcomeUnknown);
    assert_eq!(desk.restarts(), 2);
}

#[tokio::test]
async fn an_expired_one_lives_again() {
    let desk = Desk::new();
    let created = desk.created().await;
    desk.double.says(Word::Expired);
    assert_eq!(desk.refreshed(&created.name).await.state(), State::Expired);
    desk.hand.advance(std::time::Duration::from_hours(24 * 8));
    let reopened = desk.restart(once(&created.name)).await.unwrap().identification.unwrap();
    assert_eq!((reopened.state(), reopened.startable), (State::AwaitingUser, true));
    let week = std::time::Duration::from_hours(24 * 7);
    assert_eq!(reopened.expire_time, Some((desk.now() + week).into()));
    let told = desk.told().await;
    let last = [EventType::IdentificationReopened, EventType::IdentificationUpdated];
    assert_eq!(told[told.len() - 2..], last);
}

#[tokio::test]
async fn only_who_may_start_is_restarted() {
    for word in
        [Word::Started, Word::Pending(ProvisionalOutcome::Undetermined), Word::Decided(Outcome::Rejected)]
    {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.says(word);
        let before = desk.refreshed(&name).await;
        refused(desk.restart(once(&name)).await, Kind::StateNotAllowed);
        assert_eq!((desk.restarts(), desk.get(&name).await.revision), (0, before.revision), "{word:?}");
    }
    let desk = Desk::new();
    let name = desk.created().await.name;
    let stale = RestartIdentificationRequest { etag: "r0".to_owned(), ..once(&name) };
    refused(desk.restart(stale).await, Kind::EtagMismatch);
    assert_eq!(desk.restarts(), 0);
}
