//! What holds for every compliance platform and every biometric enrolment, over the gRPC door: against a vendor without
//! HTTP, as sound or as bad as a test wants it.

mod biometrics;
mod calls;
mod canary;
mod house;
mod onboarding;
pub(crate) mod pictures;
mod repeats;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use idv_gateway::error::{Error, Kind, Violation};
use idv_gateway::model::biometric::{CreateBiometricUser, EnrollBiometricUser, Pictures};
use idv_gateway::model::name::{BiometricUserName, TicketName};
use idv_gateway::model::onboarding::{
    AccountChange, Action, CustomerChange, GetCustomer, RegisterTransaction,
};
use idv_gateway::proto::biometrics::EnrollBiometricUserResponse;
use idv_gateway::proto::onboarding::Customer;
use idv_gateway::proto::{ClientContext, Evidence, LexicalField, Vendor as VendorKind};
use idv_gateway::vendor::biometrics::{
    Biometrics, CreatedUser, Enroll, Enrolled, PictureLimits, UploadPictures,
};
use idv_gateway::vendor::onboarding::{FoundCustomer, Onboarding, Told};
use idv_gateway::vendor::{Account, Probe, Vendor};
use secrecy::ExposeSecret as _;

const PLATFORM: &str = "connections/platform";
/// A connection of a vendor that has none of it.
const OTHER: &str = "connections/other";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
/// What the vendor answers to whatever it is told.
const RAW: &[u8] = br#"{"code":"OK"}"#;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It is done, and the answer is lost.
    Lost,
    /// It is refused.
    Refused(Kind),
    /// It is done, and the answer never comes.
    Hangs,
}

/// The vendor.
struct Platform {
    account: Account,
    able: bool,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    heard: Vec<Heard>,
    faults: VecDeque<Fault>,
    customers: BTreeMap<String, Customer>,
    /// What the vendor cannot take.
    refuses: Vec<Violation>,
    /// Its errors repeat what it was told, as those of a bad connector would.
    talkative: bool,
    users: u32,
}

/// What it was asked.
#[derive(Clone)]
enum Heard {
    Get(GetCustomer),
    Customer(CustomerChange),
    Account(AccountChange),
    Transaction(RegisterTransaction),
    User(CreateBiometricUser),
    Pictures(Upload),
    Enroll(EnrollBiometricUser, String),
}

#[derive(Clone)]
struct Upload {
    name: BiometricUserName,
    token: String,
    pictures: Pictures,
    client: ClientContext,
}

