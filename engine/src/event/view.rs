//! The committed state that readers see: replaced as a whole after each flush, never changed.
//!
//! Readers take the latest one and never enter the mailbox, so a hanging append or a crowd of writers costs them nothing.
//! A reader that was slow compares what it last saw with what is: one merged delta, however many flushes lie between.

use std::sync::Arc;

use usher_core::plan::Layout;
use usher_core::{Counts, Currency, EventId, Inventory, Minor, Phase, SeatIdx, SeatStatus};

/// Seats in one byte of [`View::availability`].
const SEATS_PER_BYTE: usize = 4;

/// What is true of an event after entry `seq`.
#[derive(Debug, Clone)]
pub struct View {
    /// Whose.
    pub event: EventId,
    /// The last entry it contains.
    pub seq: u64,
    /// Where the sale stands.
    pub phase: Phase,
    /// Two bits a seat, as [`usher_core::Inventory::availability`].
    pub availability: Arc<[u8]>,
    /// Free places by area.
    pub areas_free: Arc<[u32]>,
    /// Prices by tier.
    pub prices: Arc<[Option<Minor>]>,
    /// Places by state.
    pub counts: Counts,
    /// The one currency, once published.
    pub currency: Option<Currency>,
    /// The plan that all indexes point into.
    pub layout: Arc<Layout>,
    /// SHA-256 of the plan's canonical JSON.
    pub plan_digest: [u8; 32],
}

impl View {
    /// Copies what readers need out of an inventory, sharing with the view before what did not change.
    #[must_use]
    pub(crate) fn of(
        event: EventId,
        seq: u64,
        plan_digest: [u8; 32],
        inventory: &Inventory,
        before: Option<&Self>,
    ) -> Self {
        let layout = Arc::clone(inventory.layout());
        let areas_free: Vec<u32> =
            (0u16..).zip(layout.areas()).map(|(area, _)| inventory.area_free(usher_core::AreaIdx(area))).collect();
        Self {
            event,
            seq,
            phase: inventory.phase(),
            availability: shared(before.map(|view| &view.availability), inventory.availability()),
            areas_free: shared(before.map(|view| &view.areas_free), &areas_free),
            prices: shared(before.map(|view| &view.prices), inventory.prices()),
            counts: inventory.counts(),
            currency: inventory.currency(),
            layout,
            plan_digest,
        }
    }

    /// The state of one seat; `None` past the end of the plan.
    #[must_use]
    pub fn seat_status(&self, seat: SeatIdx) -> Option<SeatStatus> {
        if seat.usize() >= self.layout.seats().len() {
            return None;
        }
        let byte = self.availability.get(seat.usize() / SEATS_PER_BYTE)?;
        Some(status_in(*byte, seat.usize() % SEATS_PER_BYTE))
    }

    /// The seats whose state differs from an older view of the same event, with the state they are in now, by index.
    /// Between views of different plans that is every seat.
    #[must_use]
    pub fn changes_since(&self, older: &Self) -> Vec<(SeatIdx, SeatStatus)> {
        let same_plan = self.availability.len() == older.availability.len() && self.plan_digest == older.plan_digest;
        let seats_count = self.layout.seats().len();
        let mut changes = Vec::new();
        for (byte_index, &now) in self.availability.iter().enumerate() {
            let differs = if same_plan { now ^ older.availability[byte_index] } else { u8::MAX };
            if differs == 0 {
                continue;
            }
            for position in 0..SEATS_PER_BYTE {
                let seat = byte_index * SEATS_PER_BYTE + position;
                let Ok(index) = u32::try_from(seat) else { break };
                if seat < seats_count && differs >> (2 * position) & 0b11 != 0 {
                    changes.push((SeatIdx(index), status_in(now, position)));
                }
            }
        }
        changes
    }
}

fn shared<T: Clone + PartialEq>(before: Option<&Arc<[T]>>, now: &[T]) -> Arc<[T]> {
    match before {
        Some(before) if before[..] == *now => Arc::clone(before),
        Some(_) | None => Arc::from(now),
    }
}

fn status_in(byte: u8, position: usize) -> SeatStatus {
    match (byte >> (2 * position)) & 0b11 {
        0 => SeatStatus::Available,
        1 => SeatStatus::Held,
        2 => SeatStatus::Sold,
        // Two bits hold nothing above three.
        _ => SeatStatus::Blocked,
    }
}
