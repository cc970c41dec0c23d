//! Settings of event streams.

use std::time::Duration;

use serde::Deserialize;

use crate::settings::Problems;

/// `[streams]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamSettings {
    /// After how long without anything sent a stream sends a heartbeat, in seconds: 5 to 60.
    pub heartbeat_interval_seconds: u64,
    /// After how long a stream is ended and has to be resumed, in seconds: 60 to 86400. Give or take ten per cent, so
    /// that streams opened together do not return together.
    pub max_stream_age_seconds: u64,
    /// Streams one caller may hold open at once, and beside them calls that wait: 1 to 10000.
    pub max_streams_per_caller: usize,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { heartbeat_interval_seconds: 15, max_stream_age_seconds: 30 * 60, max_streams_per_caller: 64 }
    }
}

impl StreamSettings {
    /// After how long without anything sent a stream sends a heartbeat.
    pub fn heartbeat_interval(&self) -> Duration {
        Duration::from_secs(self.heartbeat_interval_seconds)
    }

    /// After how long a stream is ended.
    pub fn max_stream_age(&self) -> Duration {
        Duration::from_secs(self.max_stream_age_seconds)
    }

    /// Reports what is wrong with them.
    pub fn check(&self, problems: &mut Problems) {
        problems.range("heartbeat_interval_seconds", self.heartbeat_interval_seconds, 5..=60);
        problems.range("max_stream_age_seconds", self.max_stream_age_seconds, 60..=24 * 60 * 60);
        problems.range("max_streams_per_caller", self.max_streams_per_caller, 1..=10_000);
    }
}
