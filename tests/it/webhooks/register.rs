//! Registrations: what is made, when it is accepted, and what remains when one fails.

use std::io::Write;
use std::sync::{Arc, Mutex};

use idv_gateway::error::Kind;
use idv_gateway::proto::{RegisterVendorWebhookRequest, VendorWebhookKind, WebhookAuthentication};
use idv_gateway::vendor::kit::delivery::Proof;
use idv_gateway::vendor::webhook_setting::GeneratedSecret;
use secrecy::ExposeSecret as _;

use super::house::{DAY, House, URI};
use super::registrar::{BANK, Manner, Registrar};

const TICKETS: VendorWebhookKind = VendorWebhookKind::Tickets;
const INVITATIONS: VendorWebhookKind = VendorWebhookKind::Invitations;
const EVERY_PROOF: [WebhookAuthentication; 3] =
    [WebhookAuthentication::Basic, WebhookAuthentication::Bearer, WebhookAuthentication::ApiKey];

/// The characters of a secret that nobody else may see.
fn hidden(secret: &GeneratedSecret) -> Vec<String> {
    let proof = match &secret.proof {
        Proof::Basic { password, .. } => password,
        Proof::Bearer(token) => token,
        Proof::ApiKey { value, .. } => value,
    };
    let key = secret.cipher_key.iter();
    key.chain([proof]).map(|secret| secret.expose_secret().to_owned()).collect()
}

#[tokio::test]
async fn a_secret_is_of_the_asked_form_and_accepted_at_once() {
    let house = House::new().await;
    for (proof, encrypted) in EVERY_PROOF.into_iter().flat_map(|proof| [(proof, true), (proof, false)]) {
        let webhook = house.register_as(TICKETS, proof, encrypted).await.unwrap();
        assert_eq!((webhook.uri.as_str(), webhook.managed), (URI, true));
        assert_eq!((webhook.authentication(), webhook.encrypted), (proof, encrypted));
        let secret = house.office.secret(TICKETS);
        assert!(house.takes(&secret).await, "{proof:?} {encrypted}");
        let parts = hidden(&secret);
        assert_eq!(parts.len(), if encrypted { 2 } else { 1 });
        assert_eq!(secret.cipher_key.map(|key| key.expose_secret().len()), encrypted.then_some(32));
        assert_eq!(parts.last().unwrap().len(), 43, "32 random bytes");
    }
    let offered = house.offered();
    let all: std::collections::HashSet<_> = offered.iter().flat_map(hidden).collect();
    assert_eq!(all.len(), 9, "each is made anew");
}

#[tokio::test]
async fn what_is_asked_for_is_checked_before_anything_is_made() {
    let house = House::new().await;
    let refused = async |request: RegisterVendorWebhookRequest| {
        let error = house.hub.register_vendor_webhook(&request).await.unwrap_err();
        error.violations.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
    };
    let none = refused(RegisterVendorWebhookRequest::default()).await;
    assert_eq!(none, ["parent", "kind", "authentication"]);
    let request = RegisterVendorWebhookRequest {
        parent: BANK.to_owned(),
        kind: 99,
        authentication: WebhookAuthentication::Bearer.into(),
        vendor_events: vec![String::new(), "x".repeat(101)],
        ..RegisterVendorWebhookRequest::default()
    };
    assert_eq!(refused(request.clone()).await, ["kind", "vendor_events[0]", "vendor_events[1]"]);
    let vendor_events = vec!["odd".to_owned()];
    let odd = RegisterVendorWebhookRequest { kind: TICKETS.into(), vendor_events, ..request };
    assert_eq!(refused(odd).await, ["vendor_events"]);
    assert!(house.offered().is_empty());
}

#[tokio::test]
async fn a_gateway_that_does_not_know_its_address_says_what_to_set() {
    let house = House::with(None, |office| Registrar::new(office, [])).await;
    let error = house.register(TICKETS).await.unwrap_err();
    assert_eq!(error.kind, Kind::StateNotAllowed);
    assert!(error.detail.contains("public_url in [webhooks]"), "{}", error.detail);
    assert!(house.offered().is_empty());
}

#[tokio::test]
async fn a_refused_secret_is_taken_away_again() {
    let house = House::new().await;
    house.register(TICKETS).await.unwrap();
    house.office.desk().manner = Manner::Refuses;
    let error = house.register(TICKETS).await.unwrap_err();
    assert_eq!(error.kind, Kind::VendorFeatureNotEnabled);
    let [first, second] = &house.offered()[..] else { panic!("two were offered") };
    house.hand.advance(30 * DAY);
    assert_eq!((house.takes(first).await, house.takes(second).await), (true, false));
}

