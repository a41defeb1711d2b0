//! Arenas: two rings of wedge-shaped sections around an oval, open towards the stage, with a standing floor inside.

use super::angle::sin_cos;
use super::hall::standing;
use super::share::{by_distance, share};
use super::{in_range, plan, row_label, tier};
use crate::plan::document::{AreaDocument, PointCm, RowDocument, SeatLine, SeatOverride, SeatingPlan, SectionDocument};
use crate::plan::{PLACES_MAX, PlanFault};

const ROW_PITCH_CM: f64 = 90.0;
/// Between the two rings.
const CONCOURSE_CM: f64 = 500.0;
/// Between neighbouring sections, at either side of the wedge.
const AISLE_HALF_CM: f64 = 70.0;
/// Seats are at least this far apart.
const SEAT_PITCH_CM: f64 = 52.0;
/// Half axes of the inner edge of an arena of [`REFERENCE_SEATS`] seats; others are scaled by area.
const HALF_AXES_CM: (f64, f64) = (2_300.0, 3_300.0);
const REFERENCE_SEATS: f64 = 12_000.0;
/// The part of the oval, in turns, that is left open behind the stage.
const OPEN_TURNS: f64 = 0.2;
/// Points along the oval from which lengths are summed.
const SAMPLES: usize = 720;
/// Seats below this do not fill two rings.
const SEATS_MIN: u32 = 60;
/// Seats next to the stage's side from which part of it is hidden.
const RESTRICTED_PER_ROW: u32 = 3;

/// An arena with exactly so many places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArenaSpec {
    /// The plan's name.
    pub name: String,
    /// Numbered seats, exactly.
    pub seats_count: u32,
    /// Places on the floor; without any there is no floor to sell.
    pub standing_count: u32,
}

impl ArenaSpec {
    /// Draws the plan: tiers `CAT1` to `CAT4` by distance from the stage and `FLOOR`.
    ///
    /// # Errors
    /// Fewer than 60 seats, or more places than a plan can have.
    pub fn plan(&self) -> Result<SeatingPlan, PlanFault> {
        in_range("seats_count", self.seats_count.into(), SEATS_MIN.into(), PLACES_MAX)?;
        in_range("standing_count", self.standing_count.into(), 0, PLACES_MAX - u64::from(self.seats_count))?;
        let bowl = Bowl::for_seats(self.seats_count);
        let mut plan = plan(&self.name);
        plan.focal_point_cm = bowl.stage_cm();
        plan.tiers = vec![
            tier("CAT1", "Category 1"),
            tier("CAT2", "Category 2"),
            tier("CAT3", "Category 3"),
            tier("CAT4", "Category 4"),
        ];
        plan.sections = bowl.sections(self.seats_count, plan.focal_point_cm);
        if self.standing_count > 0 {
            plan.tiers.push(tier("FLOOR", "Standing floor"));
            plan.areas.push(bowl.floor(self.standing_count));
        }
        Ok(plan)
    }
}

/// The bowl's shape: an oval with the stage at its top, rows parallel to it.
struct Bowl {
    half_x_cm: f64,
    half_y_cm: f64,
    wedges_count: usize,
    rows_per_ring_count: usize,
    /// Borders between wedges, in turns from the top, at equal lengths along the inner edge.
    borders: Vec<f64>,
}

/// One row of one wedge before seats are dealt out.
struct Arc {
    from: (f64, f64),
    to: (f64, f64),
    middle: (f64, f64),
    length_cm: f64,
}

impl Bowl {
    fn for_seats(seats_count: u32) -> Self {
        let scale = (f64::from(seats_count) / REFERENCE_SEATS).sqrt();
        let mut bowl = Self {
            half_x_cm: HALF_AXES_CM.0 * scale,
            half_y_cm: HALF_AXES_CM.1 * scale,
            // A wedge of the reference arena is about nine metres wide at its front.
            wedges_count: ((16.0 * scale) as usize).clamp(4, 64),
            rows_per_ring_count: 1,
            borders: Vec::new(),
        };
        bowl.borders = bowl.equal_borders();
        // Rows are added until everyone has elbow room; a ring more is a metre longer, so this ends.
        while bowl.arcs().iter().map(|arc| arc.length_cm).sum::<f64>() < f64::from(seats_count) * SEAT_PITCH_CM {
            bowl.rows_per_ring_count += 1;
        }
        bowl
    }

