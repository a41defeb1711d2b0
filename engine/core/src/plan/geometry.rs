//! The seat map for browsers: where every place is and what it is called, and nothing that changes.
//!
//! The JSON, with short keys because there is one object per row (`?`: left out when empty or zero):
//!
//! ```text
//! { "format": "usher.seat-map/1", "name", "seats_count",
//!   "bounds_cm": [min_x, min_y, max_x, max_y], "focal_point_cm": [x, y],
//!   "tiers":    [{ "code", "name", "color"? }],
//!   "sections": [{ "code", "name", "first_seat", "rows": [{
//!       "label", "count",
//!       "line"?: [x_first, y_first, x_last, y_last, bulge_x, bulge_y],   // else
//!       "path"?: [x, y, dx, dy, dx, dy, …],                              // the first seat, then steps
//!       "numbers"?: [first, step], "labels"?: ["A", …],                  // one of them
//!       "tiers": [[tier, count], …],                                     // runs, index into tiers
//!       "accessible"?: [position, …], "companion"?: […], "restricted_view"?: […] }] }],
//!   "areas":    [{ "code", "name", "capacity", "tier", "outline_cm"? }] }
//! ```
//!
//! A seat's index counts on through rows and sections in this order, from `first_seat` of its section. On a `line` of n
//! seats, seat i is at `first + (last − first)·t + bulge·4t(1−t)` with t = i/(n−1), right to [`LINE_TOLERANCE_CM`].

use serde::Serialize;

use super::document::{PointCm, SeatLine};
use super::{GaArea, Layout, Row, Seat, SeatAttributes, Section};

/// How far a seat drawn from its row's `line` may be from where the plan has it: nothing one could see.
pub const LINE_TOLERANCE_CM: i32 = 1;

