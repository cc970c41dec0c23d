//! Whether a connection works: asked when somebody wants to know, and no more often than the vendor allows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use idv_gateway::proto::connection_service_client::ConnectionServiceClient;
use idv_gateway::proto::event::Payload;
use idv_gateway::proto::{CheckConnectionRequest, ConnectionHealth, ConnectionHealthState as Health};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tonic::{Code, Status};

use super::house::House;
use super::words::{BANK, OTHER_BANK, fields, refused};

const PAUSE: Duration = Duration::from_secs(300);
const WORKS: (u16, &str) = (200, "SYSTEM_CHECK_OK");
const NOTHING: &str = r#"{"errors":[{"cause":"OBJECT_NOT_FOUND","errorType":null,"id":"1","key":"k"}]}"#;
const OLD_TOKEN: &str = r#"{"errors":[{"cause":"INVALID_LOGIN_TOKEN","errorType":null,"id":"1","key":"k"}]}"#;

/// A vendor that says about itself what it is told to, and remembers what it was asked.
struct Vendor {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    system: Mutex<(u16, &'static str)>,
    takes_credentials: Mutex<bool>,
    asked: Mutex<Vec<String>>,
    /// Held by a scenario that lets the system check hang.
    gate: RwLock<()>,
}

impl Vendor {
    async fn open() -> Self {
        let shared = Arc::new(Shared {
            system: Mutex::new(WORKS),
            takes_credentials: Mutex::new(true),
            asked: Mutex::default(),
            gate: RwLock::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, shared }
    }

    /// A house with this vendor.
    async fn house(&self) -> House {
        House::with(|plan| (plan.webhooks, plan.vendor) = (false, Some(self.address))).await
    }

    fn says(&self, system: (u16, &'static str), takes_credentials: bool) {
        *self.shared.system.lock().unwrap() = system;
        *self.shared.takes_credentials.lock().unwrap() = takes_credentials;
    }

    /// How often it was asked about itself, for a login, and for an identification.
    fn asked(&self) -> [usize; 3] {
        let asked = self.shared.asked.lock().unwrap();
        let count = |what: &str| asked.iter().filter(|path| path.contains(what)).count();
        ["/system_check", "/login", "/identifications/"].map(count)
    }
}

async fn answer(State(vendor): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    vendor.asked.lock().unwrap().push(path.clone());
    if path == "/system_check" {
        let _open = vendor.gate.read().await;
        let (status, body) = *vendor.system.lock().unwrap();
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    match (*vendor.takes_credentials.lock().unwrap(), path.ends_with("/login")) {
        (false, _) => (StatusCode::UNAUTHORIZED, OLD_TOKEN).into_response(),
        (true, true) => (StatusCode::OK, r#"{"authToken":"token"}"#).into_response(),
        (true, false) => (StatusCode::NOT_FOUND, NOTHING).into_response(),
    }
}

async fn try_check(house: &House, connection: &str) -> Result<ConnectionHealth, Status> {
    let mut client = ConnectionServiceClient::new(house.channel.clone());
    let checked = client.check_connection(CheckConnectionRequest { name: connection.to_owned() }).await?;
    Ok(checked.into_inner().health.unwrap())
}

async fn check(house: &House) -> ConnectionHealth {
    try_check(house, BANK).await.unwrap()
}

/// Every change of health in the journal: whose, from which state, to which, and why.
async fn changes(house: &House) -> Vec<(String, Health, Health, String)> {
    let changes = house.events().await.into_iter().map(|event| match event.payload {
        Some(Payload::ConnectionHealthChanged(changed)) => {
            let before = changed.previous_state();
            let health = changed.health.unwrap();
            (event.subject, before, health.state(), health.error_reason)
        }
        other => panic!("unexpected: {other:?}"),
    });
    changes.collect()
}

#[tokio::test]
async fn a_vendor_is_asked_once_in_five_minutes() {
    let vendor = Vendor::open().await;
    let house = vendor.house().await;
    let first = check(&house).await;
    assert_eq!((first.state(), first.error_reason.as_str()), (Health::Healthy, ""));
    assert_eq!(first.last_success_time, first.check_time);
    assert_eq!(first.last_webhook_time, None);
    assert_eq!(vendor.asked(), [1, 1, 1]);

    vendor.says((503, ""), false);
    house.clock.advance(PAUSE - Duration::from_secs(1));
    assert_eq!(check(&house).await, first);
    assert_eq!(vendor.asked(), [1, 1, 1]);
    vendor.says(WORKS, true);
    house.clock.advance(Duration::from_secs(1));
    let second = check(&house).await;
    assert_eq!(second.check_time.unwrap().seconds, first.check_time.unwrap().seconds + 300);
    // The token is still good: nobody logs in to find that out.
    assert_eq!(vendor.asked(), [2, 1, 2]);
    house.clock.set_back(Duration::from_secs(3600));
    assert_eq!(check(&house).await, second);
    assert_eq!(vendor.asked(), [2, 1, 2]);
    assert!(changes(&house).await.is_empty());
}

#[tokio::test]
async fn connections_on_one_host_share_its_word_and_prove_their_own_credentials() {
    let vendor = Vendor::open().await;
    let house = vendor.house().await;
    vendor.says((200, "maintenance"), true);
    let first = check(&house).await;
    house.clock.advance(Duration::from_secs(60));
    vendor.says(WORKS, true);
    let other = try_check(&house, OTHER_BANK).await.unwrap();
    assert_eq!(vendor.asked(), [1, 2, 2]);
    assert_eq!((first.state(), other.state()), (Health::Degraded, Health::Degraded));
    assert_eq!(other.check_time.unwrap().seconds, first.check_time.unwrap().seconds + 60);
    // The host may be asked again before the second connection may.
    house.clock.advance(Duration::from_secs(240));
    assert_eq!(check(&house).await.state(), Health::Healthy);
    assert_eq!(try_check(&house, OTHER_BANK).await.unwrap(), other);
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(try_check(&house, OTHER_BANK).await.unwrap().state(), Health::Healthy);
    assert_eq!(vendor.asked(), [2, 2, 4]);
}

#[tokio::test]
async fn concurrent_calls_share_one_question_that_outlives_them() {
    let vendor = Vendor::open().await;
    let house = vendor.house().await;
    let held = vendor.shared.gate.write().await;
    // The first caller goes away while the vendor thinks.
    let gone = async {
        house.until("the question", async || (vendor.asked() == [1, 0, 0]).then_some(())).await;
    };
    tokio::select! {
        _answered = check(&house) => panic!("the vendor has not answered"),
        () = gone => {}
    }
    let calls = futures::future::join_all((0..20).map(|_| check(&house)));
    let release = async {
        assert_eq!(vendor.asked(), [1, 0, 0]);
        drop(held);
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(|health| *health == answers[0] && health.state() == Health::Healthy));
    assert_eq!(vendor.asked(), [1, 1, 1]);
}

#[tokio::test]
async fn each_fault_has_its_health_and_each_change_its_event() {
    let vendor = Vendor::open().await;
    let house = vendor.house().await;
    let (invalid, rejected) = ("VENDOR_RESPONSE_INVALID", "VENDOR_CREDENTIALS_REJECTED");
    let mut last_success = None;
    for (system, takes_credentials, state, reason) in [
        ((200, "SYSTEM_CHECK_OK\r\n"), true, Health::Healthy, ""),
        ((200, "<html>SYSTEM_CHECK_OK</html>"), true, Health::Degraded, invalid),
        ((200, ""), true, Health::Degraded, invalid),
        ((503, "SYSTEM_CHECK_OK"), true, Health::Degraded, invalid),
        ((302, ""), true, Health::Degraded, invalid),
        (WORKS, false, Health::CredentialsRejected, rejected),
        // Worse than what the host says about itself.
        ((503, ""), false, Health::CredentialsRejected, rejected),
        (WORKS, true, Health::Healthy, ""),
    ] {
        vendor.says(system, takes_credentials);
        let health = check(&house).await;
        assert_eq!((health.state(), health.error_reason.as_str()), (state, reason), "{system:?}");
        if state == Health::Healthy {
            last_success = health.check_time;
        }
        assert_eq!(health.last_success_time, last_success, "{system:?}");
        house.clock.advance(PAUSE);
    }
    let bank = BANK.to_owned();
    assert_eq!(
        changes(&house).await,
        [
            (bank.clone(), Health::Healthy, Health::Degraded, invalid.to_owned()),
            (bank.clone(), Health::Degraded, Health::CredentialsRejected, rejected.to_owned()),
            (bank, Health::CredentialsRejected, Health::Healthy, String::new()),
        ]
    );
}

#[tokio::test]
async fn a_host_without_an_answer_gets_no_credentials() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let house = House::with(|plan| (plan.webhooks, plan.vendor) = (false, Some(address))).await;
    let health = check(&house).await;
    assert_eq!((health.state(), health.error_reason.as_str()), (Health::Unreachable, "VENDOR_UNAVAILABLE"));
    let calls = "idv_vendor_calls_total";
    assert_eq!(house.metric(calls, &["operation=\"idnow.system_check\"", "status=\"none\""]).await, 1.0);
    assert_eq!(house.metric(calls, &[]).await, 1.0);
    assert_eq!(
        changes(&house).await,
        [(BANK.to_owned(), Health::Unspecified, Health::Unreachable, "VENDOR_UNAVAILABLE".to_owned())]
    );
}

#[tokio::test]
async fn the_sandbox_is_healthy_too() {
    let house = House::silent().await;
    assert_eq!(check(&house).await.state(), Health::Healthy);
    let by_path = house.see("statistics").await["by_path"].to_string();
    assert!(by_path.contains("system_check"), "{by_path}");
}

/// How often the sandbox was asked about itself, and how often sooner than it allows.
async fn asked_about_itself(house: &House) -> (u64, u64) {
    let hasty = house.asked("hasty_system_checks").await;
    (house.answers("GET /system_check").await, hasty)
}

#[tokio::test]
async fn however_often_a_check_is_asked_for_the_vendor_is_not_asked_in_haste() {
    let house = House::silent().await;
    for _ in 0..60 {
        for connection in [BANK, OTHER_BANK] {
            assert_eq!(try_check(&house, connection).await.unwrap().state(), Health::Healthy);
        }
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(asked_about_itself(&house).await, (12, 0));
    check(&house).await;
    // A gateway that does not know when it asked is in haste, and is noticed.
    let house = house.restarted().await;
    check(&house).await;
    assert_eq!(asked_about_itself(&house).await, (14, 1));
}

#[tokio::test]
async fn a_connection_that_is_not_there_cannot_be_checked() {
    let house = House::silent().await;
    let unknown = try_check(&house, "connections/nobody").await.unwrap_err();
    refused(&unknown, Code::NotFound, "RESOURCE_NOT_FOUND");
    let malformed = try_check(&house, "beispielbank").await.unwrap_err();
    assert_eq!(fields(&refused(&malformed, Code::InvalidArgument, "VALIDATION_FAILED")), ["name"]);
}