    /// A point of the row that runs `out_cm` outside the inner edge, at an angle in turns from the top.
    fn point(&self, turns: f64, out_cm: f64) -> (f64, f64) {
        let (sin, cos) = sin_cos(turns);
        // The outward normal of an ellipse.
        let (nx, ny) = (sin * self.half_y_cm, -cos * self.half_x_cm);
        let length = (nx * nx + ny * ny).sqrt();
        (self.half_x_cm * sin + out_cm * nx / length, -self.half_y_cm * cos + out_cm * ny / length)
    }

    fn equal_borders(&self) -> Vec<f64> {
        let at = |i: usize| OPEN_TURNS / 2.0 + (1.0 - OPEN_TURNS) * i as f64 / SAMPLES as f64;
        let mut lengths = vec![0.0];
        for i in 0..SAMPLES {
            lengths.push(lengths[i] + distance(self.point(at(i), 0.0), self.point(at(i + 1), 0.0)));
        }
        let border = |wedge: usize| {
            let goal = lengths[SAMPLES] * wedge as f64 / self.wedges_count as f64;
            let after = lengths.iter().position(|&length| length >= goal).unwrap_or(SAMPLES).max(1);
            let part = (goal - lengths[after - 1]) / (lengths[after] - lengths[after - 1]);
            at(after - 1) + (at(after) - at(after - 1)) * part
        };
        (0..=self.wedges_count).map(border).collect()
    }

    /// All rows of all wedges: ring by ring, wedge by wedge, front to back.
    fn arcs(&self) -> Vec<Arc> {
        let mut arcs = Vec::new();
        for ring in 0..2 {
            for wedge in 0..self.wedges_count {
                arcs.extend((0..self.rows_per_ring_count).map(|row| self.arc(ring, wedge, row)));
            }
        }
        arcs
    }

    fn arc(&self, ring: usize, wedge: usize, row: usize) -> Arc {
        let rows = ring * self.rows_per_ring_count + row + 1;
        let out_cm = rows as f64 * ROW_PITCH_CM + ring as f64 * CONCOURSE_CM;
        let (a, b) = (self.borders[wedge], self.borders[wedge + 1]);
        let (start, middle, end) = (self.point(a, out_cm), self.point((a + b) / 2.0, out_cm), self.point(b, out_cm));
        let width_cm = distance(start, middle) + distance(middle, end);
        // The aisle is taken off along the arc, by angle.
        let trim = (b - a) * (AISLE_HALF_CM / width_cm).min(0.25);
        let (from, to) = (self.point(a + trim, out_cm), self.point(b - trim, out_cm));
        Arc { length_cm: distance(from, middle) + distance(middle, to), from, to, middle }
    }

    fn sections(&self, seats_count: u32, stage_cm: PointCm) -> Vec<SectionDocument> {
        let arcs = self.arcs();
        let weights: Vec<u64> = arcs.iter().map(|arc| (arc.length_cm as u64).max(1)).collect();
        let counts = share(seats_count, &weights);
        let stage = (f64::from(stage_cm.0), f64::from(stage_cm.1));
        let distances: Vec<i64> = arcs.iter().map(|arc| distance(arc.middle, stage) as i64).collect();
        let tiers = by_distance(&distances, &counts, &[12, 38, 70]);
        let rows = self.rows_per_ring_count;
        let mut sections = Vec::new();
        for (position, arcs) in arcs.chunks(rows).enumerate() {
            let (ring, wedge) = (position / self.wedges_count, position % self.wedges_count);
            let start = position * rows;
            let row = |row: usize| {
                let (arc, count, tier) = (&arcs[row], counts[start + row], tiers[start + row]);
                let overrides = self.overrides(ring, wedge, row, count);
                row_of(arc, row, count, &format!("CAT{}", tier + 1), overrides)
            };
            // A small arena may have rows too short for one seat.
            let rows = (0..rows).filter(|&row| counts[start + row] > 0).map(row).collect::<Vec<_>>();
            if rows.is_empty() {
                continue;
            }
            let code = (ring + 1) * 100 + wedge + 1;
            sections.push(SectionDocument { code: code.to_string(), name: format!("Block {code}"), rows });
        }
        sections
    }

