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

    /// Runs of free seats of the class: what a buyer of any tier could still get side by side.
    pub(super) fn open_runs(&self, within: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        runs(within, |word| self.open(word))
    }

    /// Runs of seats that this search may choose.
    pub(super) fn eligible_runs(&self, within: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        runs(within, |word| self.eligible(word))
    }

    pub(super) fn eligible_count(&self, within: &Range<u32>) -> u32 {
        let runs = self.eligible_runs(within.clone());
        runs.map(|run| run.end - run.start).sum()
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

fn runs(within: Range<u32>, word: impl Fn(usize) -> u64) -> impl Iterator<Item = Range<u32>> {
    let mut from = within.start;
    std::iter::from_fn(move || {
        let start = seek(&(from..within.end), &word);
        if start == within.end {
            return None;
        }
        let end = seek(&(start..within.end), |index| !word(index));
        from = end;
        Some(start..end)
    })
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
