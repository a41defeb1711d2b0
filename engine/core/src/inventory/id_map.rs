//! A map by id: ordered maps in drawers that the last bits of an id choose.
//!
//! One ordered map of 50,000 random ids is five nodes deep, and every step down is a guess the processor gets wrong; in
//! drawers it is one or two. A hash map was refused: its worst case is linear, and ids come from outside. Here ids that
//! all fall into one drawer cost what one ordered map costs.

use std::collections::BTreeMap;

use crate::{BuyerId, HoldId, OrderId};

/// So many ids share a drawer once the event is sold out.
const IDS_PER_DRAWER: u64 = 32;
/// Past this, more drawers only take memory.
const DRAWERS_MAX: u64 = 4_096;

/// An id whose last bits can choose a drawer.
pub(super) trait Id: Copy + Ord {
    /// The id as a number.
    fn number(self) -> u128;
}

impl Id for BuyerId {
    fn number(self) -> u128 {
        self.0
    }
}

impl Id for HoldId {
    fn number(self) -> u128 {
        self.0
    }
}

impl Id for OrderId {
    fn number(self) -> u128 {
        self.0
    }
}

/// A map by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdMap<K, V> {
    /// A power of two of them.
    drawers: Box<[BTreeMap<K, V>]>,
}

impl<K: Id, V> IdMap<K, V> {
    /// Sized for an event of so many places: each may get an id of its own.
    pub(super) fn for_places(places_count: u64) -> Self {
        let drawers_count = (places_count / IDS_PER_DRAWER).clamp(1, DRAWERS_MAX).next_power_of_two();
        Self { drawers: (0..drawers_count).map(|_| BTreeMap::new()).collect() }
    }

    pub(super) fn get(&self, id: K) -> Option<&V> {
        self.drawers[self.drawer(id)].get(&id)
    }

    /// Puts a value in; gives back the one that was there.
    pub(super) fn insert(&mut self, id: K, value: V) -> Option<V> {
        let drawer = self.drawer(id);
        self.drawers[drawer].insert(id, value)
    }

    pub(super) fn remove(&mut self, id: K) -> Option<V> {
        let drawer = self.drawer(id);
        self.drawers[drawer].remove(&id)
    }

    /// All of them, drawer by drawer.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.drawers.iter().flatten()
    }

    fn drawer(&self, id: K) -> usize {
        // The mask keeps fewer bits than any platform's `usize` has.
        (id.number() as usize) & (self.drawers.len() - 1)
    }
}

impl<K: Id, V: Default + PartialEq> IdMap<K, V> {
    /// Changes a value that starts as the default and is dropped when it is the default again.
    pub(super) fn update<R>(&mut self, id: K, change: impl FnOnce(&mut V) -> R) -> R {
        let drawer = self.drawer(id);
        let value = self.drawers[drawer].entry(id).or_default();
        let result = change(value);
        if *value == V::default() {
            self.drawers[drawer].remove(&id);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_whatever_drawer_they_share() {
        let mut map = IdMap::for_places(10_000);
        let ids = || (0..100_u128).map(|number| OrderId(number << 20)).chain((0..100).map(OrderId));
        for (position, id) in ids().enumerate().skip(1) {
            map.insert(id, position);
        }
        assert!(ids().enumerate().skip(1).all(|(position, id)| map.get(id) == Some(&position) || id.0 == 0));
        assert_eq!(map.iter().count(), 199);
        assert_eq!(map.remove(OrderId(5)), Some(105));
        assert_eq!(map.get(OrderId(5)), None);
    }

    #[test]
    fn a_value_that_is_the_default_again_is_dropped() {
        let mut map = IdMap::<BuyerId, u32>::for_places(0);
        map.update(BuyerId(1), |count| *count += 2);
        map.update(BuyerId(1), |count| *count -= 2);
        assert_eq!(map, IdMap::for_places(0));
    }
}
