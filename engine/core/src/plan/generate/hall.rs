//! Halls: blocks of straight or curved rows before a stage; and clubs, which are one floor.

use super::share::by_distance;
use super::{in_range, plan, row_label, tier};
use crate::plan::document::{AreaDocument, PointCm, RowDocument, SeatLine, SeatOverride, SeatingPlan, SectionDocument};
use crate::plan::{PLACES_MAX, PlanFault, ROW_SEATS_MAX, ROWS_MAX, SECTIONS_MAX};

/// Blocks that stand side by side before an aisle goes across and the next ones stand behind.
const BLOCKS_ABREAST: usize = 5;
const SEAT_PITCH_CM: i32 = 52;
const ROW_PITCH_CM: i32 = 95;
const AISLE_CM: i32 = 130;
const STAGE_GAP_CM: i32 = 400;

/// A hall of equal blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallSpec {
    /// The plan's name.
    pub name: String,
    /// Blocks.
    pub sections_count: u16,
    /// Rows in each block.
    pub rows_count: u16,
    /// Seats in each row.
    pub seats_per_row_count: u16,
    /// How far the ends of the widest row come forward of its middle; 0 is straight.
    pub curve_cm: u16,
    /// Wheelchair places in each block's last row, each with a companion's seat beside it.
    pub accessible_pairs_count: u16,
}

impl HallSpec {
    /// A hall of one to three curved blocks with at least so many seats and less than one row of blocks more.
    #[must_use]
    pub fn about(name: &str, seats_count: u32) -> Self {
        let sections: u32 = match seats_count {
            0..=120 => 1,
            121..=360 => 2,
            361.. => 3,
        };
        // About half as many rows as seats in a row of all blocks, as halls are.
        let rows = (seats_count / 2).isqrt().clamp(1, ROWS_MAX as u32);
        let seats_per_row = seats_count.div_ceil(sections * rows).max(1);
        let small = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        Self {
            name: name.into(),
            sections_count: small(sections),
            rows_count: small(rows),
            seats_per_row_count: small(seats_per_row),
            curve_cm: 250,
            accessible_pairs_count: u16::from(seats_per_row >= 6),
        }
    }

    /// Draws the plan.
    ///
    /// # Errors
    /// A number is zero or past the limits of a plan.
    pub fn plan(&self) -> Result<SeatingPlan, PlanFault> {
        let (sections, rows, seats) =
            (self.sections_count.into(), self.rows_count.into(), self.seats_per_row_count.into());
        in_range("sections_count", sections, 1, SECTIONS_MAX as u64)?;
        in_range("rows_count", rows, 1, ROWS_MAX as u64)?;
        in_range("seats_per_row_count", seats, 1, ROW_SEATS_MAX as u64)?;
        in_range("accessible_pairs_count", self.accessible_pairs_count.into(), 0, seats / 2)?;
        in_range("seats_count", sections * rows * seats, 1, PLACES_MAX)?;
        let mut plan = plan(&self.name);
        plan.tiers = vec![tier("T1", "Premium"), tier("T2", "Standard"), tier("T3", "Economy")];
        plan.sections = (0..usize::from(self.sections_count)).map(|position| self.section(position)).collect();
        self.price(&mut plan);
        Ok(plan)
    }

    fn section(&self, position: usize) -> SectionDocument {
        let abreast = usize::from(self.sections_count).min(BLOCKS_ABREAST);
        let (across, behind) = (to_i32(position % abreast), to_i32(position / abreast));
        let width_cm = (i32::from(self.seats_per_row_count) - 1) * SEAT_PITCH_CM;
        let left_cm = across * (width_cm + AISLE_CM) - (to_i32(abreast) * (width_cm + AISLE_CM) - AISLE_CM) / 2;
        let depth_cm = i32::from(self.rows_count) * ROW_PITCH_CM + AISLE_CM;
        let front_cm = STAGE_GAP_CM + i32::from(self.curve_cm) + behind * depth_cm;
        let rows = (0..usize::from(self.rows_count)).map(|row| {
            let y_cm = front_cm + to_i32(row) * ROW_PITCH_CM;
            let last = row + 1 == usize::from(self.rows_count);
            let line = self.line((left_cm, y_cm), (left_cm + width_cm, y_cm), abreast, last);
            RowDocument { label: row_label(row), seats: Vec::new(), line: Some(line) }
        });
        let number = position + 1;
        SectionDocument { code: format!("B{number}"), name: format!("Block {number}"), rows: rows.collect() }
    }

