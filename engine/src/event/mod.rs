//! One event at run time: the sequencer that decides, the actor that wires it, the handle that others hold.

use std::sync::Arc;

use usher_core::{Answer, Command, Counts, EventId, Minor, Phase, Rejection};

/// What a caller gets once its facts are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What the core answers.
    pub answer: Answer,
    /// The entry that carries the command's facts; the last committed one when a repeat had none.
    pub seq: u64,
}

/// Why a caller got no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

/// The committed state that readers see; replaced as a whole after each flush, never changed.
#[derive(Debug, Clone)]
pub struct View {
    /// Whose.
    pub event: EventId,
    /// The last entry it contains.
    pub seq: u64,
    /// Where the sale stands.
    pub phase: Phase,
    /// Two bits a seat, as [`usher_core::Inventory::availability`].
    pub availability: Arc<[u8]>,
    /// Free places by area.
    pub areas_free: Arc<[u32]>,
    /// Prices by tier.
    pub prices: Arc<[Option<Minor>]>,
    /// Places by state.
    pub counts: Counts,
}

/// The commands that the actor sends to itself count against no gate; everybody else's do.
pub const GATE_PERMITS_DEFAULT: usize = 512;

#[expect(dead_code, reason = "named here so that the whole shape of a request stands on one page")]
type Asked = Command;
