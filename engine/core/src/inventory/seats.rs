//! The seats: two bits of state each, a bitset of the free ones, and the claim that has each.

use super::SeatStatus;
use super::claims::Slot;
use crate::SeatIdx;

/// No claim has the seat.
const NO_CLAIM: Slot = Slot::MAX;

/// State of every seat, in flat arrays by [`SeatIdx`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeatMap {
    /// Two bits a seat, four seats a byte, seat 0 lowest. This is what readers are served.
    packed: Vec<u8>,
    /// One bit a seat: free or not. A row is a range of bits, since its seats are neighbours.
    free: Vec<u64>,
    claim: Vec<Slot>,
}

impl SeatMap {
    pub(super) fn new(seats_count: usize) -> Self {
        let mut free = vec![u64::MAX; seats_count.div_ceil(64)];
        if let (Some(last), tail @ 1..) = (free.last_mut(), seats_count % 64) {
            *last = (1 << tail) - 1;
        }
        Self { packed: vec![0; seats_count.div_ceil(4)], free, claim: vec![NO_CLAIM; seats_count] }
    }

    pub(super) fn seats_count(&self) -> usize {
        self.claim.len()
    }

    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    pub(super) fn free_bits(&self) -> &[u64] {
        &self.free
    }

    pub(super) fn status(&self, seat: SeatIdx) -> SeatStatus {
        match (self.packed[seat.usize() / 4] >> (seat.0 % 4 * 2)) & 3 {
            0 => SeatStatus::Available,
            1 => SeatStatus::Held,
            2 => SeatStatus::Sold,
            // Two bits have no other value.
            _ => SeatStatus::Blocked,
        }
    }

    /// The claim that has the seat, if one has.
    pub(super) fn claim(&self, seat: SeatIdx) -> Option<Slot> {
        Some(self.claim[seat.usize()]).filter(|slot| *slot != NO_CLAIM)
    }

    /// Moves a seat from one state to another.
    ///
    /// # Panics
    /// When the seat is not in state `from`: it would be sold twice or freed under somebody.
    pub(super) fn change(&mut self, seat: SeatIdx, from: SeatStatus, to: SeatStatus, claim: Option<Slot>) {
        let byte = &mut self.packed[seat.usize() / 4];
        let shift = seat.0 % 4 * 2;
        assert!((*byte >> shift) & 3 == from as u8, "{seat:?} is not {from:?}");
        *byte ^= (from as u8 ^ to as u8) << shift;
        let bit = seat.0 % 64;
        let word = &mut self.free[seat.usize() / 64];
        *word = *word & !(1 << bit) | u64::from(to == SeatStatus::Available) << bit;
        self.claim[seat.usize()] = claim.unwrap_or(NO_CLAIM);
    }
}
