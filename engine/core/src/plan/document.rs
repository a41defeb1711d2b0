//! The seating plan as a document: what organizers upload, the generator writes and the catalogue keeps.
//!
//! All lengths are whole centimetres from an origin of the author's choice, x to the right and y down (away from the
//! stage in a plan drawn with the stage on top). A row names its seats one by one, or says them in one breath with a
//! [`SeatLine`], which keeps an arena of 14,000 places near a hundred kilobytes. Parsing refuses unknown fields: a
//! misspelt `acessible` must not silently sell a wheelchair place. `schema/seating-plan.schema.json` says the same.

use serde::{Deserialize, Serialize};

/// A point or a displacement: x and y in centimetres.
pub type PointCm = (i32, i32);

/// The one format there is; parsing refuses any other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormatTag {
    /// The first format.
    #[default]
    #[serde(rename = "usher.seating-plan/1")]
    V1,
}

/// A venue's places and how they are priced, as an organizer writes them down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatingPlan {
    /// Names the format.
    pub format: FormatTag,
    /// For people.
    pub name: String,
    /// Where everyone looks: the middle of the stage or the pitch.
    pub focal_point_cm: PointCm,
    /// Price tiers, dearest first by custom.
    pub tiers: Vec<TierDocument>,
    /// Blocks of numbered seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<SectionDocument>,
    /// General-admission areas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<AreaDocument>,
}

/// A price tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierDocument {
    /// Short stable name, unique among tiers.
    pub code: String,
    /// For people.
    pub name: String,
    /// `#rrggbb` for the map; without it the map picks one that colour-blind people can tell apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// A block of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionDocument {
    /// Short stable name, unique among sections and areas.
    pub code: String,
    /// For people.
    pub name: String,
    /// Front row first.
    pub rows: Vec<RowDocument>,
}

/// A row of neighbours: either `seats` or `line`, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowDocument {
    /// Unique in its section.
    pub label: String,
    /// The seats one by one, in the order people sit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatDocument>,
    /// The seats as an evenly spaced line or arc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<SeatLine>,
}

/// One numbered seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatDocument {
    /// Unique in its row.
    pub label: String,
    /// A tier's code.
    pub tier: String,
    /// To the right of the origin.
    pub x_cm: i32,
    /// Below the origin.
    pub y_cm: i32,
    /// A place for a wheelchair user.
    #[serde(default, skip_serializing_if = "is_false")]
    pub accessible: bool,
    /// The seat beside an accessible one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub companion: bool,
    /// The view is restricted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restricted_view: bool,
}

/// Evenly spaced seats labelled by consecutive numbers, on a straight line or a shallow arc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatLine {
    /// The first seat's place.
    pub from_cm: PointCm,
    /// The last seat's place.
    pub to_cm: PointCm,
    /// How far the middle of the row is moved off the straight line; the seats between follow a parabola.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bulge_cm: PointCm,
    /// So many seats.
    pub count: u32,
    /// The first seat's label.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub first_number: i64,
    /// From one label to the next: 2 numbers odd or even sides, -1 counts down.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub number_step: i64,
    /// A tier's code.
    pub tier: String,
    /// Seats that differ from the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<SeatOverride>,
}

/// What is different about one seat of a [`SeatLine`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatOverride {
    /// The seat's number, as on its label.
    pub number: i64,
    /// Another tier's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// A place for a wheelchair user.
    #[serde(default, skip_serializing_if = "is_false")]
    pub accessible: bool,
    /// The seat beside an accessible one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub companion: bool,
    /// The view is restricted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restricted_view: bool,
}

/// A general-admission area: so many places, none of them numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaDocument {
    /// Short stable name, unique among sections and areas.
    pub code: String,
    /// For people.
    pub name: String,
    /// Places.
    pub capacity: u32,
    /// A tier's code.
    pub tier: String,
    /// Corners of its outline for the map; may be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline_cm: Vec<PointCm>,
}

impl SeatLine {
    /// Where the seat at `position` is, counted from 0 in the order people sit.
    #[must_use]
    pub fn point_cm(&self, position: u32) -> PointCm {
        let gaps = i128::from(self.count.max(2) - 1);
        let i = i128::from(position);
        let along = |from: i32, to: i32, bulge: i32| {
            // A parabola that is `bulge` high in the middle: 4·t·(1−t) at t = i/gaps, over the common divisor gaps².
            let straight = (i128::from(to) - i128::from(from)) * i * gaps;
            let arc = 4 * i128::from(bulge) * i * (gaps - i);
            let offset = rounded_div(straight + arc, gaps * gaps);
            // A plan whose numbers are in range never comes near the clamp; validation refuses the others.
            (i128::from(from) + offset).clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32
        };
        (along(self.from_cm.0, self.to_cm.0, self.bulge_cm.0), along(self.from_cm.1, self.to_cm.1, self.bulge_cm.1))
    }

    /// The label's number of the seat at `position`.
    #[must_use]
    pub fn number(&self, position: u32) -> i64 {
        self.first_number.saturating_add(self.number_step.saturating_mul(i64::from(position)))
    }
}

/// To the nearest whole number, halves up; `divisor` is positive.
fn rounded_div(dividend: i128, divisor: i128) -> i128 {
    (2 * dividend + divisor).div_euclid(2 * divisor)
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(point: &PointCm) -> bool {
    *point == (0, 0)
}

fn one() -> i64 {
    1
}

fn is_one(value: &i64) -> bool {
    *value == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(count: u32) -> SeatLine {
        SeatLine {
            from_cm: (0, 100),
            to_cm: (200, 100),
            bulge_cm: (0, 40),
            count,
            first_number: 1,
            number_step: 1,
            tier: "A".into(),
            overrides: Vec::new(),
        }
    }

    #[test]
    fn a_line_starts_and_ends_where_it_says_and_bulges_in_the_middle() {
        let line = line(5);
        let points: Vec<_> = (0..5).map(|position| line.point_cm(position)).collect();
        assert_eq!(points, [(0, 100), (50, 130), (100, 140), (150, 130), (200, 100)]);
    }

    #[test]
    fn a_line_of_one_seat_is_its_first_point() {
        assert_eq!(line(1).point_cm(0), (0, 100));
    }

    #[test]
    fn negative_offsets_round_like_positive_ones() {
        assert_eq!((rounded_div(5, 10), rounded_div(-5, 10), rounded_div(-6, 10)), (1, 0, -1));
    }

    #[test]
    fn a_misspelt_field_or_another_format_is_refused() {
        let good = r#"{"format":"usher.seating-plan/1","name":"x","focal_point_cm":[0,0],"tiers":[]}"#;
        assert!(serde_json::from_str::<SeatingPlan>(good).is_ok());
        assert!(serde_json::from_str::<SeatingPlan>(&good.replace("tiers", "teirs")).is_err());
        assert!(serde_json::from_str::<SeatingPlan>(&good.replace("plan/1", "plan/2")).is_err());
    }
}
