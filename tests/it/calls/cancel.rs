//! Ending for good.

use std::time::Duration;

use idv_gateway::error::Kind;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{
    CancelIdentificationRequest, CancelIdentificationResponse, EventOrigin, EventType, Evidence,
    IdentificationState as State, Outcome, ProvisionalOutcome,
};

use super::{CALLER, OTHER_ID, REQUEST_ID, fields, refused};
use crate::double::desk::{EMAIL, invite};
use crate::double::{Desk, Fault};

impl Desk {
    async fn cancel(
        &self,
        request: CancelIdentificationRequest,
    ) -> idv_gateway::error::Result<CancelIdentificationResponse> {
        self.hub.cancel_identification(CALLER.to_owned(), request).await
    }

    /// How often the vendor was asked to cancel.
    fn cancels(&self) -> usize {
        self.double.calls().iter().filter(|call| call.starts_with("cancel")).count()
    }
}

fn of(name: &str) -> CancelIdentificationRequest {
    CancelIdentificationRequest { name: name.to_owned(), ..CancelIdentificationRequest::default() }
}

fn once(name: &str) -> CancelIdentificationRequest {
    CancelIdentificationRequest { request_id: REQUEST_ID.to_owned(), ..of(name) }
}

#[tokio::test]
async fn a_call_that_another_took_over_is_not_kept_for_ever() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.double.fault("cancel", Fault::LostBefore);
    refused(desk.cancel(once(&name)).await, Kind::VendorTimeout);
    desk.cancel(CancelIdentificationRequest { request_id: OTHER_ID.to_owned(), ..of(&name) }).await.unwrap();
    assert_eq!(desk.swept(Duration::from_hours(25)).await, 2);
}

#[tokio::test]
async fn it_ends_at_the_vendor_and_here_once() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    let request = CancelIdentificationRequest { reason: "moved away".to_owned(), ..once(&name) };
    let first = desk.cancel(request.clone()).await.unwrap();
    let ended = first.identification.clone().unwrap();
    assert_eq!((ended.state(), ended.startable, first.replayed), (State::Cancelled, false, false));
    assert_eq!(desk.double.calls(), ["create".to_owned(), format!("cancel {EMAIL} moved away")]);
    let events = desk.events().await;
    let event = events.last().unwrap();
    assert_eq!(
        (event.r#type(), event.evidence(), event.origin()),
        (EventType::IdentificationCancelled, Evidence::Gateway, EventOrigin::Api)
    );
    // The same request, another one, and one with another payload.
    let desk = desk.restarted();
    let again = desk.cancel(request.clone()).await.unwrap();
    assert_eq!(
        (again.replayed, &again.identification, again.cursor),
        (true, &first.identification, first.cursor)
    );
    assert_eq!(desk.cancel(of(&name)).await.unwrap().identification, first.identification);
    let other = CancelIdentificationRequest { reason: String::new(), ..request };
    refused(desk.cancel(other).await, Kind::RequestIdReused);
    assert_eq!((desk.cancels(), desk.events().await.len()), (1, events.len()));
}

#[tokio::test]
async fn only_what_is_open_and_not_in_review_is_cancelled() {
    for (word, allowed) in [
        (Word::Started, true),
        (Word::Ended(idv_gateway::proto::AttemptEnd::AbortedByUser), true),
        (Word::Pending(ProvisionalOutcome::Undetermined), false),
        (Word::Decided(Outcome::Verified), false),
        (Word::Expired, false),
    ] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.says(word);
        let state = desk.refreshed(&name).await.state();
        if allowed {
            desk.cancel(of(&name)).await.unwrap();
            assert_eq!(desk.get(&name).await.state(), State::Cancelled, "{word:?}");
        } else {
            let error = refused(desk.cancel(of(&name)).await, Kind::StateNotAllowed);
            assert_eq!(error.resource.unwrap().name, name);
            assert_eq!((desk.cancels(), desk.get(&name).await.state()), (0, state), "{word:?}");
        }
    }
}

#[tokio::test]
async fn etag_and_reason_are_looked_at_first() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    let stale = CancelIdentificationRequest { etag: "r0".to_owned(), ..of(&name) };
    refused(desk.cancel(stale).await, Kind::EtagMismatch);
    let wordy = CancelIdentificationRequest { reason: "x".repeat(21), ..of(&name) };
    assert_eq!(fields(&refused(desk.cancel(wordy).await, Kind::ValidationFailed)), ["reason"]);
    let nobody = of(&name.replace(name.rsplit('/').next().unwrap(), OTHER_ID));
    refused(desk.cancel(nobody).await, Kind::ResourceNotFound);
    assert_eq!(desk.cancels(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_gone_on_with() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let desk = Desk::new();
        let name = desk.created().await.name;
        desk.double.fault("cancel", fault);
        refused(desk.cancel(once(&name)).await, Kind::VendorTimeout);
        let desk = desk.restarted();
        desk.works();
        let ended = async || (desk.get(&name).await.state() == State::Cancelled).then_some(());
        desk.in_time("the end", ended).await;
        assert_eq!(desk.events().await.last().unwrap().origin(), EventOrigin::Timer);
        assert!(desk.cancel(once(&name)).await.unwrap().replayed);
        assert_eq!(desk.cancels(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn the_vendors_no_is_final_for_the_errand() {
    let desk = Desk::new();
    let name = desk.created().await.name;
    desk.double.fault("cancel", Fault::Refused(Kind::StateNotAllowed));
    refused(desk.cancel(of(&name)).await, Kind::StateNotAllowed);
    assert!(!desk.is_sealed(&format!("cancel/{name}")).await);
    assert_eq!(desk.get(&name).await.state(), State::AwaitingUser);
    desk.cancel(of(&name)).await.unwrap();
}

#[tokio::test]
async fn one_in_doubt_is_cancelled_as_soon_as_it_is_settled() {
    let desk = Desk::new();
    desk.double.fault("create", Fault::LostAfter);
    let error = refused(desk.try_create(invite()).await, Kind::VendorTimeout);
    assert!(error.resource.is_none());
    let list = idv_gateway::proto::ListIdentificationsRequest {
        parent: crate::double::INVITER.to_owned(),
        ..Default::default()
    };
    let listed = desk.hub.list_identifications(list).await.unwrap();
    let name = listed.identifications.first().unwrap().name.clone();
    refused(desk.cancel(of(&name)).await, Kind::VendorOutcomeUnknown);
    assert_eq!(desk.cancels(), 0);
    desk.works();
    let ended = async || (desk.get(&name).await.state() == State::Cancelled).then_some(());
    desk.in_time("the end", ended).await;
    assert_eq!(desk.double.calls()[..2], ["create", "create_again"]);
    assert_eq!(desk.told().await, [EventType::IdentificationCreated, EventType::IdentificationCancelled]);
}
