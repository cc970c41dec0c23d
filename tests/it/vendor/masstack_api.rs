//! What MasStack is sent, and what its answers are taken for.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use idv_gateway::clock::Clock;
use idv_gateway::error::Kind as Reason;
use idv_gateway::model::observation::Word;
use idv_gateway::proto::identification_spec::Kind;
use idv_gateway::proto::{
    AssuranceLevel, DeliveryMethod, Evidence, IdentityDocumentSpec, IdentityDocumentType, OtpFactor, OtpSpec,
    Outcome, PhoneNumber, ScoringProvider, Subject, VendorReference,
};
use idv_gateway::vendor::kit::limit::LimitSettings;
use idv_gateway::vendor::{Create, Get, Identifications as _, Vendor as _};
use serde_json::{Value, json};

use super::masstack_rig::{
    CALLS, IDS, Script, TOKEN, command, connect, over, process, settings, sound, try_connect,
};
use super::rig::{Files, line, noon};

fn maria() -> Subject {
    Subject {
        given_name: "María".to_owned(),
        family_name: "Ejemplo".to_owned(),
        email: "maria@example.com".to_owned(),
        phone: Some(PhoneNumber { e164: "+34612345678".to_owned(), ..PhoneNumber::default() }),
        language_code: "es-ES".to_owned(),
        document_type: IdentityDocumentType::Nie.into(),
        document_number: "X1234567L".to_owned(),
        document_country: "ES".to_owned(),
        ..Subject::default()
    }
}

/// The body of a creation of `kind`, and where it went.
async fn sent(more: &str, kind: Kind) -> (String, Value) {
    let script = Script::new(sound);
    let masstack = connect(more, script.clone());
    let command = command(kind, maria());
    assert_eq!(masstack.check(&command), []);
    let created = masstack.create(Create { command: &command }).await.unwrap();
    assert_eq!((created.observation.word, created.observation.evidence), (Word::Accepted, Evidence::Gateway));
    let seen = script.seen().pop().unwrap();
    (seen.line, serde_json::from_str(&seen.body).unwrap())
}

