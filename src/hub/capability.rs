//! What a connection can do beside creating and asking, and the refusal of what it cannot.

use crate::error::{Error, Kind, Result};
use crate::vendor::Vendor;

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
