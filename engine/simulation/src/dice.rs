//! Seeded choices. Everything random in a simulated world comes from here, so a seed is a whole history.
//!
//! Dice are made from numbers that name their use ([`Dice::of`]) and never from shared state: a happening that is left
//! out of a history changes no roll of the others, which is what lets a failing history be shortened. A generator
//! handed from hand to hand was refused for that reason.

/// A small generator (splitmix64): good enough to stir a story, and the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for one use.
    pub(crate) fn of(names: &[u64]) -> Self {
        Self(names.iter().fold(0x5deb_1c25_7e5d_0001, |state, name| mixed(state ^ mixed(*name))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Less than `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From `start` up to and without `end`.
    pub(crate) fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end - start)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        #[expect(clippy::cast_possible_truncation, reason = "less than the length")]
        let at = self.below(of.len() as u64) as usize;
        of[at]
    }

    /// One of a list by weight.
    pub(crate) fn weigh<T: Copy>(&mut self, of: &[(u64, T)]) -> T {
        let mut left = self.below(of.iter().map(|(weight, _)| weight).sum());
        let mut chosen = of[0].1;
        for (weight, item) in of {
            chosen = *item;
            if left < *weight {
                break;
            }
            left -= weight;
        }
        chosen
    }
}

/// Stirs all bits of a number.
pub(crate) fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
