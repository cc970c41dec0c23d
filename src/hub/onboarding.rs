//! Customers, accounts and transactions at a compliance platform: handed on, and kept nowhere.
//!
//! Nothing says that telling the platform twice does no harm: see `hub::single`. The answer to a repeat
//! is put together from the repeat itself, which is the same request as the first.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::error::{Error, Kind, Result, Violation};
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::request::{Entry, Mutation};
use crate::model::name::ConnectionId;
use crate::model::onboarding::{AccountChange, CustomerChange, GetCustomer, RegisterTransaction};
use crate::proto::onboarding::{
    CreateAccountRequest, CreateAccountResponse, CreateCustomerRequest, CreateCustomerResponse, Customer,
    DeleteAccountRequest, DeleteAccountResponse, DeleteCustomerRequest, DeleteCustomerResponse,
    GetCustomerRequest, GetCustomerResponse, RegisterTransactionRequest, RegisterTransactionResponse,
    UpdateAccountRequest, UpdateAccountResponse, UpdateCustomerRequest, UpdateCustomerResponse,
};
use crate::vendor::onboarding::{FoundCustomer, Onboarding, Told};

const CAPABILITY: &str = "onboarding";
const GET: &str = "get_customer";

/// What the platform is told.
trait Command: Send + Sync {
    fn connection(&self) -> &ConnectionId;

    fn request_id(&self) -> Option<Uuid>;

    /// Which parts of it the vendor cannot take.
    fn check(&self, vendor: &dyn Onboarding) -> Vec<Violation>;

    fn tell(&self, vendor: &dyn Onboarding) -> impl Future<Output = Result<Told>> + Send;
}

/// A request that tells the platform something.
trait Telling: Mutation {
    type Command: Command;

    /// `fresh` names what the caller leaves unnamed.
    fn parse(self, fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<Self::Command>;

    /// Adds to the answer what is not kept of it.
    fn complete(answer: Self::Response, told: Self::Command, raw_json: Vec<u8>) -> Self::Response;
}

impl Hub {
    /// Creates a customer. Goes on to the end when the caller goes away, like every change here.
    pub async fn create_customer(
        self: &Arc<Self>,
        caller: String,
        request: CreateCustomerRequest,
    ) -> Result<CreateCustomerResponse> {
        self.tell(caller, request).await
    }

    /// A customer as the vendor shows it now.
    pub async fn get_customer(&self, request: GetCustomerRequest) -> Result<GetCustomerResponse> {
        let get = GetCustomer::parse(request)?;
        let vendor = self.vendor(&get.name.connection, GET)?;
        let found = offered(&*vendor, vendor.onboarding(), CAPABILITY, GET)?.customer(&get).await;
        let found = self.note_health(&*vendor, found).await?.ok_or_else(|| {
            Error::new(Kind::ResourceNotFound, GET, format!("the vendor knows nothing of {}", get.name))
        })?;
        let FoundCustomer { customer, raw_json, drift } = found;
        for field in &drift {
            self.metrics.drift(vendor.account().vendor.as_str_name(), field);
        }
        let customer = Customer { name: get.name.to_string(), ..customer };
        Ok(GetCustomerResponse { customer: Some(customer), raw_json: raw_json.into() })
    }

    /// Updates a customer.
    pub async fn update_customer(
        self: &Arc<Self>,
        caller: String,
        request: UpdateCustomerRequest,
    ) -> Result<UpdateCustomerResponse> {
        self.tell(caller, request).await
    }

    /// Deletes a customer.
    pub async fn delete_customer(
        self: &Arc<Self>,
        caller: String,
        request: DeleteCustomerRequest,
    ) -> Result<DeleteCustomerResponse> {
        self.tell(caller, request).await
    }

    /// Creates an account.
    pub async fn create_account(
        self: &Arc<Self>,
        caller: String,
        request: CreateAccountRequest,
    ) -> Result<CreateAccountResponse> {
        self.tell(caller, request).await
    }

    /// Updates an account.
    pub async fn update_account(
        self: &Arc<Self>,
        caller: String,
        request: UpdateAccountRequest,
    ) -> Result<UpdateAccountResponse> {
        self.tell(caller, request).await
    }

    /// Deletes an account.
    pub async fn delete_account(
        self: &Arc<Self>,
        caller: String,
        request: DeleteAccountRequest,
    ) -> Result<DeleteAccountResponse> {
        self.tell(caller, request).await
    }

    /// Registers a monetary transaction.
    pub async fn register_transaction(
        self: &Arc<Self>,
        caller: String,
        request: RegisterTransactionRequest,
    ) -> Result<RegisterTransactionResponse> {
        self.tell(caller, request).await
    }

    async fn tell<Q: Telling + 'static>(self: &Arc<Self>, caller: String, request: Q) -> Result<Q::Response> {
        let hub = self.clone();
        self.see_through(Q::OPERATION, async move { hub.tell_once(&caller, request).await }).await
    }

