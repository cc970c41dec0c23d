//! Secrets of webhooks end. When nothing takes their place, every webhook is refused: that is told in time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

use crate::hub::Hub;
use crate::model::name::ConnectionId;
use crate::settings::Window;
use crate::telemetry::Metrics;
use crate::vendor::Webhooks;
use crate::vendor::registry::Registry;

const WARN_BEFORE: Duration = Duration::from_hours(7 * 24);

/// The secrets of each connection's webhooks, and what was last said about their end.
pub(super) struct SecretWatch(Mutex<Vec<Watched>>);

struct Watched {
    connection: ConnectionId,
    windows: Vec<Window>,
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
    /// Watches the secrets of `registry`, and shows their ends in `metrics`.
    pub(super) fn new(registry: &Registry, metrics: &Metrics) -> Self {
        let mut watched = Vec::new();
        for vendor in registry.list() {
            let Some(webhooks) = vendor.webhooks() else { continue };
            let connection = &vendor.account().connection;
            let windows = show(connection, webhooks, metrics);
            watched.push(Watched { connection: connection.clone(), windows, told: Outlook::Good });
        }
        Self(Mutex::new(watched))
    }

    /// Watches what `webhooks` accepts now.
    pub(super) fn renew(&self, connection: &ConnectionId, webhooks: &dyn Webhooks, metrics: &Metrics) {
        let windows = show(connection, webhooks, metrics);
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .iter_mut()
            .filter(|one| one.connection == *connection)
            .for_each(|one| one.windows.clone_from(&windows));
    }

    /// The outlooks that changed since they were told.
    fn news(&self, now: SystemTime) -> Vec<(ConnectionId, Outlook)> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = Vec::new();
        for one in watched.iter_mut() {
            let outlook = outlook(&one.windows, now);
            if std::mem::replace(&mut one.told, outlook) != outlook {
                news.push((one.connection.clone(), outlook));
            }
        }
        news
    }
}

/// The times of the secrets, after their ends were shown in `metrics`.
fn show(connection: &ConnectionId, webhooks: &dyn Webhooks, metrics: &Metrics) -> Vec<Window> {
    let secrets = webhooks.secrets();
    for secret in &secrets {
        if let Some(until) = secret.window.until() {
            metrics.secret_expires(connection, &secret.label, until);
        }
    }
    secrets.into_iter().map(|secret| secret.window).collect()
}

fn outlook(windows: &[Window], now: SystemTime) -> Outlook {
    match Window::gap(windows, now) {
        Some(gap) if gap <= now => Outlook::Over,
        Some(gap) if gap <= now + WARN_BEFORE => Outlook::Ends(gap),
        _ => Outlook::Good,
    }
}

impl Hub {
    /// Logs when the last secret of a connection's webhooks is about to end, and when it has. Called every minute by
    /// the worker.
    pub(super) fn watch_secrets(&self) {
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
        let windows = vec![window("2026-03-10"), window("2026-03-20")];
        let watched = Watched { connection: "bank".parse().unwrap(), windows, told: Outlook::Good };
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
