//! How events run, for operators.

use usher_core::EventId;

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
    /// Another node runs it.
    Elsewhere,
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
