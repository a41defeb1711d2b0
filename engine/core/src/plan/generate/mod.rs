//! Plans made from a few numbers: halls of straight blocks, arenas of rings around a floor, standing clubs.
//!
//! The same numbers give the same plan on every machine: angles go through [`angle::sin_cos`], which uses only
//! additions and multiplications (IEEE 754 fixes those, but not the platform's `sin`), and every point is rounded to
//! whole centimetres before it enters the document. Floats live in this folder and nowhere else in the crate.

mod angle;
mod arena;
mod hall;
mod share;

pub use arena::ArenaSpec;
pub use hall::{ClubSpec, HallSpec};

use super::document::{FormatTag, SeatingPlan, TierDocument};
use super::{FaultCode, PLACES_MAX, PlanFault};

/// A plain hall for tests and benches: blocks side by side, five to a floor, no special seats, tiers `T1` to `T3` by
/// distance.
///
/// # Panics
/// If a number is zero or past the limits of a plan.
#[must_use]
pub fn hall(sections_count: u16, rows_count: u16, seats_per_row_count: u16) -> SeatingPlan {
    HallSpec {
        name: "Hall".into(),
        sections_count,
        rows_count,
        seats_per_row_count,
        curve_cm: 0,
        accessible_pairs_count: 0,
    }
    .plan()
    .expect("the caller keeps to the limits")
}

/// An arena of exactly so many places: six in seven are seats, the rest stand on the floor.
///
/// # Panics
/// Below 100 places or past [`PLACES_MAX`].
#[must_use]
pub fn arena_of(places_count: u32) -> SeatingPlan {
    let standing_count = places_count / 7;
    ArenaSpec { name: "Arena".into(), seats_count: places_count - standing_count, standing_count }
        .plan()
        .expect("the caller keeps to the limits")
}

/// Two sections of two rows of five seats and an area of twenty: 40 places, two tiers `A` and `B`.
///
/// # Panics
/// Never: the numbers are fixed.
#[must_use]
pub fn small() -> SeatingPlan {
    let mut plan = hall(2, 2, 5);
    plan.name = "Small".into();
    plan.tiers = vec![tier("A", "Front"), tier("B", "Back")];
    for section in &mut plan.sections {
        for (row, code) in section.rows.iter_mut().zip(["A", "B"]) {
            row.line.as_mut().expect("the generator writes lines").tier = code.into();
        }
    }
    plan.areas = vec![hall::standing("FLOOR", "Floor", 20, "B", (-500, 500), (500, 900))];
    plan
}

fn tier(code: &str, name: &str) -> TierDocument {
    TierDocument { code: code.into(), name: name.into(), color: None }
}

fn plan(name: &str) -> SeatingPlan {
    SeatingPlan {
        format: FormatTag::V1,
        name: name.into(),
        focal_point_cm: (0, 0),
        tiers: Vec::new(),
        sections: Vec::new(),
        areas: Vec::new(),
    }
}

/// Letters as rows are labelled: A, B, … Z, AA, AB, …
fn row_label(position: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = position + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + u8::try_from(rest % 26).expect("below 26"));
        rest /= 26;
    }
    letters.iter().rev().map(|&letter| char::from(letter)).collect()
}

/// Refuses a specification before it becomes a document of unbounded size.
fn in_range(field: &str, count: u64, min: u64, max: u64) -> Result<(), PlanFault> {
    if (min..=max.min(PLACES_MAX)).contains(&count) {
        return Ok(());
    }
    let message = format!("{count} is not between {min} and {max}");
    Err(PlanFault { path: format!("/{field}"), code: FaultCode::TooMany, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn row_labels_go_on_after_z() {
        let labels: Vec<_> = [0, 25, 26, 51, 52, 701, 702].map(row_label).into();
        assert_eq!(labels, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    proptest! {
        // Each case draws and compiles a whole plan.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn generated_halls_compile_to_their_size(
            sections in 1..12_u16,
            rows in 1..40_u16,
            seats in 1..60_u16,
            curve_cm in 0..900_u16,
            pairs in 0..4_u16,
        ) {
            let spec = HallSpec {
                name: "Hall".into(),
                sections_count: sections,
                rows_count: rows,
                seats_per_row_count: seats,
                curve_cm,
                accessible_pairs_count: pairs.min(seats / 2),
            };
            let plan = spec.plan().unwrap();
            let layout = plan.compile().unwrap();
            prop_assert_eq!(layout.capacity(), u64::from(sections) * u64::from(rows) * u64::from(seats));
            prop_assert_eq!(plan, spec.plan().unwrap());
        }

        #[test]
        fn generated_arenas_compile_to_exactly_their_places(seats in 60..30_000_u32, standing in 0..5_000_u32) {
            let spec = ArenaSpec { name: "Arena".into(), seats_count: seats, standing_count: standing };
            let layout = spec.plan().unwrap().compile().unwrap();
            prop_assert_eq!(layout.seats().len(), seats as usize);
            prop_assert_eq!(layout.capacity(), u64::from(seats + standing));
        }

        #[test]
        fn a_hall_of_about_some_size_is_hardly_larger(seats in 1..20_000_u32) {
            let spec = HallSpec::about("Hall", seats);
            let capacity = spec.plan().unwrap().compile().unwrap().capacity();
            let one_more = u64::from(spec.sections_count) * u64::from(spec.rows_count);
            prop_assert!((u64::from(seats)..u64::from(seats) + one_more).contains(&capacity), "{}", capacity);
        }
    }

    #[test]
    fn impossible_sizes_are_refused_before_anything_is_drawn() {
        let hall = HallSpec { sections_count: u16::MAX, ..HallSpec::about("Hall", 100) };
        assert_eq!(hall.plan().unwrap_err().path, "/sections_count");
        let arena = ArenaSpec { name: "Arena".into(), seats_count: 150_000, standing_count: 50_001 };
        assert_eq!(arena.plan().unwrap_err().path, "/standing_count");
        assert!(ClubSpec { name: "Club".into(), standing_count: 0 }.plan().is_err());
        assert_eq!(
            ClubSpec { name: "Club".into(), standing_count: 200_000 }.plan().unwrap().compile().unwrap().capacity(),
            200_000
        );
    }

    #[test]
    fn the_largest_arena_can_be_drawn() {
        assert_eq!(arena_of(200_000).compile().unwrap().capacity(), 200_000);
    }

    #[test]
    fn the_small_plan_has_forty_places() {
        let layout = small().compile().unwrap();
        assert_eq!((layout.seats().len(), layout.capacity()), (20, 40));
        assert_eq!(layout.seat_labels(crate::SeatIdx(7)), Some(("Block 1", "B", "3")));
    }
}
