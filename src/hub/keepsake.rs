//! What connectors need for later calls about an identification, sealed beside it. It goes when its owner, the
//! identification, is erased.

use crate::error::Result;
use crate::hub::{Hub, sealing, store};
use crate::journal::Batch;
use crate::journal::seal::SealInput;
use crate::model::name::IdentificationName;
use crate::proto::{Identification, VendorReference};
use crate::vendor::Vendor;
use crate::vendor::keepsake::{About, Keepsake};

/// An identification as its connector knows it, opened.
pub(super) struct Known {
    reference: VendorReference,
    keepsake: Option<Keepsake>,
}

impl Known {
    pub(super) fn about(&self) -> About<'_> {
        About { reference: &self.reference, keepsake: self.keepsake.as_ref() }
    }
}

impl Hub {
    /// What a call to the connector about `identification` takes.
    pub(super) async fn known(
        &self,
        identification: &Identification,
        operation: &'static str,
    ) -> Result<Known> {
        let sealed = self.journal.sealed(&item(&identification.name)).await;
        let sealed = sealed.map_err(|error| store(error, operation))?;
        let opened = sealed.map(|sealed| self.vault.open(&sealed)).transpose();
        let keepsake = opened
            .map_err(|error| sealing(error, operation))?
            .map(|bytes| Keepsake::new(bytes.as_slice().to_vec()));
        Ok(Known { reference: identification.vendor_reference.clone().unwrap_or_default(), keepsake })
    }

    /// Adds to `batch` that `keepsake` is kept of `name` from now on, in place of what was.
    pub(super) fn keep_safe(
        &self,
        batch: &mut Batch,
        name: &IdentificationName,
        keepsake: &Keepsake,
        operation: &'static str,
    ) -> Result<()> {
        let owner = name.to_string();
        let item = item(&owner);
        let sealed = self.vault.seal(SealInput {
            connection: name.connection.as_str(),
            owner: &owner,
            item: &item,
            kind: "keepsake",
            plaintext: keepsake.bytes(),
        });
        batch.seal.push(sealed.map_err(|error| sealing(error, operation))?);
        batch.unseal.push(item);
        Ok(())
    }

    /// Adds the links the person may start with, while they may start.
    pub(super) async fn add_links(
        &self,
        identification: Option<&mut Identification>,
        vendor: &dyn Vendor,
        operation: &'static str,
    ) -> Result<()> {
        let Some(identification) = identification.filter(|shown| shown.startable) else { return Ok(()) };
        if let Some(identifications) = vendor.identifications()
            && identification.vendor_reference.is_some()
        {
            let known = self.known(identification, operation).await?;
            identification.start_links = identifications.start_links(known.about());
        }
        Ok(())
    }
}

fn item(name: &str) -> String {
    format!("keepsake/{name}")
}
