//! A caller's short deadline, kept by the real program on the machine's own clock.

use idv_gateway::proto::ListArtifactsRequest;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::house::House;
use crate::file_vendor::{FileVendor, Reply};

/// grpc-web, because a gRPC client would cut itself off at the same time.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that looks at what is answered needs a client of its own"
)]
async fn status(url: &str, request: &ListArtifactsRequest) -> Status {
    let mut body = vec![0];
    body.extend(u32::try_from(request.encoded_len()).unwrap().to_be_bytes());
    body.extend(request.encode_to_vec());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = client.post(format!("{url}/idvgateway.v1.IdentificationService/ListArtifacts"));
    let call = call.header("content-type", "application/grpc-web+proto").header("grpc-timeout", "100m");
    let answer = call.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    Status::from_header_map(answer.headers()).expect("a refusal in the header")
}

#[tokio::test]
async fn a_caller_without_time_is_told_so_in_the_contracts_words() {
    let (house, vendor) = (House::build().await, FileVendor::open().await);
    let sandbox = house.sandbox_url();
    house.reconfigure(&[(&sandbox, &format!("http://{}", vendor.address))]);
    vendor.says("zip", Reply::Stalling);
    let gateway = house.serve().await;
    let parent = house.create(gateway.doors.channel().await).await;
    let list = ListArtifactsRequest { parent, ..ListArtifactsRequest::default() };
    for _again in 0..5 {
        let status = status(&gateway.doors.grpc_url(), &list).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "DEADLINE_EXCEEDED");
    }
}