    /// One row from its straight ends, bent along the hall's parabola.
    fn line(&self, from: PointCm, to: PointCm, abreast: usize, last: bool) -> SeatLine {
        let width_cm = i64::from(to.0 - from.0 + AISLE_CM);
        let half_cm = (to_i32(abreast) as i64 * width_cm / 2).max(1);
        let forward_cm = |x_cm: i32| {
            let x_cm = i64::from(x_cm);
            i32::try_from(i64::from(self.curve_cm) * x_cm * x_cm / (half_cm * half_cm)).unwrap_or_default()
        };
        let middle_cm = forward_cm((from.0 + to.0) / 2);
        let (left_cm, right_cm) = (forward_cm(from.0), forward_cm(to.0));
        let pairs = if last { i64::from(self.accessible_pairs_count) } else { 0 };
        let pair = |pair: i64| {
            let chair = SeatOverride { number: 2 * pair + 1, accessible: true, ..SeatOverride::default() };
            [chair, SeatOverride { number: 2 * pair + 2, companion: true, ..SeatOverride::default() }]
        };
        SeatLine {
            from_cm: (from.0, from.1 - left_cm),
            to_cm: (to.0, to.1 - right_cm),
            bulge_cm: (0, (left_cm + right_cm) / 2 - middle_cm),
            count: self.seats_per_row_count.into(),
            first_number: 1,
            number_step: 1,
            tier: String::new(),
            overrides: (0..pairs).flat_map(pair).collect(),
        }
    }

    /// The nearest quarter of the rows is premium, the next half standard.
    fn price(&self, plan: &mut SeatingPlan) {
        let (stage_x, stage_y) = plan.focal_point_cm;
        let lines = || plan.sections.iter().flat_map(|section| &section.rows).filter_map(|row| row.line.as_ref());
        let distances: Vec<i64> = lines()
            .map(|line| {
                let (x, y) = line.point_cm(line.count / 2);
                (i64::from(x) - i64::from(stage_x)).pow(2) + (i64::from(y) - i64::from(stage_y)).pow(2)
            })
            .collect();
        let counts: Vec<u32> = lines().map(|line| line.count).collect();
        let tiers = by_distance(&distances, &counts, &[25, 75]);
        let codes: Vec<String> = plan.tiers.iter().map(|tier| tier.code.clone()).collect();
        let lines = plan.sections.iter_mut().flat_map(|section| &mut section.rows).filter_map(|row| row.line.as_mut());
        for (line, tier) in lines.zip(tiers) {
            line.tier.clone_from(&codes[tier]);
        }
    }
}

/// A room without seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClubSpec {
    /// The plan's name.
    pub name: String,
    /// Places on the floor.
    pub standing_count: u32,
}

impl ClubSpec {
    /// Draws the plan: one floor, tier `GA`.
    ///
    /// # Errors
    /// A number is zero or past the limits of a plan.
    pub fn plan(&self) -> Result<SeatingPlan, PlanFault> {
        in_range("standing_count", self.standing_count.into(), 1, PLACES_MAX)?;
        // Two people to the square metre, in a room half as deep again as it is wide.
        let width_cm = i32::try_from((self.standing_count * 10_000 / 3).isqrt()).unwrap_or(0).max(400);
        let mut plan = plan(&self.name);
        plan.tiers = vec![tier("GA", "Standing")];
        let far = (width_cm / 2, STAGE_GAP_CM + width_cm * 3 / 2);
        plan.areas = vec![standing("FLOOR", "Floor", self.standing_count, "GA", (-width_cm / 2, STAGE_GAP_CM), far)];
        Ok(plan)
    }
}

/// A rectangular area between two opposite corners.
pub(super) fn standing(code: &str, name: &str, capacity: u32, tier: &str, near: PointCm, far: PointCm) -> AreaDocument {
    AreaDocument {
        code: code.into(),
        name: name.into(),
        capacity,
        tier: tier.into(),
        outline_cm: vec![near, (far.0, near.1), far, (near.0, far.1)],
    }
}

fn to_i32(position: usize) -> i32 {
    i32::try_from(position).expect("bounded by the limits of a plan")
}
