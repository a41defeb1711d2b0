//! Following: an event rebuilt and kept up to date from its journal by somebody who does not own it.
//!
//! Nothing is taken over and nothing is written. What is read was acknowledged; it may be a moment old.

use std::sync::Arc;

use usher_core::{EventId, Inventory};

use super::load::{LOAD_PAGE_ENTRIES, LoadError, Loader, check_plan, evolved};
use super::{Plan, View};
use crate::journal::entry::FIRST_PREV_HASH;
use crate::journal::{EntryHash, SealedEntry};

/// An event as its journal had it a moment ago.
pub(crate) struct Followed {
    inventory: Inventory,
    seq: u64,
    hash: EntryHash,
    plan: Plan,
}

impl Followed {
    /// What readers see of it.
    pub(crate) fn view(&self, event: EventId, before: Option<&View>) -> View {
        View::of(event, self.seq, self.plan.digest, &self.inventory, before)
    }

    /// The last entry that it contains.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }
}

impl Loader {
    /// Rebuilds an event up to where its journal ends now.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub(crate) async fn follow(&self, event: EventId) -> Result<Followed, LoadError> {
        let plan = (self.plans)(event).await?;
        let kept = self.journal.snapshot(event).await?;
        if let Some(start) = self.restored(kept, u64::MAX, Arc::clone(&plan.layout)).await {
            let start = Followed { inventory: start.inventory, seq: start.seq, hash: start.hash, plan: plan.clone() };
            match self.follow_on(event, start).await {
                Err(LoadError::Refused(why)) => {
                    tracing::warn!(%event, why, "the snapshot does not fit the journal, following from the start");
                }
                followed => return followed,
            }
        }
        let layout = Arc::clone(&plan.layout);
        let inventory = self.heavy.run(move || Inventory::new(layout)).await?;
        self.follow_on(event, Followed { inventory, seq: 0, hash: FIRST_PREV_HASH, plan }).await
    }

    /// Brings a followed event up to where its journal ends now.
    ///
    /// # Errors
    /// See [`LoadError`]; what was followed is gone then.
    pub(crate) async fn follow_on(&self, event: EventId, followed: Followed) -> Result<Followed, LoadError> {
        let mut at = followed;
        if at.seq == 0 {
            // A draft may get another plan until it is published.
            let plan = (self.plans)(event).await?;
            if plan.digest != at.plan.digest {
                let layout = Arc::clone(&plan.layout);
                let inventory = self.heavy.run(move || Inventory::new(layout)).await?;
                at = Followed { inventory, plan, ..at };
            }
        }
        loop {
            let page = self.tail(event, &at).await?;
            let Some(last) = page.last() else { return Ok(at) };
            let (seq, hash) = (last.entry.seq, last.hash);
            let inventory = self.heavy.run(move || evolved(at.inventory, &page)).await?;
            at = Followed { inventory, seq, hash, plan: at.plan };
        }
    }

    /// The entries that follow, if they do.
    async fn tail(&self, event: EventId, at: &Followed) -> Result<Vec<SealedEntry>, LoadError> {
        let page = self.journal.read(event, at.seq, LOAD_PAGE_ENTRIES).await?;
        let (mut seq, mut hash) = (at.seq, at.hash);
        for sealed in &page {
            if sealed.entry.seq != seq + 1 || sealed.prev_hash != hash {
                return Err(LoadError::Refused(format!("entry {} does not follow from what was read", seq + 1)));
            }
            check_plan(&sealed.entry.facts, &at.plan)?;
            (seq, hash) = (sealed.entry.seq, sealed.hash);
        }
        Ok(page)
    }
}
