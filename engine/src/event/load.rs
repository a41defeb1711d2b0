//! Loading: take the journal over, start from the snapshot, replay the tail, and trust nothing that does not fit.
//!
//! Everything that costs processor time runs where [`Heavy`] says, in pages. A snapshot only shortens the way: one that
//! does not fit is dropped and the whole history is replayed.

use std::sync::Arc;

use usher_core::plan::Layout;
use usher_core::{EventId, Fact, Inventory};

use super::sequencer::guarded;
use super::{ClaimError, Ownership, Plan, PlanError, Plans};
use crate::fail_point;
use crate::journal::{EntryHash, Journal, JournalError, SealedEntry, StoredSnapshot, Tenure, snapshot};

/// Entries read and replayed at once.
pub(super) const LOAD_PAGE_ENTRIES: usize = 1_024;

/// An event rebuilt from its journal.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The state after the last entry.
    pub inventory: Inventory,
    /// The plan it was built on.
    pub plan_digest: [u8; 32],
    /// Where the journal ends, and the right to go on.
    pub tenure: Tenure,
    /// The last entry that a kept snapshot contains; 0 without one.
    pub snapshot_seq: u64,
    /// The entry in doubt, if there was one, is in the journal.
    pub doubt_landed: bool,
}

/// An entry of which nobody knows whether it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// Its number.
    pub seq: u64,
    /// Its hash: another entry at that number is not it.
    pub hash: EntryHash,
}

/// An event could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No such event.
    #[error("no such event")]
    UnknownEvent,
    /// The event has no plan yet.
    #[error("the event has no seating plan yet")]
    NoPlan,
    /// Another node runs it.
    #[error("another node runs the event")]
    Elsewhere,
    /// Trying again gives the same: damage, a newer version, another plan than the published one.
    #[error("{0}")]
    Refused(String),
    /// The journal or the catalogue does not answer.
    #[error("{0}")]
    Unavailable(String),
}

impl From<PlanError> for LoadError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::UnknownEvent => Self::UnknownEvent,
            PlanError::NoPlan => Self::NoPlan,
            PlanError::Unusable(_) => Self::Refused(error.to_string()),
            PlanError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<ClaimError> for LoadError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Elsewhere => Self::Elsewhere,
            ClaimError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<JournalError> for LoadError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Damaged { .. } | JournalError::TooNew { .. } => Self::Refused(error.to_string()),
            JournalError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Where replaying runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heavy {
    /// On the runtime's threads for blocking work.
    OffThread,
    /// Right here: for whoever has one thread and a clock of their own, as the simulator does.
    Here,
}

/// Loads events.
#[derive(Clone)]
pub struct Loader {
    /// What is replayed.
    pub journal: Arc<dyn Journal>,
    /// Where plans come from.
    pub plans: Plans,
    /// Which events may run here.
    pub ownership: Arc<dyn Ownership>,
    /// Where replaying runs.
    pub heavy: Heavy,
}

/// A state and the entry it stands after.
pub(super) struct Replayed {
    pub(super) inventory: Inventory,
    pub(super) seq: u64,
    pub(super) hash: EntryHash,
}

