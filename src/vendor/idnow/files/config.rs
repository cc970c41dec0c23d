//! Settings of an account's files.

use std::env;
use std::path::PathBuf;

use serde::Deserialize;

use crate::settings::Problems;

/// Settings of files (`[connections.{name}.idnow.files]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileSettings {
    /// Largest archive or report, in bytes: 1048576 to 1073741824.
    pub max_bytes: u64,
    /// Archives that are open at once; more calls wait: 1 to 64.
    pub max_open: usize,
    /// Where archives are spooled, encrypted; default: the system's folder for temporary files.
    pub spool_directory: Option<PathBuf>,
    /// Files with the public keys (PEM) that IDnow signs XML reports with; without one, signatures are not checked.
    pub xml_signing_keys: Vec<PathBuf>,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self { max_bytes: 100 << 20, max_open: 8, spool_directory: None, xml_signing_keys: Vec::new() }
    }
}

impl FileSettings {
    /// Reports what no type can say about them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("max_bytes", self.max_bytes, 1 << 20..=1 << 30);
        problems.range("max_open", self.max_open, 1..=64);
    }

    /// Where archives are spooled.
    pub(in crate::vendor::idnow) fn directory(&self) -> PathBuf {
        self.spool_directory.clone().unwrap_or_else(env::temp_dir)
    }
}
