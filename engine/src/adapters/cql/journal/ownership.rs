//! Who may write: opening and sealing partitions, and taking an event over.
//!
//! The epoch lies in the partition that is open, the last one. An owner seals it before it opens the next: an old owner
//! can then neither write into the one nor open the other. Whoever finds the last one sealed opens the next himself.

use std::sync::Arc;

use tokio::time::timeout;
use usher_core::{EventId, UnixMillis};

use super::head::{Head, of_event};
use super::{CqlJournal, SEGMENT_ENTRIES, bigint, damaged, key, segment_of};
use crate::adapters::cql::CqlError;
use crate::adapters::cql::routing::Elsewhere;
use crate::journal::chain::Chain;
use crate::journal::entry::FIRST_PREV_HASH;
use crate::journal::{AppendError, EntryHash, JournalError, SealedEntry, Tenure};

/// Rounds of a take-over: each begins with what others have made of the event meanwhile.
const ROUNDS_MAX: u32 = 8;

impl CqlJournal {
    /// Before the first entry of a partition: seals the one before and opens this one. Nothing is in doubt if it fails:
    /// the entry was not sent.
    pub(super) async fn open_segment(
        &self,
        event: EventId,
        sealed: &SealedEntry,
        deadline: UnixMillis,
        route: &Arc<Elsewhere>,
    ) -> Result<(), AppendError> {
        let seq = sealed.entry.seq;
        if seq == 1 || !(seq - 1).is_multiple_of(SEGMENT_ENTRIES) {
            return Ok(());
        }
        // As it goes nearly always: this owner wrote the entry before.
        let at_once = timeout(self.remaining(deadline), self.seal_and_open(event, sealed, route)).await;
        if matches!(at_once, Ok(Ok(true))) {
            return Ok(());
        }
        let mut doubts_count = 0;
        loop {
            let step = timeout(self.remaining(deadline), self.step_to_segment(event, sealed, route)).await;
            let why = match step {
                Ok(Ok(Step::Open)) => return Ok(()),
                Ok(Ok(Step::Refused(refusal))) => return Err(refusal),
                // What came of it is seen in the next round.
                Ok(Ok(Step::Tried)) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            if self.remaining(deadline).is_zero() {
                return Err(AppendError::NotWritten(format!("its partition could not be opened: {why}")));
            }
            self.pause(doubts_count, deadline).await;
            doubts_count += 1;
        }
    }

    async fn step_to_segment(
        &self,
        event: EventId,
        sealed: &SealedEntry,
        route: &Arc<Elsewhere>,
    ) -> Result<Step, CqlError> {
        let SealedEntry { entry, prev_hash, .. } = sealed;
        let segment = segment_of(entry.seq);
        if let Some(head) = self.head_serial(event, segment).await? {
            let mine = head.epoch == entry.epoch;
            return Ok(if mine { Step::Open } else { Step::Refused(AppendError::Fenced) });
        }
        let before = self.head_serial(event, segment - 1).await?;
        let Some(before) = before.filter(|before| before.epoch == entry.epoch) else {
            return Ok(Step::Refused(AppendError::Fenced));
        };
        if before.seq + 1 != entry.seq || before.hash != *prev_hash {
            let what = format!("entry {} does not follow the head {}", entry.seq, before.seq);
            return Ok(Step::Refused(AppendError::NotWritten(what)));
        }
        if before.sealed {
            self.open_partition(event, segment, entry.epoch, (before.seq, before.hash), route).await?;
        } else {
            self.seal(event, sealed, route).await?;
        }
        Ok(Step::Tried)
    }

    /// Seals the partition before that of `sealed` and opens its own; whether both were certainly carried out.
    async fn seal_and_open(
        &self,
        event: EventId,
        sealed: &SealedEntry,
        route: &Arc<Elsewhere>,
    ) -> Result<bool, CqlError> {
        let SealedEntry { entry, prev_hash, .. } = sealed;
        let head = (entry.seq - 1, *prev_hash);
        Ok(self.seal(event, sealed, route).await?
            && self.open_partition(event, segment_of(entry.seq), entry.epoch, head, route).await?)
    }

    async fn seal(&self, event: EventId, first_after: &SealedEntry, route: &Arc<Elsewhere>) -> Result<bool, CqlError> {
        let SealedEntry { entry, prev_hash, .. } = first_after;
        let (seq, segment) = (entry.seq - 1, segment_of(entry.seq) - 1);
        let values = (key(event), bigint(segment), bigint(seq), prev_hash.as_slice(), bigint(entry.epoch));
        self.attempt(&self.statements.seal, values, route).await
    }

    async fn open_partition(
        &self,
        event: EventId,
        segment: u64,
        epoch: u64,
        (head_seq, head_hash): (u64, EntryHash),
        route: &Arc<Elsewhere>,
    ) -> Result<bool, CqlError> {
        let values = (bigint(epoch), bigint(head_seq), head_hash.as_slice(), key(event), bigint(segment));
        self.attempt(&self.statements.open, values, route).await
    }

    pub(super) async fn take_over_event(&self, event: EventId) -> Result<Tenure, JournalError> {
        // A cluster that says nothing at all is told from one that is slow: who waits for an append waits for this too.
        let first = timeout(self.times.silence_max, self.head_serial(event, 0)).await;
        first
            .map_err(|_| JournalError::Unavailable("the cluster does not answer".to_owned()))?
            .map_err(of_event(event, 1))?;
        let route = Arc::new(Elsewhere::default());
        let mut last_doubt = String::new();
        for round in 0..ROUNDS_MAX {
            match self.round_of_take_over(event, &route).await {
                Ok(Some(tenure)) => return Ok(tenure),
                Ok(None) => {}
                Err(error @ (JournalError::Damaged { .. } | JournalError::TooNew { .. })) => return Err(error),
                Err(JournalError::Unavailable(why)) => last_doubt = why,
            }
            self.pause(round, self.deadline(self.times.append_max)).await;
        }
        Err(JournalError::Unavailable(format!("others keep taking it over, or the cluster is in doubt: {last_doubt}")))
    }

    /// One try; `None` when it did not come to be, or nobody knows: then it is simply raised once more.
    async fn round_of_take_over(&self, event: EventId, route: &Arc<Elsewhere>) -> Result<Option<Tenure>, JournalError> {
        let (segment, epoch, applied) = match self.last_segment(event).await? {
            None => {
                self.list_event(event).await?;
                (0, 1, self.open_partition(event, 0, 1, (0, FIRST_PREV_HASH), route).await?)
            }
            Some((segment, head)) if head.sealed => {
                let next = segment + 1;
                (
                    next,
                    head.epoch + 1,
                    self.open_partition(event, next, head.epoch + 1, (head.seq, head.hash), route).await?,
                )
            }
            Some((segment, head)) => {
                let values = (bigint(head.epoch + 1), key(event), bigint(segment), bigint(head.epoch));
                (segment, head.epoch + 1, self.attempt(&self.statements.raise, values, route).await?)
            }
        };
        if !applied {
            return Ok(None);
        }
        // What the owner before had under way is decided by this read, and nothing of his follows.
        let head = self.head_serial(event, segment).await.map_err(of_event(event, 1))?;
        let head = head.ok_or_else(|| damaged(event, 1, "its head is gone"))?;
        if head.epoch != epoch {
            return Ok(None);
        }
        self.verify_end(event, &head).await?;
        Ok(Some(Tenure { epoch, head_seq: head.seq, head_hash: head.hash }))
    }

    /// The last partition that was opened. Partitions are opened one after the other, so it is found by leaps.
    async fn last_segment(&self, event: EventId) -> Result<Option<(u64, Head)>, JournalError> {
        let look = async |segment| self.head_serial(event, segment).await.map_err(of_event(event, 1));
        let Some(first) = look(0).await? else { return Ok(None) };
        let (mut there, mut leap) = ((0, first), 1);
        let mut absent = loop {
            if !there.1.sealed {
                return Ok(Some(there));
            }
            let segment = there.0 + leap;
            match look(segment).await? {
                Some(head) => there = (segment, head),
                None => break segment,
            }
            leap *= 2;
        };
        while there.0 + 1 < absent {
            let between = there.0 + (absent - there.0) / 2;
            match look(between).await? {
                Some(head) => there = (between, head),
                None => absent = between,
            }
        }
        Ok(Some(there))
    }

    /// The last entry must be whole, and the one that the head names. Its link to the entry before is reading's to
    /// verify.
    async fn verify_end(&self, event: EventId, head: &Head) -> Result<(), JournalError> {
        if head.seq == 0 {
            return match head.last {
                None => Ok(()),
                Some((seq, _)) => Err(damaged(event, seq, "it lies past the head")),
            };
        }
        if head.last.is_some_and(|(seq, _)| seq > head.seq) {
            return Err(damaged(event, head.seq + 1, "it lies past the head"));
        }
        let row = self.row(event, head.seq).await?.ok_or_else(|| damaged(event, head.seq, "it is missing"))?;
        if row.hash != head.hash {
            return Err(damaged(event, head.seq, "it is not the entry that was acknowledged"));
        }
        Chain::after(event, head.seq - 1, row.prev_hash).pass(row)?;
        Ok(())
    }
}

/// What came of a round of opening a partition.
enum Step {
    /// It is open, and ours.
    Open,
    /// It never will be, for this entry.
    Refused(AppendError),
    /// Something was tried.
    Tried,
}
