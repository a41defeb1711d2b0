//! One event at run time: the sequencer that decides, the actor that wires it, the handle that others hold.

mod actor;
mod arbiters;
mod follow;
mod gate;
mod handle;
pub mod load;
pub mod metrics;
mod ownership;
mod parts;
mod plan;
mod registry;
mod sample;
pub mod sequencer;
mod standing;
mod view;

use serde::{Deserialize, Serialize};
use usher_core::{Answer, Phase, Rejection};

pub(crate) use follow::Followed;
pub use handle::Handle;
pub(crate) use handle::{decided, looked_hold, looked_order};
pub use ownership::{ClaimError, Ownership, Sole};
pub use parts::{Limits, OnCommitted, OpenError, Parts};
pub use plan::{Plan, PlanError, Plans};
pub use registry::{LOADS_AT_ONCE_MAX, Registry, SWEEP_MS};
pub use sequencer::{Request, Rules, Told};
pub use standing::{EventStatus, Standing};
pub use view::View;

/// What a caller gets once its facts are durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What the core answers.
    pub answer: Answer,
    /// The entry that carries the command's facts; the last committed one when a repeat had none.
    pub seq: u64,
}

/// What a look at one thing of an event found. It contains everything that was decided before the look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked<T> {
    /// The thing, if the event knows it.
    pub found: Option<T>,
    /// Where the sale stands.
    pub phase: Phase,
    /// The last entry it rests on.
    pub seq: u64,
}

/// Why a caller got no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum AskError {
    /// A business *no*, as durable as a yes.
    #[error("rejected: {}", .0.code())]
    Rejected(Rejection),
    /// The event's gate is full.
    #[error("busy, retry in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// Certainly not done: repeat at will.
    #[error("not applied, repeat")]
    NotApplied,
    /// Certainly not done, because the disk is full.
    #[error("not applied: storage is full")]
    StorageFull,
    /// Perhaps done: repeat with the same id.
    #[error("outcome unknown, repeat with the same id")]
    OutcomeUnknown,
    /// The command made the rules panic too often and is refused from now on.
    #[error("this command is quarantined")]
    Quarantined,
    /// The event does not run: damaged journal, restart budget spent, wrong plan.
    #[error("event unavailable: {0}")]
    Unavailable(String),
}

/// Asks that one event takes at once; the commands that the actor sends to itself count against no gate.
pub const GATE_PERMITS_DEFAULT: usize = 512;