#[tokio::test]
async fn while_it_is_open_what_the_vendor_did_both_are_accepted() {
    for (manner, used) in [(Manner::Mumbles, 1), (Manner::IsAway, 0)] {
        let house = House::new().await;
        house.register(TICKETS).await.unwrap();
        house.office.desk().manner = manner;
        let error = house.register(TICKETS).await.unwrap_err();
        assert_eq!(error.kind, Kind::VendorTimeout);
        house.hand.advance(30 * DAY);
        for hub in [house.hub.clone(), house.restarted().await] {
            for secret in house.offered() {
                assert!(house.takes_at(&hub, &secret).await, "{}", secret.label);
            }
        }
        assert_eq!(hidden(&house.office.secret(TICKETS)), hidden(&house.offered()[used]));
        // However often it is tried, there is one doubt; the vendor's word ends it, and the one before a day later.
        for _ in 0..20 {
            house.register(TICKETS).await.unwrap_err();
        }
        house.office.desk().manner = Manner::Takes;
        house.register(TICKETS).await.unwrap();
        assert_eq!(hidden(&house.office.secret(TICKETS)), hidden(&house.offered()[1]));
        house.hand.advance(DAY);
        assert!(!house.takes(&house.offered()[0]).await);
        assert!(house.takes(&house.offered()[1]).await);
    }
}

#[tokio::test]
async fn a_gateway_that_dies_while_it_registers_accepts_what_the_vendor_took() {
    let house = House::new().await;
    house.office.desk().manner = Manner::Hangs;
    let (hub, office) = (house.hub.clone(), house.office.clone());
    let request = RegisterVendorWebhookRequest {
        parent: BANK.to_owned(),
        kind: INVITATIONS.into(),
        authentication: WebhookAuthentication::ApiKey.into(),
        encrypted: true,
        ..RegisterVendorWebhookRequest::default()
    };
    let call = tokio::spawn(async move { hub.register_vendor_webhook(&request).await.map(drop) });
    while office.desk().asked.is_empty() {
        tokio::task::yield_now().await;
    }
    let secret = house.office.secret(INVITATIONS);
    assert!(house.takes_at(&*house.restarted().await, &secret).await);
    assert!(house.takes(&secret).await, "it was accepted before the vendor was told");
    call.abort();
}

#[tokio::test]
async fn a_removed_webhook_s_secret_ends_a_day_later() {
    let house = House::new().await;
    house.register(TICKETS).await.unwrap();
    house.register(INVITATIONS).await.unwrap();
    let [tickets, invitations] = &house.offered()[..] else { panic!("two were offered") };
    house.delete("own-1", false).await.unwrap();
    house.hand.advance(DAY - std::time::Duration::from_nanos(1));
    assert!(house.takes(tickets).await);
    house.hand.advance(std::time::Duration::from_nanos(1));
    assert_eq!((house.takes(tickets).await, house.takes(invitations).await), (false, true));
    let hub = house.restarted().await;
    assert_eq!((house.takes_at(&hub, tickets).await, house.takes_at(&hub, invitations).await), (false, true));

    let error = house.delete("own-1", false).await.unwrap_err();
    assert_eq!(error.kind, Kind::ResourceNotFound);
    house.delete("own-1", true).await.unwrap();
}

#[tokio::test]
async fn a_secret_stays_while_a_webhook_of_its_kind_points_here() {
    let house = House::new().await;
    house.register(TICKETS).await.unwrap();
    house.office.has("other", TICKETS, URI);
    house.office.has("elsewhere", TICKETS, "https://elsewhere.example/");
    house.delete("elsewhere", false).await.unwrap();
    house.delete("other", false).await.unwrap();
    house.hand.advance(30 * DAY);
    assert!(house.takes(&house.offered()[0]).await);
}

#[tokio::test]
async fn a_label_is_used_once_and_an_ended_secret_is_not_shown() {
    let house = House::new().await;
    for turn in 0..10 {
        let manner = if turn == 4 { Manner::Refuses } else { Manner::Takes };
        house.office.desk().manner = manner;
        assert_eq!(house.register(TICKETS).await.is_ok(), turn != 4);
        house.hand.advance(DAY);
    }
    let numbered: Vec<_> = (1..=10).map(|number| format!("tickets-{number}")).collect();
    assert_eq!(house.offered().into_iter().map(|secret| secret.label).collect::<Vec<_>>(), numbered);

    let shown = |label: &str| {
        let line = format!(
            "idv_webhook_credential_expiry_timestamp_seconds{{connection=\"bank\",label=\"{label}\"}}"
        );
        house.scrape().contains(&line)
    };
    assert!(!shown("tickets-8") && shown("tickets-9") && !shown("tickets-10"));
    tokio::spawn(house.hub.clone().work());
    // It has ended just now.
    while shown("tickets-9") {
        tokio::task::yield_now().await;
    }
}

/// What is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_shown_anywhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let house = House::new().await;
    let mut shown = String::new();
    for proof in EVERY_PROOF {
        shown += &format!("{:?}", house.register_as(TICKETS, proof, true).await.unwrap());
    }
    for manner in [Manner::Mumbles, Manner::Refuses] {
        house.office.desk().manner = manner;
        let error = house.register(TICKETS).await.unwrap_err();
        shown += &format!("{error} {error:?} {:?}", house.offered());
    }
    shown += &house.scrape();
    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let store = house.bytes();
    let secrets: Vec<_> = house.offered().iter().flat_map(hidden).collect();
    assert_eq!(secrets.len(), 10);
    for secret in &secrets {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!store.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
    assert!(store.windows(15).any(|bytes| bytes == b"webhook_secrets"), "the store was looked at");
}