    /// Wheelchair places stand at the concourse, in the last row of every other lower section; the lower sections beside the
    /// stage see it from the side.
    fn overrides(&self, ring: usize, wedge: usize, row: usize, count: u32) -> Vec<SeatOverride> {
        let mut overrides = Vec::new();
        let last_row = row + 1 == self.rows_per_ring_count;
        if ring == 0 && last_row && wedge % 2 == 1 && count >= 8 {
            for number in [1, 3] {
                overrides.push(SeatOverride { number, accessible: true, ..SeatOverride::default() });
                overrides.push(SeatOverride { number: number + 1, companion: true, ..SeatOverride::default() });
            }
        } else if ring == 0 && count > RESTRICTED_PER_ROW {
            let last = count + 1;
            let hidden = match wedge {
                0 => 1..RESTRICTED_PER_ROW + 1,
                wedge if wedge + 1 == self.wedges_count => last - RESTRICTED_PER_ROW..last,
                _ => 0..0,
            };
            let seat = |number| SeatOverride { number, restricted_view: true, ..SeatOverride::default() };
            overrides.extend(hidden.map(i64::from).map(seat));
        }
        overrides
    }

    /// The middle of the stage, which stands inside the oval at its open end.
    fn stage_cm(&self) -> PointCm {
        (0, round_cm(-self.half_y_cm * 0.85))
    }

    fn floor(&self, standing_count: u32) -> AreaDocument {
        let (x, y) = (self.half_x_cm * 0.62, self.half_y_cm * 0.62);
        let (near, far) = ((round_cm(-x), round_cm(-y)), (round_cm(x), round_cm(y)));
        standing("FLOOR", "Floor", standing_count, "FLOOR", near, far)
    }
}

fn row_of(arc: &Arc, row: usize, count: u32, tier: &str, overrides: Vec<SeatOverride>) -> RowDocument {
    let chord = ((arc.from.0 + arc.to.0) / 2.0, (arc.from.1 + arc.to.1) / 2.0);
    let bulge_cm = match count {
        0..=2 => (0, 0),
        3.. => (round_cm(arc.middle.0 - chord.0), round_cm(arc.middle.1 - chord.1)),
    };
    let line = SeatLine {
        from_cm: (round_cm(arc.from.0), round_cm(arc.from.1)),
        to_cm: (round_cm(arc.to.0), round_cm(arc.to.1)),
        bulge_cm,
        count,
        first_number: 1,
        number_step: 1,
        tier: tier.into(),
        overrides,
    };
    RowDocument { label: row_label(row), seats: Vec::new(), line: Some(line) }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (x, y) = (a.0 - b.0, a.1 - b.1);
    (x * x + y * y).sqrt()
}

fn round_cm(length: f64) -> i32 {
    length.round() as i32
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_demo_arena_has_exactly_fourteen_thousand_places() {
        let layout = crate::plan::generate::arena_of(14_000).compile().unwrap();
        assert_eq!((layout.seats().len(), layout.capacity()), (12_000, 14_000));
    }

    #[test]
    fn seats_of_a_row_keep_their_distance() {
        let layout = crate::plan::generate::arena_of(14_000).compile().unwrap();
        for row in layout.rows() {
            let seats = &layout.seats()[row.seats.start as usize..row.seats.end as usize];
            for pair in seats.windows(2) {
                let (dx, dy) = (i64::from(pair[0].x_cm - pair[1].x_cm), i64::from(pair[0].y_cm - pair[1].y_cm));
                let squared = dx * dx + dy * dy;
                assert!((45 * 45..70 * 70).contains(&squared), "{} in row {}", squared.isqrt(), row.label);
            }
        }
    }

    #[test]
    fn special_places_exist_and_are_few() {
        let layout = crate::plan::generate::arena_of(14_000).compile().unwrap();
        let count = |of: fn(&crate::plan::SeatAttributes) -> bool| {
            layout.seats().iter().filter(|seat| of(&seat.attributes)).count()
        };
        assert_eq!(count(|seat| seat.accessible), count(|seat| seat.companion));
        assert!((10..200).contains(&count(|seat| seat.accessible)));
        assert!((50..300).contains(&count(|seat| seat.restricted_view)));
    }
}
