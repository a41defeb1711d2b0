//! The durable journal of the simulated event, and two ways to reach it: a store that knows its own outcome most of
//! the time, and a cluster of which nobody knows anything until a serial read.
//!
//! What is in [`Rows`] survives every crash. A late write arrives whenever it likes; only the fence keeps it out.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use usher_core::EventId;
use usher_engine::clock::Clock;
use usher_engine::journal::append_protocol::{Append, Found, Next, Sent};
use usher_engine::journal::{
    AppendError, Entry, EntryHash, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure,
};

use crate::audit::Audit;
use crate::executor::{ProcId, WORLD};
use crate::faults::{Line, Op, Trouble};
use crate::lock;
use crate::planted::Bug;

/// How long an append tries to become certain.
const APPEND_DEADLINE_MS: u64 = 2_000;

#[derive(Default)]
struct State {
    epoch: u64,
    entries: Vec<SealedEntry>,
    snapshot: Option<StoredSnapshot>,
}

/// What is durable; clones share it.
#[derive(Clone)]
pub(crate) struct Rows {
    state: Arc<Mutex<State>>,
    audit: Audit,
    bug: Option<Bug>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Done,
    /// It was there already.
    Repeated,
    OtherOwner,
    Misfit,
}

impl Rows {
    pub(crate) fn new(audit: Audit, bug: Option<Bug>) -> Self {
        Self { state: Arc::default(), audit, bug }
    }

    /// Every entry.
    pub(crate) fn entries(&self) -> Vec<SealedEntry> {
        lock(&self.state).entries.clone()
    }

    fn write(&self, sealed: SealedEntry) -> Write {
        let mut state = lock(&self.state);
        let (head_seq, head_hash) = head(&state);
        if state.entries.last() == Some(&sealed) {
            return Write::Repeated;
        }
        let other_owner = sealed.entry.epoch != state.epoch;
        let follows = sealed.entry.seq == head_seq + 1 && sealed.prev_hash == head_hash;
        let sealed = match self.bug {
            Some(Bug::SkipFence) if other_owner || !follows => {
                // The last write wins.
                let kept = usize::try_from(sealed.entry.seq).unwrap_or(usize::MAX).saturating_sub(1);
                state.entries.truncate(kept);
                sealed
            }
            Some(Bug::StoreNumbersEntries) if other_owner || !follows => {
                let entry = Entry { seq: head_seq + 1, epoch: state.epoch, ..sealed.entry };
                SealedEntry::seal(entry, head_hash)
            }
            Some(_) | None if other_owner => return Write::OtherOwner,
            Some(_) | None if !follows => return Write::Misfit,
            Some(_) | None => sealed,
        };
        state.entries.push(sealed.clone());
        drop(state);
        self.audit.committed(&sealed);
        Write::Done
    }

    fn take_over(&self, owner: ProcId, offset_ms: i64) -> Tenure {
        let mut state = lock(&self.state);
        state.epoch += 1;
        let (head_seq, head_hash) = head(&state);
        let tenure = Tenure { epoch: state.epoch, head_seq, head_hash };
        drop(state);
        self.audit.taken_over(tenure.epoch, owner, offset_ms);
        tenure
    }

    fn read(&self, after_seq: u64, entries_max: usize) -> Vec<SealedEntry> {
        let after = usize::try_from(after_seq).unwrap_or(usize::MAX);
        lock(&self.state).entries.iter().skip(after).take(entries_max).cloned().collect()
    }

    /// What a serial read of a row finds.
    fn found(&self, seq: u64) -> Found {
        let state = lock(&self.state);
        let at = usize::try_from(seq).unwrap_or(usize::MAX).saturating_sub(1);
        match state.entries.get(at) {
            Some(sealed) => Found::Batch { hash: sealed.hash },
            None => Found::Free { epoch: state.epoch },
        }
    }

    /// Arrives when it likes, whatever became of who sent it.
    fn write_late(&self, line: &Line, sealed: SealedEntry) {
        let (rows, sim) = (self.clone(), line.sim.clone());
        let us = sim.dice().between(5_000, 5_000_000);
        line.sim.spawn(WORLD, 0x1a7e, async move {
            sim.sleep_us(us).await;
            let outcome = rows.write(sealed);
            sim.trace(|| format!("a late write arrives: {outcome:?}"));
        });
    }
}

fn head(state: &State) -> (u64, EntryHash) {
    state.entries.last().map_or((0, [0; 32]), |last| (last.entry.seq, last.hash))
}

/// A process's journal.
pub(crate) struct SimJournal {
    pub(crate) line: Line,
    pub(crate) rows: Rows,
    pub(crate) event: EventId,
    pub(crate) clock: Clock,
    /// How far the process's clock is from true time.
    pub(crate) offset_ms: i64,
    /// Nobody but a serial read knows what became of a write.
    pub(crate) clustered: bool,
}

impl SimJournal {
    async fn read_fails(&self, op: Op) -> Result<(), JournalError> {
        match self.line.out(op).await {
            None | Some(Trouble::Slow | Trouble::Late | Trouble::Full) => Ok(()),
            Some(Trouble::Fails | Trouble::AnswerLost | Trouble::Swallowed | Trouble::Stolen) => {
                Err(JournalError::Unavailable("nobody answers".to_owned()))
            }
        }
    }

