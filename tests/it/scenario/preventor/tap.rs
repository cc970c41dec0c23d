//! A wire between gateway and vendor that keeps what the gateway says. Nobody shows the secrets that it makes: a test
//! which needs one reads it here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::scenario::house::{House, Reply};
use crate::scenario::words::BANCO;
use crate::vendor::cipher::{IV_FIELD, encrypt};

const REGISTERS: &[u8] = b"PUT /id/v1/identity/settings/webhooks ";

pub(super) struct Tap {
    wire: Arc<Wire>,
}

#[derive(Default)]
struct Wire {
    vendor: OnceLock<SocketAddr>,
    heard: Mutex<Vec<u8>>,
}

/// A webhook as the gateway registered it, with its secrets.
pub(super) struct Registered(Value);

impl Tap {
    /// A house that speaks to the vendor over it.
    pub(super) async fn house(settings: &'static str) -> (Self, House) {
        let (listener, wire) =
            (TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(), Arc::<Wire>::default());
        let address = listener.local_addr().unwrap();
        let house = House::with(|plan| {
            plan.webhooks = false;
            plan.preventor = Some(settings);
            plan.vendor = Some(address);
        })
        .await;
        wire.vendor.set(house.vendor_address()).unwrap();
        let tapped = wire.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let wire = tapped.clone();
                tokio::spawn(async move { wire.carry(socket).await });
            }
        });
        (Self { wire }, house)
    }

    /// Every registration that was sent, in order.
    pub(super) fn registered(&self) -> Vec<Registered> {
        let heard = self.wire.heard.lock().unwrap();
        let (mut rest, mut found) = (&heard[..], Vec::new());
        while let Some(begin) = place(rest, REGISTERS) {
            rest = &rest[begin..];
            rest = &rest[place(rest, b"\r\n\r\n").unwrap() + 4..];
            let body = serde_json::Deserializer::from_slice(rest).into_iter().next();
            found.push(Registered(body.unwrap().unwrap()));
        }
        found
    }
}

impl Wire {
    /// Carries bytes both ways until either side ends.
    async fn carry(&self, gateway: TcpStream) -> Option<()> {
        let vendor = TcpStream::connect(self.vendor.get()?).await.ok()?;
        let (mut asked, mut told) = gateway.into_split();
        let (mut answers, mut asks) = vendor.into_split();
        let mut piece = vec![0; 16 * 1024];
        let back = tokio::io::copy(&mut answers, &mut told);
        let there = async {
            loop {
                let length = asked.read(&mut piece).await.ok().filter(|length| *length > 0)?;
                self.heard.lock().unwrap().extend_from_slice(&piece[..length]);
                asks.write_all(&piece[..length]).await.ok()?;
            }
        };
        tokio::select! {
            _ended = back => None,
            ended = there => ended,
        }
    }
}

impl Registered {
    /// The part at `pointer`, a text.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// Everything of it that nobody may know.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let names = ["password", "token", "value"].map(|name| format!("/authorization/value/{name}"));
        let proof = names.iter().find_map(|name| self.text(name)).unwrap();
        [Some(proof), self.text("/secret")].into_iter().flatten().collect()
    }

    /// What the door of `house` answers to `body` as the vendor would send it.
    pub(super) async fn sent(&self, house: &House, body: &str) -> Reply {
        let request = house.client().post(house.webhook_url(BANCO));
        let value = |name: &str| self.text(&format!("/authorization/value/{name}")).unwrap();
        let request = match self.text("/authorization/type").unwrap() {
            "BASIC_AUTH" => request.basic_auth(value("username"), Some(value("password"))),
            "BEARER_TOKEN" => request.bearer_auth(value("token")),
            _ => request.header(value("key"), value("value")),
        };
        let request = match self.text("/secret") {
            None => request.body(body.to_owned()),
            Some(key) => {
                let (iv, sealed) = encrypt(key, 7, body.as_bytes());
                request.header(IV_FIELD, iv).body(sealed)
            }
        };
        house.send(request).await
    }
}

fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