impl Loader {
    /// Takes an event over and rebuilds it; tells whether the entry in doubt is in the journal.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(&self, event: EventId, doubt: Option<Doubt>) -> Result<Loaded, LoadError> {
        let plan = (self.plans)(event).await?;
        self.ownership.claim(event).await?;
        let loaded = self.taken_over(event, &plan, doubt).await;
        if matches!(loaded, Err(LoadError::Refused(_))) {
            // Another node may run a newer program, which knows what this one does not.
            self.ownership.release(event).await;
        }
        loaded
    }

    async fn taken_over(&self, event: EventId, plan: &Plan, doubt: Option<Doubt>) -> Result<Loaded, LoadError> {
        let tenure = self.journal.take_over(event).await?;
        fail_point!("load.taken_over");
        let doubt_landed = match doubt {
            Some(doubt) => self.has_landed(event, doubt, &tenure).await?,
            None => false,
        };
        self.rebuild(event, plan, tenure, doubt_landed).await
    }

    /// Rebuilds an event under a right to go on that its owner has, without writing anything.
    ///
    /// # Errors
    /// See [`LoadError`]; [`LoadError::Unavailable`] when the journal does not end where the owner says.
    pub async fn resume(&self, event: EventId, tenure: Tenure) -> Result<Loaded, LoadError> {
        let plan = (self.plans)(event).await?;
        let moved_on = |_| LoadError::Unavailable("the journal has moved on".to_owned());
        self.rebuild(event, &plan, tenure, false).await.map_err(moved_on)
    }

    async fn rebuild(
        &self,
        event: EventId,
        plan: &Plan,
        tenure: Tenure,
        doubt_landed: bool,
    ) -> Result<Loaded, LoadError> {
        let kept = self.journal.snapshot(event).await?;
        let start = self.restored(kept, tenure.head_seq, Arc::clone(&plan.layout)).await;
        let snapshot_seq = start.as_ref().map_or(0, |start| start.seq);
        let inventory = match start {
            Some(start) => match self.replay(event, start, &tenure, plan).await? {
                Some(replayed) => return finished(replayed.inventory, plan, tenure, snapshot_seq, doubt_landed),
                None => {
                    tracing::warn!(%event, snapshot_seq, "the snapshot does not fit the journal, replaying everything");
                    self.replay_all(event, &tenure, plan).await?
                }
            },
            None => self.replay_all(event, &tenure, plan).await?,
        };
        finished(inventory, plan, tenure, 0, doubt_landed)
    }

    async fn has_landed(&self, event: EventId, doubt: Doubt, tenure: &Tenure) -> Result<bool, LoadError> {
        if tenure.head_seq <= doubt.seq {
            return Ok(tenure.head_seq == doubt.seq && tenure.head_hash == doubt.hash);
        }
        let found = self.journal.read(event, doubt.seq.saturating_sub(1), 1).await?;
        Ok(found.first().is_some_and(|sealed| sealed.entry.seq == doubt.seq && sealed.hash == doubt.hash))
    }

    async fn replay_all(&self, event: EventId, tenure: &Tenure, plan: &Plan) -> Result<Inventory, LoadError> {
        let layout = Arc::clone(&plan.layout);
        let inventory = self.heavy.run(move || Inventory::new(layout)).await?;
        let start = Replayed { inventory, seq: 0, hash: [0; 32] };
        let replayed = self.replay(event, start, tenure, plan).await?;
        let broken = || LoadError::Refused(format!("the journal of {event} does not lead from its start to its head"));
        replayed.map(|replayed| replayed.inventory).ok_or_else(broken)
    }

    /// Replays up to the head; `None` when the history does not follow from `start`. A history that goes on past the
    /// head is another owner's by now, which is no damage.
    async fn replay(
        &self,
        event: EventId,
        start: Replayed,
        tenure: &Tenure,
        plan: &Plan,
    ) -> Result<Option<Replayed>, LoadError> {
        let mut at = start;
        while at.seq < tenure.head_seq {
            let page = self.journal.read(event, at.seq, LOAD_PAGE_ENTRIES).await?;
            let mut seq = at.seq;
            let mut hash = at.hash;
            for sealed in &page {
                if sealed.entry.seq != seq + 1 || sealed.prev_hash != hash {
                    return Ok(None);
                }
                check_plan(&sealed.entry.facts, plan)?;
                (seq, hash) = (sealed.entry.seq, sealed.hash);
            }
            if page.is_empty() {
                return Ok(None);
            }
            let inventory = self.heavy.run(move || evolved(at.inventory, &page)).await?;
            at = Replayed { inventory, seq, hash };
        }
        if at.seq > tenure.head_seq {
            return Err(LoadError::Unavailable("another owner has taken the event over meanwhile".to_owned()));
        }
        Ok((at.seq == tenure.head_seq && at.hash == tenure.head_hash).then_some(at))
    }

    pub(super) async fn restored(
        &self,
        kept: Option<StoredSnapshot>,
        head_seq: u64,
        layout: Arc<Layout>,
    ) -> Option<Replayed> {
        let StoredSnapshot { seq, hash, bytes } = kept.filter(|kept| kept.seq <= head_seq)?;
        let work = self.heavy.run(move || {
            let state = snapshot::decode(&bytes).map_err(|error| error.to_string())?;
            Inventory::restore(layout, state).map_err(str::to_owned)
        });
        match work.await {
            Ok(Ok(inventory)) => Some(Replayed { inventory, seq, hash }),
            Ok(Err(why)) => {
                tracing::warn!(seq, why, "the snapshot is unusable, replaying everything");
                None
            }
            Err(error) => {
                tracing::warn!(seq, %error, "the snapshot is unusable, replaying everything");
                None
            }
        }
    }
}

pub(super) fn evolved(mut inventory: Inventory, page: &[SealedEntry]) -> Inventory {
    for fact in page.iter().flat_map(|sealed| &sealed.entry.facts) {
        inventory.evolve(fact);
    }
    inventory
}

/// Indexes of facts mean nothing in another plan: found before any of them is applied.
pub(super) fn check_plan(facts: &[Fact], plan: &Plan) -> Result<(), LoadError> {
    let published = facts
        .iter()
        .find_map(|fact| if let Fact::Published { plan_digest, .. } = fact { Some(plan_digest) } else { None });
    if published.is_some_and(|digest| *digest != plan.digest) {
        return Err(another_plan());
    }
    Ok(())
}

fn another_plan() -> LoadError {
    LoadError::Refused("the seating plan is not the one that the event was published with".to_owned())
}

fn finished(
    inventory: Inventory,
    plan: &Plan,
    tenure: Tenure,
    snapshot_seq: u64,
    doubt_landed: bool,
) -> Result<Loaded, LoadError> {
    if inventory.plan_digest().is_some_and(|digest| digest != plan.digest) {
        return Err(another_plan());
    }
    fail_point!("load.replayed");
    Ok(Loaded { inventory, plan_digest: plan.digest, tenure, snapshot_seq, doubt_landed })
}

impl Heavy {
    /// Runs work where it may take its time; a panic in it refuses the event.
    pub(super) async fn run<R: Send + 'static>(
        self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, LoadError> {
        let done = match self {
            Self::OffThread => tokio::task::spawn_blocking(work).await.ok(),
            Self::Here => guarded(work).ok(),
        };
        done.ok_or_else(|| LoadError::Refused("the rules cannot replay the journal".to_owned()))
    }
}
