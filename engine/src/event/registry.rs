//! All running events of this process: loaded on demand, unloaded when idle.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use usher_core::plan::Layout;
use usher_core::{Command, EventId, HoldId, HoldView, OrderId, OrderView};

use super::{AskError, Decided, Handle, Looked, View};
use crate::clock::Clock;
use crate::journal::Journal;

/// An event's plan, compiled.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The places.
    pub layout: Arc<Layout>,
    /// SHA-256 of its canonical JSON.
    pub digest: [u8; 32],
}

/// An event's plan cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No such event.
    #[error("no such event")]
    UnknownEvent,
    /// The event has no plan yet.
    #[error("the event has no seating plan yet")]
    NoPlan,
    /// The plan does not compile; it was stored by something else than this program.
    #[error("the seating plan is unusable: {0}")]
    Unusable(String),
    /// The store does not answer.
    #[error("the seating plan cannot be read: {0}")]
    Unavailable(String),
}

/// Gives an event's current plan; the catalogue stands behind it.
pub type Plans = Arc<dyn Fn(EventId) -> BoxFuture<'static, Result<Plan, PlanError>> + Send + Sync>;

/// Hears that an event's journal has reached a sequence number. It is called on the event's own thread: it must not
/// wait. A number may be told again, and after a crash nobody is told: followers keep checkpoints of their own.
pub type OnCommitted = Arc<dyn Fn(EventId, u64) + Send + Sync>;

/// How much runs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Asks that one event takes at once.
    pub gate_permits: usize,
    /// Events loaded at once.
    pub loaded_events_max: usize,
    /// How long an event that nobody asks and nobody watches stays loaded.
    pub idle_ms: u64,
    /// Threads that event actors run on.
    pub arbiters_count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gate_permits: super::GATE_PERMITS_DEFAULT,
            loaded_events_max: 1_024,
            idle_ms: 10 * 60_000,
            arbiters_count: 2,
        }
    }
}

/// What the registry works with.
#[derive(Clone)]
pub struct Parts {
    /// Where decisions become true.
    pub journal: Arc<dyn Journal>,
    /// Where plans come from.
    pub plans: Plans,
    /// The time.
    pub clock: Clock,
    /// Who follows.
    pub on_committed: OnCommitted,
    /// How much runs at once.
    pub limits: Limits,
}

/// An event cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No such event.
    #[error("no such event")]
    UnknownEvent,
    /// The event has no plan yet.
    #[error("the event has no seating plan yet")]
    NoPlan,
    /// Too many events are in use.
    #[error("too many events are in use at once")]
    TooMany,
    /// The process is about to stop.
    #[error("shutting down")]
    Draining,
    /// Its journal is damaged, or was written by a newer program, or its plan is not the one it was published with.
    /// An operator has to look.
    #[error("{0}")]
    Refused(String),
    /// The journal or the catalogue does not answer; trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl From<OpenError> for AskError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// How an event runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Running,
    /// It is being rebuilt from its journal; asks wait.
    Reloading {
        /// Why.
        why: String,
    },
    /// It refuses all asks.
    Down {
        /// Why.
        why: String,
        /// Only an operator's reset brings it back.
        needs_operator: bool,
    },
}

/// One line of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStatus {
    /// Which.
    pub event: EventId,
    /// How it runs.
    pub standing: Standing,
    /// The last committed entry; 0 when it never ran.
    pub seq: u64,
    /// Commands that are refused because they made the rules panic.
    pub quarantined_count: usize,
}

/// All running events; cheap to clone.
#[derive(Clone)]
pub struct Registry {}

impl Registry {
    /// A registry with nothing loaded. It starts the threads that events run on.
    #[must_use]
    pub fn new(_parts: Parts) -> Self {
        todo!()
    }

    /// The event, loaded if it was not. Callers who come while it loads share the load.
    ///
    /// # Errors
    /// [`OpenError`] tells whether trying again can help.
    pub async fn handle(&self, _event: EventId) -> Result<Handle, OpenError> {
        todo!()
    }

    /// [`Handle::ask`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// Those of [`Handle::ask`]; an event that cannot be opened is [`AskError::Unavailable`].
    pub async fn ask(&self, event: EventId, command: Command) -> Result<Decided, AskError> {
        self.handle(event).await?.ask(command).await
    }

    /// [`Handle::look_hold`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// As [`Registry::ask`].
    pub async fn look_hold(&self, event: EventId, hold: HoldId) -> Result<Looked<HoldView>, AskError> {
        self.handle(event).await?.look_hold(hold).await
    }

    /// [`Handle::look_order`] on the event, loaded if it was not.
    ///
    /// # Errors
    /// As [`Registry::ask`].
    pub async fn look_order(&self, event: EventId, order: OrderId) -> Result<Looked<OrderView>, AskError> {
        self.handle(event).await?.look_order(order).await
    }

    /// The event's committed state.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn view(&self, event: EventId) -> Result<Arc<View>, OpenError> {
        Ok(self.handle(event).await?.view())
    }

    /// The event's committed state as it changes.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be loaded.
    pub async fn subscribe(&self, event: EventId) -> Result<watch::Receiver<Arc<View>>, OpenError> {
        Ok(self.handle(event).await?.subscribe())
    }

    /// Unloads idle events from time to time, until the future is dropped. The house spawns it once.
    pub async fn run(&self) {
        todo!()
    }

    /// Takes no more asks, finishes those taken, keeps snapshots, unloads everything.
    pub async fn drain(&self) {
        todo!()
    }

    /// Every event that is loaded or failed to load, by id.
    #[must_use]
    pub fn statuses(&self) -> Vec<EventStatus> {
        todo!()
    }

    /// An operator says: try again. Forgets failures, spent restarts and quarantined commands of the event.
    pub async fn reset(&self, _event: EventId) {
        todo!()
    }
}