/// A layout as browsers draw it; serialize it to JSON once and serve it as immutable under the plan's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeatMap {
    format: &'static str,
    name: String,
    seats_count: usize,
    bounds_cm: [i32; 4],
    focal_point_cm: PointCm,
    tiers: Vec<MapTier>,
    sections: Vec<MapSection>,
    areas: Vec<MapArea>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MapTier {
    code: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MapSection {
    code: String,
    name: String,
    first_seat: u32,
    rows: Vec<MapRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MapRow {
    label: String,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<[i32; 6]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<[i64; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    tiers: Vec<(u16, u32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accessible: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    companion: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restricted_view: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MapArea {
    code: String,
    name: String,
    capacity: u32,
    tier: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outline_cm: Vec<PointCm>,
}

impl SeatMap {
    /// The map of a layout.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        Self {
            format: "usher.seat-map/1",
            name: layout.name().into(),
            seats_count: layout.seats().len(),
            bounds_cm: bounds_cm(layout),
            focal_point_cm: layout.focal_point_cm(),
            tiers: layout
                .tiers()
                .iter()
                .map(|tier| MapTier { code: tier.code.clone(), name: tier.name.clone(), color: tier.color.clone() })
                .collect(),
            sections: layout.sections().iter().map(|section| map_section(layout, section)).collect(),
            areas: layout.areas().iter().map(map_area).collect(),
        }
    }
}

fn map_section(layout: &Layout, section: &Section) -> MapSection {
    let rows = &layout.rows()[section.rows.start as usize..section.rows.end as usize];
    MapSection {
        code: section.code.clone(),
        name: section.name.clone(),
        first_seat: section.seats.start,
        rows: rows.iter().map(|row| map_row(layout, row)).collect(),
    }
}

fn map_area(area: &GaArea) -> MapArea {
    MapArea {
        code: area.code.clone(),
        name: area.name.clone(),
        capacity: area.capacity,
        tier: area.tier.0,
        outline_cm: area.outline_cm.clone(),
    }
}

fn map_row(layout: &Layout, row: &Row) -> MapRow {
    let seats = &layout.seats()[row.seats.start as usize..row.seats.end as usize];
    let line = line_through(seats);
    let numbers = numbers_of(seats);
    MapRow {
        label: row.label.clone(),
        count: seats.len(),
        line: line.as_ref().map(|line| {
            let ((x0, y0), (x1, y1), (bx, by)) = (line.from_cm, line.to_cm, line.bulge_cm);
            [x0, y0, x1, y1, bx, by]
        }),
        path: if line.is_some() { Vec::new() } else { path(seats) },
        numbers,
        labels: if numbers.is_some() { Vec::new() } else { seats.iter().map(|seat| seat.label.clone()).collect() },
        tiers: tier_runs(seats),
        accessible: positions(seats, |seat| seat.accessible),
        companion: positions(seats, |seat| seat.companion),
        restricted_view: positions(seats, |seat| seat.restricted_view),
    }
}

fn point(seat: &Seat) -> PointCm {
    (seat.x_cm, seat.y_cm)
}

/// The line or parabola all these seats lie on, if there is one.
fn line_through(seats: &[Seat]) -> Option<SeatLine> {
    let (first, last) = (seats.first()?, seats.last()?);
    let count = u32::try_from(seats.len()).ok()?;
    let mut line = SeatLine {
        from_cm: point(first),
        to_cm: point(last),
        bulge_cm: (0, 0),
        count,
        first_number: 1,
        number_step: 1,
        tier: String::new(),
        overrides: Vec::new(),
    };
    if count > 2 {
        // What the seat nearest the middle is off the straight line by, scaled from its place to the middle's.
        let (i, gaps) = (i64::from(count / 2), i64::from(count - 1));
        let ((x, y), straight) = (point(&seats[count as usize / 2]), line.point_cm(count / 2));
        let scaled = |off: i32| i32::try_from(i64::from(off) * gaps * gaps / (4 * i * (gaps - i))).ok();
        line.bulge_cm = (scaled(x - straight.0)?, scaled(y - straight.1)?);
    }
    let near = |(position, seat): (u32, &Seat)| {
        let (x, y) = line.point_cm(position);
        (x - seat.x_cm).abs() <= LINE_TOLERANCE_CM && (y - seat.y_cm).abs() <= LINE_TOLERANCE_CM
    };
    (0..).zip(seats).all(near).then_some(line)
}

/// First number and step, if the labels are such a run of numbers.
fn numbers_of(seats: &[Seat]) -> Option<[i64; 2]> {
    let number = |position: usize| seats.get(position).and_then(|seat: &Seat| seat.label.parse::<i64>().ok());
    let first = number(0)?;
    let step = number(1).map_or(1, |second| second.saturating_sub(first));
    let label = |position: i64| first.saturating_add(step.saturating_mul(position)).to_string();
    (0..).zip(seats).all(|(position, seat)| seat.label == label(position)).then_some([first, step])
}

fn path(seats: &[Seat]) -> Vec<i32> {
    let mut before = (0, 0);
    let mut path = Vec::with_capacity(2 * seats.len());
    for (x, y) in seats.iter().map(point) {
        path.extend([x - before.0, y - before.1]);
        before = (x, y);
    }
    path
}

fn tier_runs(seats: &[Seat]) -> Vec<(u16, u32)> {
    let mut runs: Vec<(u16, u32)> = Vec::new();
    for seat in seats {
        match runs.last_mut() {
            Some((tier, count)) if *tier == seat.tier.0 => *count += 1,
            Some(_) | None => runs.push((seat.tier.0, 1)),
        }
    }
    runs
}

fn positions(seats: &[Seat], of: fn(&SeatAttributes) -> bool) -> Vec<usize> {
    (0..).zip(seats).filter(|(_, seat)| of(&seat.attributes)).map(|(position, _)| position).collect()
}

/// The box around all seats, outlines and the focal point.
fn bounds_cm(layout: &Layout) -> [i32; 4] {
    let seats = layout.seats().iter().map(point);
    let corners = layout.areas().iter().flat_map(|area| area.outline_cm.iter().copied());
    let (x, y) = layout.focal_point_cm();
    seats.chain(corners).fold([x, y, x, y], |[x0, y0, x1, y1], (x, y)| [x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
}

#[cfg(test)]
mod tests {
    use super::super::{SeatingPlan, generate};
    use super::*;
    use serde_json::{Value, json};

    fn map(plan: &SeatingPlan) -> Value {
        serde_json::to_value(SeatMap::of(&plan.compile().unwrap())).unwrap()
    }

    #[test]
    fn a_line_row_says_its_ends_and_its_numbers() {
        let row = &map(&generate::small())["sections"][1]["rows"][0];
        assert_eq!(row["label"], "A");
        assert_eq!((&row["count"], &row["numbers"], &row["tiers"]), (&json!(5), &json!([1, 1]), &json!([[0, 5]])));
        assert_eq!(row["line"].as_array().unwrap().len(), 6);
        assert_eq!(row.get("path"), None);
    }

    #[test]
    fn a_crooked_row_with_odd_labels_is_told_step_by_step() {
        let mut plan = generate::small();
        let seat = |label: &str, x_cm, y_cm| json!({"label": label, "tier": "A", "x_cm": x_cm, "y_cm": y_cm, "accessible": label == "b"});
        let row =
            json!({"label": "Z", "seats": [seat("a", 0, 0), seat("b", 50, 70), seat("c", 100, -70), seat("d", 99, 0)]});
        plan.sections[0].rows[0] = serde_json::from_value(row).unwrap();
        let row = &map(&plan)["sections"][0]["rows"][0];
        assert_eq!(row["path"], json!([0, 0, 50, 70, 50, -140, -1, 70]));
        assert_eq!((&row["labels"], &row["accessible"]), (&json!(["a", "b", "c", "d"]), &json!([1])));
        assert_eq!((row.get("line"), row.get("numbers")), (None, None));
    }

    #[test]
    fn an_arena_of_fourteen_thousand_takes_tens_of_kilobytes() {
        let layout = generate::arena_of(14_000).compile().unwrap();
        let map = SeatMap::of(&layout);
        assert!(map.sections.iter().flat_map(|section| &section.rows).all(|row| row.line.is_some()));
        let bytes_count = serde_json::to_vec(&map).unwrap().len();
        assert!(bytes_count < 90_000, "{bytes_count} bytes");
    }

    #[test]
    fn everything_is_inside_the_bounds() {
        let layout = generate::small().compile().unwrap();
        let [x0, y0, x1, y1] = SeatMap::of(&layout).bounds_cm;
        assert!(layout.seats().iter().all(|seat| (x0..=x1).contains(&seat.x_cm) && (y0..=y1).contains(&seat.y_cm)));
        assert!((y0..=y1).contains(&900) && (y0..=y1).contains(&0));
    }
}
