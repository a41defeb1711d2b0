//! The cheapest few blocks of a search, so that a seed can choose among those that are nearly as good.

/// Blocks this much dearer per seat are as good: about two rows.
const NEAR_TIE_CM: u64 = 150;
/// At most so many blocks are kept to choose from.
const TIES_MAX: usize = 8;

/// The cheapest few blocks.
pub(super) struct Ties {
    margin: u64,
    best: u64,
    /// Costs and first seats.
    kept: [(u64, u32); TIES_MAX],
    kept_count: usize,
}

impl Ties {
    pub(super) fn new(seats_count: u32) -> Self {
        let margin = NEAR_TIE_CM * u64::from(seats_count);
        Self { margin, best: u64::MAX, kept: [(u64::MAX, 0); TIES_MAX], kept_count: 0 }
    }

    /// Whether a block of this cost could still be chosen.
    pub(super) fn would_keep(&self, cost: u64) -> bool {
        cost <= self.best.saturating_add(self.margin)
    }

    pub(super) fn offer(&mut self, cost: u64, first: u32) {
        if !self.would_keep(cost) {
            return;
        }
        self.best = self.best.min(cost);
        if self.kept_count < TIES_MAX {
            self.kept[self.kept_count] = (cost, first);
            self.kept_count += 1;
            return;
        }
        let worst = self.kept.iter_mut().max().expect("the list is full");
        if cost < worst.0 {
            *worst = (cost, first);
        }
    }

    /// The first seat of one of the cheapest blocks: the seed says which, seed 0 the cheapest.
    pub(super) fn pick(&self, seed: u64) -> Option<u32> {
        let mut near = self.kept;
        let near = &mut near[..self.kept_count];
        near.sort_unstable();
        let near = &near[..near.partition_point(|(cost, _)| self.would_keep(*cost))];
        // Seeds may be counters or times: spread them before the division.
        let spread = (seed ^ (seed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let chosen = usize::try_from(spread).expect("31 bits").checked_rem(near.len())?;
        Some(near[chosen].1)
    }
}
