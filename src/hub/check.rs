//! Whether a connection works: the vendor is asked, but no more often than it wants to be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::model::name::ConnectionId;
use crate::proto::ConnectionHealth;
use crate::vendor::Vendor;

const CHECK: &str = "check_connection";

/// When vendors were last asked, and what their servers said. Kept in memory: a new process may ask once more.
#[derive(Default)]
pub(super) struct Checks {
    connections: Mutex<HashMap<ConnectionId, SystemTime>>,
    servers: Mutex<HashMap<String, Said>>,
}

/// What a server said about itself: nothing wrong, or why not.
#[derive(Clone, Copy)]
struct Said {
    asked_at: SystemTime,
    failure: Option<Kind>,
}

impl Checks {
    /// Whether `connection` was checked within `pause` before `now`.
    fn is_fresh(&self, connection: &ConnectionId, pause: Duration, now: SystemTime) -> bool {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(connection).is_some_and(|asked| is_within(*asked, pause, now))
    }

    fn note(&self, connection: &ConnectionId, asked_at: SystemTime) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), asked_at);
    }

    /// What `server` said within `pause` before `now`.
    fn said(&self, server: &str, pause: Duration, now: SystemTime) -> Option<Said> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.get(server).copied().filter(|said| is_within(said.asked_at, pause, now))
    }

    fn note_server(&self, server: String, said: Said) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).insert(server, said);
    }
}

fn is_within(asked: SystemTime, pause: Duration, now: SystemTime) -> bool {
    // A clock that was set back must not ask more often.
    now.duration_since(asked).unwrap_or_default() < pause
}

impl Hub {
    /// How `connection` is: the vendor is asked, or the last answer told again while it is younger than the vendor's
    /// pause. Concurrent calls share one question, which goes on to its end when they go away.
    pub async fn check_connection(self: &Arc<Self>, connection: &ConnectionId) -> Result<ConnectionHealth> {
        let vendor = self.vendor(connection, CHECK)?;
        let turn = self.locks.lock(&format!("check/{connection}")).await;
        if !self.checks.is_fresh(connection, vendor.probe().pause(), self.clock.now()) {
            let (hub, vendor) = (self.clone(), vendor.clone());
            let asking = async move {
                let _turn = turn;
                hub.ask_whether_it_works(&*vendor).await;
                Ok(())
            };
            self.see_through(CHECK, asking).await?;
        }
        self.tell_health(&*vendor).await;
        Ok(self.health_of(&*vendor))
    }

    async fn ask_whether_it_works(&self, vendor: &dyn Vendor) {
        let (probe, connection) = (vendor.probe(), &vendor.account().connection);
        let asked_at = self.clock.now();
        let server = self.ask_server(vendor).await;
        let failure = match server {
            // Without a server there is nobody to take the credentials.
            Some(Kind::VendorUnavailable | Kind::VendorTimeout | Kind::VendorCircuitOpen) => server,
            _ => {
                // A refusal weighs more than what the server says about itself.
                match probe.prove_credentials().await {
                    Err(refusal) => Some(self.noted(connection, &refusal).await),
                    Ok(()) => server,
                }
            }
        };
        self.checks.note(connection, asked_at);
        self.note_answer(vendor, failure).await;
    }

    /// What the server says about itself. Connections that share it share the answer.
    async fn ask_server(&self, vendor: &dyn Vendor) -> Option<Kind> {
        let probe = vendor.probe();
        let server = probe.server();
        let _turn = self.locks.lock(&format!("check/{server}")).await;
        let asked_at = self.clock.now();
        if let Some(said) = self.checks.said(&server, probe.pause(), asked_at) {
            return said.failure;
        }
        let failure = match probe.ask_server().await {
            Err(error) => Some(self.noted(&vendor.account().connection, &error).await),
            Ok(()) => None,
        };
        self.checks.note_server(server, Said { asked_at, failure });
        failure
    }

    /// The kind of `error`, which goes on; the rest is logged, and its answer kept, here.
    async fn noted(&self, connection: &ConnectionId, error: &Error) -> Kind {
        tracing::warn!(
            connection.name = connection.name(),
            error.reason = error.kind.as_str_name(),
            error.operation = error.operation,
            error.detail,
            error.source = error.source.as_ref().map(ToString::to_string),
            "A check found a connection not well"
        );
        self.keep_undecodable(connection, "", error).await;
        error.kind
    }
}
