//! One buyer's intentions.

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Persona, chance};

/// The most places one buyer wants.
const QUANTITY_MAX: u16 = 4;

/// How places are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// By number, from the map of what is free.
    Seats,
    /// The best block.
    Best,
    /// Standing.
    Ga,
}

/// What one buyer is going to do.
#[derive(Debug)]
pub struct Itinerary {
    /// Counts buyers of a run.
    pub number: u64,
    /// How they behave.
    pub persona: Persona,
    /// How they choose.
    pub wish: Wish,
    /// How many places.
    pub quantity: u16,
    /// Looks at the seat map too; most browsers have it in their cache.
    pub looks_at_map: bool,
    /// For everything they decide on the way.
    pub chance: StdRng,
}

impl Itinerary {
    /// The intentions of that buyer, at an event that has numbered seats, areas, or both.
    #[must_use]
    pub fn of(seed: u64, number: u64, has_seats: bool, has_areas: bool) -> Self {
        let mut chance = chance(seed, number);
        let persona = Persona::draw(&mut chance);
        let drawn = chance.random_range(0..100);
        let wish = match (has_seats, has_areas) {
            (false, _) => Wish::Ga,
            (true, true) if drawn < 15 => Wish::Ga,
            (true, _) if drawn < 45 => Wish::Best,
            (true, _) => Wish::Seats,
        };
        // Pairs are commonest.
        let quantity = [2, 2, 1, 3, QUANTITY_MAX][chance.random_range(0..5)];
        let looks_at_map = chance.random_range(0..20) == 0;
        Self { number, persona, wish, quantity, looks_at_map, chance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyer_is_the_same_for_the_same_seed_and_number() {
        let (one, same) = (Itinerary::of(5, 9, true, true), Itinerary::of(5, 9, true, true));
        assert_eq!((one.persona, one.wish, one.quantity), (same.persona, same.wish, same.quantity));
    }

    #[test]
    fn nobody_wants_what_the_event_does_not_have() {
        for number in 0..500 {
            assert_eq!(Itinerary::of(1, number, false, true).wish, Wish::Ga);
            assert_ne!(Itinerary::of(1, number, true, false).wish, Wish::Ga);
        }
    }
}
