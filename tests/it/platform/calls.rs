//! Every change of onboarding, to be made in the same way.

use idv_gateway::proto::onboarding::{
    Account, CreateAccountRequest, CreateCustomerRequest, Customer, DeleteAccountRequest,
    DeleteCustomerRequest, RegisterTransactionRequest, Transaction, UpdateAccountRequest,
    UpdateCustomerRequest,
};
use idv_gateway::proto::{ClientContext, Date};
use idv_gateway::rpc::purpose::METADATA;
use prost::Message;
use tonic::{Request, Status};

use super::house::House;
use super::{PLATFORM, canary::CANARY};
use crate::scenario::words::PURPOSE;

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    CreateCustomer,
    UpdateCustomer,
    DeleteCustomer,
    CreateAccount,
    UpdateAccount,
    DeleteAccount,
    RegisterTransaction,
}

/// What a change was answered with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) replayed: bool,
    pub(super) raw_json: Vec<u8>,
    /// The customer, account or transaction, as it came; of deletions nothing.
    pub(super) shown: Vec<u8>,
}

impl Change {
    pub(super) const ALL: [Self; 7] = [
        Self::CreateCustomer,
        Self::UpdateCustomer,
        Self::DeleteCustomer,
        Self::CreateAccount,
        Self::UpdateAccount,
        Self::DeleteAccount,
        Self::RegisterTransaction,
    ];

    /// Makes it on a connection, for the person whose client has this address.
    pub(super) async fn make(
        self,
        house: &House,
        connection: &str,
        request_id: &str,
        ip_address: &str,
    ) -> Result<Answer, Status> {
        let mut door = house.onboarding();
        let client = Some(ClientContext { ip_address: ip_address.to_owned(), ..ClientContext::default() });
        let request_id = request_id.to_owned();
        let (parent, name) = (connection.to_owned(), format!("{connection}/customers/c-1"));
        let customer = Some(Customer { full_name: CANARY.to_owned(), ..Customer::default() });
        let known = Some(Customer { name: name.clone(), ..customer.clone().unwrap() });
        let account = Some(account(""));
        let kept = Some(account_of(connection));
        let answer = match self {
            Self::CreateCustomer => {
                let customer_id = String::new();
                let asked = CreateCustomerRequest { parent, customer, request_id, customer_id, client };
                let it = door.create_customer(asked_for(asked)).await?.into_inner();
                (it.replayed, it.raw_json, it.customer.map(|it| it.encode_to_vec()))
            }
            Self::UpdateCustomer => {
                let asked = UpdateCustomerRequest { customer: known, update_mask: None, request_id, client };
                let it = door.update_customer(asked_for(asked)).await?.into_inner();
                (it.replayed, it.raw_json, it.customer.map(|it| it.encode_to_vec()))
            }
            Self::DeleteCustomer => {
                let asked = DeleteCustomerRequest { name, request_id, client };
                (door.delete_customer(asked).await?.into_inner().replayed, Vec::new(), None)
            }
            Self::CreateAccount => {
                let asked = CreateAccountRequest { parent, account, request_id, client };
                let it = door.create_account(asked_for(asked)).await?.into_inner();
                (it.replayed, it.raw_json, it.account.map(|it| it.encode_to_vec()))
            }
            Self::UpdateAccount => {
                let asked = UpdateAccountRequest { account: kept, update_mask: None, request_id, client };
                let it = door.update_account(asked_for(asked)).await?.into_inner();
                (it.replayed, it.raw_json, it.account.map(|it| it.encode_to_vec()))
            }
            Self::DeleteAccount => {
                let asked = DeleteAccountRequest { account: kept, request_id, client };
                (door.delete_account(asked).await?.into_inner().replayed, Vec::new(), None)
            }
            Self::RegisterTransaction => {
                let transaction = Some(transaction());
                let asked = RegisterTransactionRequest { parent, transaction, request_id, client };
                let it = door.register_transaction(asked_for(asked)).await?.into_inner();
                (it.replayed, it.raw_json, it.transaction.map(|it| it.encode_to_vec()))
            }
        };
        let (replayed, raw_json, shown) = answer;
        Ok(Answer { replayed, raw_json, shown: shown.unwrap_or_default() })
    }

    /// Whether somebody's data comes back.
    pub(super) fn shows(self) -> bool {
        !matches!(self, Self::DeleteCustomer | Self::DeleteAccount)
    }
}

/// A request with a purpose.
pub(super) fn asked_for<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
    request
}

pub(super) fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        account_number: format!("{CANARY}-1"),
        open_date: Some(Date { year: 2026, month: 2, day: 28 }),
        balance: "0.10".to_owned(),
        ..Account::default()
    }
}

fn account_of(connection: &str) -> Account {
    account(&format!("{connection}/accounts/a-1"))
}

pub(super) fn transaction() -> Transaction {
    Transaction {
        account_number: format!("{CANARY}-1"),
        amount: "150803.247745453".to_owned(),
        description: CANARY.to_owned(),
        ..Transaction::default()
    }
}

/// A change on the platform's connection, by a client of one address.
pub(super) async fn made(house: &House, change: Change, request_id: &str) -> Result<Answer, Status> {
    change.make(house, PLATFORM, request_id, "192.0.2.7").await
}
