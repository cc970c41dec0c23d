//! Log lines on stderr.

use serde::Deserialize;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::Problems;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// How a line looks.
    pub format: LogFormat,
    /// What is written: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or levels of modules, as in
    /// `info,idv_gateway::journal=debug`.
    pub level: String,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// The log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// [`LogSettings::level`] is not a filter.
    #[error("the log level is not a level or a list of module=level")]
    Level(#[source] tracing_subscriber::filter::ParseError),
    /// The process has a log already.
    #[error("the log was started before")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends the process's log lines to stderr, from now on. Once per process.
pub fn start_log(settings: &LogSettings, colour: bool) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let subscriber = subscriber(settings, colour, std::io::stderr).map_err(LogError::Level)?;
    subscriber.try_init().map_err(LogError::Twice)
}

/// Whether to write in colour: on a terminal, unless the variable `NO_COLOR` holds anything.
pub fn wants_colour(is_terminal: bool, no_color: Option<&str>) -> bool {
    is_terminal && no_color.unwrap_or_default().is_empty()
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl LogSettings {
    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        // The filter takes a misspelt level for the name of a module, and would log nothing.
        let misspelt = |directive: &str| {
            let level = directive.trim();
            level.is_empty() || (!level.contains(['=', '[']) && level.parse::<LevelFilter>().is_err())
        };
        if self.level.split(',').any(misspelt) || EnvFilter::try_new(&self.level).is_err() {
            problems.add(
                "level",
                "must be error, warn, info, debug, trace or off, or a list such as info,idv_gateway::journal=debug",
            );
        }
    }
}

type BoxedSubscriber = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(
    settings: &LogSettings,
    colour: bool,
    writer: W,
) -> Result<BoxedSubscriber, tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // The library would tell of a line that it could not write on stderr, and panic where that is closed.
    let lines = lines.log_internal_errors(false);
    Ok(match settings.format {
        LogFormat::Text => Box::new(lines.with_ansi(colour).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: &LogSettings, colour: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(settings, colour, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(connection = "bank-de", "connection is healthy");
            tracing::debug!("not wanted");
        });
        lines.text()
    }

    #[test]
    fn text_lines_have_no_colour_unless_asked_for() {
        let plain = logged(&LogSettings::default(), false);
        assert!(plain.contains("connection is healthy") && plain.contains("bank-de"), "{plain}");
        assert!(!plain.contains('\u{1b}') && !plain.contains("not wanted"), "{plain}");
        assert!(logged(&LogSettings::default(), true).contains('\u{1b}'));
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let settings = LogSettings { format: LogFormat::Json, ..LogSettings::default() };
        let line: serde_json::Value = serde_json::from_str(&logged(&settings, true)).unwrap();
        assert_eq!(line["message"], "connection is healthy");
        assert_eq!(line["connection"], "bank-de");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        assert!(wants_colour(true, None));
        assert!(wants_colour(true, Some("")));
        assert!(!wants_colour(true, Some("1")));
        assert!(!wants_colour(false, None));
    }

    #[test]
    fn misspelt_levels_are_refused() {
        for (level, refused) in [
            ("info", false),
            ("OFF", false),
            ("warn,idv_gateway::journal=debug", false),
            ("debgu", true),
            ("info,idv_gateway=loud", true),
            ("", true),
        ] {
            let mut problems = Problems::default();
            LogSettings { level: level.to_owned(), ..LogSettings::default() }.check(&mut problems);
            assert_eq!(!problems.into_found().is_empty(), refused, "{level}");
        }
    }
}
