//! Loading an event that somebody else takes over and writes on while it loads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use usher_core::plan::generate;
use usher_core::{EventId, Fact, Limits, Minor, Priced, TierIdx, UnixMillis};
use usher_engine::event::load::{Heavy, LoadError, Loader};
use usher_engine::event::{Plan, Plans, Sole};
use usher_engine::journal::{AppendError, Entry, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure};

use crate::support::memory_journal::MemoryJournal;

const EVENT: EventId = EventId(1);
const DIGEST: [u8; 32] = [7; 32];

/// Somebody takes the event over right after the first one has, and writes.
struct Overtaken {
    journal: MemoryJournal,
    overtakes: AtomicBool,
}

async fn write(journal: &MemoryJournal, facts: Vec<Fact>) {
    let tenure = journal.take_over(EVENT).await.unwrap();
    let entry = Entry { seq: tenure.head_seq + 1, epoch: tenure.epoch, at: UnixMillis(1), facts };
    journal.append(EVENT, SealedEntry::seal(entry, tenure.head_hash)).await.unwrap();
}

#[async_trait]
impl Journal for Overtaken {
    async fn take_over(&self, event: EventId) -> Result<Tenure, JournalError> {
        self.journal.take_over(event).await
    }
    async fn append(&self, event: EventId, entry: SealedEntry) -> Result<(), AppendError> {
        self.journal.append(event, entry).await
    }
    async fn read(&self, event: EventId, after_seq: u64, entries_max: usize) -> Result<Vec<SealedEntry>, JournalError> {
        if self.overtakes.swap(false, Ordering::AcqRel) {
            write(&self.journal, vec![Fact::Opened]).await;
        }
        self.journal.read(event, after_seq, entries_max).await
    }
    async fn events(&self, after: Option<EventId>, events_max: usize) -> Result<Vec<EventId>, JournalError> {
        self.journal.events(after, events_max).await
    }
    async fn put_snapshot(&self, event: EventId, snapshot: StoredSnapshot) -> Result<(), JournalError> {
        self.journal.put_snapshot(event, snapshot).await
    }
    async fn snapshot(&self, event: EventId) -> Result<Option<StoredSnapshot>, JournalError> {
        self.journal.snapshot(event).await
    }
}

#[tokio::test]
async fn who_is_overtaken_while_loading_is_told_to_try_again_and_not_that_the_journal_is_damaged() {
    let layout = Arc::new(generate::small().compile().unwrap());
    let journal = Arc::new(Overtaken { journal: MemoryJournal::new(), overtakes: AtomicBool::new(true) });
    let prices = [0, 1].map(|tier| Priced { tier: TierIdx(tier), price_minor: Minor(1_000) }).to_vec();
    let (currency, limits) = ("EUR".parse().unwrap(), Limits::default());
    write(&journal.journal, vec![Fact::Published { plan_digest: DIGEST, currency, limits, prices }]).await;
    let plans: Plans = Arc::new(move |_| {
        let plan = Plan { layout: Arc::clone(&layout), digest: DIGEST };
        std::future::ready(Ok(plan)).boxed()
    });
    let loader = Loader { journal, plans, ownership: Arc::new(Sole), heavy: Heavy::Here };
    let overtaken = loader.load(EVENT, None).await;
    assert!(matches!(overtaken, Err(LoadError::Unavailable(_))), "{overtaken:?}");
    assert_eq!(loader.load(EVENT, None).await.unwrap().tenure.head_seq, 2);
}
