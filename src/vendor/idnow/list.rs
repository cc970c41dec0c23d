//! IDnow's lists of identifications. They have no pages: each comes whole.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::proto::{Evidence, IdentificationState as State};
use crate::vendor::idnow::Idnow;
use crate::vendor::{Lists, Reading};

#[async_trait]
impl Lists for Idnow {
    fn all(&self) -> &'static [&'static str] {
        &["pending", "aborted", "canceled", "successful"]
    }

    fn of(&self, state: State) -> &'static [&'static str] {
        match state {
            State::InReview => &["pending"],
            State::AwaitingRetry => &["aborted", "canceled"],
            State::Completed => &["successful"],
            _ => &[],
        }
    }

    fn pause(&self) -> Duration {
        self.lists.pause()
    }

    async fn read(&self, list: &'static str) -> Result<Reading, Error> {
        let answer = self.api.list(list, self.lists.max_bytes).await?;
        let (reader, body) = (self.reader.clone(), answer.body().clone());
        // A large one takes long enough to hold up everything else on its thread.
        let read = tokio::task::spawn_blocking(move || reader.read_list(&body, Evidence::Fetched)).await;
        let read = read.map_err(|panic| answer.invalid("broke its reader").caused_by(panic))?;
        read.map_err(|odd| answer.invalid(&format!("needs {} at {}", odd.expected, odd.path)))
    }
}
