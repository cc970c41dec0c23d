//! What is wrong with a configuration, all of it at once, each problem with the place to mend it.

use std::fmt;

use super::document::Origin;

/// Everything that is wrong with a configuration; never empty. Prints one problem per line.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

/// One problem: `gateway.toml:3:10: grpc.listen: must be ...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// Where to mend it.
    pub place: Place,
    /// The setting, for example `grpc.listen`; empty where the problem is not about one.
    pub path: String,
    /// What is expected, without the refused value: it may have been meant as a secret.
    pub message: String,
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file as a whole.
    File(String),
    /// In a file.
    Line {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In an environment variable.
    Variable(String),
}

impl ConfigErrors {
    /// The problems: those of the file from top to bottom, then those of the environment.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }

    /// `None` when nothing was found.
    pub(super) fn new(mut found: Vec<ConfigError>) -> Option<Self> {
        found.sort();
        found.dedup();
        (!found.is_empty()).then_some(Self(found))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}: {}", self.place, self.message),
            path => write!(f, "{}: {path}: {}", self.place, self.message),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            Self::Line { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The text a configuration was read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn error(&self, origin: &Origin, path: &[String], message: String) -> ConfigError {
        ConfigError { place: self.place(origin), path: dotted(path), message }
    }

    pub(super) fn place(&self, origin: &Origin) -> Place {
        let offset = match origin {
            Origin::Offset(offset) => self.text.floor_char_boundary(*offset),
            Origin::Variable(name) => return Place::Variable(name.to_string()),
        };
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::Line {
            file: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The path as TOML writes it.
pub(super) fn dotted(path: &[String]) -> String {
    let bare = |key: &String| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let keys: Vec<String> =
        path.iter().map(|key| if bare(key) { key.clone() } else { format!("{key:?}") }).collect();
    keys.join(".")
}

/// Says which of the `known` words were possible instead of `word`: the one that looks like it, or all of them.
pub(super) fn instead_of(word: &str, known: &[&str]) -> String {
    const ALIKE: f64 = 0.7;
    let scored = known.iter().map(|candidate| (strsim::jaro(word, candidate), candidate));
    match scored.filter(|(score, _)| *score > ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((_, candidate)) => format!("did you mean {candidate}?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
