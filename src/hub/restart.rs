//! New attempts at vendors that need a call for them. What comes back are fresh links.

use std::sync::Arc;

use crate::error::Result;
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::single::{Effect, Single};
use crate::model::change::Target;
use crate::proto::{
    EventType, IdentificationState as State, RestartIdentificationRequest, RestartIdentificationResponse,
};
use crate::vendor::Vendor;
use crate::vendor::keepsake::About;

const RESTART: &str = "restart_identification";

impl Hub {
    /// Opens a new attempt. Goes on to the end when the caller goes away.
    pub async fn restart_identification(
        self: &Arc<Self>,
        caller: String,
        request: RestartIdentificationRequest,
    ) -> Result<RestartIdentificationResponse> {
        let Target { name, .. } = Target::of_restart(&request)?;
        let vendor = self.vendor(&name.connection, RESTART)?;
        offered(&*vendor, vendor.restarts(), "restart", RESTART)?;
        let hub = self.clone();
        let restart = async move { hub.run_single(&caller, &request).await };
        let mut response = self.see_through(RESTART, restart).await?;
        self.add_links(response.identification.as_mut(), &*vendor, RESTART).await?;
        Ok(response)
    }
}

impl Single for RestartIdentificationRequest {
    const EVENT: EventType = EventType::IdentificationUpdated;

    fn target(&self) -> Result<Target> {
        Target::of_restart(self)
    }

    /// Who has not begun may have lost the links.
    fn suits(state: State) -> bool {
        matches!(state, State::AwaitingUser | State::AwaitingRetry | State::Expired)
    }

    async fn send(&self, vendor: &dyn Vendor, about: About<'_>) -> Result<Effect> {
        let keepsake = offered(vendor, vendor.restarts(), "restart", RESTART)?.restart(about).await?;
        Ok(Effect { keepsake, ..Effect::default() })
    }
}
