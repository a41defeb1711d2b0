//! The state behind an [`super::Inventory`]: what the facts so far have made true.
//!
//! Ids lead through ordered maps to dense slots; nothing is hashed, so no order depends on a run and no choice of ids
//! makes a command slow. The indexes (`due`, `buyers`, the seats' claims, the counts) repeat what the claims say;
//! `invariant` checks that they agree.

use std::collections::BTreeSet;

use super::claim::Claim;
use super::claims::{Claims, EndedHold, Slot};
use super::id_map::IdMap;
use super::seats::SeatMap;
use super::{Phase, SeatStatus};
use crate::plan::Layout;
use crate::{AreaIdx, BuyerId, Currency, HoldId, Limits, Minor, OrderId, Place, SeatIdx, UnixMillis};

/// What publication fixes for good, besides the limits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Published {
    pub(super) plan_digest: [u8; 32],
    pub(super) currency: Currency,
}

/// Where a hold's id leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HoldEntry {
    /// To a claim: a live hold, or one with an order.
    Claimed(Slot),
    /// To a tombstone.
    Ended(u32),
}

/// What a known hold's id leads to.
pub(super) enum KnownHold<'a> {
    /// A live hold, or one with an order.
    Claimed(&'a Claim),
    /// A hold that ended without an order.
    Ended(&'a EndedHold),
}

/// What one buyer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Buyer {
    /// Places held and sold, without refunded ones.
    pub(super) places_count: u32,
    /// Claims whose places are held.
    pub(super) held_count: u32,
}

/// Places by state, indexed by [`SeatStatus`].
pub(super) type Tally<T> = [T; 4];

/// Everything an inventory knows, besides its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) published: Option<Published>,
    pub(super) limits: Limits,
    /// By tier; all set once published.
    pub(super) prices: Vec<Option<Minor>>,
    pub(super) seats: SeatMap,
    /// By area.
    pub(super) areas: Vec<Tally<u32>>,
    pub(super) claims: Claims,
    pub(super) holds: IdMap<HoldId, HoldEntry>,
    pub(super) orders: IdMap<OrderId, Slot>,
    pub(super) buyers: IdMap<BuyerId, Buyer>,
    /// Claims whose places are held, by the time at which time acts on them.
    pub(super) due: BTreeSet<(UnixMillis, Slot)>,
    /// Seats and area places together.
    pub(super) counts: Tally<u64>,
}

impl State {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            phase: Phase::Draft,
            published: None,
            limits: Limits::default(),
            prices: vec![None; layout.tiers().len()],
            seats: SeatMap::new(layout.seats().len()),
            areas: layout.areas().iter().map(|area| [area.capacity, 0, 0, 0]).collect(),
            claims: Claims::default(),
            holds: IdMap::for_places(layout.capacity()),
            orders: IdMap::for_places(layout.capacity()),
            buyers: IdMap::for_places(layout.capacity()),
            due: BTreeSet::new(),
            counts: [layout.capacity(), 0, 0, 0],
        }
    }

    pub(super) fn known_hold(&self, hold: HoldId) -> Option<KnownHold<'_>> {
        Some(match self.holds.get(hold)? {
            HoldEntry::Claimed(slot) => KnownHold::Claimed(self.claims.get(*slot)),
            HoldEntry::Ended(position) => KnownHold::Ended(self.claims.ended(*position)),
        })
    }

    /// The claim under a hold's id, unless the hold ended without an order.
    pub(super) fn claim_of_hold(&self, hold: HoldId) -> Option<&Claim> {
        match self.known_hold(hold)? {
            KnownHold::Claimed(claim) => Some(claim),
            KnownHold::Ended(_) => None,
        }
    }

    pub(super) fn claim_of_order(&self, order: OrderId) -> Option<&Claim> {
        self.orders.get(order).map(|slot| self.claims.get(*slot))
    }

    pub(super) fn area_free(&self, area: AreaIdx) -> u32 {
        self.areas[area.usize()][SeatStatus::Available as usize]
    }

    /// Moves one seat and its count.
    pub(super) fn move_seat(&mut self, seat: SeatIdx, from: SeatStatus, to: SeatStatus, claim: Option<Slot>) {
        self.seats.change(seat, from, to, claim);
        shift(&mut self.counts, from, to);
    }

    /// Moves one place of a claim and its counts.
    pub(super) fn move_place(&mut self, place: Place, from: SeatStatus, to: SeatStatus, claim: Option<Slot>) {
        match place {
            Place::Seat(seat) => self.seats.change(seat, from, to, claim),
            Place::Ga(area) => shift(&mut self.areas[area.usize()], from, to),
        }
        shift(&mut self.counts, from, to);
    }

    pub(super) fn buyer_gains(&mut self, buyer: BuyerId, places_count: u32, holds_count: u32) {
        self.buyers.update(buyer, |has| {
            has.places_count += places_count;
            has.held_count += holds_count;
        });
    }

    pub(super) fn buyer_loses(&mut self, buyer: BuyerId, places_count: u32, holds_count: u32) {
        let left = |has: u32, lost: u32| has.checked_sub(lost).expect("a buyer loses at most what the buyer has");
        self.buyers.update(buyer, |has| {
            has.places_count = left(has.places_count, places_count);
            has.held_count = left(has.held_count, holds_count);
        });
    }
}

/// Moves one from `from` to `to`.
///
/// # Panics
/// When nothing is in `from`.
fn shift<T: Copy + std::ops::AddAssign + std::ops::SubAssign + PartialOrd + From<u8>>(
    tally: &mut Tally<T>,
    from: SeatStatus,
    to: SeatStatus,
) {
    assert!(tally[from as usize] >= T::from(1), "no place is {from:?}");
    tally[from as usize] -= T::from(1);
    tally[to as usize] += T::from(1);
}
