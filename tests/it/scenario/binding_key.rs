//! Device binding keys: personal data, fetched for a purpose.

use idv_gateway::proto::{GetBindingKeyRequest, GetBindingKeyResponse};
use idv_gateway::rpc::purpose::METADATA;
use serde_json::json;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, PURPOSE, named, refused};

const UNKNOWN: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";

impl House {
    async fn binding_key(&self, name: String) -> Result<GetBindingKeyResponse, Status> {
        let mut request = tonic::Request::new(GetBindingKeyRequest { name });
        request.metadata_mut().insert(METADATA, PURPOSE.parse().unwrap());
        self.identifications().get_binding_key(request).await.map(tonic::Response::into_inner)
    }
}

#[tokio::test]
async fn a_bound_device_has_a_key() {
    let house = House::silent().await;
    let id = house.created().await;
    house.person(&id, "start", json!({ "binding_key": true })).await;
    let status = house.binding_key(named(&id)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "RESULT_NOT_READY");
    house.person(&id, "submit", json!({ "result": "SUCCESS" })).await;
    let key = house.binding_key(named(&id)).await.unwrap().binding_key;
    assert_eq!(key.split('.').count(), 3, "a JWS");
    let status = house.identifications().get_binding_key(GetBindingKeyRequest { name: named(&id) }).await;
    refused(&status.unwrap_err(), Code::InvalidArgument, "PURPOSE_REQUIRED");
}

#[tokio::test]
async fn an_unbound_device_has_none() {
    let house = House::silent().await;
    let id = house.completed().await;
    let status = house.binding_key(named(&id)).await.unwrap_err();
    let details = refused(&status, Code::FailedPrecondition, "VENDOR_FEATURE_NOT_ENABLED");
    assert!(details.error_info().unwrap().metadata["resource_name"].ends_with(&id));
    for (name, code, reason) in [
        (named(UNKNOWN), Code::NotFound, "RESOURCE_NOT_FOUND"),
        (format!("{BANK}/identifications/%2e%2e"), Code::InvalidArgument, "VALIDATION_FAILED"),
    ] {
        refused(&house.binding_key(name).await.unwrap_err(), code, reason);
    }
}

#[tokio::test]
async fn a_vendor_that_fails_or_says_nonsense_hands_out_nothing() {
    let house = House::silent().await;
    let id = house.completed().await;
    for (fault, code, reason) in [
        (json!({ "kind": "status", "status": 503 }), Code::Unavailable, "VENDOR_UNAVAILABLE"),
        (json!({ "kind": "page" }), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (json!({ "kind": "empty" }), Code::Internal, "VENDOR_RESPONSE_INVALID"),
        (
            json!({ "kind": "body", "text": "{\"bindingKey\":\"Erika Beispiel\"}" }),
            Code::Internal,
            "VENDOR_RESPONSE_INVALID",
        ),
    ] {
        let mut fault = fault;
        fault["operation"] = json!("any");
        house.fault(fault).await;
        let status = house.binding_key(named(&id)).await.unwrap_err();
        refused(&status, code, reason);
        assert!(!format!("{status:?}").contains("Erika"));
        house.well().await;
    }
}
