//! What all buyers of a run share.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Notes;
use crate::client::{Api, Patience};

/// The sale that buyers come to.
#[derive(Debug)]
pub struct World {
    /// The servers.
    pub api: Api,
    /// How much buyers bear.
    pub patience: Patience,
    /// The event's id.
    pub event: String,
    /// Numbered seats.
    pub seats_count: u32,
    /// The seating plan's digest, which names the seat map's cacheable address.
    pub plan_digest: String,
    /// Areas: code and capacity.
    pub areas: Vec<(String, u64)>,
    /// How long late payers think, in milliseconds.
    pub thinks_ms: Range<u64>,
    /// Names this run in e-mail addresses, so that its orders are told from others.
    pub run_tag: String,
    /// Figures that move while it runs.
    pub live: Live,
}

impl World {
    /// The e-mail address of a buyer: theirs alone, and nobody's in the world.
    #[must_use]
    pub fn email_of(&self, number: u64) -> String {
        format!("buyer-{number}.{}@load.example", self.run_tag)
    }
}

/// Figures that move while a run goes on, for whoever watches.
#[derive(Debug, Default)]
pub struct Live {
    /// Buyers who came.
    pub arrived_count: AtomicU64,
    /// Buyers whose visit is over.
    pub ended_count: AtomicU64,
    /// Holds.
    pub holds_count: AtomicU64,
    /// Paid orders.
    pub paid_count: AtomicU64,
    /// Refusals.
    pub refusals_count: AtomicU64,
}

impl Live {
    pub(super) fn ended(&self, notes: &Notes) {
        self.ended_count.fetch_add(1, Ordering::Relaxed);
        self.holds_count.fetch_add(notes.holds_count, Ordering::Relaxed);
        self.paid_count.fetch_add(notes.paid_count, Ordering::Relaxed);
        self.refusals_count.fetch_add(notes.refusals.values().sum(), Ordering::Relaxed);
    }

    /// Buyers under way.
    #[must_use]
    pub fn under_way_count(&self) -> u64 {
        let ended = self.ended_count.load(Ordering::Relaxed);
        self.arrived_count.load(Ordering::Relaxed).saturating_sub(ended)
    }
}
