//! Work that goes on between requests, and its end.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns work that ends with the sandbox. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs `work` until it is done or the sandbox stops.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            // `None` is work cut short by the stop, which is what the stop is for.
            let _cut_short = stop.run_until_cancelled_owned(work).await;
        });
    }

    /// Cancelled when the sandbox stops; cancelling it stops the sandbox.
    pub(super) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Resolves once no work is left. Only after the stop, or it may never.
    pub(super) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
