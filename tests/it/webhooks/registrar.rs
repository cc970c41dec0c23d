//! A vendor whose webhooks can be registered by calls, without HTTP: it does what a test told it to.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use idv_gateway::error::{Error, Kind, Violation};
use idv_gateway::model::observation::{Observation, Word};
use idv_gateway::model::webhook::RegisterWebhook;
use idv_gateway::proto::{Evidence, VendorReference, VendorWebhook, VendorWebhookKind};
use idv_gateway::vendor::kit::delivery::{
    CipherKey, Door, Proof, Refusal, SharedSecret, Unverified, Verified,
};
use idv_gateway::vendor::webhook_setting::{GeneratedSecret, Registration, WebhookSettings};
use idv_gateway::vendor::{Account, Probe, Reading, SecretWindow, Unreadable, Vendor, Webhooks};
use secrecy::ExposeSecret as _;

use crate::double::well::{Well, account};
use crate::vendor::cipher::{IV_FIELD, encrypt, request};
use crate::vendor::rig::basic;

pub(super) const CONNECTION: &str = "bank";
pub(super) const BANK: &str = "connections/bank";

/// The connection.
pub(super) struct Registrar {
    account: Account,
    door: Door,
    office: Arc<Office>,
    forgets: bool,
}

/// The vendor's side, which goes on when the gateway is started anew.
#[derive(Default)]
pub(super) struct Office(Mutex<Desk>);

#[derive(Default)]
pub(super) struct Desk {
    pub(super) registered: Vec<Registered>,
    pub(super) manner: Manner,
    /// What it was asked to register, whatever it did then.
    pub(super) asked: Vec<GeneratedSecret>,
}

/// One webhook as the vendor has it.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) shown: VendorWebhook,
    pub(super) secret: Option<GeneratedSecret>,
}

/// What becomes of a registration.
#[derive(Clone, Copy, Default)]
pub(super) enum Manner {
    #[default]
    Takes,
    Refuses,
    /// Takes it, and its answer is lost.
    Mumbles,
    /// Never hears of it.
    IsAway,
    /// Takes it and never answers.
    Hangs,
}

impl Registrar {
    pub(super) fn new(office: Arc<Office>, secrets: impl IntoIterator<Item = SharedSecret>) -> Self {
        let account = account(CONNECTION, Evidence::SharedSecret);
        let door = Door::new(secrets, None, Some(IV_FIELD.parse().unwrap()));
        Self { account, door, office, forgets: false }
    }

    /// One that takes up the newest secret alone: what a connector must not do.
    pub(super) fn forgetful(self) -> Self {
        Self { forgets: true, ..self }
    }
}

impl Office {
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    /// The secret that webhooks of `kind` come with.
    pub(super) fn secret(&self, kind: VendorWebhookKind) -> GeneratedSecret {
        let desk = self.desk();
        let found = desk.registered.iter().rfind(|one| one.shown.kind() == kind);
        found.unwrap().secret.clone().unwrap()
    }

    /// A webhook elsewhere, which the gateway has not registered.
    pub(super) fn has(&self, id: &str, kind: VendorWebhookKind, uri: &str) {
        let shown = VendorWebhook { kind: kind.into(), ..webhook(id, uri) };
        self.desk().registered.push(Registered { shown, secret: None });
    }
}

/// An authentic request that comes with `secret`.
pub(super) fn sent_with(secret: &GeneratedSecret, body: &str) -> Unverified {
    let (name, value) = match &secret.proof {
        Proof::Basic { username, password } => ("authorization", basic(username, password.expose_secret())),
        Proof::Bearer(token) => ("authorization", format!("Bearer {}", token.expose_secret())),
        Proof::ApiKey { header, value } => {
            assert_eq!(header, "x-idv-webhook-key");
            ("x-idv-webhook-key", value.expose_secret().to_owned())
        }
    };
    match &secret.cipher_key {
        None => request(&[(name, &*value)], body),
        Some(key) => {
            let (iv, body) = encrypt(key.expose_secret(), 9, body.as_bytes());
            request(&[(name, &*value), (IV_FIELD, &*iv)], body)
        }
    }
}

