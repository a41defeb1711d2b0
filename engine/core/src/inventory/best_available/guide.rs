//! How good each seat of a plan is, worked out once: whole numbers of centimetres, smaller is better.

use crate::SeatIdx;
use crate::plan::{Layout, Row};

/// A restricted view ranks after every free one: no building is that large.
const RESTRICTED_VIEW_CM: u64 = 1_000_000;

/// What a search reads of a plan. Bitsets have one bit a seat, as the free seats' have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inventory) struct Guide {
    /// Costs of all seats before the one at this position: the cost of a block is one difference.
    cost_sums: Vec<u64>,
    /// Rows, the one with the cheapest seat first, with that seat's cost.
    pub(super) rows_by_cost: Vec<(u64, u32)>,
    /// Seats that are offered to everyone.
    pub(super) general: Vec<u64>,
    /// Wheelchair places.
    pub(super) wheelchair: Vec<u64>,
    /// Wheelchair places and the companions' seats.
    pub(super) on_request: Vec<u64>,
    /// Seats by tier.
    pub(super) tiers: Vec<Vec<u64>>,
}

impl Guide {
    pub(in crate::inventory) fn new(layout: &Layout) -> Self {
        let words = layout.seats().len().div_ceil(64);
        let mut guide = Self {
            cost_sums: Vec::with_capacity(layout.seats().len() + 1),
            rows_by_cost: Vec::with_capacity(layout.rows().len()),
            general: vec![0; words],
            wheelchair: vec![0; words],
            on_request: vec![0; words],
            tiers: vec![vec![0; words]; layout.tiers().len()],
        };
        guide.cost_sums.push(0);
        for (row, position) in layout.rows().iter().zip(0..) {
            guide.add_row(layout, row, position);
        }
        guide.rows_by_cost.sort_unstable();
        for (seat, position) in layout.seats().iter().zip(0..) {
            let attributes = seat.attributes;
            set(&mut guide.tiers[seat.tier.usize()], position);
            if attributes.accessible {
                set(&mut guide.wheelchair, position);
            }
            let class =
                if attributes.accessible || attributes.companion { &mut guide.on_request } else { &mut guide.general };
            set(class, position);
        }
        guide
    }

    /// The cost of `seats_count` neighbours from `first` on.
    pub(super) fn block_cost(&self, first: u32, seats_count: u32) -> u64 {
        self.cost_sums[(first + seats_count) as usize] - self.cost_sums[first as usize]
    }

    pub(super) fn seat_cost(&self, seat: SeatIdx) -> u64 {
        self.block_cost(seat.0, 1)
    }

    /// A seat costs its row's distance from where everyone looks, and its own from the middle of the full row: what is
    /// left of a row does not move its middle.
    fn add_row(&mut self, layout: &Layout, row: &Row, position: u32) {
        let seats = &layout.seats()[row.seats.start as usize..row.seats.end as usize];
        let (Some(first), Some(last)) = (seats.first(), seats.last()) else { return };
        let middle = (i32::midpoint(first.x_cm, last.x_cm), i32::midpoint(first.y_cm, last.y_cm));
        let row_cost = distance_cm(middle, layout.focal_point_cm());
        let mut cheapest = u64::MAX;
        for seat in seats {
            let restricted = if seat.attributes.restricted_view { RESTRICTED_VIEW_CM } else { 0 };
            let cost = row_cost + distance_cm((seat.x_cm, seat.y_cm), middle) + restricted;
            cheapest = cheapest.min(cost);
            let sum = self.cost_sums.last().expect("starts with a zero") + cost;
            self.cost_sums.push(sum);
        }
        self.rows_by_cost.push((cheapest, position));
    }
}

/// The distance of two points, rounded down.
pub(super) fn distance_cm(a: (i32, i32), b: (i32, i32)) -> u64 {
    distance_squared(a, b).isqrt()
}

/// The square of the distance of two points.
pub(super) fn distance_squared(a: (i32, i32), b: (i32, i32)) -> u64 {
    let (dx, dy) = (u64::from(a.0.abs_diff(b.0)), u64::from(a.1.abs_diff(b.1)));
    // Two squares of 32 bits can pass 64 bits only at the far corners of the coordinate space.
    (dx * dx).saturating_add(dy * dy)
}

fn set(bits: &mut [u64], position: u32) {
    bits[position as usize / 64] |= 1 << (position % 64);
}
