//! Plans from other systems.
//!
//! A pretix seating plan (zones → rows → seats, with float coordinates in drawing units) becomes sections, rows and
//! seats; its categories become tiers. What it merely draws (areas, shapes, texts) has nothing to sell and is left out.
//! The caller parses the JSON into [`PretixPlan`], so that this crate needs no JSON parser.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::document::{FormatTag, PointCm, RowDocument, SeatDocument, SeatingPlan, SectionDocument, TierDocument};
use super::validate::CODE_CHARS_MAX;

/// Seats in such plans are usually drawn 25 units apart; in a hall that is half a metre.
pub const PRETIX_CM_PER_UNIT: f64 = 2.0;

/// A pretix seating plan; fields that are not needed are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct PretixPlan {
    name: String,
    #[serde(default)]
    categories: Vec<Category>,
    zones: Vec<Zone>,
    #[serde(default)]
    size: Option<Size>,
}

#[derive(Debug, Clone, Deserialize)]
struct Size {
    width: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Category {
    name: String,
    #[serde(default)]
    color: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Zone {
    #[serde(default)]
    name: String,
    #[serde(default)]
    position: Position,
    #[serde(default)]
    rows: Vec<PretixRow>,
}

#[derive(Debug, Clone, Deserialize)]
struct PretixRow {
    #[serde(default)]
    row_number: Option<Label>,
    #[serde(default)]
    position: Position,
    #[serde(default)]
    seats: Vec<PretixSeat>,
}

#[derive(Debug, Clone, Deserialize)]
struct PretixSeat {
    #[serde(default)]
    seat_number: Option<Label>,
    #[serde(default)]
    position: Position,
    category: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Position {
    x: f64,
    y: f64,
}

/// Labels are texts, but some exports write bare numbers.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Label {
    Text(String),
    Number(i64),
}

impl PretixPlan {
    /// The same plan as an Usher document. It may still be invalid (two rows of one name, seats without a number): compile
    /// it to hear all faults.
    #[must_use]
    pub fn into_plan(self) -> SeatingPlan {
        let mut codes = Codes::default();
        let tiers: Vec<TierDocument> = self
            .categories
            .iter()
            .map(|category| TierDocument {
                code: codes.unique(&category.name, "tier"),
                name: category.name.clone(),
                color: category.color.clone().filter(|color| color.len() == 7),
            })
            .collect();
        // An unknown category keeps its name, so that validation can say which seat has it.
        let tier_of = |category: &str| {
            tiers
                .iter()
                .find(|tier| tier.name == category)
                .map_or_else(|| category.to_owned(), |tier| tier.code.clone())
        };
        let mut codes = Codes::default();
        let sections = self
            .zones
            .iter()
            .enumerate()
            .filter(|(_, zone)| zone.rows.iter().any(|row| !row.seats.is_empty()))
            .map(|(position, zone)| section(zone, position, &mut codes, &tier_of))
            .collect();
        let middle = self.size.as_ref().map_or(0.0, |size| size.width / 2.0);
        SeatingPlan {
            format: FormatTag::V1,
            name: self.name.trim().to_owned(),
            focal_point_cm: (to_cm(middle), 0),
            tiers,
            sections,
            areas: Vec::new(),
        }
    }
}

fn section(zone: &Zone, position: usize, codes: &mut Codes, tier_of: &dyn Fn(&str) -> String) -> SectionDocument {
    let name = match zone.name.trim() {
        "" => format!("Section {}", position + 1),
        name => name.to_owned(),
    };
    let rows =
        zone.rows.iter().enumerate().filter(|(_, row)| !row.seats.is_empty()).map(|(position, row)| RowDocument {
            label: label(row.row_number.as_ref(), position),
            seats: row.seats.iter().enumerate().map(|(i, seat)| convert(zone, row, seat, i, tier_of)).collect(),
            line: None,
        });
    SectionDocument { code: codes.unique(&name, "section"), rows: rows.collect(), name }
}

fn convert(
    zone: &Zone,
    row: &PretixRow,
    seat: &PretixSeat,
    position: usize,
    tier_of: &dyn Fn(&str) -> String,
) -> SeatDocument {
    // Positions are relative: seat to row, row to zone.
    let (x_cm, y_cm): PointCm = (
        to_cm(zone.position.x + row.position.x + seat.position.x),
        to_cm(zone.position.y + row.position.y + seat.position.y),
    );
    SeatDocument {
        label: label(seat.seat_number.as_ref(), position),
        tier: tier_of(&seat.category),
        x_cm,
        y_cm,
        accessible: false,
        companion: false,
        restricted_view: false,
    }
}

/// The label as given, or the position counted from one.
fn label(given: Option<&Label>, position: usize) -> String {
    match given {
        Some(Label::Text(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        Some(Label::Number(number)) => number.to_string(),
        Some(Label::Text(_)) | None => (position + 1).to_string(),
    }
}

/// Rounded; a number out of range ends at the type's edge, which validation refuses.
fn to_cm(units: f64) -> i32 {
    (units * PRETIX_CM_PER_UNIT).round() as i32
}

/// Makes codes out of names, each once.
#[derive(Default)]
struct Codes(BTreeSet<String>);

impl Codes {
    fn unique(&mut self, name: &str, fallback: &str) -> String {
        let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let slug: String = name.trim().chars().map(fit).take(CODE_CHARS_MAX - 6).collect();
        let slug = match slug.trim_matches('-') {
            "" => fallback.to_owned(),
            slug => slug.to_owned(),
        };
        let numbered = (2..).map(|number| format!("{slug}-{number}"));
        let code = std::iter::once(slug.clone())
            .chain(numbered)
            .find(|code| !self.0.contains(code))
            .expect("one of endlessly many is free");
        self.0.insert(code.clone());
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> serde_json::Value {
        json!({
            "name": "Small theatre",
            "size": {"width": 1000, "height": 800},
            "categories": [{"name": "Balcony seats", "color": "#7f4a91"}, {"name": "Parkett"}],
            "zones": [
                {"name": "Parkett", "uuid": "…", "position": {"x": 100, "y": 50.25}, "areas": [{"shape": "text"}], "rows": [
                    {"row_number": "1", "position": {"x": 0, "y": 10}, "seats": [
                        {"seat_guid": "a", "seat_number": "1", "category": "Parkett", "position": {"x": 0, "y": 0}},
                        {"seat_guid": "b", "seat_number": 2, "category": "Parkett", "position": {"x": 25, "y": 0}},
                        {"seat_guid": "c", "category": "Balcony seats", "position": {"x": 50.5, "y": 0}}]},
                    {"row_number": "empty", "position": {"x": 0, "y": 40}, "seats": []}]},
                {"name": "Decoration", "position": {"x": 0, "y": 0}, "rows": []},
                {"name": "Parkett", "position": {"x": 0, "y": 0}, "rows": [
                    {"row_number": null, "position": {"x": 0, "y": 0}, "seats": [
                        {"seat_number": "1", "category": "Parkett", "position": {"x": 0, "y": 0}}]}]}]
        })
    }

    #[test]
    fn a_pretix_plan_becomes_a_valid_plan() {
        let plan = serde_json::from_value::<PretixPlan>(sample()).unwrap().into_plan();
        let layout = plan.compile().unwrap();
        assert_eq!(layout.capacity(), 4);
        let codes: Vec<_> = layout.sections().iter().map(|section| section.code.as_str()).collect();
        assert_eq!(codes, ["Parkett", "Parkett-2"]);
        assert_eq!(layout.tiers()[0].code, "Balcony-seats");
        let seat = &layout.seats()[2];
        assert_eq!((seat.label.as_str(), seat.tier.0, seat.x_cm, seat.y_cm), ("3", 0, 301, 121));
        assert_eq!(layout.focal_point_cm(), (1000, 0));
    }

    #[test]
    fn a_seat_of_an_unknown_category_is_a_fault_with_its_place() {
        let mut sample = sample();
        sample["zones"][0]["rows"][0]["seats"][1]["category"] = json!("Loge");
        let plan = serde_json::from_value::<PretixPlan>(sample).unwrap().into_plan();
        let faults = plan.compile().unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(
            faults[0].to_string(),
            "/sections/0/rows/0/seats/1/tier: no tier has the code \"Loge\" (tier_unknown)"
        );
    }
}
