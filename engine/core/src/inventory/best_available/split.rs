//! When no row has the block whole: pieces near each other, of two at least so that nobody sits alone, and only when that
//! cannot be, any seats that are near each other.

use std::cmp::Reverse;
use std::ops::Range;

use super::field::Field;
use super::guide::distance_cm;
use crate::SeatIdx;
use crate::plan::Layout;

/// What a centimetre between pieces weighs against one of the seats' own cost.
const SPREAD_WEIGHT: u64 = 4;
/// So many runs are tried as the first piece of a split across sections.
const ANCHORS_MAX: usize = 8;

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
        let mut row_starts = Vec::with_capacity(rows.len());
        for row in rows {
            row_starts.push(runs.len());
            runs.extend(field.eligible_runs(row.seats.clone()).filter(|run| run.len() >= 2));
        }
        row_starts.push(runs.len());
        if runs.iter().map(Range::len).sum::<usize>() < quantity as usize {
            continue;
        }
        for first in 0..rows.len() {
            // The fewest rows from here on that have enough.
            let choices =
                (first + 1..=rows.len()).filter(|last| row_starts[*last] > row_starts[*last - 1]).filter_map(|last| {
                    Pieces::new(layout, field, false).choose(&runs[row_starts[first]..row_starts[last]], quantity)
                });
            best = choices.take(1).chain(best.take()).min();
        }
    }
    best.map(|(_, seats)| seats)
}

/// A choice anywhere: of pieces of at least two if there is one, else of any seats.
pub(super) fn anywhere(layout: &Layout, field: &Field<'_>, within: Range<u32>, quantity: u32) -> Option<Vec<SeatIdx>> {
    let rows = layout.rows().iter().filter(|row| within.contains(&row.seats.start));
    let mut runs: Vec<Range<u32>> = rows.flat_map(|row| field.eligible_runs(row.seats.clone())).collect();
    runs.sort_by_cached_key(|run| {
        let seats_count = u32::try_from(run.len()).expect("seats are indexed by u32").min(quantity);
        (Reverse(seats_count), field.guide.block_cost(run.start, seats_count))
    });
    let pairs_count = runs.partition_point(|run| run.len() >= 2);
    if !field.ignores_orphans()
        && let Some(seats) = around_anchors(&Pieces::new(layout, field, false), &mut runs[..pairs_count], quantity)
    {
        return Some(seats);
    }
    around_anchors(&Pieces::new(layout, field, true), &mut runs, quantity)
}

/// Tries the first few runs as the first piece.
fn around_anchors(pieces: &Pieces<'_>, runs: &mut [Range<u32>], quantity: u32) -> Option<Vec<SeatIdx>> {
    let anchors = runs.iter().filter(|run| pieces.field.satisfies(run)).take(ANCHORS_MAX);
    let choices = anchors.filter_map(|anchor| pieces.choose_around(anchor, runs, quantity));
    choices.min().map(|(_, seats)| seats)
}

/// How pieces are put together.
struct Pieces<'a> {
    layout: &'a Layout,
    field: &'a Field<'a>,
    /// Whether somebody may sit alone.
    alone: bool,
}

impl<'a> Pieces<'a> {
    fn new(layout: &'a Layout, field: &'a Field<'a>, alone: bool) -> Self {
        Self { layout, field, alone }
    }

    /// Around the longest run.
    fn choose(&self, runs: &[Range<u32>], quantity: u32) -> Option<Choice> {
        let anchor = runs.iter().max_by_key(|run| (run.len(), Reverse(run.start)))?;
        self.choose_around(anchor, runs, quantity)
    }

    /// The best part of `anchor`, then what is nearest to it. Cheaper is better: near each other first, good seats then.
    fn choose_around(&self, anchor: &Range<u32>, runs: &[Range<u32>], quantity: u32) -> Option<Choice> {
        let count = self.piece(anchor, quantity)?;
        let satisfying = blocks(anchor, count).filter(|block| self.field.satisfies(block));
        let first = satisfying
            .min_by_key(|block| (leaves_one(anchor, block), self.field.guide.block_cost(block.start, count)))?;
        let center = self.at(SeatIdx(first.start + count / 2));
        let mut left_count = quantity - count;
        let mut seats: Vec<SeatIdx> = first.map(SeatIdx).collect();
        let mut others: Vec<(u64, &Range<u32>)> = Vec::new();
        if left_count > 0 {
            let others_of = runs.iter().filter(|run| *run != anchor);
            others.extend(others_of.map(|run| (self.distance(run, center), run)));
            others.sort_unstable_by_key(|(distance, run)| (*distance, run.start));
        }
        for (_, run) in others {
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

    fn distance(&self, seats: &Range<u32>, center: (i32, i32)) -> u64 {
        distance_cm(self.at(SeatIdx(u32::midpoint(seats.start, seats.end - 1))), center)
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