    async fn tell_once<Q: Telling>(&self, caller: &str, request: Q) -> Result<Q::Response> {
        let command = request.clone().parse(|request_id| self.fresh_id::<Q>(caller, request_id))?;
        let vendor = self.vendor(command.connection(), Q::OPERATION)?;
        let onboarding = offered(&*vendor, vendor.onboarding(), CAPABILITY, Q::OPERATION)?;
        let refused = command.check(onboarding);
        if !refused.is_empty() {
            return Err(Error::invalid(Q::OPERATION, refused));
        }
        let mut once = match self.enter(caller, &request, command.request_id()).await? {
            Entry::Answered(first) => return Ok(Q::complete(first, command, Vec::new())),
            Entry::First(once) | Entry::BrokeOff(once, _) => once,
        };
        // The customer's own name may be one that a person has elsewhere.
        let subject = command.connection().name();
        let seen = self.head();
        let tell = async {
            let told = command.tell(onboarding).await;
            self.note_health(&*vendor, told).await
        };
        let told = self.send_once::<Q, _>(&mut once, &subject, tell).await;
        let (outcome, raw_json) = match told {
            Ok(Told { raw_json }) => (Ok(Q::Response::default()), raw_json),
            Err(refusal) => (Err(refusal), Bytes::new()),
        };
        let answer = self.keep_answer::<Q>(&once, &subject, seen, outcome).await?;
        Ok(Q::complete(answer, command, raw_json.into()))
    }
}

impl Command for CustomerChange {
    fn connection(&self) -> &ConnectionId {
        &self.name.connection
    }

    fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }

    fn check(&self, vendor: &dyn Onboarding) -> Vec<Violation> {
        vendor.check_customer(self)
    }

    async fn tell(&self, vendor: &dyn Onboarding) -> Result<Told> {
        vendor.change_customer(self).await
    }
}

impl Command for AccountChange {
    fn connection(&self) -> &ConnectionId {
        &self.name.connection
    }

    fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }

    fn check(&self, vendor: &dyn Onboarding) -> Vec<Violation> {
        vendor.check_account(self)
    }

    async fn tell(&self, vendor: &dyn Onboarding) -> Result<Told> {
        vendor.change_account(self).await
    }
}

impl Command for RegisterTransaction {
    fn connection(&self) -> &ConnectionId {
        &self.connection
    }

    fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }

    fn check(&self, vendor: &dyn Onboarding) -> Vec<Violation> {
        vendor.check_transaction(self)
    }

    async fn tell(&self, vendor: &dyn Onboarding) -> Result<Told> {
        vendor.register_transaction(self).await
    }
}

impl Telling for CreateCustomerRequest {
    type Command = CustomerChange;

    fn parse(self, fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<CustomerChange> {
        CustomerChange::of_create(self, fresh)
    }

    fn complete(answer: Self::Response, told: CustomerChange, raw_json: Vec<u8>) -> Self::Response {
        Self::Response { customer: Some(told.customer), raw_json, ..answer }
    }
}

impl Telling for UpdateCustomerRequest {
    type Command = CustomerChange;

    fn parse(self, _fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<CustomerChange> {
        CustomerChange::of_update(self)
    }

    fn complete(answer: Self::Response, told: CustomerChange, raw_json: Vec<u8>) -> Self::Response {
        Self::Response { customer: Some(told.customer), raw_json, ..answer }
    }
}

impl Telling for DeleteCustomerRequest {
    type Command = CustomerChange;

    fn parse(self, _fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<CustomerChange> {
        CustomerChange::of_delete(self)
    }

    fn complete(answer: Self::Response, _told: CustomerChange, _raw_json: Vec<u8>) -> Self::Response {
        answer
    }
}

impl Telling for CreateAccountRequest {
    type Command = AccountChange;

    fn parse(self, fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<AccountChange> {
        AccountChange::of_create(self, fresh)
    }

    fn complete(answer: Self::Response, told: AccountChange, raw_json: Vec<u8>) -> Self::Response {
        Self::Response { account: Some(told.account), raw_json, ..answer }
    }
}

impl Telling for UpdateAccountRequest {
    type Command = AccountChange;

    fn parse(self, _fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<AccountChange> {
        AccountChange::of_update(self)
    }

    fn complete(answer: Self::Response, told: AccountChange, raw_json: Vec<u8>) -> Self::Response {
        Self::Response { account: Some(told.account), raw_json, ..answer }
    }
}

impl Telling for DeleteAccountRequest {
    type Command = AccountChange;

    fn parse(self, _fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<AccountChange> {
        AccountChange::of_delete(self)
    }

    fn complete(answer: Self::Response, _told: AccountChange, _raw_json: Vec<u8>) -> Self::Response {
        answer
    }
}

impl Telling for RegisterTransactionRequest {
    type Command = RegisterTransaction;

    fn parse(self, fresh: impl FnOnce(Option<Uuid>) -> Uuid) -> Result<RegisterTransaction> {
        RegisterTransaction::parse(self, fresh)
    }

    fn complete(answer: Self::Response, told: RegisterTransaction, raw_json: Vec<u8>) -> Self::Response {
        Self::Response { transaction: Some(told.transaction), raw_json, ..answer }
    }
}