    async fn append_plainly(&self, sealed: SealedEntry) -> Result<(), AppendError> {
        let unknown = || Err(AppendError::Unknown("no answer".to_owned()));
        let trouble = self.line.out(Op::Append).await;
        let outcome = match trouble {
            None | Some(Trouble::Slow) => told(self.rows.write(sealed)),
            Some(Trouble::Fails) => Err(AppendError::NotWritten("the disk is busy".to_owned())),
            Some(Trouble::Full) => Err(AppendError::StorageFull),
            Some(Trouble::AnswerLost) => told(self.rows.write(sealed)).and_then(|()| unknown()),
            Some(Trouble::Swallowed) => unknown(),
            Some(Trouble::Late) => {
                self.rows.write_late(&self.line, sealed);
                unknown()
            }
            Some(Trouble::Stolen) => {
                self.rows.take_over(WORLD, self.offset_ms);
                told(self.rows.write(sealed))
            }
        };
        self.line.home(Op::Append).await;
        outcome
    }

    async fn append_by_protocol(&self, sealed: SealedEntry) -> Result<(), AppendError> {
        let deadline = self.clock.now().plus_ms(APPEND_DEADLINE_MS);
        let mut append = Append::new(sealed.hash, sealed.entry.epoch, deadline);
        let mut next = append.start();
        loop {
            next = match next {
                Next::Send => append.sent(self.send(&sealed).await),
                Next::ReadBack => {
                    let found = self.look(sealed.entry.seq).await;
                    append.found(self.clock.now(), found)
                }
                Next::Committed => return Ok(()),
                Next::Fenced => return Err(AppendError::Fenced),
                Next::Unknown(why) => return Err(AppendError::Unknown(why)),
            };
        }
    }

    async fn send(&self, sealed: &SealedEntry) -> Sent {
        let lost = || Sent::Uncertain("the answer did not come".to_owned());
        let trouble = self.line.out(Op::Append).await;
        let sent = match trouble {
            None | Some(Trouble::Slow) => by_condition(self.rows.write(sealed.clone())),
            Some(Trouble::Fails | Trouble::Full | Trouble::Swallowed) => lost(),
            Some(Trouble::AnswerLost) => {
                let _ = self.rows.write(sealed.clone());
                lost()
            }
            Some(Trouble::Late) => {
                self.rows.write_late(&self.line, sealed.clone());
                lost()
            }
            Some(Trouble::Stolen) => {
                self.rows.take_over(WORLD, self.offset_ms);
                by_condition(self.rows.write(sealed.clone()))
            }
        };
        self.line.home(Op::Append).await;
        sent
    }

    async fn look(&self, seq: u64) -> Found {
        let failed = self.read_fails(Op::ReadJournal).await.is_err();
        let found = if failed { Found::Uncertain("the read failed".to_owned()) } else { self.rows.found(seq) };
        self.line.home(Op::ReadJournal).await;
        found
    }
}

fn told(write: Write) -> Result<(), AppendError> {
    match write {
        Write::Done | Write::Repeated => Ok(()),
        Write::OtherOwner => Err(AppendError::Fenced),
        Write::Misfit => Err(AppendError::NotWritten("it does not follow the head".to_owned())),
    }
}

/// What a conditional insert says: a row that is there refuses, be it the same one.
fn by_condition(write: Write) -> Sent {
    match write {
        Write::Done => Sent::Applied,
        Write::Repeated | Write::OtherOwner | Write::Misfit => Sent::Refused,
    }
}

#[async_trait]
impl Journal for SimJournal {
    async fn take_over(&self, _event: EventId) -> Result<Tenure, JournalError> {
        let trouble = self.line.out(Op::TakeOver).await;
        let unavailable = || Err(JournalError::Unavailable("nobody answers".to_owned()));
        let outcome = match trouble {
            None | Some(Trouble::Slow | Trouble::Late | Trouble::Full | Trouble::Stolen) => {
                Ok(self.rows.take_over(self.line.process, self.offset_ms))
            }
            Some(Trouble::Fails | Trouble::Swallowed) => unavailable(),
            Some(Trouble::AnswerLost) => {
                self.rows.take_over(self.line.process, self.offset_ms);
                unavailable()
            }
        };
        self.line.home(Op::TakeOver).await;
        outcome
    }

    async fn append(&self, _event: EventId, entry: SealedEntry) -> Result<(), AppendError> {
        if self.clustered { self.append_by_protocol(entry).await } else { self.append_plainly(entry).await }
    }

    async fn read(
        &self,
        _event: EventId,
        after_seq: u64,
        entries_max: usize,
    ) -> Result<Vec<SealedEntry>, JournalError> {
        self.read_fails(Op::ReadJournal).await?;
        let entries = self.rows.read(after_seq, entries_max);
        self.line.home(Op::ReadJournal).await;
        Ok(entries)
    }

    async fn events(&self, after: Option<EventId>, _events_max: usize) -> Result<Vec<EventId>, JournalError> {
        self.read_fails(Op::ListEvents).await?;
        self.line.home(Op::ListEvents).await;
        Ok(if after.is_none_or(|after| after < self.event) { vec![self.event] } else { Vec::new() })
    }

    async fn put_snapshot(&self, _event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError> {
        self.read_fails(Op::PutSnapshot).await?;
        {
            let kept = &mut lock(&self.rows.state).snapshot;
            if kept.as_ref().is_none_or(|kept| kept.seq <= snapshot.seq) {
                *kept = Some(snapshot);
            }
        }
        self.line.home(Op::PutSnapshot).await;
        Ok(())
    }

    async fn snapshot(&self, _event: EventId) -> Result<Option<StoredSnapshot>, JournalError> {
        self.read_fails(Op::GetSnapshot).await?;
        let snapshot = lock(&self.rows.state).snapshot.clone();
        self.line.home(Op::GetSnapshot).await;
        Ok(snapshot)
    }
}
