//! Taking seats out of the sale and putting them back.

use super::room::Room;
use super::{Inventory, SeatStatus};
use crate::{Fact, Rejection, SeatIdx, UnixMillis};

impl Inventory {
    /// Seats that are blocked already are left alone, so that a repeat changes nothing.
    pub(super) fn block_seats(&self, at: UnixMillis, seats: &[SeatIdx]) -> Result<Vec<Fact>, Rejection> {
        self.check_running()?;
        self.check_seats(seats)?;
        let is_blocked = |seat: &SeatIdx| self.state.seats.status(*seat) == SeatStatus::Blocked;
        let seats: Vec<SeatIdx> = seats.iter().copied().filter(|seat| !is_blocked(seat)).collect();
        let mut room = Room::new(&self.state, at);
        let in_use: Vec<SeatIdx> = seats.iter().copied().filter(|seat| !room.take_seat(*seat)).collect();
        if !in_use.is_empty() {
            return Err(Rejection::SeatsInUse { seats: in_use });
        }
        let mut facts = room.into_facts();
        if !seats.is_empty() {
            facts.push(Fact::SeatsBlocked { seats });
        }
        Ok(facts)
    }

    pub(super) fn unblock_seats(&self, seats: &[SeatIdx]) -> Result<Vec<Fact>, Rejection> {
        self.check_running()?;
        self.check_seats(seats)?;
        let is_blocked = |seat: &SeatIdx| self.state.seats.status(*seat) == SeatStatus::Blocked;
        let others: Vec<SeatIdx> = seats.iter().copied().filter(|seat| !is_blocked(seat)).collect();
        if !others.is_empty() {
            return Err(Rejection::SeatsNotBlocked { seats: others });
        }
        Ok(vec![Fact::SeatsUnblocked { seats: seats.to_vec() }])
    }

    fn check_seats(&self, seats: &[SeatIdx]) -> Result<(), Rejection> {
        if seats.is_empty() {
            return Err(Rejection::NothingAsked);
        }
        if let Some(unknown) = seats.iter().find(|seat| self.layout.seat(**seat).is_none()) {
            return Err(Rejection::UnknownSeat(*unknown));
        }
        let mut sorted = seats.to_vec();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Rejection::DuplicateSeat(pair[0])),
            None => Ok(()),
        }
    }
}
