//! Personal data is read for one of the operator's purposes, or not at all: every method of the contract.

use http::uri::PathAndQuery;
use idv_gateway::proto::DESCRIPTORS;
use idv_gateway::rpc::purpose::METADATA;
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::house::House;
use super::words::{PURPOSE, fields, refused};

/// What is sent, and a word of the refusal that only it gets.
const REFUSED: [(&[&[u8]], &str); 8] = [
    (&[], "is missing"),
    (&[b""], "is not a purpose"),
    (&[b"curiosity"], "is not a purpose"),
    (&[b"Fraud-Investigation"], "is not a purpose"),
    (&[b"support", b"fraud-investigation"], "several values"),
    (&[b"support", b"support"], "several values"),
    (&[b"support, fraud-investigation"], "several values"),
    (&[b"fraud-investigation\xc3\xa4"], "is not ASCII"),
];

fn methods(personal: bool) -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let extension = pool.get_extension_by_name("idvgateway.options.v1.policy").unwrap();
    let marked = |method: &MethodDescriptor| {
        let options = method.options();
        let policy = options.get_extension(&extension);
        let flag = policy.as_message().unwrap().get_field_by_name("returns_personal_data").unwrap();
        *flag == Value::Bool(true)
    };
    pool.services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .filter(|method| marked(method) == personal)
        .collect()
}

/// What `method` answers to an empty request that names `purposes`.
async fn call(house: &House, method: &MethodDescriptor, purposes: &[&[u8]]) -> Status {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut client = tonic::client::Grpc::new(house.channel.clone());
    client.ready().await.unwrap();
    let mut metadata = MetadataMap::new();
    for purpose in purposes {
        metadata.append(METADATA, AsciiMetadataValue::try_from(*purpose).unwrap());
    }
    let request = tonic::Request::from_parts(metadata, tonic::Extensions::default(), ());
    let codec = ProstCodec::<(), ()>::default();
    match client.unary(request, PathAndQuery::try_from(path).unwrap(), codec).await {
        Ok(_answer) => Status::ok(""),
        Err(status) => status,
    }
}

#[tokio::test]
async fn every_method_with_personal_data_wants_one_of_the_purposes() {
    let house = House::silent().await;
    let methods = methods(true);
    assert!(methods.len() >= 15, "{}", methods.len());
    for method in &methods {
        for (purposes, word) in REFUSED {
            let status = call(&house, method, purposes).await;
            let details = refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
            assert_eq!(fields(&details), [METADATA], "{}", method.full_name());
            let told = &details.bad_request().unwrap().field_violations[0].description;
            assert!(told.contains(word), "{}: {told}", method.full_name());
            assert!(told.contains("fraud-investigation, support"), "{told}");
            for text in [told, status.message()] {
                assert!(!text.contains("curiosity"), "what was sent is not repeated: {text}");
            }
        }
        let status = call(&house, method, &[PURPOSE.as_bytes()]).await;
        assert!(!status.message().contains(METADATA), "{}: {status:?}", method.full_name());
    }
}

#[tokio::test]
async fn no_other_method_asks_for_one() {
    let house = House::silent().await;
    let methods = methods(false);
    assert!(methods.len() >= 20, "{}", methods.len());
    for method in methods.iter().filter(|method| !method.is_server_streaming()) {
        let status = call(&house, method, &[]).await;
        assert!(!status.message().contains(METADATA), "{}: {status:?}", method.full_name());
    }
}

#[tokio::test]
async fn without_a_configured_purpose_nobody_reads_anything() {
    let house = House::with(|plan| (plan.webhooks, plan.purposes) = (false, &[])).await;
    for method in methods(true) {
        for purposes in [&[][..], &[PURPOSE.as_bytes()], &[b""]] {
            let status = call(&house, &method, purposes).await;
            refused(&status, Code::InvalidArgument, "PURPOSE_REQUIRED");
            assert!(status.message().contains("[grpc] purposes"), "{}", status.message());
        }
    }
}
