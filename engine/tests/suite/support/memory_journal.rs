//! A journal in memory that fails when told to: for faults that a real one shows too rarely.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use usher_core::EventId;
use usher_engine::journal::{AppendError, EntryHash, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure};

/// What the next append comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotWritten,
    StorageFull,
    /// In the journal, but the caller is not told so.
    UnknownLanded,
    /// Not in the journal, and the caller is not told so.
    UnknownLost,
    /// Somebody else takes the event over just before.
    Stolen,
    Panic,
}

#[derive(Default)]
struct Chain {
    epoch: u64,
    entries: Vec<SealedEntry>,
    snapshot: Option<StoredSnapshot>,
    damaged: bool,
}

#[derive(Default)]
struct State {
    chains: BTreeMap<EventId, Chain>,
    faults: VecDeque<Fault>,
    /// So many loads fail before one succeeds again.
    unavailable_count: usize,
    take_overs_count: usize,
    entries_read_count: usize,
    follows_count: usize,
    panics_next_read: bool,
}

pub(crate) struct MemoryJournal {
    state: Mutex<State>,
    open: watch::Sender<bool>,
    readable: watch::Sender<bool>,
    waiting_count: watch::Sender<usize>,
}

impl MemoryJournal {
    pub(crate) fn new() -> Self {
        let (open, readable) = (watch::Sender::new(true), watch::Sender::new(true));
        Self { state: Mutex::default(), open, readable, waiting_count: watch::Sender::new(0) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on appends wait.
    pub(crate) fn hold(&self) {
        self.open.send_replace(false);
    }

    /// Those that wait go on.
    pub(crate) fn release(&self) {
        self.open.send_replace(true);
    }

    /// Returns when an append waits.
    pub(crate) async fn append_waits(&self) {
        self.waiting_count.subscribe().wait_for(|count| *count > 0).await.unwrap();
    }

    /// From now on whoever begins to read an event waits, or goes on.
    pub(crate) fn set_readable(&self, readable: bool) {
        self.readable.send_replace(readable);
    }

    /// How often somebody began to read an event.
    pub(crate) fn follows_count(&self) -> usize {
        self.with(|state| state.follows_count)
    }

    pub(crate) fn panic_at_next_read(&self) {
        self.with(|state| state.panics_next_read = true);
    }

    /// The next appends come to these, one each.
    pub(crate) fn fail_with(&self, faults: impl IntoIterator<Item = Fault>) {
        self.with(|state| state.faults.extend(faults));
    }

    /// The next take-overs find nobody.
    pub(crate) fn fail_loads(&self, count: usize) {
        self.with(|state| state.unavailable_count = count);
    }

    pub(crate) fn damage(&self, event: EventId, damaged: bool) {
        self.with(|state| state.chains.entry(event).or_default().damaged = damaged);
    }

    pub(crate) fn take_overs_count(&self) -> usize {
        self.with(|state| state.take_overs_count)
    }

    pub(crate) fn entries_read_count(&self) -> usize {
        self.with(|state| std::mem::take(&mut state.entries_read_count))
    }

    pub(crate) fn entries(&self, event: EventId) -> Vec<SealedEntry> {
        self.with(|state| state.chains.get(&event).map(|chain| chain.entries.clone()).unwrap_or_default())
    }

    pub(crate) fn change_snapshot(&self, event: EventId, change: impl FnOnce(&mut StoredSnapshot)) -> bool {
        self.with(|state| {
            let snapshot = state.chains.get_mut(&event).and_then(|chain| chain.snapshot.as_mut());
            snapshot.map(change).is_some()
        })
    }
}

fn head(chain: &Chain) -> (u64, EntryHash) {
    chain.entries.last().map_or((0, [0; 32]), |last| (last.entry.seq, last.hash))
}

fn refuse_damage(event: EventId, chain: &Chain) -> Result<(), JournalError> {
    if chain.damaged {
        return Err(JournalError::Damaged { event, seq: 1, what: "its hash does not fit its bytes".to_owned() });
    }
    Ok(())
}

fn write(chain: &mut Chain, entry: SealedEntry) -> Result<(), AppendError> {
    let (head_seq, head_hash) = head(chain);
    if entry.entry.epoch != chain.epoch {
        return Err(AppendError::Fenced);
    }
    if chain.entries.last() == Some(&entry) {
        return Ok(());
    }
    if entry.entry.seq != head_seq + 1 || entry.prev_hash != head_hash {
        return Err(AppendError::NotWritten("it does not follow the head".to_owned()));
    }
    chain.entries.push(entry);
    Ok(())
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn take_over(&self, event: EventId) -> Result<Tenure, JournalError> {
        self.with(|state| {
            state.take_overs_count += 1;
            if state.unavailable_count > 0 {
                state.unavailable_count -= 1;
                return Err(JournalError::Unavailable("nobody there".to_owned()));
            }
            let chain = state.chains.entry(event).or_default();
            refuse_damage(event, chain)?;
            chain.epoch += 1;
            let (head_seq, head_hash) = head(chain);
            Ok(Tenure { epoch: chain.epoch, head_seq, head_hash })
        })
    }

    async fn append(&self, event: EventId, entry: SealedEntry) -> Result<(), AppendError> {
        self.waiting_count.send_modify(|count| *count += 1);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.waiting_count.send_modify(|count| *count -= 1);
        let unknown = || Err(AppendError::Unknown("no answer".to_owned()));
        let fault = self.with(|state| state.faults.pop_front());
        assert!(fault != Some(Fault::Panic), "the journal was told to panic");
        self.with(|state| {
            let chain = state.chains.entry(event).or_default();
            match fault {
                None => write(chain, entry),
                Some(Fault::NotWritten) => Err(AppendError::NotWritten("busy".to_owned())),
                Some(Fault::StorageFull) => Err(AppendError::StorageFull),
                Some(Fault::UnknownLanded) => write(chain, entry).and_then(|()| unknown()),
                Some(Fault::UnknownLost | Fault::Panic) => unknown(),
                Some(Fault::Stolen) => {
                    chain.epoch += 1;
                    write(chain, entry)
                }
            }
        })
    }

    async fn read(&self, event: EventId, after_seq: u64, entries_max: usize) -> Result<Vec<SealedEntry>, JournalError> {
        assert!(!self.with(|state| std::mem::take(&mut state.panics_next_read)), "the journal was told to panic");
        self.with(|state| {
            let chain = state.chains.entry(event).or_default();
            refuse_damage(event, chain)?;
            let after = usize::try_from(after_seq).unwrap();
            let page: Vec<_> = chain.entries.iter().skip(after).take(entries_max).cloned().collect();
            state.entries_read_count += page.len();
            Ok(page)
        })
    }

    async fn events(&self, after: Option<EventId>, events_max: usize) -> Result<Vec<EventId>, JournalError> {
        let is_after = |event: &EventId| after.is_none_or(|after| *event > after);
        Ok(self.with(|state| state.chains.keys().copied().filter(is_after).take(events_max).collect()))
    }

    async fn put_snapshot(&self, event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError> {
        self.with(|state| {
            let kept = &mut state.chains.entry(event).or_default().snapshot;
            if kept.as_ref().is_none_or(|kept| kept.seq <= snapshot.seq) {
                *kept = Some(snapshot);
            }
        });
        Ok(())
    }

    async fn snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, JournalError> {
        self.with(|state| state.follows_count += 1);
        self.readable.subscribe().wait_for(|readable| *readable).await.unwrap();
        Ok(self.with(|state| state.chains.get(&event).and_then(|chain| chain.snapshot.clone())))
    }
}

#[tokio::test]
async fn without_faults_it_keeps_every_rule_of_a_journal() {
    crate::journal_conformance::every_journal(&MemoryJournal::new()).await;
}
