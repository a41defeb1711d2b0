//! All claims, by dense slot. A hold that ended without an order frees its slot and leaves a tombstone in a ring; a
//! claim with an order stays for good, so that repeats of its commands find their answer.

use serde::{Deserialize, Serialize};

use super::claim::Claim;
use crate::{BuyerId, HoldId};

/// Position of a claim. Dense and reused, so that a seat can name its claim in four bytes.
pub(super) type Slot = u32;

/// How many ended holds are remembered, so that a repeat hears what became of its hold; the oldest go first.
pub(super) const ENDED_HOLDS_MAX: u32 = 65_536;

/// How a hold without an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    /// Someone did it.
    Released,
    /// Time did it.
    Expired,
}

/// What stays of a hold that ended without an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndedHold {
    pub(super) hold: HoldId,
    pub(super) buyer: BuyerId,
    pub(super) asks_digest: u64,
    pub(super) ending: Ending,
}

/// The claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    slots: Vec<Option<Claim>>,
    /// Free slots; the last is taken first, so that a replay fills the same ones.
    vacant: Vec<Slot>,
    ended: Vec<EndedHold>,
    /// Where the next tombstone goes once the ring is full.
    oldest: u32,
}

impl Claims {
    /// # Panics
    /// When the slot is vacant: an index points at nothing.
    pub(super) fn get(&self, slot: Slot) -> &Claim {
        self.slots[slot as usize].as_ref().expect("an indexed slot has a claim")
    }

    /// # Panics
    /// When the slot is vacant: an index points at nothing.
    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Claim {
        self.slots[slot as usize].as_mut().expect("an indexed slot has a claim")
    }

    pub(super) fn insert(&mut self, claim: Claim) -> Slot {
        if let Some(slot) = self.vacant.pop() {
            self.slots[slot as usize] = Some(claim);
            return slot;
        }
        self.slots.push(Some(claim));
        Slot::try_from(self.slots.len() - 1).expect("fewer than 2^32 claims fit in memory")
    }

    /// Takes a claim out; its slot is free for the next.
    pub(super) fn remove(&mut self, slot: Slot) -> Claim {
        let claim = self.slots[slot as usize].take().expect("an indexed slot has a claim");
        self.vacant.push(slot);
        claim
    }

    /// All claims, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Claim)> {
        (0..).zip(&self.slots).filter_map(|(slot, claim)| Some((slot, claim.as_ref()?)))
    }

    /// Buries a hold; gives back the tombstone's position and the hold that is forgotten for it.
    pub(super) fn bury(&mut self, ended: EndedHold) -> (u32, Option<HoldId>) {
        let count = u32::try_from(self.ended.len()).expect("the ring is bounded");
        if count < ENDED_HOLDS_MAX {
            self.ended.push(ended);
            return (count, None);
        }
        let at = self.oldest;
        self.oldest = (at + 1) % ENDED_HOLDS_MAX;
        let forgotten = std::mem::replace(&mut self.ended[at as usize], ended);
        (at, Some(forgotten.hold))
    }

    pub(super) fn ended(&self, position: u32) -> &EndedHold {
        &self.ended[position as usize]
    }

    /// All tombstones with their positions.
    pub(super) fn all_ended(&self) -> impl Iterator<Item = (u32, &EndedHold)> {
        (0..).zip(&self.ended)
    }

    /// Whether the ring and the free list fit the slots: asked of a snapshot before it is trusted.
    pub(super) fn is_consistent(&self) -> bool {
        let vacant_slots = self.slots.iter().filter(|slot| slot.is_none()).count();
        let all_vacant = self.vacant.iter().all(|slot| matches!(self.slots.get(*slot as usize), Some(None)));
        let ring_count = self.ended.len() as u64;
        let ring_fits = ring_count <= u64::from(ENDED_HOLDS_MAX)
            && (self.oldest == 0 || (ring_count == u64::from(ENDED_HOLDS_MAX) && self.oldest < ENDED_HOLDS_MAX));
        vacant_slots == self.vacant.len() && all_vacant && ring_fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tombstones_go_first_once_the_ring_is_full() {
        let ended = |hold: u32| EndedHold {
            hold: HoldId(hold.into()),
            buyer: BuyerId(1),
            asks_digest: 0,
            ending: Ending::Expired,
        };
        let mut claims = Claims::default();
        for hold in 0..ENDED_HOLDS_MAX {
            assert_eq!(claims.bury(ended(hold)), (hold, None));
        }
        assert_eq!(claims.bury(ended(ENDED_HOLDS_MAX)), (0, Some(HoldId(0))));
        assert_eq!(claims.bury(ended(ENDED_HOLDS_MAX + 1)), (1, Some(HoldId(1))));
        assert_eq!(claims.ended(0).hold, HoldId(ENDED_HOLDS_MAX.into()));
        assert!(claims.is_consistent());
    }
}
