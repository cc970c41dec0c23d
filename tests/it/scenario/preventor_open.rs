//! Preventor's Open Services as callers meet them: a real gateway and the real stand-in, over real sockets.

use idv_gateway::proto::biometrics::biometrics_service_client::BiometricsServiceClient;
use idv_gateway::proto::biometrics::upload_biometric_images_request::Part;
use idv_gateway::proto::biometrics::{
    BiometricImageKind as Kind, BiometricPurpose, CreateBiometricUserRequest, EnrollBiometricUserRequest,
    UploadBiometricImagesHeader, UploadBiometricImagesRequest,
};
use idv_gateway::proto::onboarding::onboarding_service_client::OnboardingServiceClient;
use idv_gateway::proto::onboarding::{
    Account, CreateAccountRequest, CreateCustomerRequest, Customer, CustomerAddress, CustomerDocument,
    CustomerEmail, CustomerPhone, DeleteAccountRequest, DeleteCustomerRequest, GetCustomerRequest,
    ItemAction, RegisterTransactionRequest, RegisterTransactionResponse, Transaction, UpdateAccountRequest,
    UpdateCustomerRequest,
};
use idv_gateway::proto::{ClientContext, Date};
use prost_types::{FieldMask, Timestamp};
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::house::House;
use super::operator::asked;
use super::words::{fields, refused};
use crate::platform::pictures::{jpeg, whole};

const PARENT: &str = "connections/open";
const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
const OTHER_ID: &str = "0f7e1b86-50a5-4a0e-8a36-6c3d9a1d2b11";

async fn house() -> House {
    House::with(|plan| {
        plan.webhooks = false;
        plan.preventor_open = true;
    })
    .await
}

fn onboarding(house: &House) -> OnboardingServiceClient<Channel> {
    OnboardingServiceClient::new(house.channel.clone())
}

fn biometrics(house: &House) -> BiometricsServiceClient<Channel> {
    BiometricsServiceClient::new(house.channel.clone())
}

fn client() -> Option<ClientContext> {
    Some(ClientContext {
        ip_address: "192.0.2.7".to_owned(),
        user_agent: "Example/1.0".to_owned(),
        language_code: "es".to_owned(),
        time_zone: "America/Lima".to_owned(),
    })
}

/// A made-up person with one item in each list.
fn customer() -> Customer {
    let document = |type_code: i32, number: &str| CustomerDocument {
        id: 1,
        type_code,
        number: number.to_owned(),
        region_code: "PE".to_owned(),
        issue_date: Some(Date { year: 2018, month: 1, day: 26 }),
        expire_date: Some(Date { year: 2028, month: 9, day: 27 }),
        primary_code: "P".to_owned(),
        transaction_id: "cu-1".to_owned(),
        ..CustomerDocument::default()
    };
    let address = CustomerAddress {
        id: 1,
        type_code: 1,
        lines: vec!["Jr. Inventado 12".to_owned()],
        city: "Lima".to_owned(),
        state: "LIM".to_owned(),
        postal_code: "15001".to_owned(),
        region_code: "PE".to_owned(),
        primary_code: "P".to_owned(),
        transaction_id: "cu-1".to_owned(),
        ..CustomerAddress::default()
    };
    let phone = CustomerPhone {
        id: 1,
        type_code: 2,
        number: "903923421".to_owned(),
        region_code: "PE".to_owned(),
        primary_code: "P".to_owned(),
        ..CustomerPhone::default()
    };
    Customer {
        full_name: "ANA MARÍA QUISPE".to_owned(),
        given_name: "ANA".to_owned(),
        middle_name: "MARÍA".to_owned(),
        family_name: "QUISPE".to_owned(),
        status_code: "1".to_owned(),
        person_type_code: "P".to_owned(),
        is_customer: true,
        reference: "cu-1".to_owned(),
        addresses: vec![address],
        identity_documents: vec![document(6, "B-1")],
        tax_documents: vec![document(7, "T-1")],
        phones: vec![phone],
        emails: vec![email(1, ItemAction::Unspecified)],
        ..Customer::default()
    }
}

fn email(id: i32, action: ItemAction) -> CustomerEmail {
    CustomerEmail {
        id,
        address: format!("ana{id}@ejemplo.example"),
        primary_code: "P".to_owned(),
        action: action.into(),
    }
}

