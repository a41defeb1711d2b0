//! The best block of seats that is left.
//!
//! A ladder, the first rung that holds: neighbours in one row that leave no single seat behind; neighbours in one row;
//! pieces near each other in one section with nobody alone; pieces across sections. So the rule against single seats
//! orders the choice and never refuses the last ones. Places on request are searched only for who asks for them, and
//! such a choice has a wheelchair place in it.
//!
//! Searching all rows for the one best block would make a crowd chase it; near-ties are broken by the command's seed.

mod field;
mod guide;
mod split;
mod ties;

use std::ops::Range;

use field::Field;
pub(super) use guide::Guide;
use ties::Ties;

use crate::plan::{Layout, Row};
use crate::{SeatIdx, SectionIdx, TierIdx};

/// What is searched for.
pub(super) struct Wish {
    /// At least 1.
    pub(super) quantity: u32,
    pub(super) tier: Option<TierIdx>,
    pub(super) section: Option<SectionIdx>,
    pub(super) accessible: bool,
    pub(super) seed: u64,
}

/// The best block among the `free` seats (one bit each), ascending; or how many seats one could get at most.
pub(super) fn choose(layout: &Layout, guide: &Guide, free: &[u64], wish: &Wish) -> Result<Vec<SeatIdx>, u32> {
    let field = Field::new(guide, free, wish);
    if let Some(first) = in_one_row(layout, &field, wish) {
        return Ok((first..first + wish.quantity).map(SeatIdx).collect());
    }
    let seats_count = u32::try_from(layout.seats().len()).expect("seats are indexed by u32");
    let (sections, within) = match wish.section {
        Some(section) => (section.usize()..section.usize() + 1, layout.sections()[section.usize()].seats.clone()),
        None => (0..layout.sections().len(), 0..seats_count),
    };
    let left_count = if field.satisfies(&within) { field.eligible_count(&within) } else { 0 };
    if left_count < wish.quantity {
        return Err(left_count);
    }
    let pieces =
        if field.ignores_orphans() { None } else { split::in_one_section(layout, &field, sections, wish.quantity) };
    let mut seats =
        pieces.or_else(|| split::anywhere(layout, &field, within, wish.quantity)).ok_or(wish.quantity - 1)?;
    seats.sort_unstable();
    Ok(seats)
}

/// The first seat of the best whole block: the first two rungs in one pass.
fn in_one_row(layout: &Layout, field: &Field<'_>, wish: &Wish) -> Option<u32> {
    let mut tidy = Ties::new(wish.quantity);
    let mut any = Ties::new(wish.quantity);
    match wish.section {
        Some(section) => {
            let rows = layout.sections()[section.usize()].rows.clone();
            for row in &layout.rows()[rows.start as usize..rows.end as usize] {
                offer_row(field, row, wish.quantity, &mut tidy, &mut any);
            }
        }
        None => {
            for (cheapest, row) in &field.guide.rows_by_cost {
                // No block of this row or a later one can be better than that.
                if !tidy.would_keep(cheapest * u64::from(wish.quantity)) {
                    break;
                }
                offer_row(field, &layout.rows()[*row as usize], wish.quantity, &mut tidy, &mut any);
            }
        }
    }
    tidy.pick(wish.seed).or_else(|| any.pick(wish.seed))
}

/// Offers the best block of a row that leaves no single seat, and the best of all its blocks.
fn offer_row(field: &Field<'_>, row: &Row, quantity: u32, tidy: &mut Ties, any: &mut Ties) {
    let mut best_tidy: Option<(u64, u32)> = None;
    let mut best_any: Option<(u64, u32)> = None;
    for open in field.open_runs(row.seats.clone(), quantity > 1) {
        if open.end - open.start < quantity {
            continue;
        }
        let mut offer = |run: Range<u32>| {
            for first in run.start..(run.end + 1).saturating_sub(quantity).max(run.start) {
                let block = first..first + quantity;
                if !field.satisfies(&block) {
                    continue;
                }
                let candidate = Some((field.guide.block_cost(first, quantity), first));
                let leaves_one = split::leaves_one(&open, &block);
                if (!leaves_one || field.ignores_orphans()) && (best_tidy.is_none() || candidate < best_tidy) {
                    best_tidy = candidate;
                }
                if best_any.is_none() || candidate < best_any {
                    best_any = candidate;
                }
            }
        };
        if field.has_tier() {
            field.eligible_runs(open.clone(), quantity > 1).for_each(&mut offer);
        } else {
            offer(open.clone());
        }
    }
    if let Some((cost, first)) = best_tidy {
        tidy.offer(cost, first);
    }
    if let Some((cost, first)) = best_any {
        any.offer(cost, first);
    }
}
