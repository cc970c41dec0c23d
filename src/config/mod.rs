//! The gateway's configuration: a TOML file, then the environment over it.
//!
//! Each module declares its own settings and checks them; this one reads them all and reports everything that is
//! wrong at once, with the line of the file or the name of the variable. Unknown keys are refused.
//!
//! An environment variable `IDV__SECTION__KEY` replaces the key of the file: after `IDV__`, two underscores separate
//! the levels and upper case stands for lower case. Settings are spelt with underscores and connections with hyphens,
//! so an underscore in a connection's name stands for a hyphen: `IDV__CONNECTIONS__BANK_DE__IDNOW__CUSTOMER` is
//! `connections.bank-de.idnow.customer` (a connection whose name has two hyphens in a row, or one at its end, can be
//! changed in the file only). The value is written as in TOML; where text is wanted, its quotes may be left out. Lists
//! are replaced as a whole.

mod document;
mod environment;
mod fault;
mod reader;
mod recover;
mod report;
mod stand_in;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::admin::config::AdminSettings;
use crate::config::document::{Document, Origin};
use crate::config::reader::{Notes, Reader};
use crate::config::recover::Recovered;
use crate::config::report::Source;
pub use crate::config::report::{ConfigError, ConfigErrors, Place};
use crate::hub::config::StreamSettings;
use crate::journal::config::{JournalSettings, KeySettings};
use crate::model::name::ConnectionId;
use crate::rpc::config::GrpcSettings;
use crate::settings::{Problems, SecretError, SecretSource};
use crate::telemetry::LogSettings;
use crate::vendor::registry::ConnectionSettings;
use crate::webhook::config::WebhookSettings;

/// Everything that can be configured. `docs/config.toml` explains every key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What this gateway is for.
    pub profile: Profile,
    /// The gRPC door.
    pub grpc: GrpcSettings,
    /// The door for vendors' webhooks.
    pub webhooks: WebhookSettings,
    /// The operators' door.
    pub admin: AdminSettings,
    /// Where events and state are kept.
    pub journal: JournalSettings,
    /// What seals personal data at rest.
    pub keys: KeySettings,
    /// Event streams.
    pub streams: StreamSettings,
    /// How the gateway stops.
    pub drain: DrainSettings,
    /// What the gateway says about its own work.
    pub log: LogSettings,
    /// The vendor accounts by the name callers use.
    pub connections: BTreeMap<ConnectionId, ConnectionSettings>,
    #[serde(skip)]
    secrets: Vec<NamedSecret>,
}

/// What a gateway is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Real people: connections to a sandbox are refused, so that an invented decision is never taken for a real one.
    #[default]
    Live,
    /// Trials: every connection is welcome.
    Test,
}

/// How the gateway stops.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrainSettings {
    /// How long calls and streams have to end after SIGTERM, in seconds: 1 to 600.
    pub seconds: u64,
}

/// A place of a secret and where it is named, for the message when it cannot be used.
#[derive(Debug)]
struct NamedSecret {
    place: Place,
    path: Vec<String>,
    source: SecretSource,
}

