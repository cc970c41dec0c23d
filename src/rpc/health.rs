//! grpc.health.v1: whether the gateway serves, as `/readyz` tells it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::Clock;
use crate::hub::Hub;
use crate::rpc::SERVICES;

/// Between two looks at a journal that nobody appends to. An append that fails, or works again, is heard of at once.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Tells health as it changes, until the gateway drains: then nothing serves any more.
pub(super) async fn follow(reporter: &HealthReporter, hub: &Hub, clock: &Clock, drain: &CancellationToken) {
    let mut appends = hub.watch_store();
    let mut told = ServingStatus::Serving;
    tell(reporter, told).await;
    loop {
        let look = async {
            tokio::select! {
                // The hub outlives this: there is always somebody who could tell.
                _moved = appends.changed() => {}
                () = clock.sleep(LOOK_EVERY) => {}
            }
            hub.ready().await.is_ok()
        };
        let ready = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            ready = look => ready,
        };
        let now = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        if now != told {
            told = now;
            tell(reporter, told).await;
        }
    }
    tell(reporter, ServingStatus::NotServing).await;
}

async fn tell(reporter: &HealthReporter, status: ServingStatus) {
    reporter.set_service_status("", status).await;
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
