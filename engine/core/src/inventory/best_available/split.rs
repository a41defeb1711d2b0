//! When no row has the block whole: pieces near each other, of two at least so that nobody sits alone, and only when
//! that cannot be, any seats that are near each other.

use std::cmp::Reverse;
use std::ops::Range;

use super::field::Field;
use super::guide::{distance_cm, distance_squared};
use crate::SeatIdx;
use crate::plan::Layout;

/// What a centimetre between pieces weighs against one of the seats' own cost.
const SPREAD_WEIGHT: u64 = 4;
/// So many runs are tried as the first piece of a split across sections.
const ANCHORS_MAX: usize = 4;
/// So many runs are considered across sections, the longest and best of them: more would only cost time.
const RUNS_MAX: usize = 1_024;
/// So many runs near the first piece are looked at, or as many as seats are wanted: each gives at least one.
const NEAR_RUNS_MAX: usize = 64;
/// So many windows of rows are tried from each row on.
const WINDOWS_MAX: usize = 4;

type Choice = (u64, Vec<SeatIdx>);

/// A choice of pieces of at least two within one section, the best of all sections.
pub(super) fn in_one_section(
    layout: &Layout,
    field: &Field<'_>,
    sections: Range<usize>,
    quantity: u32,
) -> Option<Vec<SeatIdx>> {
    let mut best: Option<Choice> = None;
    for section in &layout.sections()[sections] {
        let rows = &layout.rows()[section.rows.start as usize..section.rows.end as usize];
        let mut runs: Vec<Range<u32>> = Vec::new();
        // For each row the position of its first run and the seats of all runs before.
        let mut starts: Vec<(usize, u32)> = Vec::with_capacity(rows.len() + 1);
        let mut seats_count = 0;
        for row in rows {
            starts.push((runs.len(), seats_count));
            for run in field.eligible_runs(row.seats.clone(), true) {
                seats_count += run.end - run.start;
                runs.push(run);
            }
        }
        starts.push((runs.len(), seats_count));
        let pieces = Pieces { layout, field, alone: false };
        for (first, (first_run, before)) in starts.iter().enumerate() {
            // The fewest rows from here on that have enough, or a few more if theirs do not fit together.
            let enough = first + starts[first..].partition_point(|(_, seats_count)| seats_count - before < quantity);
            let windows = starts[enough..].iter().take(WINDOWS_MAX).map(|(last_run, _)| &runs[*first_run..*last_run]);
            let choice = windows.filter_map(|window| pieces.choose(window, quantity)).next();
            best = choice.into_iter().chain(best).min();
        }
    }
    best.map(|(_, seats)| seats)
}

/// A choice anywhere: of pieces of at least two if there is one, else of any seats.
pub(super) fn anywhere(layout: &Layout, field: &Field<'_>, within: Range<u32>, quantity: u32) -> Option<Vec<SeatIdx>> {
    let runs = |pairs: bool| -> Vec<Range<u32>> {
        let rows = layout.rows().iter().filter(|row| within.contains(&row.seats.start));
        rows.flat_map(|row| field.eligible_runs(row.seats.clone(), pairs)).collect()
    };
    let together = Pieces { layout, field, alone: false };
    let in_pairs = if field.ignores_orphans() { None } else { around_anchors(&together, runs(true), quantity) };
    in_pairs.or_else(|| around_anchors(&Pieces { layout, field, alone: true }, runs(false), quantity))
}

/// Tries the few longest and best runs as the first piece.
fn around_anchors(pieces: &Pieces<'_>, mut runs: Vec<Range<u32>>, quantity: u32) -> Option<Vec<SeatIdx>> {
    let key = |run: &Range<u32>| {
        let seats_count = (run.end - run.start).min(quantity);
        (Reverse(seats_count), pieces.field.guide.block_cost(run.start, seats_count), run.start)
    };
    let satisfying = runs.iter().filter(|run| pieces.field.satisfies(run));
    let mut anchors: Vec<Range<u32>> = satisfying.cloned().collect();
    keep_least(&mut anchors, ANCHORS_MAX, key);
    keep_least(&mut runs, RUNS_MAX.max(quantity as usize), key);
    let choices = anchors.iter().filter_map(|anchor| pieces.choose_around(anchor, &runs, quantity));
    choices.min().map(|(_, seats)| seats)
}

