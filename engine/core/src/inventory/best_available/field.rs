//! The seats a search may choose from: free, of the right class, of the wanted tier. Runs of neighbours are found by
//! machine words.

use std::ops::Range;

use super::Wish;
use super::guide::Guide;

/// The seats a search may choose from.
pub(super) struct Field<'a> {
    pub(super) guide: &'a Guide,
    free: &'a [u64],
    class: &'a [u64],
    tier: Option<&'a [u64]>,
    /// A choice has at least one of these.
    must: Option<&'a [u64]>,
}

impl<'a> Field<'a> {
    pub(super) fn new(guide: &'a Guide, free: &'a [u64], wish: &Wish) -> Self {
        Self {
            guide,
            free,
            class: if wish.accessible { &guide.on_request } else { &guide.general },
            tier: wish.tier.map(|tier| guide.tiers[tier.usize()].as_slice()),
            must: wish.accessible.then_some(guide.wheelchair.as_slice()),
        }
    }

    /// Runs of free seats of the class, of two at least if `pairs`: what a buyer of any tier could still get side by
    /// side.
    pub(super) fn open_runs(&self, within: Range<u32>, pairs: bool) -> impl Iterator<Item = Range<u32>> {
        runs(within, pairs, |word| self.open(word))
    }

    /// Runs of seats that this search may choose, of two at least if `pairs`.
    pub(super) fn eligible_runs(&self, within: Range<u32>, pairs: bool) -> impl Iterator<Item = Range<u32>> {
        runs(within, pairs, |word| self.eligible(word))
    }

    pub(super) fn eligible_count(&self, within: &Range<u32>) -> u32 {
        let words = within.start as usize / 64..(within.end as usize).div_ceil(64);
        words.map(|word| (self.eligible(word) & mask(word, within)).count_ones()).sum()
    }

    /// Whether these neighbours have what a choice must have.
    pub(super) fn satisfies(&self, block: &Range<u32>) -> bool {
        self.must.is_none_or(|must| seek(block, |word| must[word] & self.open(word)) < block.end)
    }

    /// Whether single seats may be left over: places on request are not sold in pairs.
    pub(super) fn ignores_orphans(&self) -> bool {
        self.must.is_some()
    }

    /// Whether the tier narrows the choice, so that eligible runs may be shorter than open ones.
    pub(super) fn has_tier(&self) -> bool {
        self.tier.is_some()
    }

    fn open(&self, word: usize) -> u64 {
        self.free[word] & self.class[word]
    }

    fn eligible(&self, word: usize) -> u64 {
        self.open(word) & self.tier.map_or(u64::MAX, |tier| tier[word])
    }
}

fn runs(within: Range<u32>, pairs: bool, word: impl Fn(usize) -> u64) -> impl Iterator<Item = Range<u32>> {
    // A seat and its right neighbour both: a run of these is one shorter than its run of seats, and single seats vanish
    // by whole words. The last seat of a range has no neighbour in it.
    let shorter = u32::from(pairs);
    let end = within.end.saturating_sub(shorter).max(within.start);
    let last_word = (within.end.max(1) - 1) as usize / 64;
    let starts = move |index: usize| {
        let bits = word(index);
        if !pairs {
            return bits;
        }
        let carry = if index < last_word { word(index + 1) << 63 } else { 0 };
        bits & (bits >> 1 | carry)
    };
    let mut from = within.start;
    std::iter::from_fn(move || {
        let first = seek(&(from..end), &starts);
        if first == end {
            return None;
        }
        from = seek(&(first..end), |index| !starts(index));
        Some(first..from + shorter)
    })
}

/// The bits of a word that are in the range.
fn mask(word: usize, within: &Range<u32>) -> u64 {
    let first = word as u64 * 64;
    let below = |end: u32| match u64::from(end).saturating_sub(first) {
        bits @ 0..64 => (1 << bits) - 1,
        _ => u64::MAX,
    };
    below(within.end) & !below(within.start)
}

/// The first set bit of a range, or its end.
fn seek(within: &Range<u32>, word: impl Fn(usize) -> u64) -> u32 {
    if within.is_empty() {
        return within.end;
    }
    let mut index = within.start / 64;
    let mut bits = word(index as usize) & (u64::MAX << (within.start % 64));
    while bits == 0 {
        index += 1;
        if index * 64 >= within.end {
            return within.end;
        }
        bits = word(index as usize);
    }
    (index * 64 + bits.trailing_zeros()).min(within.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_what_one_counts_seat_by_seat(
            words in prop::collection::vec(prop_oneof![any::<u64>(), Just(u64::MAX), Just(0)], 4),
            from in 0..256_u32,
            count in 0..256_u32,
            pairs in any::<bool>(),
        ) {
            let within = from..(from + count).min(256);
            let mut expected: Vec<Range<u32>> = Vec::new();
            for seat in within.clone().filter(|seat| words[*seat as usize / 64] >> (seat % 64) & 1 == 1) {
                match expected.last_mut() {
                    Some(run) if run.end == seat => run.end += 1,
                    Some(_) | None => expected.push(seat..seat + 1),
                }
            }
            let counted: u32 = (0..4).map(|word| (words[word] & mask(word, &within)).count_ones()).sum();
            prop_assert_eq!(counted as usize, expected.iter().map(Range::len).sum::<usize>());
            expected.retain(|run| !pairs || run.len() >= 2);
            prop_assert_eq!(runs(within, pairs, |word| words[word]).collect::<Vec<_>>(), expected);
        }
    }
}
