//! Secrets of webhooks end. When nothing takes their place, every webhook is refused: that is told in time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

use crate::hub::Hub;
use crate::model::name::ConnectionId;
use crate::settings::Window;
use crate::telemetry::Metrics;
use crate::vendor::SecretWindow;
use crate::vendor::registry::Registry;

const WARN_BEFORE: Duration = Duration::from_hours(7 * 24);

/// The secrets of each connection's webhooks, and what was last said about their end.
pub(super) struct SecretWatch(Mutex<Vec<Watched>>);

struct Watched {
    connection: ConnectionId,
    secrets: Vec<SecretWindow>,
    /// Labels of those that the gateway made.
    made: Vec<String>,
    told: Outlook,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// A secret is accepted for longer than anybody needs to be told.
    Good,
    /// From this time on none is.
    Ends(SystemTime),
    /// None is accepted now.
    Over,
}

impl SecretWatch {
    /// Watches the secrets of `registry`, and shows in `metrics` when they end.
    pub(super) fn new(registry: &Registry, metrics: &Metrics, now: SystemTime) -> Self {
        let watched = registry.list().filter_map(|vendor| {
            let connection = vendor.account().connection.clone();
            let secrets = vendor.webhooks()?.secrets();
            Some(Watched { connection, secrets, made: Vec::new(), told: Outlook::Good })
        });
        let watch = Self(Mutex::new(watched.collect()));
        watch.show(metrics, now);
        watch
    }

    /// Watches `secrets`, of which the gateway made those with the labels `made`.
    pub(super) fn renew(&self, connection: &ConnectionId, secrets: &[SecretWindow], made: &[String]) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in watched.iter_mut().filter(|one| one.connection == *connection) {
            (one.secrets, one.made) = (secrets.to_vec(), made.to_vec());
        }
    }

    /// Shows in `metrics` when the secrets end. One that the gateway made is nobody's concern any more once it has.
    pub(super) fn show(&self, metrics: &Metrics, now: SystemTime) {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Watched { connection, secrets, made, .. } in watched.iter() {
            let end = |secret: &SecretWindow| Some((secret.label.clone(), secret.window.until()?));
            let concerns = |(label, end): &(String, SystemTime)| now < *end || !made.contains(label);
            metrics.secrets_end(connection, secrets.iter().filter_map(end).filter(concerns).collect());
        }
    }

    /// The outlooks that changed since they were told.
    fn news(&self, now: SystemTime) -> Vec<(ConnectionId, Outlook)> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = Vec::new();
        for one in watched.iter_mut() {
            let windows: Vec<_> = one.secrets.iter().map(|secret| secret.window).collect();
            let outlook = outlook(&windows, now);
            if std::mem::replace(&mut one.told, outlook) != outlook {
                news.push((one.connection.clone(), outlook));
            }
        }
        news
    }
}

fn outlook(windows: &[Window], now: SystemTime) -> Outlook {
    match Window::gap(windows, now) {
        Some(gap) if gap <= now => Outlook::Over,
        Some(gap) if gap <= now + WARN_BEFORE => Outlook::Ends(gap),
        _ => Outlook::Good,
    }
}

impl Hub {
    /// Shows when the secrets of webhooks end, and logs when the last one of a connection is about to, and when it has.
    /// Called every minute by the worker.
    pub(super) fn watch_secrets(&self) {
        self.secrets.show(&self.metrics, self.clock.now());
        for (connection, outlook) in self.secrets.news(self.clock.now()) {
            let connection = connection.name();
            match outlook {
                Outlook::Good => {
                    tracing::info!(
                        connection.name = connection,
                        "A secret of a connection's webhooks is accepted"
                    );
                }
                Outlook::Ends(time) => tracing::warn!(
                    connection.name = connection,
                    secret.until = %Timestamp::from(time),
                    "The last secret of a connection's webhooks ends soon; without another, all will be refused"
                ),
                Outlook::Over => tracing::error!(
                    connection.name = connection,
                    "No secret of a connection's webhooks is accepted now; all of them are refused"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn the_end_is_told_once_and_in_time() {
        let window = |until: &str| Window::new(None, Some(until.parse().unwrap()));
        let until = |text: &str| Window::new(None, Some(text.parse().unwrap())).until().unwrap();
        let secret = |until: &str| SecretWindow { label: until.to_owned(), window: window(until) };
        let watched = Watched {
            connection: "bank".parse().unwrap(),
            secrets: vec![secret("2026-03-10"), secret("2026-03-20")],
            made: Vec::new(),
            told: Outlook::Good,
        };
        let watch = SecretWatch(Mutex::new(vec![watched]));
        let news = |now: SystemTime| {
            watch.news(now).into_iter().map(|(_connection, outlook)| outlook).collect::<Vec<_>>()
        };
        let end = until("2026-03-20");
        assert_eq!(news(until("2026-03-10")), []);
        assert_eq!(news(end - 8 * DAY), []);
        assert_eq!(news(end - 7 * DAY), [Outlook::Ends(end)]);
        assert_eq!(news(end - DAY), []);
        assert_eq!(news(end), [Outlook::Over]);
        assert_eq!(news(end + DAY), []);
        // A clock that was set back.
        assert_eq!(news(end - 9 * DAY), [Outlook::Good]);
    }
}
