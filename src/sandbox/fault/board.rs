//! The faults that are switched on, and which of them meets what.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Fault, Operation};

/// Faults that are kept, spent ones included.
const MOST: usize = 100;

/// Every fault that was not cleared.
pub(in crate::sandbox) struct Faults<O>(Mutex<Board<O>>);

struct Board<O> {
    last: u64,
    active: Vec<Active<O>>,
}

struct Active<O> {
    id: u64,
    fault: Fault<O>,
    since: SystemTime,
    fired: u32,
    cleared: CancellationToken,
}

/// A fault, as the control API shows it.
#[derive(Serialize)]
#[serde(bound = "O: Operation")]
pub(in crate::sandbox) struct View<O> {
    id: u64,
    fault: Fault<O>,
    fired: u32,
    /// How often it will still fire; `null` until it is cleared.
    left: Option<u32>,
}

/// A fault that meets a request or a webhook.
pub(super) struct Fired<O> {
    pub(super) fault: Fault<O>,
    /// Cancelled when the fault is cleared.
    pub(super) cleared: CancellationToken,
}

/// What happens to one webhook.
#[derive(Default)]
pub(in crate::sandbox) struct Detour {
    /// It is never sent.
    pub(in crate::sandbox) dropped: bool,
    /// How many copies go out with it.
    pub(in crate::sandbox) copies: u32,
    /// How late it goes out, and what ends the wait early.
    pub(in crate::sandbox) delay: Option<(Duration, CancellationToken)>,
}

impl<O> Default for Faults<O> {
    fn default() -> Self {
        Self(Mutex::new(Board { last: 0, active: Vec::new() }))
    }
}

impl<O: Operation> Faults<O> {
    /// Switches `fault`, which has been checked, on.
    pub(in crate::sandbox) fn set(&self, fault: Fault<O>, now: SystemTime) -> Result<View<O>, String> {
        let mut board = self.lock();
        if board.active.len() == MOST {
            return Err(format!("{MOST} faults are kept already: DELETE them first"));
        }
        board.last += 1;
        let active =
            Active { id: board.last, fault, since: now, fired: 0, cleared: CancellationToken::new() };
        let view = active.view();
        board.active.push(active);
        Ok(view)
    }

    /// Every fault, in the order they were set, spent ones included.
    pub(in crate::sandbox) fn view(&self) -> Vec<View<O>> {
        self.lock().active.iter().map(Active::view).collect()
    }

    /// Clears the fault `id`, or all, and tells how many.
    pub(in crate::sandbox) fn clear(&self, id: Option<u64>) -> usize {
        let goes = |active: &mut Active<O>| id.is_none_or(|id| id == active.id);
        let gone: Vec<_> = self.lock().active.extract_if(.., goes).collect();
        gone.iter().for_each(|active| active.cleared.cancel());
        gone.len()
    }

    /// The fault that meets a request: the first one that is not spent.
    pub(super) fn on_request(&self, operation: O) -> Option<Fired<O>> {
        let meets = |wanted: O| wanted == O::default() || wanted == operation;
        self.fire(|fault| fault.operation().is_some_and(meets))
    }

    /// What happens to the next webhook. One that is dropped meets nothing else.
    pub(in crate::sandbox) fn on_webhook(&self, now: SystemTime, speed: f64) -> Detour {
        let mut board = self.lock();
        let dark = board.active.iter_mut().find(|active| active.is_blackout(now, speed));
        if let Some(active) = dark {
            active.fired = active.fired.saturating_add(1);
            return Detour { dropped: true, ..Detour::default() };
        }
        drop(board);
        if self.fire(|fault| matches!(fault, Fault::WebhookDrop { .. })).is_some() {
            return Detour { dropped: true, ..Detour::default() };
        }
        let mut detour = Detour::default();
        if let Some(Fired { fault: Fault::WebhookDuplicate { copies, .. }, .. }) =
            self.fire(|fault| matches!(fault, Fault::WebhookDuplicate { .. }))
        {
            detour.copies = copies;
        }
        if let Some(Fired { fault: Fault::WebhookDelay { seconds, .. }, cleared }) =
            self.fire(|fault| matches!(fault, Fault::WebhookDelay { .. }))
        {
            detour.delay = Some((Duration::from_secs(seconds.into()), cleared));
        }
        detour
    }

    /// Whether the next webhook is held back, and what ends that early.
    pub(in crate::sandbox) fn holds_webhook(&self) -> Option<CancellationToken> {
        self.fire(|fault| matches!(fault, Fault::WebhookReorder { .. })).map(|fired| fired.cleared)
    }

    fn fire(&self, meets: impl Fn(&Fault<O>) -> bool) -> Option<Fired<O>> {
        let mut board = self.lock();
        let active =
            board.active.iter_mut().find(|active| active.left() != Some(0) && meets(&active.fault))?;
        active.fired = active.fired.saturating_add(1);
        Some(Fired { fault: active.fault.clone(), cleared: active.cleared.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Board<O>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Operation> Active<O> {
    fn is_blackout(&self, now: SystemTime, speed: f64) -> bool {
        match self.fault {
            Fault::WebhookBlackout { seconds } => {
                now < self.since + Duration::from_secs(seconds.into()).div_f64(speed)
            }
            _ => false,
        }
    }

    fn left(&self) -> Option<u32> {
        self.fault.times().map(|times| times.saturating_sub(self.fired))
    }

    fn view(&self) -> View<O> {
        View { id: self.id, fault: self.fault.clone(), fired: self.fired, left: self.left() }
    }
}
