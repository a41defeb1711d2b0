//! An owner of one event that remembers what it was told, and audits it.

use std::time::{Duration, Instant};

use usher_core::{EventId, Fact, HoldId, UnixMillis};
use usher_engine::ids;
use usher_engine::journal::{AppendError, Entry, Journal, SealedEntry, Tenure};

/// How long an owner tries to take its event over.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// What one owner was told, and how long it took.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    pub(crate) acknowledged_count: u64,
    pub(crate) unknown_count: u64,
    pub(crate) unknown_landed_count: u64,
    pub(crate) not_written_count: u64,
    pub(crate) took: Vec<Duration>,
}

impl Told {
    pub(crate) fn add(&mut self, other: &Self) {
        self.acknowledged_count += other.acknowledged_count;
        self.unknown_count += other.unknown_count;
        self.unknown_landed_count += other.unknown_landed_count;
        self.not_written_count += other.not_written_count;
        self.took.extend(&other.took);
    }

    /// The time that so many of a hundred stayed within, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> u128 {
        let mut took = self.took.clone();
        took.sort_unstable();
        let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(at).map_or(0, Duration::as_millis)
    }
}

/// The only owner of an event.
pub(crate) struct Owner<'a> {
    journal: &'a dyn Journal,
    event: EventId,
    at: Tenure,
    /// What must be in the journal: nothing else, and all of it.
    history: Vec<SealedEntry>,
    pub(crate) told: Told,
}

impl<'a> Owner<'a> {
    pub(crate) async fn of_new_event(journal: &'a dyn Journal) -> Self {
        let event = EventId(ids::fresh());
        let at = taken_over(journal, event).await;
        Self { journal, event, at, history: Vec::new(), told: Told::default() }
    }

    /// Appends once. After an unknown outcome it takes the event over and looks, as a sequencer does.
    ///
    /// A refusal as *fenced* would be a lie: there is no other owner.
    pub(crate) async fn append(&mut self) -> Result<(), AppendError> {
        let entry = next_entry(self.at);
        let started = Instant::now();
        let outcome = self.journal.append(self.event, entry.clone()).await;
        self.told.took.push(started.elapsed());
        match &outcome {
            Ok(()) => {
                self.told.acknowledged_count += 1;
                self.go_on_after(entry);
            }
            Err(AppendError::Unknown(_)) => {
                self.told.unknown_count += 1;
                let tenure = taken_over(self.journal, self.event).await;
                if tenure.head_hash == entry.hash {
                    self.told.unknown_landed_count += 1;
                    self.go_on_after(entry);
                }
                assert_eq!(tenure.head_hash, self.at.head_hash, "neither with nor without the entry in doubt");
                self.at = tenure;
            }
            Err(AppendError::NotWritten(_)) => self.told.not_written_count += 1,
            Err(AppendError::Fenced | AppendError::StorageFull) => panic!("a false refusal: {outcome:?}"),
        }
        outcome
    }

    fn go_on_after(&mut self, entry: SealedEntry) {
        self.at = Tenure { epoch: entry.entry.epoch, head_seq: entry.entry.seq, head_hash: entry.hash };
        self.history.push(entry);
    }

    /// Compares what it was told with what a connection of others reads.
    pub(crate) async fn audit(&self, journal: &dyn Journal) {
        let mut read = Vec::new();
        loop {
            let page = journal.read(self.event, read.len() as u64, 4_096).await.unwrap();
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read.len(), self.history.len(), "acknowledged and landed entries are what is there");
        assert!(read == self.history, "another entry is there than was acknowledged");
    }
}

/// An entry that follows, unlike any other.
pub(crate) fn next_entry(after: Tenure) -> SealedEntry {
    let facts = (0..8).map(|_| Fact::HoldReleased { hold: HoldId(ids::fresh()) }).collect();
    let entry = Entry { seq: after.head_seq + 1, epoch: after.epoch, at: UnixMillis(1_000), facts };
    SealedEntry::seal(entry, after.head_hash)
}

/// Takes an event over, as often as it needs.
pub(crate) async fn taken_over(journal: &dyn Journal, event: EventId) -> Tenure {
    let started = Instant::now();
    loop {
        match journal.take_over(event).await {
            Ok(tenure) => return tenure,
            Err(error) => assert!(started.elapsed() < TAKEN_WITHIN, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
