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
    /// Streams all callers may hold open at once: 1 to 100000.
    pub max_streams: usize,
    /// Bytes of the newest events that are kept in memory for all streams: 65536 to 1073741824. Streams that fall
    /// further behind read the journal.
    pub tail_max_bytes: usize,
    /// How many of the newest events are kept so: 1 to 1000000.
    pub tail_max_events: usize,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            heartbeat_interval_seconds: 15,
            max_stream_age_seconds: 30 * 60,
            max_streams_per_caller: 64,
            max_streams: 10_000,
            tail_max_bytes: 16 << 20,
            tail_max_events: 16_384,
        }
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
        problems.range("max_streams", self.max_streams, 1..=100_000);
        problems.range("tail_max_bytes", self.tail_max_bytes, 64 << 10..=1 << 30);
        problems.range("tail_max_events", self.tail_max_events, 1..=1_000_000);
    }
}