async fn created(house: &House) -> Customer {
    let request = CreateCustomerRequest {
        parent: PARENT.to_owned(),
        customer: Some(customer()),
        request_id: REQUEST_ID.to_owned(),
        client: client(),
        ..CreateCustomerRequest::default()
    };
    onboarding(house).create_customer(asked(request)).await.unwrap().into_inner().customer.unwrap()
}

/// The customer as the vendor shows it.
async fn got(house: &House, name: &str) -> Result<Customer, Status> {
    let request = asked(GetCustomerRequest { name: name.to_owned(), client: client() });
    Ok(onboarding(house).get_customer(request).await?.into_inner().customer.unwrap())
}

/// What the vendor has, by the name of its list.
async fn vendors(house: &House, list: &str) -> Vec<Value> {
    house.see(&format!("preventor-open/{list}")).await[list].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_customer_lives_at_the_vendor() {
    let house = house().await;
    let made = created(&house).await;
    assert_eq!(created(&house).await, made, "a repeat names the same customer");
    let [kept] = vendors(&house, "customers").await.try_into().unwrap();
    assert_eq!(format!("{PARENT}/customers/{}", kept["id"].as_str().unwrap()), made.name);
    assert_eq!(kept["addresses"][0]["address_line1"], "Jr. Inventado 12");
    assert_eq!(kept["iddocuments"][0]["doc_expiration_date"], "2028-09-27");
    assert_eq!(kept["taxiddocuments"][0]["doc_number"], "T-1");
    assert_eq!(kept["phones"][0]["phone_country_prefix"], "PE");

    let mut shown = got(&house, &made.name).await.unwrap();
    let mut expected = made.clone();
    for customer in [&mut shown, &mut expected] {
        // What was to be done is no part of what is there.
        customer.addresses.iter_mut().for_each(|it| it.action = 0);
        customer.identity_documents.iter_mut().for_each(|it| it.action = 0);
        customer.tax_documents.iter_mut().for_each(|it| it.action = 0);
        customer.phones.iter_mut().for_each(|it| it.action = 0);
        customer.emails.iter_mut().for_each(|it| it.action = 0);
    }
    assert_eq!(shown, expected);

    let changed = Customer {
        name: made.name.clone(),
        family_name: "HUAMÁN".to_owned(),
        given_name: "not named, so not told".to_owned(),
        emails: vec![email(1, ItemAction::Delete), email(2, ItemAction::Add)],
        ..Customer::default()
    };
    let paths = ["family_name", "middle_name", "emails"].map(str::to_owned).to_vec();
    let request = UpdateCustomerRequest {
        customer: Some(changed),
        update_mask: Some(FieldMask { paths }),
        request_id: REQUEST_ID.to_owned(),
        client: client(),
    };
    onboarding(&house).update_customer(asked(request)).await.unwrap();
    let shown = got(&house, &made.name).await.unwrap();
    assert_eq!((shown.given_name.as_str(), shown.family_name.as_str()), ("ANA", "HUAMÁN"));
    assert_eq!(shown.middle_name, "", "named and empty: cleared");
    assert_eq!(shown.emails.iter().map(|it| it.id).collect::<Vec<_>>(), [2]);

    let request = DeleteCustomerRequest {
        name: made.name.clone(),
        request_id: REQUEST_ID.to_owned(),
        client: client(),
    };
    for replayed in [false, true] {
        let deleted = onboarding(&house).delete_customer(request.clone()).await.unwrap().into_inner();
        assert_eq!(deleted.replayed, replayed);
    }
    let again = DeleteCustomerRequest { request_id: OTHER_ID.to_owned(), ..request };
    let status = onboarding(&house).delete_customer(again).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
    refused(&got(&house, &made.name).await.unwrap_err(), Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn an_account_lives_at_the_vendor() {
    let house = house().await;
    let owner = created(&house).await;
    let account = Account {
        product_code: "10".to_owned(),
        account_number: "ACC-1".to_owned(),
        type_code: "AT_XAU".to_owned(),
        open_date: Some(Date { year: 2026, month: 11, day: 20 }),
        initial_deposit_amount: "20.00".to_owned(),
        currency_code: "XAU".to_owned(),
        balance: "0.10".to_owned(),
        customer: owner.name.clone(),
        ..Account::default()
    };
    let request = CreateAccountRequest {
        parent: PARENT.to_owned(),
        account: Some(account),
        request_id: REQUEST_ID.to_owned(),
        client: client(),
    };
    let made = onboarding(&house).create_account(asked(request)).await.unwrap().into_inner().account.unwrap();
    let [kept] = vendors(&house, "accounts").await.try_into().unwrap();
    assert_eq!(
        (&kept["initial_deposit_amount"], &kept["account_balance"], &kept["date_opened"]),
        (&json!("20.00"), &json!("0.10"), &json!("2026-11-20"))
    );
    assert!(owner.name.ends_with(kept["id"].as_str().unwrap()), "{kept}");

    let request = UpdateAccountRequest {
        account: Some(Account { balance: "-7.300".to_owned(), ..made.clone() }),
        client: client(),
        ..UpdateAccountRequest::default()
    };
    onboarding(&house).update_account(asked(request)).await.unwrap();
    assert_eq!(vendors(&house, "accounts").await[0]["account_balance"], "-7.300");
    let request =
        DeleteAccountRequest { account: Some(made), client: client(), ..DeleteAccountRequest::default() };
    onboarding(&house).delete_account(request).await.unwrap();
    assert_eq!(vendors(&house, "accounts").await.len(), 0);
}

fn transaction() -> Transaction {
    Transaction {
        transaction_id: "t-1".to_owned(),
        account_number: "ACC-1".to_owned(),
        balance_after_posting: "0.1".to_owned(),
        balance_hold: "-0.00".to_owned(),
        balance_available: "50.3336000".to_owned(),
        post_time: Some(Timestamp { seconds: 1_589_544_000, nanos: 0 }),
        amount: "150803.247745453".to_owned(),
        currency_code: "USD".to_owned(),
        exchange_rate: "0.000166885".to_owned(),
        base_amount: "99999999999999999999999999999999999999".to_owned(),
        base_rate: "1234567890123456789.0123456789012345670".to_owned(),
        cash: "007".to_owned(),
        ..Transaction::default()
    }
}

async fn register(house: &House, request_id: &str) -> Result<RegisterTransactionResponse, Status> {
    let request = RegisterTransactionRequest {
        parent: PARENT.to_owned(),
        transaction: Some(transaction()),
        request_id: request_id.to_owned(),
        client: client(),
    };
    Ok(onboarding(house).register_transaction(asked(request)).await?.into_inner())
}

#[tokio::test]
async fn amounts_and_rates_reach_the_vendor_digit_by_digit() {
    let house = house().await;
    let told = register(&house, "").await.unwrap();
    assert_eq!(told.transaction, Some(transaction()));
    let requests = house.see("preventor-open/requests").await;
    let request = requests["requests"].as_array().unwrap().last().unwrap();
    let body = request["body"].as_str().unwrap();
    for (name, number) in [
        ("account_balance_after_posting", "0.1"),
        ("account_balance_hold", "-0.00"),
        ("account_balance_available", "50.3336000"),
        ("trans_amount", "150803.247745453"),
        ("trans_exchange_rate", "0.000166885"),
        ("trans_base_amount", "99999999999999999999999999999999999999"),
        ("trans_base_rate", "1234567890123456789.0123456789012345670"),
        ("trans_cash", "007"),
    ] {
        assert!(body.contains(&format!("\"{name}\":\"{number}\"")), "{name} in {body}");
    }
    let headers = json!({
        "x-lang": "es", "x-tzone": "America/Lima", "user-agent": "Example/1.0",
        "x-real-ip": "192.0.2.7", "x-ip": "192.0.2.7",
    });
    assert_eq!(request["headers"], headers);
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_not_sent_again() {
    let house = house().await;
    let fault = json!({ "kind": "half_body", "operation": "transaction" });
    assert_eq!(house.control("preventor-open/faults", &fault).await.status, 200);
    for _call in 0..2 {
        let status = register(&house, REQUEST_ID).await.unwrap_err();
        refused(&status, Code::Unknown, "VENDOR_OUTCOME_UNKNOWN");
    }
    let sent = house.see("preventor-open/statistics").await["transactions"].clone();
    assert_eq!(sent, 1);
}

async fn user(house: &House) -> String {
    let request = CreateBiometricUserRequest {
        parent: PARENT.to_owned(),
        purpose: BiometricPurpose::Onboarding.into(),
        document_type: "ID_CARD".to_owned(),
        request_id: REQUEST_ID.to_owned(),
        client: client(),
    };
    biometrics(house).create_biometric_user(request).await.unwrap().into_inner().name
}

/// The ticket of an upload.
async fn upload(house: &House, user: &str, pictures: &[[Part; 2]]) -> Result<String, Status> {
    let header =
        UploadBiometricImagesHeader { name: user.to_owned(), request_id: String::new(), client: client() };
    let parts = [vec![Part::Header(header)], pictures.concat()].concat();
    let messages: Vec<_> =
        parts.into_iter().map(|part| UploadBiometricImagesRequest { part: Some(part) }).collect();
    let uploaded = biometrics(house).upload_biometric_images(futures::stream::iter(messages)).await?;
    Ok(uploaded.into_inner().ticket)
}

#[tokio::test]
async fn a_person_is_enrolled() {
    let house = house().await;
    let user = user(&house).await;
    let (face, back) = (jpeg(1 << 20), jpeg(200_001));
    let pictures = [
        whole(Kind::Portrait, &face),
        whole(Kind::Document, &jpeg(70)),
        whole(Kind::Portrait, &jpeg(71)),
        whole(Kind::Document, &back),
    ];
    let ticket = upload(&house, &user, &pictures).await.unwrap();
    let [process] = vendors(&house, "processes").await.try_into().unwrap();
    let sizes = |kind: &str| -> Vec<u64> {
        let pictures = process["uploads"][0][kind].as_array().unwrap();
        pictures.iter().map(|picture| picture["size_bytes"].as_u64().unwrap()).collect()
    };
    assert_eq!((sizes("portraits"), sizes("documents")), (vec![1 << 20, 71], vec![70, 200_001]));

    let house = house.restarted().await;
    let request = EnrollBiometricUserRequest {
        name: user.clone(),
        ticket,
        request_id: REQUEST_ID.to_owned(),
        client: client(),
    };
    let found = biometrics(&house).enroll_biometric_user(asked(request.clone())).await.unwrap().into_inner();
    assert!(found.photo_verified && found.liveness_passed && found.enrolled);
    assert!(!found.document_name.is_empty() && !found.fields.is_empty());
    assert_eq!((&found.portrait[..2], found.portrait_media_type.as_str()), (&[0xff, 0xd8][..], "image/jpeg"));
    let again = biometrics(&house).enroll_biometric_user(asked(request.clone())).await.unwrap().into_inner();
    assert_eq!(again, found, "nothing is kept, so the vendor was asked again");
    assert_eq!(house.see("preventor-open/statistics").await["enrolments"], 2);

    let id = user.rsplit('/').next().unwrap();
    let findings = json!({ "photoVerify": true, "liveness": false, "enroll": false });
    assert_eq!(house.control(&format!("preventor-open/users/{id}/findings"), &findings).await.status, 200);
    let found = biometrics(&house).enroll_biometric_user(asked(request.clone())).await.unwrap().into_inner();
    assert_eq!((found.photo_verified, found.liveness_passed, found.enrolled), (true, false, false));
    let other = EnrollBiometricUserRequest {
        ticket: format!("{PARENT}/tickets/unheard-of"),
        request_id: String::new(),
        ..request
    };
    let status = biometrics(&house).enroll_biometric_user(asked(other)).await.unwrap_err();
    refused(&status, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn pictures_that_are_none_never_reach_the_vendor() {
    let house = house().await;
    let user = user(&house).await;
    let largest = whole(Kind::Portrait, &jpeg((1 << 20) + 1));
    for (pictures, field) in [
        (vec![whole(Kind::Portrait, b"%PDF-1.7 is no picture")], "image[0].chunk"),
        (vec![whole(Kind::Document, &jpeg(64)), largest], "image[1].size_bytes"),
        (vec![whole(Kind::Document, &jpeg(64))], "image"),
    ] {
        let status = upload(&house, &user, &pictures).await.unwrap_err();
        assert_eq!(fields(&refused(&status, Code::InvalidArgument, "VALIDATION_FAILED")), [field]);
    }
    let [process] = vendors(&house, "processes").await.try_into().unwrap();
    assert_eq!(process["uploads"], json!([]));
}
