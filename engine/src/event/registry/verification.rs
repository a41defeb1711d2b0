//! Verification: what a snapshot spared the start is read after it, once for each load.
//!
//! An event that starts from its snapshot has not read what lies before, so damage there would sell on unseen. A walk
//! along the whole chain follows, one event at a time, and rests as long as it reads. What it finds brings the event
//! down: who waits is told at once that nothing is known of the entry on its way, and whoever comes later is refused as
//! if loading had found it, views and all. Walking before the start was refused: it costs as much as a replay, and a
//! start may not take longer the longer an event has sold.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use usher_core::EventId;

use super::{Inner, names};
use crate::event::handle::{Handle, Shared};
use crate::event::load::LoadError;
use crate::event::{AskError, OpenError};
use crate::journal::entry::FIRST_PREV_HASH;
use crate::journal::{Journal, JournalError, Tenure};

/// Entries read at once: about a millisecond of one of the journal's readers.
const PAGE_ENTRIES: usize = 256;
/// The pause before a journal that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What a walk came to.
enum Verdict {
    Sound,
    Damaged(JournalError),
    /// The event is not loaded any more; its next load walks anew.
    Left,
}

impl Inner {
    /// Walks the event's history up to where it was loaded, beside everything else.
    pub(super) fn verify(&self, arbiter: &ArbiterHandle, handle: &Handle, tenure: Tenure) {
        let (event, journal) = (handle.event(), Arc::clone(&self.parts.journal));
        let (inner, shared) = (Weak::clone(&self.me), Arc::downgrade(&handle.shared));
        let turns = Arc::clone(&self.verifications);
        let spawned = arbiter.spawn(async move {
            // The semaphore is never closed.
            let _turn = turns.acquire().await;
            let began = Instant::now();
            let is_wanted = || shared.upgrade().is_some_and(|shared| !shared.gate.is_closed());
            match walk(journal.as_ref(), event, tenure, is_wanted).await {
                Verdict::Sound => {
                    names::verified("sound");
                    let elapsed_ms = began.elapsed().as_millis();
                    tracing::info!(%event, entries_count = tenure.head_seq, elapsed_ms, "the event's history is whole");
                }
                Verdict::Damaged(error) => {
                    names::verified("damaged");
                    if let (Some(inner), Some(shared)) = (inner.upgrade(), shared.upgrade()) {
                        inner.condemn(event, &shared, error);
                    }
                }
                Verdict::Left => names::verified("left"),
            }
        });
        if !spawned {
            tracing::warn!(%event, "the event's history is not verified: its thread is gone");
        }
    }

    /// From now on the event is refused as if it could not be loaded; nothing that rests on its memory is told.
    fn condemn(&self, event: EventId, shared: &Arc<Shared>, error: JournalError) {
        let Some(handle) = self.handles().into_iter().find(|handle| Arc::ptr_eq(&handle.shared, shared)) else {
            return;
        };
        tracing::error!(%event, %error, "the event's history is damaged");
        let error = OpenError::from(LoadError::from(error));
        self.note_failure(event, &error);
        shared.gate.close();
        handle.condemn(AskError::from(error));
        self.forget(&handle);
    }
}

async fn walk(journal: &dyn Journal, event: EventId, tenure: Tenure, is_wanted: impl Fn() -> bool) -> Verdict {
    let (mut seq, mut hash) = (0, FIRST_PREV_HASH);
    let damaged = |seq, what: &str| Verdict::Damaged(JournalError::Damaged { event, seq, what: what.to_owned() });
    while seq < tenure.head_seq {
        if !is_wanted() {
            return Verdict::Left;
        }
        let began = Instant::now();
        let left_count = usize::try_from(tenure.head_seq - seq).unwrap_or(usize::MAX);
        let page = match journal.read(event, seq, PAGE_ENTRIES.min(left_count)).await {
            Ok(page) => page,
            Err(error @ (JournalError::Damaged { .. } | JournalError::TooNew { .. })) => {
                return Verdict::Damaged(error);
            }
            Err(JournalError::Unavailable(why)) => {
                tracing::warn!(%event, why, "the event's history cannot be verified, trying again");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        if page.is_empty() {
            return damaged(seq + 1, "it is missing");
        }
        for sealed in &page {
            if sealed.entry.seq != seq + 1 || sealed.prev_hash != hash {
                return damaged(seq + 1, "it does not follow from the entry before");
            }
            (seq, hash) = (sealed.entry.seq, sealed.hash);
        }
        tokio::time::sleep(began.elapsed()).await;
    }
    if hash == tenure.head_hash { Verdict::Sound } else { damaged(seq, "it is not the entry that was acknowledged") }
}
