//! What the registry is made of, and why it may refuse to open an event.

use std::sync::Arc;

use usher_core::EventId;

use super::load::LoadError;
use super::{AskError, Ownership, Plans, Rules};
use crate::clock::Clock;
use crate::journal::Journal;

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
    /// Which events may run here.
    pub ownership: Arc<dyn Ownership>,
    /// What decides.
    pub rules: Rules,
    /// How much runs at once.
    pub limits: Limits,
}

/// An event cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
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
    /// Another node runs it.
    #[error("another node runs the event")]
    Elsewhere,
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
        match error {
            OpenError::Elsewhere => Self::NotApplied,
            OpenError::UnknownEvent
            | OpenError::NoPlan
            | OpenError::TooMany
            | OpenError::Draining
            | OpenError::Refused(_)
            | OpenError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<LoadError> for OpenError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::UnknownEvent => Self::UnknownEvent,
            LoadError::NoPlan => Self::NoPlan,
            LoadError::Elsewhere => Self::Elsewhere,
            LoadError::Refused(why) => Self::Refused(why),
            LoadError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}
