//! Places in words: what a buyer reads about a seat or an area place.

use serde::Serialize;
use usher_core::plan::Layout;
use usher_core::{HoldLine, Minor, Place};

/// A numbered seat or a place in a general-admission area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// A numbered seat.
    Seat,
    /// A place in an area.
    Ga,
}

/// A place of a hold or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PlaceSheet {
    /// Its position in the hold and in the order made from it.
    pub line: u16,
    /// What it is.
    pub kind: PlaceKind,
    /// The seat's index in the seat map.
    pub seat: Option<u32>,
    /// Name of the section or the area.
    pub section: String,
    /// The row's label.
    pub row: Option<String>,
    /// The seat's label.
    pub label: Option<String>,
    /// The area's code.
    pub area: Option<String>,
    /// The price tier's code.
    pub tier: String,
    /// The price tier's name.
    pub tier_name: String,
    /// What it costs, fixed when it was held.
    #[schema(value_type = u64)]
    pub price_minor: Minor,
    /// The view is restricted.
    pub restricted_view: bool,
    /// A place for a wheelchair user.
    pub accessible: bool,
}

impl PlaceSheet {
    /// The sheet of a line.
    #[must_use]
    pub fn of(layout: &Layout, line: usize, held: &HoldLine) -> Self {
        let mut sheet = Self {
            line: u16::try_from(line).unwrap_or(u16::MAX),
            kind: PlaceKind::Seat,
            seat: None,
            section: String::new(),
            row: None,
            label: None,
            area: None,
            tier: String::new(),
            tier_name: String::new(),
            price_minor: held.price_minor,
            restricted_view: false,
            accessible: false,
        };
        let tier = match held.place {
            Place::Seat(seat) => {
                sheet.seat = Some(seat.0);
                if let Some((section, row, label)) = layout.seat_labels(seat) {
                    section.clone_into(&mut sheet.section);
                    sheet.row = Some(row.to_owned());
                    sheet.label = Some(label.to_owned());
                }
                let seat = layout.seat(seat);
                sheet.restricted_view = seat.is_some_and(|seat| seat.attributes.restricted_view);
                sheet.accessible = seat.is_some_and(|seat| seat.attributes.accessible);
                seat.map(|seat| seat.tier)
            }
            Place::Ga(area) => {
                sheet.kind = PlaceKind::Ga;
                let area = layout.area(area);
                if let Some(area) = area {
                    sheet.section.clone_from(&area.name);
                    sheet.area = Some(area.code.clone());
                }
                area.map(|area| area.tier)
            }
        };
        if let Some(tier) = tier.and_then(|tier| layout.tiers().get(tier.usize())) {
            sheet.tier.clone_from(&tier.code);
            sheet.tier_name.clone_from(&tier.name);
        }
        sheet
    }
}
