//! The compiled plan: flat arrays in the order sections → rows → seats. Immutable, shared, indexed by dense ids.

use std::ops::Range;

use crate::{AreaIdx, RowIdx, SeatIdx, SectionIdx, TierIdx};

/// What is special about a seat. A seat without any is offered to everyone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeatAttributes {
    /// A place for a wheelchair user; offered on request only.
    pub accessible: bool,
    /// The seat beside an accessible one; offered with it.
    pub companion: bool,
    /// The view is restricted; said before one picks it.
    pub restricted_view: bool,
}

/// A price tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceTier {
    /// Short stable name, unique in the plan.
    pub code: String,
    /// For people.
    pub name: String,
    /// `#rrggbb` for the map, if the plan names one.
    pub color: Option<String>,
}

/// A block of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Short stable name, unique among sections and areas.
    pub code: String,
    /// For people.
    pub name: String,
    /// Its rows in [`Layout::rows`], front first.
    pub rows: Range<u32>,
    /// Its seats in [`Layout::seats`].
    pub seats: Range<u32>,
}

/// A row of neighbouring seats: consecutive indexes sit side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it belongs.
    pub section: SectionIdx,
    /// Unique in its section.
    pub label: String,
    /// Its seats in [`Layout::seats`].
    pub seats: Range<u32>,
}

/// One numbered seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Where it belongs.
    pub row: RowIdx,
    /// Unique in its row.
    pub label: String,
    /// What it costs follows from this.
    pub tier: TierIdx,
    /// Distance to the right of the plan's origin.
    pub x_cm: i32,
    /// Distance below the plan's origin.
    pub y_cm: i32,
    /// What is special about it.
    pub attributes: SeatAttributes,
}

/// A general-admission area: so many places, none of them numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaArea {
    /// Short stable name, unique among sections and areas.
    pub code: String,
    /// For people.
    pub name: String,
    /// Places.
    pub capacity: u32,
    /// What a place costs follows from this.
    pub tier: TierIdx,
    /// Corners of its outline for the map, in centimetres; may be empty.
    pub outline_cm: Vec<(i32, i32)>,
}

/// A valid plan, compiled. Fields are read-only outside this crate through the accessors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub(crate) name: String,
    pub(crate) tiers: Vec<PriceTier>,
    pub(crate) sections: Vec<Section>,
    pub(crate) rows: Vec<Row>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) areas: Vec<GaArea>,
    /// Where everyone looks: the middle of the stage or the pitch.
    pub(crate) focal_point_cm: (i32, i32),
}

impl Layout {
    /// The plan's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All price tiers.
    #[must_use]
    pub fn tiers(&self) -> &[PriceTier] {
        &self.tiers
    }

    /// All sections, in the plan's order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// All rows, by section.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All numbered seats, by row.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// All general-admission areas.
    #[must_use]
    pub fn areas(&self) -> &[GaArea] {
        &self.areas
    }

    /// Where everyone looks, in centimetres from the origin.
    #[must_use]
    pub fn focal_point_cm(&self) -> (i32, i32) {
        self.focal_point_cm
    }

    /// The seat, or `None` past the end.
    #[must_use]
    pub fn seat(&self, seat: SeatIdx) -> Option<&Seat> {
        self.seats.get(seat.usize())
    }

    /// The area, or `None` past the end.
    #[must_use]
    pub fn area(&self, area: AreaIdx) -> Option<&GaArea> {
        self.areas.get(area.usize())
    }

    /// Section, row and seat label of a seat, for tickets and pages.
    #[must_use]
    pub fn seat_labels(&self, seat: SeatIdx) -> Option<(&str, &str, &str)> {
        let seat = self.seat(seat)?;
        let row = self.rows.get(seat.row.usize())?;
        let section = self.sections.get(row.section.usize())?;
        Some((&section.name, &row.label, &seat.label))
    }

    /// All places: numbered seats and those of the areas.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.seats.len() as u64 + self.areas.iter().map(|area| u64::from(area.capacity)).sum::<u64>()
    }
}