impl Platform {
    fn new(connection: &str, able: bool) -> Self {
        let account = Account {
            connection: connection.parse().unwrap(),
            vendor: VendorKind::PreventorOpenServices,
            display_name: connection.to_owned(),
            environment: "test".to_owned(),
            region: String::new(),
            min_evidence: Evidence::Fetched,
            silence_after: None,
            adopt_unknown: false,
        };
        Self { account, able, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// The next call goes wrong, after those that go wrong already.
    fn fault(&self, fault: Fault) {
        self.memory().faults.push_back(fault);
    }

    /// What it was asked, in order.
    fn heard(&self) -> Vec<Heard> {
        self.memory().heard.clone()
    }

    /// The only thing it was asked.
    #[track_caller]
    fn only(&self) -> Heard {
        let heard = self.heard();
        assert_eq!(heard.len(), 1);
        heard.into_iter().next().unwrap()
    }

    async fn hear(&self, heard: Heard) -> Result<(), Error> {
        let (fault, text) = {
            let mut memory = self.memory();
            let text = if memory.talkative { words(&heard) } else { String::new() };
            memory.heard.push(heard);
            (memory.faults.pop_front(), text)
        };
        match fault {
            None => Ok(()),
            Some(Fault::Lost) => Err(Error::new(Kind::VendorTimeout, "platform", format!("no answer{text}"))),
            Some(Fault::Refused(kind)) => Err(Error::new(kind, "platform", format!("refused{text}"))),
            Some(Fault::Hangs) => std::future::pending().await,
        }
    }
}

/// What a connector must not say in an error.
fn words(heard: &Heard) -> String {
    match heard {
        Heard::Customer(change) => change.customer.full_name.clone(),
        _ => String::new(),
    }
}

fn told() -> Result<Told, Error> {
    Ok(Told { raw_json: Bytes::from_static(RAW) })
}

impl Vendor for Platform {
    fn account(&self) -> &Account {
        &self.account
    }

    fn probe(&self) -> &dyn Probe {
        self
    }

    fn onboarding(&self) -> Option<&dyn Onboarding> {
        self.able.then_some(self)
    }

    fn biometrics(&self) -> Option<&dyn Biometrics> {
        self.able.then_some(self)
    }
}

#[async_trait]
impl Probe for Platform {
    fn server(&self) -> String {
        "platform.example".to_owned()
    }

    fn pause(&self) -> Duration {
        Duration::ZERO
    }

    async fn ask_server(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn prove_credentials(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Onboarding for Platform {
    fn check_customer(&self, _change: &CustomerChange) -> Vec<Violation> {
        self.memory().refuses.clone()
    }

    fn check_account(&self, _change: &AccountChange) -> Vec<Violation> {
        self.memory().refuses.clone()
    }

    fn check_transaction(&self, _command: &RegisterTransaction) -> Vec<Violation> {
        self.memory().refuses.clone()
    }

    async fn customer(&self, get: &GetCustomer) -> Result<Option<FoundCustomer>, Error> {
        self.hear(Heard::Get(get.clone())).await?;
        let customer = self.memory().customers.get(&get.name.id).cloned();
        Ok(customer.map(|customer| FoundCustomer {
            customer: Customer { name: String::new(), ..customer },
            raw_json: Bytes::from_static(RAW),
            drift: vec!["customer.mood".to_owned()],
        }))
    }

    async fn change_customer(&self, change: &CustomerChange) -> Result<Told, Error> {
        self.hear(Heard::Customer(change.clone())).await?;
        let (id, customer) = (change.name.id.clone(), change.customer.clone());
        match change.action {
            Action::Add | Action::Update => self.memory().customers.insert(id, customer),
            Action::Delete => self.memory().customers.remove(&id),
        };
        told()
    }

    async fn change_account(&self, change: &AccountChange) -> Result<Told, Error> {
        self.hear(Heard::Account(change.clone())).await?;
        told()
    }

    async fn register_transaction(&self, command: &RegisterTransaction) -> Result<Told, Error> {
        self.hear(Heard::Transaction(command.clone())).await?;
        told()
    }
}

#[async_trait]
impl Biometrics for Platform {
    fn limits(&self) -> PictureLimits {
        PictureLimits { portraits: 1..=2, documents: 1..=2 }
    }

    fn check(&self, _command: &CreateBiometricUser) -> Vec<Violation> {
        self.memory().refuses.clone()
    }

    async fn create_user(&self, command: &CreateBiometricUser) -> Result<CreatedUser, Error> {
        self.hear(Heard::User(command.clone())).await?;
        let mut memory = self.memory();
        memory.users += 1;
        let number = memory.users;
        let name = BiometricUserName { connection: command.connection.clone(), id: format!("user-{number}") };
        let (create, expire) = (house::start(), house::start() + Duration::from_hours(1));
        Ok(CreatedUser {
            name,
            create_time: Some(create.into()),
            token: format!("process-token-{number}").into(),
            expire_time: (number == 1).then(|| expire.into()),
        })
    }

    async fn upload(&self, upload: UploadPictures<'_>) -> Result<TicketName, Error> {
        let UploadPictures { name, token, pictures, client } = upload;
        let token = token.expose_secret().to_owned();
        let upload = Upload { name: name.clone(), token, pictures: pictures.clone(), client: client.clone() };
        self.hear(Heard::Pictures(upload)).await?;
        Ok(TicketName { connection: name.connection.clone(), id: "ticket-1".to_owned() })
    }

    async fn enroll(&self, enroll: Enroll<'_>) -> Result<Enrolled, Error> {
        let token = enroll.token.expose_secret().to_owned();
        self.hear(Heard::Enroll(enroll.command.clone(), token)).await?;
        Ok(Enrolled { response: findings(), drift: vec!["documentReader.mood".to_owned()] })
    }
}

fn findings() -> EnrollBiometricUserResponse {
    EnrollBiometricUserResponse {
        photo_verified: true,
        liveness_passed: true,
        enrolled: true,
        document_name: "Made-up Card".to_owned(),
        fields: vec![LexicalField::default()],
        portrait: canary::CANARY.into(),
        has_mrz: true,
        ..EnrollBiometricUserResponse::default()
    }
}
