//! Waiting for one identification: at once, woken by a webhook, until the time is over, and during a drain.

use std::time::Duration;

use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{IdentificationState, WaitIdentificationRequest, WaitIdentificationResponse};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Status};

use super::house::House;
use super::words::{BANK, fields, refused, said};

const GUARD: Duration = Duration::from_secs(60);

/// A call that may wait.
struct Waiter(JoinHandle<Result<WaitIdentificationResponse, Status>>);

impl Waiter {
    fn call(house: &House, request: impl tonic::IntoRequest<WaitIdentificationRequest>) -> Self {
        let mut client = IdentificationServiceClient::new(house.channel.clone());
        let request = request.into_request();
        Self(tokio::spawn(async move {
            client.wait_identification(request).await.map(tonic::Response::into_inner)
        }))
    }

    /// A call that is waiting, as the one of `count`.
    async fn waiting(
        house: &House,
        request: impl tonic::IntoRequest<WaitIdentificationRequest>,
        count: u8,
    ) -> Self {
        let waiter = Self::call(house, request);
        house.counted("idv_waits_open", &[], count.into()).await;
        waiter
    }

    async fn answer(self) -> Result<WaitIdentificationResponse, Status> {
        tokio::time::timeout(GUARD, self.0).await.expect("an answer in time").unwrap()
    }
}

