//! Places and lines, as holds and orders name them on the wire.

use serde::Serialize;
use serde_json::Value;

/// A numbered seat, or a place in an area.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A seat by its index in the seat map.
    Seat(u32),
    /// One place of an area, by the area's code.
    Ga(String),
}

/// A place and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// Where.
    pub place: Place,
    /// How much.
    pub price_minor: u64,
}

impl Line {
    /// Reads a line of a hold or an order.
    #[must_use]
    pub fn read(line: &Value) -> Option<Self> {
        let place = match (line["seat"].as_u64(), line["area"].as_str()) {
            (Some(seat), _) => Place::Seat(u32::try_from(seat).ok()?),
            (None, Some(area)) => Place::Ga(area.to_owned()),
            (None, None) => return None,
        };
        Some(Self { place, price_minor: line["price_minor"].as_u64()? })
    }

    /// Reads all lines; `None` when there is no list or one of them makes no sense.
    #[must_use]
    pub fn read_all(lines: &Value) -> Option<Vec<Self>> {
        lines.as_array()?.iter().map(Self::read).collect()
    }
}

/// Lines in an order of their own, so that lists compare as sets.
#[must_use]
pub(super) fn sorted(lines: &[Line]) -> Vec<&Line> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort();
    lines
}
