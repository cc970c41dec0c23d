//! What an account is allowed, as an account manager of the vendor's would switch it.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Idnow;

/// The features that an account has; at first all of them.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Rights {
    /// Documents to sign.
    pub(super) signing: bool,
    /// Copying to and from other accounts.
    pub(super) copying: bool,
    /// Archiving.
    pub(super) archiving: bool,
}

/// Rights to switch on or off; what is not named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    signing: Option<bool>,
    copying: Option<bool>,
    archiving: Option<bool>,
}

impl Default for Rights {
    fn default() -> Self {
        Self { signing: true, copying: true, archiving: true }
    }
}

impl Idnow {
    /// What `customer` may; a customer nobody knows may nothing.
    pub(super) fn rights_of(&self, customer: &str) -> Rights {
        match self.has_account(customer) {
            true => self.rights().get(customer).copied().unwrap_or_default(),
            false => Rights { signing: false, copying: false, archiving: false },
        }
    }

    /// Switches what `change` names, and tells what `customer` may now.
    pub(super) fn allow(&self, customer: &str, change: Change) -> Rights {
        let mut all = self.rights();
        let rights = all.entry(customer.to_owned()).or_default();
        let Change { signing, copying, archiving } = change;
        *rights = Rights {
            signing: signing.unwrap_or(rights.signing),
            copying: copying.unwrap_or(rights.copying),
            archiving: archiving.unwrap_or(rights.archiving),
        };
        *rights
    }

    /// Whether there is an account of that name.
    pub(super) fn has_account(&self, customer: &str) -> bool {
        self.accounts.iter().any(|account| account.customer == customer)
    }

    fn rights(&self) -> MutexGuard<'_, HashMap<String, Rights>> {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