impl Config {
    /// Reads the file at `path` and the overrides in `environment` (the process's variables; others than
    /// `IDV__...` are not looked at).
    pub fn load(
        path: &Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &name, environment),
            Err(error) => Err(refused(vec![ConfigError {
                place: Place::File(name),
                path: String::new(),
                message: format!("the configuration file cannot be read: {error}"),
            }])),
        }
    }

    /// Reads `text`, the content of a file called `name`, and the overrides in `environment`.
    pub fn parse(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let source = Source { name, text };
        let mut document = Document::parse(text).map_err(|errors| {
            let errors = errors.into_iter().map(|error| source.error(&error.origin, &[], error.message));
            refused(errors.collect())
        })?;
        let misplaced = environment::apply(&mut document, environment);
        let mut problems: Vec<_> =
            misplaced.into_iter().map(|one| source.error(&one.origin, &one.path, one.message)).collect();

        let mut recovered: Recovered<Self> = recover::read(&mut document, source);
        problems.append(&mut recovered.problems);
        if let Some(config) = &recovered.value {
            let mut found = Problems::default();
            config.check(&mut found);
            let found = found.into_found().into_iter().filter(|problem| recovered.sound(&problem.path));
            problems
                .extend(found.map(|one| source.error(&document.origin(&one.path), &one.path, one.message)));
        }
        match (recovered.value, ConfigErrors::new(problems)) {
            (Some(config), None) => {
                Ok(Self { secrets: named_secrets(&document, source, recovered.secrets), ..config })
            }
            (_, Some(errors)) => Err(errors),
            (None, None) => Err(refused(vec![source.error(
                &Origin::Offset(0),
                &[],
                "cannot be read, for a reason that is not known".to_owned(),
            )])),
        }
    }

    /// Reads every secret the configuration names and forgets it again. Returns how many there are, or which of them
    /// cannot be read, or are no master keys although they stand for one.
    pub fn check_secrets(&self) -> Result<usize, ConfigErrors> {
        let errors = self.secrets.iter().filter_map(|secret| {
            let message = secret.problem()?;
            Some(ConfigError { place: secret.place.clone(), path: report::dotted(&secret.path), message })
        });
        match ConfigErrors::new(errors.collect()) {
            None => Ok(self.secrets.len()),
            Some(errors) => Err(errors),
        }
    }

    fn check(&self, problems: &mut Problems) {
        problems.within("grpc", |problems| self.grpc.check(problems));
        problems.within("webhooks", |problems| self.webhooks.check(problems));
        self.check_doors(problems);
        problems.within("journal", |problems| self.journal.check(problems));
        problems.within("keys", |problems| self.keys.check(problems));
        problems.within("streams", |problems| self.streams.check(problems));
        problems.within("drain", |problems| self.drain.check(problems));
        problems.within("log", |problems| self.log.check(problems));
        problems.within("connections", |problems| self.check_connections(problems));
    }

    fn check_doors(&self, problems: &mut Problems) {
        let doors =
            [("grpc", self.grpc.listen), ("webhooks", self.webhooks.listen), ("admin", self.admin.listen)];
        for (index, (door, address)) in doors.iter().enumerate() {
            // Port 0 asks the system for any free one.
            let taken = doors[..index].iter().find(|(_, other)| other == address && address.port() != 0);
            if let Some((other, _)) = taken {
                let message = format!("must be an address of its own, but {other}.listen is the same");
                problems.within(door, |problems| problems.add("listen", message));
            }
        }
    }

    fn check_connections(&self, problems: &mut Problems) {
        for (id, connection) in &self.connections {
            let account = connection.account();
            if self.profile == Profile::Live && account.environment().as_str() == "sandbox" {
                problems.add(
                    id.as_str(),
                    "must not be a sandbox connection, because a sandbox's decisions are invented: use the vendor's \
                     live environment, or profile = \"test\"",
                );
            }
            problems.within(id.as_str(), |problems| {
                problems.within(account.section(), |problems| account.check(problems));
            });
        }
    }
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self { seconds: 20 }
    }
}

impl DrainSettings {
    /// How long calls and streams have to end.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn check(&self, problems: &mut Problems) {
        problems.range("seconds", self.seconds, 1..=600);
    }
}

impl NamedSecret {
    fn problem(&self) -> Option<String> {
        match self.source.read() {
            Err(error) => Some(explained(&error)),
            Ok(secret) if self.path.starts_with(&["keys".to_owned(), "master".to_owned()]) => {
                KeySettings::parse(&secret).err().map(|error| error.to_string())
            }
            Ok(_secret) => None,
        }
    }
}

fn named_secrets(document: &Document, source: Source<'_>, paths: Vec<Vec<String>>) -> Vec<NamedSecret> {
    let named = paths.into_iter().filter_map(|path| {
        let node = document.node(&path)?;
        let secret = SecretSource::deserialize(Reader::new(node, &Notes::default())).ok()?;
        let place = source.place(&document.origin(&path));
        Some(NamedSecret { place, path, source: secret })
    });
    named.collect()
}

fn refused(errors: Vec<ConfigError>) -> ConfigErrors {
    ConfigErrors::new(errors).expect("an error was put in")
}

fn explained(error: &SecretError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
