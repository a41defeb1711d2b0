//! The walk along a chain: what a journal must check of the rows it reads, whatever keeps them.
//!
//! Every implementation of [`super::Journal`] reads through this, so that "damaged" means the same everywhere.

use usher_core::EventId;

use super::entry::{FIRST_PREV_HASH, OpenError};
use super::{EntryHash, JournalError, SealedEntry};

/// One stored row, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number it is stored under.
    pub seq: u64,
    /// The previous entry's hash, as stored.
    pub prev_hash: EntryHash,
    /// Its own hash, as stored.
    pub hash: EntryHash,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// Where a walk along one event's chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    event: EventId,
    seq: u64,
    epoch: u64,
    hash: EntryHash,
}

impl Chain {
    /// Before the first entry.
    #[must_use]
    pub fn start(event: EventId) -> Self {
        Self { event, seq: 0, epoch: 0, hash: FIRST_PREV_HASH }
    }

    /// Right after an entry whose hash is known.
    #[must_use]
    pub fn after(event: EventId, seq: u64, hash: EntryHash) -> Self {
        Self { event, seq, epoch: 0, hash }
    }

    /// The last entry passed; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The last entry's hash.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        self.hash
    }

    /// Verifies the next row and passes it.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when it is not the successor, [`JournalError::TooNew`] when it cannot be understood.
    pub fn pass(&mut self, row: Row) -> Result<SealedEntry, JournalError> {
        let seq = self.seq + 1;
        if row.seq != seq {
            return Err(self.damaged(seq, "it is missing"));
        }
        if row.prev_hash != self.hash {
            return Err(self.damaged(seq, "it does not follow from the entry before"));
        }
        let sealed = SealedEntry::open(row.bytes, row.prev_hash, row.hash).map_err(|error| match error {
            OpenError::Damaged(what) => JournalError::Damaged { event: self.event, seq, what },
            OpenError::TooNew(what) => JournalError::TooNew { event: self.event, seq, what },
        })?;
        if sealed.entry.seq != seq {
            return Err(self.damaged(seq, "it is another entry of the journal"));
        }
        if sealed.entry.epoch < self.epoch {
            return Err(self.damaged(seq, "it was written under an older ownership than the entry before"));
        }
        self.seq = seq;
        self.epoch = sealed.entry.epoch;
        self.hash = sealed.hash;
        Ok(sealed)
    }

    fn damaged(&self, seq: u64, what: &str) -> JournalError {
        JournalError::Damaged { event: self.event, seq, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use usher_core::{Fact, UnixMillis};

    use super::*;
    use crate::journal::Entry;

    const EVENT: EventId = EventId(1);

    fn rows(epochs: &[u64]) -> Vec<Row> {
        let mut prev_hash = FIRST_PREV_HASH;
        let mut rows = Vec::new();
        for (seq, &epoch) in (1..).zip(epochs) {
            let sealed =
                SealedEntry::seal(Entry { seq, epoch, at: UnixMillis(0), facts: vec![Fact::Opened] }, prev_hash);
            prev_hash = sealed.hash;
            rows.push(Row { seq, prev_hash: sealed.prev_hash, hash: sealed.hash, bytes: sealed.bytes });
        }
        rows
    }

    fn walk(rows: Vec<Row>) -> Result<u64, u64> {
        let mut chain = Chain::start(EVENT);
        for row in rows {
            chain.pass(row).map_err(|error| match error {
                JournalError::Damaged { seq, .. } => seq,
                JournalError::TooNew { .. } | JournalError::Unavailable(_) => panic!("{error}"),
            })?;
        }
        Ok(chain.seq())
    }

    #[test]
    fn a_whole_chain_is_passed() {
        assert_eq!(walk(rows(&[1, 1, 2])), Ok(3));
    }

    #[test]
    fn a_missing_row_is_named() {
        let mut rows = rows(&[1, 1, 1]);
        rows.remove(1);
        assert_eq!(walk(rows), Err(2));
    }

    #[test]
    fn a_row_in_the_place_of_another_is_named() {
        let mut rows = rows(&[1, 1, 1]);
        rows.swap(1, 2);
        rows[1].seq = 2;
        assert_eq!(walk(rows), Err(2));
    }

    #[test]
    fn an_epoch_that_goes_back_is_named() {
        assert_eq!(walk(rows(&[2, 1])), Err(2));
    }
}
