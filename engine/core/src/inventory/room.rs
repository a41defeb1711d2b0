//! What time has freed, though nobody has tidied yet. Expiry is a comparison: a place under an overdue hold is free to
//! others, and the holds that have to end for a decision are noted here and end in the same batch of facts.

use super::SeatStatus;
use super::claims::Slot;
use super::state::{Buyer, State};
use crate::{AreaIdx, BuyerId, Fact, HoldLine, Place, Rejection, SeatIdx, UnixMillis};

/// The places as they are at one instant, and the overdue holds that must end for what was taken of them.
pub(super) struct Room<'a> {
    state: &'a State,
    at: UnixMillis,
    ending: Vec<Slot>,
}

impl<'a> Room<'a> {
    pub(super) fn new(state: &'a State, at: UnixMillis) -> Self {
        Self { state, at, ending: Vec::new() }
    }

    /// Whether the seat is free, or is once an overdue hold ends; that hold then ends.
    pub(super) fn take_seat(&mut self, seat: SeatIdx) -> bool {
        match self.state.seats.status(seat) {
            SeatStatus::Available => true,
            SeatStatus::Held => {
                let slot = self.state.seats.claim(seat).expect("a held seat names its claim");
                let overdue = self.state.claims.get(slot).is_overdue(self.at);
                if overdue {
                    self.end(slot);
                }
                overdue
            }
            SeatStatus::Sold | SeatStatus::Blocked => false,
        }
    }

    /// Places left in an area after ending as few overdue holds as `wanted_count` needs.
    pub(super) fn clear_area(&mut self, area: AreaIdx, wanted_count: u32) -> u32 {
        let state = self.state;
        let mut left_count = state.area_free(area);
        for slot in &self.ending {
            left_count += places_in(&state.claims.get(*slot).lines, area);
        }
        if left_count >= wanted_count {
            return left_count;
        }
        for slot in overdue(state, self.at) {
            let held_count = places_in(&state.claims.get(slot).lines, area);
            if held_count > 0 && !self.ending.contains(&slot) {
                self.end(slot);
                left_count += held_count;
            }
            if left_count >= wanted_count {
                break;
            }
        }
        left_count
    }

    /// Refuses `wanted_count` more places, in `holds_count` more holds, for a buyer past a limit.
    pub(super) fn check_buyer(&mut self, buyer: BuyerId, wanted_count: u32, holds_count: u32) -> Result<(), Rejection> {
        let Some(has) = self.state.buyers.get(buyer) else { return Ok(()) };
        self.check_limits(*has, wanted_count, holds_count).or_else(|_| {
            let has = self.end_overdue_of(buyer, *has);
            self.check_limits(has, wanted_count, holds_count)
        })
    }

    fn check_limits(&self, has: Buyer, wanted_count: u32, holds_count: u32) -> Result<(), Rejection> {
        let limits = &self.state.limits;
        let (places_max, holds_max) = (limits.places_per_buyer_max, limits.holds_per_buyer_max);
        if has.places_count + wanted_count > u32::from(places_max) {
            return Err(Rejection::BuyerLimit { places_max, has_count: has.places_count });
        }
        if holds_count > 0 && has.held_count + holds_count > u32::from(holds_max) {
            return Err(Rejection::HoldLimit { holds_max });
        }
        Ok(())
    }

    /// Seats of every overdue hold: what a search may add to the free ones when those do not suffice.
    pub(super) fn overdue_seats(&self) -> impl Iterator<Item = SeatIdx> + use<'a> {
        let state = self.state;
        overdue(state, self.at).flat_map(move |slot| state.claims.get(slot).lines.iter()).filter_map(|line| match line
            .place
        {
            Place::Seat(seat) => Some(seat),
            Place::Ga(_) => None,
        })
    }

    /// The end of the holds that must go first.
    pub(super) fn into_facts(self) -> Vec<Fact> {
        self.ending.iter().map(|slot| Fact::HoldExpired { hold: self.state.claims.get(*slot).hold }).collect()
    }

    /// Ends all overdue holds of a buyer; what the buyer has after that.
    fn end_overdue_of(&mut self, buyer: BuyerId, mut has: Buyer) -> Buyer {
        for slot in overdue(self.state, self.at) {
            let claim = self.state.claims.get(slot);
            if claim.buyer == buyer {
                self.end(slot);
                has.places_count -= claim.places_count();
                has.held_count -= 1;
            }
        }
        has
    }

    fn end(&mut self, slot: Slot) {
        if !self.ending.contains(&slot) {
            self.ending.push(slot);
        }
    }
}

/// Claims whose places time has freed.
fn overdue(state: &State, at: UnixMillis) -> impl Iterator<Item = Slot> {
    let due = state.due.range(..=(at, Slot::MAX)).map(|(_, slot)| *slot);
    due.filter(move |slot| state.claims.get(*slot).is_overdue(at))
}

fn places_in(lines: &[HoldLine], area: AreaIdx) -> u32 {
    let count = lines.iter().filter(|line| line.place == Place::Ga(area)).count();
    u32::try_from(count).expect("an order has at most 65,535 lines")
}
