//! The journal: one hash-chained history of facts per event, and the only place where a decision becomes true.
//!
//! An entry is one group commit: the facts of all commands that were decided while the previous append was under way.
//! Who owns an event is told by its epoch; a take-over raises it, and an append under an older one is refused for good.

pub mod append_protocol;
pub mod chain;
pub mod entry;
pub mod snapshot;

use async_trait::async_trait;
use usher_core::{EventId, Fact, UnixMillis};

/// The most entries that one read answers.
pub const ENTRIES_READ_MAX: usize = 4_096;

/// The most events that one list answers.
pub const EVENTS_READ_MAX: usize = 4_096;

/// What goes into the journal at one sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// 1 for the first entry of an event; no gaps.
    pub seq: u64,
    /// Under whose ownership it was written.
    pub epoch: u64,
    /// When its first command was decided.
    pub at: UnixMillis,
    /// What happened, in order. A fact's name in the whole system is `(event, seq, position)`.
    pub facts: Vec<Fact>,
}

/// A SHA-256 over the previous entry's hash and this entry's bytes. The first entry chains to zeros.
pub type EntryHash = [u8; 32];

/// Where an event's journal ends and who may write on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The epoch the taker now writes under.
    pub epoch: u64,
    /// The last entry's number; 0 when there is none.
    pub head_seq: u64,
    /// The last entry's hash; zeros when there is none.
    pub head_hash: EntryHash,
}

/// A snapshot: state after `seq`, so that replay starts there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The last entry it contains.
    pub seq: u64,
    /// That entry's hash.
    pub hash: EntryHash,
    /// A version byte and the encoded state.
    pub bytes: Vec<u8>,
}

/// An append that was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Certainly not in the journal: safe to tell callers so.
    #[error("not written: {0}")]
    NotWritten(String),
    /// Certainly not in the journal, because there is no room.
    #[error("not written: storage is full")]
    StorageFull,
    /// Somebody else owns the event now.
    #[error("fenced: another owner has taken the event over")]
    Fenced,
    /// Perhaps in the journal: reload and look.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// A read or take-over that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// An entry at or before the acknowledged head does not decode, is missing or breaks the chain.
    #[error("journal of {event} is damaged at entry {seq}: {what}")]
    Damaged {
        /// Whose journal.
        event: EventId,
        /// Where.
        seq: u64,
        /// What is wrong.
        what: String,
    },
    /// The journal holds a version or a kind of fact that this program does not know.
    #[error("journal of {event} at entry {seq} was written by a newer version: {what}")]
    TooNew {
        /// Whose journal.
        event: EventId,
        /// Where.
        seq: u64,
        /// What is not known.
        what: String,
    },
    /// The journal cannot be reached.
    #[error("journal unavailable: {0}")]
    Unavailable(String),
}

/// An entry with its place in the chain, as [`Journal::append`] takes it and [`Journal::read`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEntry {
    /// The content.
    pub entry: Entry,
    /// The previous entry's hash.
    pub prev_hash: EntryHash,
    /// This entry's hash.
    pub hash: EntryHash,
    /// The encoded content: a version byte, then postcard. What the hash covers and what is stored.
    pub bytes: Vec<u8>,
}

/// A durable history per event. See `tests/` for the conformance suite every implementation passes.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Makes the caller the owner: raises the epoch, cuts a torn tail past the acknowledged head, tells where to go on.
    ///
    /// # Errors
    /// Damage at or before the head, or the journal cannot be reached.
    async fn take_over(&self, event: EventId) -> Result<Tenure, JournalError>;

    /// Appends at `entry.seq`, which is the head plus one; durable when it returns. An equal repeat of the last append
    /// under the same ownership is confirmed again.
    ///
    /// # Errors
    /// [`AppendError`] says whether the entry is certainly absent or perhaps there.
    async fn append(&self, event: EventId, entry: SealedEntry) -> Result<(), AppendError>;

    /// Entries after `after_seq`, in order, verified against the chain, at most `entries_max` and at most
    /// [`ENTRIES_READ_MAX`]. None past the acknowledged head.
    ///
    /// # Errors
    /// Damage, a newer version, or the journal cannot be reached.
    async fn read(&self, event: EventId, after_seq: u64, entries_max: usize) -> Result<Vec<SealedEntry>, JournalError>;

    /// Every event that has a journal, in id order after `after`, at most `events_max` and at most [`EVENTS_READ_MAX`].
    ///
    /// # Errors
    /// The journal cannot be reached.
    async fn events(&self, after: Option<EventId>, events_max: usize) -> Result<Vec<EventId>, JournalError>;

    /// Keeps a snapshot; replaces an older one and is itself dropped when a later one is there.
    ///
    /// # Errors
    /// It could not be written; nothing is lost, replay is longer.
    async fn put_snapshot(&self, event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError>;

    /// The latest snapshot, if any.
    ///
    /// # Errors
    /// The journal cannot be reached.
    async fn snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, JournalError>;
}
