//! Ids and recipients that try to change a URL.

use std::sync::Arc;

use idv_gateway::clock::Clock;
use idv_gateway::error::Kind;
use idv_gateway::proto::{DeliveryMethod, InvitationSpec, Subject};
use idv_gateway::vendor::kit::http::Request;
use idv_gateway::vendor::preventor::Preventor;
use idv_gateway::vendor::ticket::Tickets as _;
use idv_gateway::vendor::webhook_setting::WebhookSettings as _;
use idv_gateway::vendor::{Create, Get, Identifications};

use super::{Files, command, known, spec};
use crate::vendor::hostile::hostile;
use crate::vendor::rig::{Recorder, line};

/// Characters that mean nothing in a path: a recipient may have them.
fn means_nothing(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@+".contains(&byte))
        && !text.is_empty()
        && text.len() <= 254
        && !text.bytes().all(|byte| byte == b'.')
}

/// What a stub answers.
type Answers = fn(&Request) -> (u16, String);

fn recorded() -> (Preventor, Arc<Recorder<Answers>>) {
    let answers: Answers = |request| match request.target.template().ends_with("/auth/token") {
        true => (200, r#"{"token":"t"}"#.to_owned()),
        false => (500, String::new()),
    };
    let recorder = Recorder::new(answers);
    let settings = Files::new();
    let clock = Clock::system();
    let settings_read = settings.settings("https://api.example/v1/identity", "");
    let line = line(settings_read.limits, clock.clone(), recorder.clone());
    (Preventor::new("bank".parse().unwrap(), &settings_read, clock, line).unwrap(), recorder)
}

#[tokio::test]
async fn no_recipient_leaves_its_place() {
    let (preventor, _recorder) = recorded();
    let mut let_through = 0;
    for piece in hostile() {
        let email = format!("{piece}@mail.example");
        let subject = Subject { email: email.clone(), ..Subject::default() };
        let command = idv_gateway::model::command::CreateIdentification {
            subject,
            ..command(Subject::default(), spec(DeliveryMethod::Email))
        };
        let violations = Identifications::check(&preventor, &command);
        let refused = violations.iter().any(|violation| violation.field == "subject.email");
        assert_eq!(refused, !means_nothing(&email), "{email:?}");
        let_through += usize::from(!refused);
        if refused {
            let error = preventor.create(Create { command: &command }).await.unwrap_err();
            assert_eq!(error.kind, Kind::ValidationFailed, "{email:?}");
        }
    }
    assert!(let_through > 3, "some are harmless");
}

#[tokio::test]
async fn no_id_leaves_its_place() {
    let (preventor, recorder) = recorded();
    let plain = |text: &str| {
        text.len() <= 128
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    for id in hostile().into_iter().filter(|id| !plain(id)) {
        if !id.is_empty() {
            for reference in [known(&id, &[]), known("", &[&id]), known(&id, &[&id])] {
                assert!(preventor.read_reference(&reference).is_err(), "{id:?}");
                drop(preventor.get(Get { reference: &reference, deadline: None }).await);
            }
        }
        assert_eq!(preventor.remove(&id).await.unwrap(), None, "{id:?}");
        if let Ok(name) = format!("connections/bank/tickets/{id}").parse() {
            assert!(preventor.ticket(&name).await.unwrap().is_none(), "{id:?}");
            assert!(preventor.images(&name, &[]).await.unwrap().is_none(), "{id:?}");
        }
        let unique = InvitationSpec { unique: id.clone(), ..spec(DeliveryMethod::Email) };
        let refused = Identifications::check(&preventor, &command(super::subject(), unique));
        let dotted = id.bytes().any(|byte| byte == b'.') && plain(&id.replace('.', ""));
        assert_eq!(refused.is_empty(), id.is_empty() || dotted, "{id:?}");
    }
    assert!(recorder.urls.lock().unwrap().is_empty(), "nothing was sent");
    let reference = known("harmless-1_A", &[]);
    drop(preventor.get(Get { reference: &reference, deadline: None }).await);
    let last = recorder.urls.lock().unwrap().last().cloned();
    let expected = "https://api.example/v1/identity/invitations/logs/harmless-1_A/activities";
    assert_eq!(last.as_deref(), Some(expected), "the check above is not vacuous");
}
