//! What will be done, decided before anything is sent: when buyers arrive, who they are, what they want.
//!
//! Pure: the same seed gives the same plan. What a buyer does depends on the seed and the buyer's number alone, never on
//! when an answer came, so a run can be repeated as far as the network allows.

mod arrivals;
mod itinerary;
mod persona;

use rand::SeedableRng;
use rand::rngs::StdRng;

pub use arrivals::Arrivals;
pub use itinerary::{Itinerary, Wish};
pub use persona::{Card, Manner, Persona, Stop};

/// A source of chance of its own for each number under one seed.
#[must_use]
pub fn chance(seed: u64, number: u64) -> StdRng {
    // Odd constants of SplitMix64 spread neighbouring numbers.
    StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xBF58_476D_1CE4_E5B9))
}
