//! What goes wrong on purpose, at every endpoint.

use axum::http::Method;
use idv_gateway::sandbox::preventor_open::OpenCall;
use idv_gateway::sandbox::{Fault, Sandbox, SandboxOptions};
use serde_json::json;

use super::{Platform, form};

#[tokio::test]
async fn every_endpoint_can_fail_by_its_name() {
    let platform = Platform::new().await;
    let process = platform.process().await;
    let biometric = |method: Method, path: &str| {
        platform.biometric(method, &format!("/workflow/enroll/user{path}"), &process).body("{}")
    };
    let call = |path: &str| platform.call(path).body("{}");
    for (operation, request) in [
        ("token", platform.login(&form())),
        ("customer", call("customerOnboarding")),
        ("maintenance", call("customerMaintenance")),
        ("get_customer", call("getCustomer")),
        ("account", call("accountOnboarding")),
        ("transaction", call("registerMonetaryTransaction")),
        ("process", platform.biometric(Method::POST, "/auth/token", "none").body("{}")),
        ("user", biometric(Method::POST, "")),
        ("upload", biometric(Method::POST, "/u/upload")),
        ("enroll", biometric(Method::GET, "/u/ticket/t")),
    ] {
        for (kind, status) in [("status", 503), ("rate_limit", 429)] {
            let mut fault = json!({ "kind": kind, "operation": operation, "times": 1 });
            if kind == "status" {
                fault["status"] = json!(status);
            }
            assert_eq!(platform.house.control("preventor-open/faults", &fault).await.status, 200);
            let answer = platform.house.send(request.try_clone().unwrap()).await;
            assert_eq!((answer.status, &answer.json()["status"]), (status, &json!(status)), "{operation}");
        }
        let answer = platform.house.send(request).await;
        assert!(answer.status < 429, "{operation}: {}", answer.status);
    }
    let statistics = platform.house.see("preventor-open/statistics").await;
    assert_eq!(statistics["logins"], json!(4));
    assert_eq!(statistics["by_path"]["POST /v1/workflow/enroll/user/{user}/upload"]["429"], json!(1));
    let told = "ticket=503".parse::<Fault<OpenCall>>().unwrap_err();
    assert!(told.starts_with("WHERE is token, customer, maintenance, get_customer, account"), "{told}");
}

#[tokio::test]
async fn what_cannot_be_is_told_before_anything_starts() {
    let refusal = async |change: fn(&mut SandboxOptions)| {
        let mut options = SandboxOptions::default();
        options
            .accounts
            .push(idv_gateway::sandbox::Account { customer: "c".to_owned(), api_key: "k".into() });
        change(&mut options);
        Sandbox::start(options).await.unwrap_err().to_string()
    };
    let told =
        refusal(|options| options.preventor_open.faults = vec!["webhooks=drop".parse().unwrap()]).await;
    assert!(told.contains("send no webhooks"), "{told}");
    let told = refusal(|options| options.preventor.base_path = "/v1".to_owned()).await;
    assert!(told.contains("the base path /v1 is that of Preventor's Open Services"), "{told}");
    let told = "201".parse::<idv_gateway::sandbox::preventor_open::Profile>().unwrap_err();
    assert!(told.contains(r#"a profile is a JSON object such as {"errors":"empty"}"#), "{told}");
}