fn webhook(id: &str, uri: &str) -> VendorWebhook {
    let name = format!("{BANK}/vendorWebhooks/{id}");
    VendorWebhook { name, uri: uri.to_owned(), ..VendorWebhook::default() }
}

impl Vendor for Registrar {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        &Well
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }

    fn webhook_settings(&self) -> Option<&dyn WebhookSettings> {
        Some(self)
    }
}

impl Webhooks for Registrar {
    fn verify(&self, delivery: Unverified) -> Result<Verified, Refusal> {
        self.door.verify(delivery)
    }

    fn secrets(&self) -> Vec<SecretWindow> {
        let windows = self.door.windows().into_iter();
        windows.map(|(label, window)| SecretWindow { label, window }).collect()
    }

    fn accept(&self, mut secrets: Vec<GeneratedSecret>) {
        if self.forgets {
            secrets.drain(..secrets.len().saturating_sub(1));
        }
        self.door.accept(secrets.into_iter().map(|secret| SharedSecret {
            cipher_key: secret.cipher_key.map(|key| CipherKey::new(&key).unwrap()),
            label: secret.label,
            proof: secret.proof,
            window: secret.window,
        }));
    }

    /// The body is JSON with the id of what it is about.
    fn normalise(&self, delivery: &Verified) -> Result<Reading, Unreadable> {
        let body: serde_json::Value = serde_json::from_slice(delivery.body()).unwrap();
        let mut observation = Observation::new(Word::Started, delivery.evidence());
        let id = body["ticket"].as_str().unwrap().to_owned();
        observation.reference = VendorReference { id, ..VendorReference::default() };
        Ok(Reading { observations: vec![observation], drift: Vec::new() })
    }
}

#[async_trait]
impl WebhookSettings for Registrar {
    fn check(&self, wanted: &RegisterWebhook) -> Vec<Violation> {
        let odd = wanted.vendor_events.iter().any(|event| event == "odd");
        odd.then(|| Violation::new("vendor_events", "odd")).into_iter().collect()
    }

    async fn webhooks(&self) -> Result<Vec<VendorWebhook>, Error> {
        Ok(self.office.desk().registered.iter().map(|one| one.shown.clone()).collect())
    }

    async fn register(&self, registration: Registration<'_>) -> Result<VendorWebhook, Error> {
        let Registration { wanted, uri, secret } = registration;
        let shown = VendorWebhook {
            kind: wanted.kind.into(),
            authentication: wanted.authentication.into(),
            encrypted: wanted.encrypted,
            vendor_events: wanted.vendor_events.clone(),
            ..webhook(&format!("own-{}", i32::from(wanted.kind)), uri)
        };
        let manner = {
            let mut desk = self.office.desk();
            desk.asked.push(secret.clone());
            if !matches!(desk.manner, Manner::Refuses | Manner::IsAway) {
                desk.registered.retain(|one| one.shown.name != shown.name);
                desk.registered.push(Registered { shown: shown.clone(), secret: Some(secret.clone()) });
            }
            desk.manner
        };
        match manner {
            Manner::Takes => Ok(shown),
            Manner::Refuses => Err(Error::new(Kind::VendorFeatureNotEnabled, "test", "not here")),
            Manner::Mumbles | Manner::IsAway => Err(Error::new(Kind::VendorTimeout, "test", "no answer")),
            Manner::Hangs => std::future::pending().await,
        }
    }

    async fn remove(&self, id: &str) -> Result<Option<()>, Error> {
        let mut desk = self.office.desk();
        let before = desk.registered.len();
        let name = webhook(id, "").name;
        desk.registered.retain(|one| one.shown.name != name);
        Ok((desk.registered.len() < before).then_some(()))
    }
}