fn wait(id: &str) -> WaitIdentificationRequest {
    WaitIdentificationRequest {
        name: format!("{BANK}/identifications/{id}"),
        ..WaitIdentificationRequest::default()
    }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

async fn hears(house: &House, word: &str, id: &str) {
    assert_eq!(house.webhook(said(word, id).to_string()).await.status, 204);
}

#[tokio::test]
async fn what_holds_already_is_answered_at_once() {
    let house = House::silent().await;
    let id = house.created().await;
    hears(&house, "START", &id).await;
    house.applied(1).await;
    let present = house.get(&id).await;
    let (started, completed) = (IdentificationState::InProgress, IdentificationState::Completed);
    for request in [
        WaitIdentificationRequest { after_revision: present.revision - 1, ..wait(&id) },
        WaitIdentificationRequest { states: vec![completed.into(), started.into()], ..wait(&id) },
        WaitIdentificationRequest {
            after_revision: present.revision - 1,
            states: vec![started.into()],
            ..wait(&id)
        },
    ] {
        // Time stands still: who waits here, waits for ever.
        let answer = Waiter::call(&house, request.clone()).answer().await.unwrap();
        assert_eq!(answer.identification.as_ref(), Some(&present), "{request:?}");
        assert!(!answer.timed_out);
    }
}

#[tokio::test]
async fn any_change_wakes_a_wait_without_a_condition() {
    let house = House::silent().await;
    let (id, other) = (house.created().await, house.created().await);
    let waiter = Waiter::waiting(&house, wait(&id), 1).await;
    // Another's change wakes nobody who waits for this one.
    hears(&house, "START", &other).await;
    house.applied(1).await;
    hears(&house, "START", &id).await;
    let answer = waiter.answer().await.unwrap();
    let shown = answer.identification.unwrap();
    assert_eq!((shown.state(), answer.timed_out), (IdentificationState::InProgress, false));
    assert_eq!(shown, house.get(&id).await);
    assert!(shown.start_links.is_empty());
    house.counted("idv_waits_open", &[], 0.0).await;
}

#[tokio::test]
async fn both_conditions_must_hold() {
    let house = House::silent().await;
    let id = house.created().await;
    let revision = house.get(&id).await.revision;
    let states = vec![IdentificationState::InProgress.into()];
    let request = WaitIdentificationRequest { after_revision: revision + 1, states, ..wait(&id) };
    let waiter = Waiter::waiting(&house, request, 1).await;
    // The state, but not the revision; the revision, but not the state; then both.
    for (word, then) in [
        ("START", IdentificationState::InProgress),
        ("ABORTED", IdentificationState::AwaitingRetry),
        ("START", IdentificationState::InProgress),
    ] {
        hears(&house, word, &id).await;
        house.until(word, async || (house.get(&id).await.state() == then).then_some(())).await;
    }
    let shown = waiter.answer().await.unwrap().identification.unwrap();
    assert_eq!((shown.state(), shown.revision), (IdentificationState::InProgress, revision + 3));
}

#[tokio::test]
async fn waits_in_a_row_see_every_step_that_is_left_standing() {
    let house = House::silent().await;
    let id = house.created().await;
    let mut seen = Vec::new();
    let mut after_revision = house.get(&id).await.revision;
    for word in ["START", "ABORTED", "CHECK_PENDING"] {
        let request = WaitIdentificationRequest { after_revision, ..wait(&id) };
        let waiter = Waiter::waiting(&house, request, 1).await;
        hears(&house, word, &id).await;
        let shown = waiter.answer().await.unwrap().identification.unwrap();
        house.counted("idv_waits_open", &[], 0.0).await;
        assert_eq!(shown.revision, after_revision + 1);
        after_revision = shown.revision;
        seen.push(shown.state());
    }
    use IdentificationState::{AwaitingRetry, InProgress, InReview};
    assert_eq!(seen, [InProgress, AwaitingRetry, InReview]);

    // A revision that this journal never had, as after one was restored: the caller is shown how it is.
    let request = WaitIdentificationRequest { after_revision: 1000, ..wait(&id) };
    let waiter = Waiter::waiting(&house, request, 1).await;
    house.clock.advance(Duration::from_secs(30));
    let answer = waiter.answer().await.unwrap();
    assert_eq!((answer.identification.unwrap().revision, answer.timed_out), (after_revision, true));
}

#[tokio::test]
async fn the_time_is_over_when_it_was_said() {
    let house = House::silent().await;
    let id = house.created().await;
    for (max_wait, lasts) in [(None, 30), (seconds(0), 30), (seconds(7), 7), (seconds(60), 60)] {
        let request = WaitIdentificationRequest { max_wait, ..wait(&id) };
        let waiter = Waiter::waiting(&house, request, 1).await;
        house.clock.advance(Duration::from_secs(lasts));
        let answer = waiter.answer().await.unwrap();
        assert!(answer.timed_out, "{max_wait:?}");
        assert_eq!(answer.identification, Some(house.get(&id).await));
        house.counted("idv_waits_open", &[], 0.0).await;
    }
    // One second earlier it still waits.
    let waiter = Waiter::waiting(&house, wait(&id), 1).await;
    house.clock.advance(Duration::from_secs(29));
    hears(&house, "START", &id).await;
    assert!(!waiter.answer().await.unwrap().timed_out);
}

#[tokio::test]
async fn an_answer_comes_before_the_callers_deadline() {
    let house = House::silent().await;
    let id = house.created().await;
    // The transport watches the machine's time; the gateway answers on its own clock, half a second earlier.
    let mut request = Request::new(WaitIdentificationRequest { max_wait: seconds(60), ..wait(&id) });
    request.metadata_mut().insert("grpc-timeout", "50S".parse().unwrap());
    let waiter = Waiter::waiting(&house, request, 1).await;
    house.clock.advance(Duration::from_millis(49_500));
    assert!(waiter.answer().await.unwrap().timed_out);
}

#[tokio::test]
async fn a_drain_ends_a_wait() {
    let house = House::silent().await;
    let id = house.created().await;
    let waiter = Waiter::waiting(&house, wait(&id), 1).await;
    let (in_time, _folder) = house.shut_down().await;
    let details = refused(&waiter.answer().await.unwrap_err(), Code::Unavailable, "GATEWAY_DRAINING");
    assert!(details.retry_info().is_some());
    assert!(in_time);
}

#[tokio::test]
async fn too_many_waits_are_refused_until_one_ends() {
    let house = House::with(|plan| plan.max_streams = 2).await;
    let id = house.created().await;
    let first = Waiter::waiting(&house, wait(&id), 1).await;
    let second = Waiter::waiting(&house, wait(&id), 2).await;
    let status = Waiter::call(&house, wait(&id)).answer().await.unwrap_err();
    let details = refused(&status, Code::ResourceExhausted, "WATCH_LIMIT_EXCEEDED");
    assert!(details.retry_info().is_some());
    // Who need not wait is answered.
    let states = vec![IdentificationState::AwaitingUser.into()];
    assert!(Waiter::call(&house, WaitIdentificationRequest { states, ..wait(&id) }).answer().await.is_ok());
    // A caller that goes away makes room.
    second.0.abort();
    house.counted("idv_waits_open", &[], 1.0).await;
    let third = Waiter::waiting(&house, wait(&id), 2).await;
    hears(&house, "START", &id).await;
    assert!(first.answer().await.is_ok() && third.answer().await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_refused() {
    let house = House::silent().await;
    let id = house.created().await;
    let wrong: Vec<(&[&str], WaitIdentificationRequest)> = vec![
        (&["name"], WaitIdentificationRequest { name: BANK.to_owned(), ..wait(&id) }),
        (&["name"], WaitIdentificationRequest::default()),
        (&["after_revision"], WaitIdentificationRequest { after_revision: -1, ..wait(&id) }),
        (&["states[0]"], WaitIdentificationRequest { states: vec![0], ..wait(&id) }),
        (&["states[1]"], WaitIdentificationRequest { states: vec![1, 99], ..wait(&id) }),
        (&["states"], WaitIdentificationRequest { states: vec![1; 101], ..wait(&id) }),
        (&["max_wait"], WaitIdentificationRequest { max_wait: seconds(61), ..wait(&id) }),
        (&["max_wait"], WaitIdentificationRequest { max_wait: seconds(-1), ..wait(&id) }),
        (
            &["name", "after_revision", "states[0]", "max_wait"],
            WaitIdentificationRequest {
                name: id.clone(),
                after_revision: -1,
                states: vec![99],
                max_wait: seconds(61),
            },
        ),
    ];
    for (expected, request) in wrong {
        let status = Waiter::call(&house, request.clone()).answer().await.unwrap_err();
        let details = refused(&status, Code::InvalidArgument, "VALIDATION_FAILED");
        assert_eq!(fields(&details), expected, "{request:?}");
    }
    let nobody = wait("0b7e5f0c-94f1-4b27-8b0c-11c13f6a0e7d");
    let status = Waiter::call(&house, nobody).answer().await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}