#[tokio::test]
async fn a_creation_with_a_code_is_as_the_vendors_example_has_it() {
    let spec = OtpSpec {
        expires_in: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        factor: OtpFactor::DocumentNumber.into(),
        channel: DeliveryMethod::Whatsapp.into(),
        external_channel: true,
    };
    let (line, body) = sent("", Kind::Otp(spec)).await;
    assert_eq!(line, "POST https://documents.masstack.com/v1/orgs/bank/identifications/otp");
    let expected = json!({
        "actor": {
            "name": "María",
            "last_name": "Ejemplo",
            "identity_document": { "document_number": "X1234567L", "document_type": "NIE" },
            "email": "maria@example.com",
            "msisdn": { "phone_number": 612_345_678, "country_code": "34" },
            "language": "ES",
        },
        "expires_in": "PT15M",
        "two_factor_type": "DOCUMENT_NUMBER",
        "channel": { "type": "WHATSAPP", "external": "true" },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_creation_with_a_document_comes_in_two_generations() {
    let spec = || {
        Kind::IdentityDocument(IdentityDocumentSpec {
            expires_in: None,
            level: AssuranceLevel::High.into(),
            scoring_provider: ScoringProvider::External.into(),
        })
    };
    let document = json!({ "document_number": "X1234567L", "document_type": "NIE", "country": "ES" });
    let (line, flat) = sent("", spec()).await;
    assert_eq!(line, "POST https://documents.masstack.com/v1/orgs/bank/identifications/identity_document");
    let expected = json!({
        "name": "María",
        "last_name": "Ejemplo",
        "identity_document": document,
        "configuration_name": "HIGH",
        "expires_in": "P30D",
        "scoring": { "provider": "EXTERNAL" },
    });
    assert_eq!(flat, expected);
    let (_, actor) = sent("generation = \"actor\"", spec()).await;
    assert_eq!(
        (&actor["actor"]["identity_document"], &actor["actor"]["language"]),
        (&document, &json!("ES"))
    );
    assert_eq!(actor.get("name"), None);
}

/// A PUT may be repeated by its method, which settings choose; this one would make another process.
#[tokio::test]
async fn a_creation_that_may_have_been_done_is_sent_once_whatever_its_method_is() {
    for method in ["POST", "PUT"] {
        let script = Script::new(|line: &str| match line.ends_with("/token") {
            true => (200, TOKEN.to_owned()),
            false => (0, String::new()),
        });
        let clock = Clock::system();
        let line = line(LimitSettings::default(), clock.clone(), script.clone());
        let more =
            format!("endpoints.create = {{ method = \"{method}\", path = \"/identifications/{{kind}}\" }}");
        let masstack = over("http://127.0.0.1:1", &more, clock, line);
        let command = command(Kind::IdentityDocument(IdentityDocumentSpec::default()), maria());
        let error = masstack.create(Create { command: &command }).await.unwrap_err();
        let sent: Vec<_> = script.seen().into_iter().map(|seen| seen.line).collect();
        let [_login, creation] = sent.as_slice() else { panic!("{method}: {sent:?}") };
        assert_eq!((error.kind, creation.starts_with(method)), (Reason::VendorOutcomeUnknown, true));
    }
}

#[tokio::test]
async fn the_login_is_an_assertion_of_the_account_in_either_form_of_its_key() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = key.as_der().map(|der: Pkcs8V1Der<'_>| STANDARD.encode(der.as_ref())).unwrap();
    let files = Files::new();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let file = files.write("key.pem", &pem);
    let members = format!(
        "{{ members = {{ private_key = {{ file = {:?} }}, private_key_id = \"key-1\", client_email = \"g@bank.example\" }} }}",
        file.display().to_string()
    );
    let script = Script::new(sound);
    let masstack =
        try_connect(&settings(&members, "scope = \"documents\"\naudience = \"them\""), script.clone())
            .unwrap();
    masstack.probe().prove_credentials().await.unwrap();
    let seen = script.seen().pop().unwrap();
    assert_eq!(seen.line, "POST https://token.example/v1/token");
    assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
    let [grant, assertion, scope] = form.as_slice() else { panic!("{form:?}") };
    assert_eq!(grant.1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!((scope.0.as_str(), scope.1.as_str()), ("scope", "documents"));
    let part = |index: usize| -> Value {
        let part = assertion.1.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let now = noon().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(part(0), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    let claims = json!({
        "iss": "g@bank.example", "sub": "g@bank.example", "aud": "them", "iat": now, "exp": now + 300,
    });
    assert_eq!(part(1), claims);

    files.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let error = try_connect(&settings(&members, ""), script).unwrap_err();
    assert_eq!(error.kind, Reason::ValidationFailed);
    assert!(error.detail.contains("masstack.service_account: the private key must be"), "{}", error.detail);
}

#[tokio::test]
async fn states_are_read_where_settings_say_and_mean_what_they_say() {
    let more = "fields.state = [\"data.phase\"]\nstates = { DONE = \"verified\", LOST = \"awaiting_retry\" }";
    for (word, meaning, drift) in [
        ("DONE", Word::Decided(Outcome::Verified), &[][..]),
        ("VALIDATED", Word::Unknown, &["state"][..]),
        ("ERIKA BEISPIEL", Word::Unknown, &["state"][..]),
    ] {
        let script = Script::new(move |line: &str| match line.starts_with("GET") {
            true => (200, json!({ "data": { "phase": word } }).to_string()),
            false => sound(line),
        });
        let masstack = connect(more, script);
        let answer = masstack.get(Get { reference: &process(), deadline: None }).await.unwrap();
        assert_eq!((answer.observation.word, answer.drift.as_slice()), (meaning, drift), "{word}");
        let status = if word.contains(' ') { "UNPRINTABLE" } else { word };
        assert_eq!(answer.observation.vendor_status, status);
    }
    let masstack = connect("fields.state = [\"phase\", \"data.phase\"]", Script::new(sound));
    let error = masstack.get(Get { reference: &process(), deadline: None }).await.unwrap_err();
    assert_eq!(error.kind, Reason::VendorResponseInvalid);
    assert!(error.detail.ends_with("has no usable state at phase, data.phase"), "{}", error.detail);
}

#[tokio::test]
async fn before_the_vendor_has_given_ids_nothing_is_asked() {
    let script = Script::new(sound);
    let masstack = connect("", script.clone());
    for reference in [VendorReference::default(), super::rig::reference("a-1", "other/i-1")] {
        let answer = masstack.get(Get { reference: &reference, deadline: None }).await.unwrap();
        assert_eq!(answer.observation.word, Word::NotStarted);
    }
    assert!(script.seen().is_empty());
}

#[test]
fn a_connection_has_what_its_settings_bind() {
    let script = || Script::new(|_line: &str| (500, IDS.to_owned()));
    let capabilities = |more: &str| idv_gateway::vendor::capabilities(&connect(more, script()));
    assert_eq!(capabilities(""), ["get", "delete"]);
    assert_eq!(capabilities(CALLS), ["get", "cancel", "restart", "delete", "invitation"]);
    let masstack = connect("", script());
    assert_eq!((masstack.account().silence_after, masstack.webhooks().is_none()), (None::<Duration>, true));
}
