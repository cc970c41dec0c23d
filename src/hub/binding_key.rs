//! Keys that bind a person's device to an identification. Fetched when asked for, never kept.

use crate::error::{Error, Kind, Result};
use crate::hub::Hub;
use crate::hub::capability::offered;
use crate::hub::update::gone;
use crate::model::name::IdentificationName;
use crate::proto::{GetBindingKeyResponse, IdentificationState as State};

const GET: &str = "get_binding_key";

impl Hub {
    /// The device binding key of `name`, as the vendor has it.
    pub async fn binding_key(&self, name: &IdentificationName) -> Result<GetBindingKeyResponse> {
        let vendor = self.vendor(&name.connection, GET)?;
        let keys = offered(&*vendor, vendor.binding_keys(), "binding_key", GET)?;
        let record = self.existing(name, GET).await?;
        let state = record.identification.state();
        if state == State::Deleted {
            return Err(gone(&record, GET));
        }
        let reference = record.identification.vendor_reference.unwrap_or_default();
        let found = self.note_health_of(&*vendor, Some(name), keys.binding_key(&reference).await).await?;
        let binding_key = found.ok_or_else(|| {
            let (kind, detail) = match state {
                State::Completed => {
                    (Kind::VendorFeatureNotEnabled, "the person's app did not bind the device, or may not")
                }
                _ => (Kind::ResultNotReady, "there is a key at the earliest when there is a decision"),
            };
            Error::new(kind, GET, detail).about(name)
        })?;
        Ok(GetBindingKeyResponse { binding_key })
    }
}
