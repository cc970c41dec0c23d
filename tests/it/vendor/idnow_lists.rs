//! IDnow's lists against a stub of its API over real sockets.

use idv_gateway::error::{Error, Kind};
use idv_gateway::model::observation::Word;
use idv_gateway::proto::{Evidence, IdentificationState as State, Outcome};
use idv_gateway::vendor::{Lists, Reading};

use super::rig::{Stub, fault, json, login, offline, over_sockets, reference};

async fn read(stub: &Stub, list: &'static str) -> Result<Reading, Error> {
    let (idnow, _time) = over_sockets(&stub.base);
    Lists::read(&idnow, list).await
}

fn entry(result: &str, number: &str) -> String {
    format!(
        r#"{{"identificationprocess":{{"result":"{result}","companyid":"examplebank","transactionnumber":"{number}"}}}}"#
    )
}

fn listed(entries: &[String]) -> String {
    format!(r#"{{"identifications":[{}]}}"#, entries.join(","))
}

#[tokio::test]
async fn each_list_is_asked_for_by_its_parameter() {
    let stub = Stub::logged_in(|_seen| json(200, &listed(&[]))).await;
    for list in offline().all().iter().copied() {
        assert!(read(&stub, list).await.unwrap().observations.is_empty());
        let asked = stub.seen().pop().unwrap();
        assert_eq!(asked.path, format!("/api/v1/examplebank/identifications?{list}=true"));
        assert_eq!(asked.headers["x-api-login-token"], "token-1");
    }
    let listed: Vec<_> = [State::InReview, State::AwaitingRetry, State::Completed]
        .into_iter()
        .flat_map(|state| offline().of(state))
        .collect();
    assert!(listed.iter().copied().eq(offline().all()), "{listed:?}");
    assert!(offline().of(State::AwaitingUser).is_empty());
}

#[tokio::test]
async fn entries_are_read_like_results_and_odd_ones_are_passed_over() {
    let foreign = entry("SUCCESS", "case-2").replace("examplebank", "otherbank");
    let entries = [
        entry("SUCCESS", "CASE-1"),
        foreign,
        entry("SUCCESS", "case/3"),
        "{}".to_owned(),
        entry("SOMETHING_NEW", "case-4"),
    ];
    let body = listed(&entries);
    let stub = Stub::logged_in(move |_seen| json(200, &body)).await;
    let reading = read(&stub, "successful").await.unwrap();
    let [first, last] = &reading.observations[..] else { panic!("{reading:?}") };
    assert_eq!((first.word, first.evidence), (Word::Decided(Outcome::Verified), Evidence::Fetched));
    assert_eq!(first.reference, reference("", "case-1"));
    assert_eq!(last.word, Word::Unknown);
    assert_eq!(reading.drift, ["identificationprocess.result", "identifications[]"]);
}

#[tokio::test]
async fn a_list_may_be_larger_than_other_answers_up_to_its_own_limit() {
    let of_size = |bytes: usize| format!(r#"{}{}"#, listed(&[entry("SUCCESS", "case-1")]), " ".repeat(bytes));
    let (large, too_large) = (of_size(3 << 20), of_size(64 << 20));
    let stub = Stub::logged_in(move |_seen| json(200, &large)).await;
    assert_eq!(read(&stub, "successful").await.unwrap().observations.len(), 1);
    let stub = Stub::logged_in(move |_seen| json(200, &too_large)).await;
    assert_eq!(read(&stub, "successful").await.unwrap_err().kind, Kind::VendorResponseInvalid);
}

/// Errors have room in a small answer; looking for them in a large one would hold up everything else on its thread.
#[tokio::test]
async fn errors_are_looked_for_in_small_answers_alone() {
    let with_errors = |bytes: usize| {
        let errors = r#"{"errors":[{"cause":"INTERNAL_SERVER_ERROR"}],"identifications":["#;
        format!("{errors}{}{}]}}", entry("SUCCESS", "case-1"), " ".repeat(bytes))
    };
    for (bytes, kind) in [(0, Some(Kind::VendorUnavailable)), (16 << 10, None)] {
        let body = with_errors(bytes);
        let stub = Stub::logged_in(move |_seen| json(200, &body)).await;
        assert_eq!(read(&stub, "successful").await.err().map(|error| error.kind), kind, "{bytes}");
    }
}

#[tokio::test]
async fn what_is_no_list_is_an_error() {
    for (status, body, kind) in [
        (200, "<html>".to_owned(), Kind::VendorResponseInvalid),
        (200, String::new(), Kind::VendorResponseInvalid),
        (200, "{}".to_owned(), Kind::VendorResponseInvalid),
        (200, entry("SUCCESS", "case-1"), Kind::VendorResponseInvalid),
        (200, r#"{"identifications":7}"#.to_owned(), Kind::VendorResponseInvalid),
        (503, String::new(), Kind::VendorUnavailable),
        (429, String::new(), Kind::VendorRateLimited),
    ] {
        let answer = body.clone();
        let stub = Stub::logged_in(move |_seen| json(status, &answer)).await;
        assert_eq!(read(&stub, "pending").await.unwrap_err().kind, kind, "{status} {body}");
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let stub = Stub::start(|seen| match seen.headers.get("x-api-login-token") {
        _ if seen.is_login() => login("token"),
        _ => fault(401, "INVALID_LOGIN_TOKEN", "null"),
    })
    .await;
    assert_eq!(read(&stub, "pending").await.unwrap_err().kind, Kind::VendorCredentialsRejected);
    assert_eq!(stub.logins(), 2);
}
