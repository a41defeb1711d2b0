//! The journal in a CQL cluster: one partition per event and hundred entries, changed by conditional batches only.
//!
//! An append moves the partition's head and puts the entry in, under the condition that the head is where the entry
//! follows and the epoch its owner's. All of it is one row of consensus: two owners cannot both pass. Whether it was
//! carried out is for [`crate::journal::append_protocol`] to find out; nothing is taken from an answer that says *no*,
//! or from none.
//!
//! What an owner reads before it decides is read by consensus (`SERIAL`). What followers read needs a quorum only: an
//! entry that a quorum shows was decided, even if its owner does not know yet.
//!
//! Nothing of this is kept in memory between calls: which partition an entry belongs to follows from its number.

mod append;
mod head;
mod ownership;
mod read;
mod snapshots;
mod statements;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use metrics::histogram;
use usher_core::{EventId, UnixMillis};

use super::conditional::pause;
use super::metrics::APPEND_SECONDS;
use super::{Cluster, CqlError};
use crate::clock::Clock;
use crate::journal::{
    AppendError, ENTRIES_READ_MAX, EVENTS_READ_MAX, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure,
};

use statements::Statements;

/// Entries in one partition. With [`ENTRY_BYTES_MAX`] it bounds a partition to 100 MiB; two conditional writes and a
/// read go with each change of the partition.
pub const SEGMENT_ENTRIES: u64 = 100;

/// A larger entry is not written. The largest that an event makes is a block of all its 200,000 seats, 600 KB.
pub const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// How long the parts of an append may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalTimes {
    /// An append that is not certain after so long is reported as unknown.
    pub append_max: Duration,
    /// One try of it; then the row is looked at, and the next try goes to another node.
    pub try_max: Duration,
    /// A take-over to which the cluster has not answered anything after so long fails.
    pub silence_max: Duration,
}

impl Default for JournalTimes {
    /// A node that hangs costs one try. When all do, the event is being rebuilt before
    /// [`crate::event::Handle::ask`] stops waiting for one that is.
    fn default() -> Self {
        Self {
            append_max: Duration::from_millis(1_700),
            try_max: Duration::from_millis(600),
            silence_max: Duration::from_millis(1_000),
        }
    }
}

/// [`Journal`] over a CQL cluster; cheap to clone.
#[derive(Debug, Clone)]
pub struct CqlJournal {
    cluster: Arc<Cluster>,
    statements: Arc<Statements>,
    times: JournalTimes,
    clock: Clock,
}

impl CqlJournal {
    /// Prepares what it needs.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn open(cluster: Arc<Cluster>, times: JournalTimes) -> Result<Self, CqlError> {
        let statements = Arc::new(Statements::prepare(&cluster).await?);
        Ok(Self { cluster, statements, times, clock: Clock::system() })
    }

    fn deadline(&self, max: Duration) -> UnixMillis {
        self.clock.now().plus_ms(u64::try_from(max.as_millis()).unwrap_or(u64::MAX))
    }

    fn remaining(&self, deadline: UnixMillis) -> Duration {
        Duration::from_millis(deadline.ms_since(self.clock.now()))
    }

    /// Waits a little before asking again; longer each time, and never past the deadline.
    async fn pause(&self, doubts_count: u32, deadline: UnixMillis) {
        pause(doubts_count, self.remaining(deadline)).await;
    }
}

#[async_trait]
impl Journal for CqlJournal {
    async fn take_over(&self, event: EventId) -> Result<Tenure, JournalError> {
        let journal = self.clone();
        self.cluster.call(|_| async move { journal.take_over_event(event).await }).await
    }

    async fn append(&self, event: EventId, entry: SealedEntry) -> Result<(), AppendError> {
        let journal = self.clone();
        // From here on: waiting for a place counts.
        let (started, deadline) = (Instant::now(), self.deadline(self.times.append_max));
        let outcome = self.cluster.call(|_| async move { journal.append_entry(event, &entry, deadline).await }).await;
        histogram!(APPEND_SECONDS, "outcome" => outcome_name(&outcome)).record(started.elapsed());
        outcome
    }

    async fn read(&self, event: EventId, after_seq: u64, entries_max: usize) -> Result<Vec<SealedEntry>, JournalError> {
        let (journal, entries_max) = (self.clone(), entries_max.min(ENTRIES_READ_MAX));
        self.cluster.call(|_| async move { journal.read_entries(event, after_seq, entries_max).await }).await
    }

    async fn events(&self, after: Option<EventId>, events_max: usize) -> Result<Vec<EventId>, JournalError> {
        let (journal, events_max) = (self.clone(), events_max.min(EVENTS_READ_MAX));
        self.cluster.call(|_| async move { Ok(journal.list_events(after, events_max).await?) }).await
    }

    async fn put_snapshot(&self, event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError> {
        let journal = self.clone();
        self.cluster.call(|_| async move { Ok(journal.keep_snapshot(event, &snapshot).await?) }).await
    }

    async fn snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, JournalError> {
        let journal = self.clone();
        self.cluster.call(|_| async move { Ok(journal.latest_snapshot(event).await?) }).await
    }
}

/// The stable name for metrics.
const fn outcome_name(outcome: &Result<(), AppendError>) -> &'static str {
    match outcome {
        Ok(()) => "acknowledged",
        Err(AppendError::NotWritten(_)) => "not_written",
        Err(AppendError::StorageFull) => "storage_full",
        Err(AppendError::Fenced) => "fenced",
        Err(AppendError::Unknown(_)) => "unknown",
    }
}

/// A call that ended in the middle may have written.
impl From<CqlError> for AppendError {
    fn from(error: CqlError) -> Self {
        match error {
            CqlError::Crowded => Self::NotWritten(error.to_string()),
            CqlError::Unavailable(what)
            | CqlError::Damaged(what)
            | CqlError::Settings(what)
            | CqlError::Schema(what) => Self::Unknown(what),
        }
    }
}

/// The partition of an event's entry.
const fn segment_of(seq: u64) -> u64 {
    (seq - 1) / SEGMENT_ENTRIES
}

/// The last number that a partition takes.
const fn segment_end(segment: u64) -> u64 {
    (segment + 1) * SEGMENT_ENTRIES
}

fn key(event: EventId) -> Vec<u8> {
    event.0.to_be_bytes().to_vec()
}

/// CQL has no unsigned numbers; ours count entries, epochs and partitions, and never come near its end.
fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn damaged(event: EventId, seq: u64, what: &str) -> JournalError {
    JournalError::Damaged { event, seq, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_holds_its_hundred_and_no_other() {
        assert_eq!([1, 100, 101, 200, 201].map(segment_of), [0, 0, 1, 1, 2]);
        for segment in [0, 1, 7] {
            assert_eq!(segment_of(segment_end(segment)), segment);
            assert_eq!(segment_of(segment_end(segment) + 1), segment + 1);
        }
        assert!(SEGMENT_ENTRIES * ENTRY_BYTES_MAX as u64 <= 100 * 1024 * 1024);
    }
}
