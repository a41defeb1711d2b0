//! The state as a value that serde can carry. Only what cannot be derived is in it: the claims say where every place
//! is, and the indexes are built again from them, so that a snapshot cannot disagree with itself unnoticed.

use serde::{Deserialize, Serialize};

use super::claim::{Claim, Places};
use super::claims::{Claims, Slot};
use super::state::{HoldEntry, Published, State};
use super::{Phase, SeatStatus};
use crate::plan::Layout;
use crate::{Limits, Minor, Place, SeatIdx};

/// The state of an inventory as a value that serde can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    phase: Phase,
    published: Option<Published>,
    limits: Limits,
    prices: Vec<Option<Minor>>,
    blocked: Vec<SeatIdx>,
    claims: Claims,
}

impl Snapshot {
    pub(super) fn of(state: &State) -> Self {
        let seats_count = u32::try_from(state.seats.seats_count()).expect("seats are indexed by u32");
        let blocked = (0..seats_count).map(SeatIdx).filter(|seat| state.seats.status(*seat) == SeatStatus::Blocked);
        Self {
            phase: state.phase,
            published: state.published.clone(),
            limits: state.limits.clone(),
            prices: state.prices.clone(),
            blocked: blocked.collect(),
            claims: state.claims.clone(),
        }
    }

    pub(super) fn into_state(self, layout: &Layout) -> Result<State, &'static str> {
        let mut state = State::new(layout);
        if self.prices.len() != layout.tiers().len() {
            return Err("the snapshot has prices for another plan");
        }
        if !self.claims.is_consistent() {
            return Err("the snapshot's claims contradict each other");
        }
        for seat in &self.blocked {
            take(&mut state, Place::Seat(*seat), SeatStatus::Blocked, None)?;
        }
        for (slot, claim) in self.claims.iter() {
            index(&mut state, slot, claim)?;
        }
        for (position, ended) in self.claims.all_ended() {
            if state.holds.insert(ended.hold, HoldEntry::Ended(position)).is_some() {
                return Err("the snapshot knows a hold twice");
            }
        }
        state.phase = self.phase;
        state.published = self.published;
        state.limits = self.limits;
        state.prices = self.prices;
        state.claims = self.claims;
        Ok(state)
    }
}

/// Enters one claim into every index.
fn index(state: &mut State, slot: Slot, claim: &Claim) -> Result<(), &'static str> {
    let (status, is_held) = match claim.places {
        Places::Held => (Some(SeatStatus::Held), true),
        Places::Sold => (Some(SeatStatus::Sold), false),
        Places::Returned => (None, false),
    };
    if let Some(status) = status {
        let mut kept_count = 0;
        for (_, line) in claim.kept_lines() {
            take(state, line.place, status, Some(slot))?;
            kept_count += 1;
        }
        state.buyer_gains(claim.buyer, kept_count, u32::from(is_held));
        if is_held {
            state.due.insert((claim.due_at(), slot));
        }
    }
    if state.holds.insert(claim.hold, HoldEntry::Claimed(slot)).is_some() {
        return Err("the snapshot knows a hold twice");
    }
    match &claim.order {
        Some(part) if state.orders.insert(part.order, slot).is_some() => Err("the snapshot knows an order twice"),
        None if claim.places != Places::Held => Err("the snapshot has a hold that ended and yet stays"),
        Some(_) | None => Ok(()),
    }
}

fn take(state: &mut State, place: Place, to: SeatStatus, claim: Option<Slot>) -> Result<(), &'static str> {
    let is_free = match place {
        Place::Seat(seat) => {
            seat.usize() < state.seats.seats_count() && state.seats.status(seat) == SeatStatus::Available
        }
        Place::Ga(area) => area.usize() < state.areas.len() && state.area_free(area) > 0,
    };
    if !is_free {
        return Err("the snapshot gives a place away twice, or one that the plan does not have");
    }
    state.move_place(place, SeatStatus::Available, to, claim);
    Ok(())
}