/// Keeps the `count_max` least items, in order, without sorting the others.
fn keep_least<T, K: Ord>(items: &mut Vec<T>, count_max: usize, key: impl Fn(&T) -> K) {
    if items.len() > count_max {
        items.select_nth_unstable_by_key(count_max, &key);
        items.truncate(count_max);
    }
    items.sort_unstable_by_key(key);
}

/// How pieces are put together.
struct Pieces<'a> {
    layout: &'a Layout,
    field: &'a Field<'a>,
    /// Whether somebody may sit alone.
    alone: bool,
}

impl Pieces<'_> {
    /// Around the longest run.
    fn choose(&self, runs: &[Range<u32>], quantity: u32) -> Option<Choice> {
        let anchor = runs.iter().max_by_key(|run| (run.len(), Reverse(run.start)))?;
        self.choose_around(anchor, runs, quantity)
    }

    /// The best part of `anchor`, then what is nearest to it. Cheaper is better: near each other first, good seats
    /// then.
    fn choose_around(&self, anchor: &Range<u32>, runs: &[Range<u32>], quantity: u32) -> Option<Choice> {
        let others = || runs.iter().filter(|run| *run != anchor);
        let mut count = self.piece(anchor, quantity)?;
        if !self.alone && count > 2 && !(quantity - count).is_multiple_of(2) && others().all(|run| run.len() == 2) {
            // Pairs cannot make up an odd number.
            count -= 1;
        }
        let satisfying = blocks(anchor, count).filter(|block| self.field.satisfies(block));
        let cost = |block: &Range<u32>| (leaves_one(anchor, block), self.field.guide.block_cost(block.start, count));
        let first = satisfying.min_by_key(cost)?;
        let center = self.at(SeatIdx(first.start + count / 2));
        let mut left_count = quantity - count;
        let mut seats: Vec<SeatIdx> = first.map(SeatIdx).collect();
        let mut near: Vec<(u64, &Range<u32>)> = Vec::new();
        if left_count > 0 {
            near.extend(others().map(|run| (self.distance(run, center), run)));
            keep_least(&mut near, NEAR_RUNS_MAX.max(quantity as usize), |(distance, run)| (*distance, run.start));
        }
        for (_, run) in near {
            let Some(count) = self.piece(run, left_count) else { continue };
            let block =
                blocks(run, count).min_by_key(|block| (leaves_one(run, block), self.distance(block, center)))?;
            seats.extend(block.map(SeatIdx));
            left_count -= count;
            if left_count == 0 {
                break;
            }
        }
        if left_count > 0 {
            return None;
        }
        let spread: u64 = seats.iter().map(|seat| distance_cm(self.at(*seat), center)).sum();
        let cost: u64 = seats.iter().map(|seat| self.field.guide.seat_cost(*seat)).sum();
        Some((cost + SPREAD_WEIGHT * spread, seats))
    }

    /// How many seats to take of a run so that what is left to find can be found without anybody alone.
    fn piece(&self, run: &Range<u32>, left_count: u32) -> Option<u32> {
        let count = (run.end - run.start).min(left_count);
        if self.alone {
            return (count > 0).then_some(count);
        }
        let count = if left_count - count == 1 { count - 1 } else { count };
        (count >= 2).then_some(count)
    }

    /// Squared: it only orders.
    fn distance(&self, seats: &Range<u32>, center: (i32, i32)) -> u64 {
        distance_squared(self.at(SeatIdx(u32::midpoint(seats.start, seats.end - 1))), center)
    }

    fn at(&self, seat: SeatIdx) -> (i32, i32) {
        let seat = &self.layout.seats()[seat.usize()];
        (seat.x_cm, seat.y_cm)
    }
}

/// All blocks of `count` neighbours in a run.
fn blocks(run: &Range<u32>, count: u32) -> impl Iterator<Item = Range<u32>> + use<> {
    (run.start..=run.end - count).map(move |first| first..first + count)
}

/// Whether a single seat of the run is left beside the block.
pub(super) fn leaves_one(run: &Range<u32>, block: &Range<u32>) -> bool {
    block.start - run.start == 1 || run.end - block.end == 1
}
