//! What a connection can do beside creating and asking, and what none of this release can: no vendor has a call for it.

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::model::change::Target;
use crate::proto::{
    CancelIdentificationRequest, CancelIdentificationResponse, RestartIdentificationRequest,
    RestartIdentificationResponse,
};
use crate::vendor::Vendor;

const CANCEL: &str = "cancel_identification";
const RESTART: &str = "restart_identification";

impl Hub {
    /// Ends an identification for good.
    pub fn cancel_identification(
        &self,
        request: &CancelIdentificationRequest,
    ) -> Result<CancelIdentificationResponse> {
        let target = Target::of_cancel(request)?;
        Err(not_offered(&*self.vendor(&target.name.connection, CANCEL)?, "cancel", CANCEL))
    }

    /// Opens a new attempt.
    pub fn restart_identification(
        &self,
        request: &RestartIdentificationRequest,
    ) -> Result<RestartIdentificationResponse> {
        let target = Target::of_restart(request)?;
        Err(not_offered(&*self.vendor(&target.name.connection, RESTART)?, "restart", RESTART))
    }
}

/// `capability`, or the refusal that names the connection.
pub(super) fn offered<'a, T: ?Sized>(
    vendor: &dyn Vendor,
    found: Option<&'a T>,
    capability: &str,
    operation: &'static str,
) -> Result<&'a T> {
    found.ok_or_else(|| not_offered(vendor, capability, operation))
}

pub(super) fn not_offered(vendor: &dyn Vendor, capability: &str, operation: &'static str) -> Error {
    let connection = vendor.account().connection.name();
    let detail = format!("{connection} does not have the capability {capability}");
    Error::new(Kind::CapabilityNotSupported, operation, detail).about(connection)
}
