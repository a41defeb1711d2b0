//! Everything that can be wrong with a seating plan, found in one pass.
//!
//! An organizer who uploads a plan of forty sections wants the whole list, not the first line of it, so no check here
//! stops another. Only sizes are judged first: a document that says it has four thousand million seats is not counted.

use std::collections::BTreeSet;

use super::PlanFault;
use super::document::{AreaDocument, PointCm, RowDocument, SeatLine, SeatingPlan, SectionDocument, TierDocument};
use super::fault::{FaultCode, Faults};

/// Places of one plan, seats and areas together: the size up to which an event is tested.
pub const PLACES_MAX: u64 = 200_000;
/// Price tiers of one plan.
pub const TIERS_MAX: usize = 100;
/// Sections of one plan.
pub const SECTIONS_MAX: usize = 2_000;
/// General-admission areas of one plan.
pub const AREAS_MAX: usize = 200;
/// Rows of one section.
pub const ROWS_MAX: usize = 1_000;
/// Seats of one row.
pub const ROW_SEATS_MAX: usize = 1_000;
/// Corners of one outline.
pub const OUTLINE_POINTS_MAX: usize = 256;
/// Characters of a code; a code is ASCII.
pub const CODE_CHARS_MAX: usize = 32;
/// Characters of a row's or seat's label; it has to fit on a ticket and into a seat on the map.
pub const LABEL_CHARS_MAX: usize = 12;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 80;
/// How far from the origin a point may be on either axis: five kilometres.
pub const COORDINATE_CM_MAX: i32 = 500_000;

impl SeatingPlan {
    /// Checks the plan without laying it out.
    ///
    /// # Errors
    /// Everything that is wrong with the plan at once, at most [`super::FAULTS_MAX`] faults and a summary of the rest.
    pub fn validate(&self) -> Result<(), Vec<PlanFault>> {
        let mut validator = Validator { tiers: BTreeSet::new(), codes: BTreeSet::new(), faults: Faults::default() };
        validator.plan(self);
        validator.faults.into_result()
    }
}

struct Validator<'a> {
    tiers: BTreeSet<&'a str>,
    codes: BTreeSet<&'a str>,
    faults: Faults,
}

impl<'a> Validator<'a> {
    fn plan(&mut self, plan: &'a SeatingPlan) {
        self.text("/name", &plan.name, NAME_CHARS_MAX);
        self.point("/focal_point_cm", plan.focal_point_cm);
        self.at_most("/tiers", plan.tiers.len(), TIERS_MAX, "tiers");
        self.at_most("/sections", plan.sections.len(), SECTIONS_MAX, "sections");
        self.at_most("/areas", plan.areas.len(), AREAS_MAX, "areas");
        for (i, tier) in plan.tiers.iter().take(TIERS_MAX).enumerate() {
            self.tier(&format!("/tiers/{i}"), tier);
        }
        for (i, section) in plan.sections.iter().take(SECTIONS_MAX).enumerate() {
            self.section(&format!("/sections/{i}"), section);
        }
        for (i, area) in plan.areas.iter().take(AREAS_MAX).enumerate() {
            self.area(&format!("/areas/{i}"), area);
        }
        match places(plan) {
            0 => self.faults.add("", FaultCode::NothingToSell, "the plan has neither seats nor area places"),
            1..=PLACES_MAX => {}
            count => {
                let message = format!("the plan has {count} places; at most {PLACES_MAX} can be sold");
                self.faults.add("", FaultCode::TooMany, message);
            }
        }
    }

    fn tier(&mut self, path: &str, tier: &'a TierDocument) {
        self.code(&format!("{path}/code"), &tier.code);
        self.text(&format!("{path}/name"), &tier.name, NAME_CHARS_MAX);
        if !self.tiers.insert(&tier.code) {
            let message = format!("another tier has the code \"{}\"", shown(&tier.code));
            self.faults.add(format_args!("{path}/code"), FaultCode::TierDuplicate, message);
        }
        if tier.color.as_deref().is_some_and(|color| !is_color(color)) {
            let message = "a colour is # and six hexadecimal digits, as in #1d4ed8";
            self.faults.add(format_args!("{path}/color"), FaultCode::ColorInvalid, message);
        }
    }

    fn section(&mut self, path: &str, section: &'a SectionDocument) {
        self.unique_code(path, &section.code);
        self.text(&format!("{path}/name"), &section.name, NAME_CHARS_MAX);
        if section.rows.is_empty() {
            self.faults.add(format_args!("{path}/rows"), FaultCode::SectionEmpty, "the section has no rows");
        }
        self.at_most(&format!("{path}/rows"), section.rows.len(), ROWS_MAX, "rows");
        let mut labels = BTreeSet::new();
        for (i, row) in section.rows.iter().take(ROWS_MAX).enumerate() {
            let path = format!("{path}/rows/{i}");
            self.text(&format!("{path}/label"), &row.label, LABEL_CHARS_MAX);
            if !labels.insert(row.label.as_str()) {
                let message = format!("another row of this section is called \"{}\"", shown(&row.label));
                self.faults.add(format_args!("{path}/label"), FaultCode::RowDuplicate, message);
            }
            self.row(&path, row);
        }
    }

    fn row(&mut self, path: &str, row: &RowDocument) {
        match &row.line {
            Some(_) if !row.seats.is_empty() => {
                self.faults.add(path, FaultCode::RowAmbiguous, "a row has either seats or a line, not both");
            }
            Some(line) => self.line(&format!("{path}/line"), line),
            None if row.seats.is_empty() => self.faults.add(path, FaultCode::RowEmpty, "the row has no seats"),
            None => self.seats(&format!("{path}/seats"), row),
        }
    }

    fn seats(&mut self, path: &str, row: &RowDocument) {
        self.at_most(path, row.seats.len(), ROW_SEATS_MAX, "seats in one row");
        let mut labels = BTreeSet::new();
        for (i, seat) in row.seats.iter().take(ROW_SEATS_MAX).enumerate() {
            let path = format!("{path}/{i}");
            self.text(&format!("{path}/label"), &seat.label, LABEL_CHARS_MAX);
            if !labels.insert(seat.label.as_str()) {
                let message = format!("another seat of this row is called \"{}\"", shown(&seat.label));
                self.faults.add(format_args!("{path}/label"), FaultCode::SeatDuplicate, message);
            }
            self.known_tier(&format!("{path}/tier"), &seat.tier);
            self.point(&path, (seat.x_cm, seat.y_cm));
        }
    }

    fn line(&mut self, path: &str, line: &SeatLine) {
        self.known_tier(&format!("{path}/tier"), &line.tier);
        self.point(&format!("{path}/from_cm"), line.from_cm);
        self.point(&format!("{path}/to_cm"), line.to_cm);
        self.point(&format!("{path}/bulge_cm"), line.bulge_cm);
        if line.count == 0 {
            self.faults.add(format_args!("{path}/count"), FaultCode::RowEmpty, "the row has no seats");
            return;
        }
        self.at_most(&format!("{path}/count"), line.count as usize, ROW_SEATS_MAX, "seats in one row");
        let last = line.number(line.count - 1);
        // A label is at most as long as the largest number of that many digits.
        let labels = 0..10_i64.pow(LABEL_CHARS_MAX as u32);
        if line.number_step == 0 || !labels.contains(&line.first_number) || !labels.contains(&last) {
            let message = format!("seat numbers from {} to {last} cannot be used", line.first_number);
            self.faults.add(path, FaultCode::NumberInvalid, message);
            return;
        }
        let mut numbers = BTreeSet::new();
        for (i, change) in line.overrides.iter().take(ROW_SEATS_MAX).enumerate() {
            let path = format!("{path}/overrides/{i}");
            if let Some(tier) = &change.tier {
                self.known_tier(&format!("{path}/tier"), tier);
            }
            // Only a number between the ends is subtracted, so nothing can overflow.
            let on_line = (line.first_number.min(last)..=line.first_number.max(last)).contains(&change.number)
                && (change.number - line.first_number) % line.number_step == 0;
            if !on_line || !numbers.insert(change.number) {
                let message = format!("the row has no seat {} or it is changed twice", change.number);
                self.faults.add(format_args!("{path}/number"), FaultCode::OverrideInvalid, message);
            }
        }
        self.at_most(&format!("{path}/overrides"), line.overrides.len(), ROW_SEATS_MAX, "overrides");
    }

    fn area(&mut self, path: &str, area: &'a AreaDocument) {
        self.unique_code(path, &area.code);
        self.text(&format!("{path}/name"), &area.name, NAME_CHARS_MAX);
        self.known_tier(&format!("{path}/tier"), &area.tier);
        if area.capacity == 0 {
            self.faults.add(format_args!("{path}/capacity"), FaultCode::CapacityZero, "the area has no places");
        }
        if matches!(area.outline_cm.len(), 1 | 2) || area.outline_cm.len() > OUTLINE_POINTS_MAX {
            let message = format!("an outline has no corners or 3 to {OUTLINE_POINTS_MAX}");
            self.faults.add(format_args!("{path}/outline_cm"), FaultCode::OutlineInvalid, message);
        }
        for (i, point) in area.outline_cm.iter().take(OUTLINE_POINTS_MAX).enumerate() {
            self.point(&format!("{path}/outline_cm/{i}"), *point);
        }
    }

    fn unique_code(&mut self, path: &str, code: &'a str) {
        let path = format!("{path}/code");
        self.code(&path, code);
        if !self.codes.insert(code) {
            let message = format!("another section or area has the code \"{}\"", shown(code));
            self.faults.add(path, FaultCode::CodeDuplicate, message);
        }
    }

    fn code(&mut self, path: &str, code: &str) {
        self.text(path, code, CODE_CHARS_MAX);
        let strange = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_');
        if code.chars().any(|c| strange(c) && !is_unfit(c)) {
            self.faults.add(path, FaultCode::TextCharacter, "a code has only letters a-z, digits, - and _");
        }
    }

    fn text(&mut self, path: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.faults.add(path, FaultCode::TextMissing, "a text is needed here");
            return;
        }
        let chars_count = text.chars().count();
        if chars_count > chars_max {
            let message = format!("{chars_count} characters; at most {chars_max} fit");
            self.faults.add(path, FaultCode::TextTooLong, message);
        }
        if text.chars().any(is_unfit) || text.trim() != text {
            let message = "control characters, invisible characters and space around a text are not allowed";
            self.faults.add(path, FaultCode::TextCharacter, message);
        }
    }

    fn known_tier(&mut self, path: &str, code: &str) {
        if !self.tiers.contains(code) {
            let message = format!("no tier has the code \"{}\"", shown(code));
            self.faults.add(path, FaultCode::TierUnknown, message);
        }
    }

    fn point(&mut self, path: &str, (x, y): PointCm) {
        let range = -COORDINATE_CM_MAX..=COORDINATE_CM_MAX;
        if !range.contains(&x) || !range.contains(&y) {
            let message = format!("({x}, {y}) is more than {COORDINATE_CM_MAX} cm from the origin");
            self.faults.add(path, FaultCode::CoordinateRange, message);
        }
    }

    fn at_most(&mut self, path: &str, count: usize, count_max: usize, what: &str) {
        if count > count_max {
            self.faults.add(path, FaultCode::TooMany, format!("{count} {what}; at most {count_max} are allowed"));
        }
    }
}

fn places(plan: &SeatingPlan) -> u64 {
    let rows = plan.sections.iter().flat_map(|section| &section.rows);
    let seats = rows.map(|row| row.seats.len() as u64 + row.line.as_ref().map_or(0, |line| u64::from(line.count)));
    seats.chain(plan.areas.iter().map(|area| u64::from(area.capacity))).sum()
}

/// Would break a line, hide, or turn the text around it: controls, zero-width and bidirectional formatting characters.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The start of a text from outside, fit for a message.
fn shown(text: &str) -> String {
    text.chars().take(CODE_CHARS_MAX).filter(|c| !is_unfit(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::generate;
    use super::*;
    use serde_json::{Value, json};

    /// The small plan with the value at each pointer replaced, and what is wrong with it.
    fn faults(changes: &[(&str, Value)]) -> Vec<(String, &'static str)> {
        let mut document = serde_json::to_value(generate::small()).unwrap();
        for (pointer, value) in changes {
            *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is in the plan")) = value.clone();
        }
        let plan: SeatingPlan = serde_json::from_value(document).unwrap();
        let faults = plan.compile().err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.path, fault.code.as_str())).collect()
    }

    fn seat(label: &str) -> Value {
        json!({"label": label, "tier": "A", "x_cm": 0, "y_cm": 0})
    }

    fn tiers(codes: &[&str]) -> Value {
        codes.iter().map(|code| json!({"code": code, "name": "Tier"})).collect()
    }

    #[test]
    fn every_broken_plan_is_refused_at_the_right_place() {
        let line = |number: i64| json!([{"number": number}]);
        let table: Vec<(&str, Value, &str, &str)> = vec![
            ("/name", json!(""), "/name", "text_missing"),
            ("/name", json!("x".repeat(81)), "/name", "text_too_long"),
            ("/name", json!("a\u{202e}b"), "/name", "text_character"),
            ("/name", json!(" Hall"), "/name", "text_character"),
            ("/focal_point_cm", json!([0, 500_001]), "/focal_point_cm", "coordinate_range"),
            ("/tiers", tiers(&["A", "B", "A"]), "/tiers/2/code", "tier_duplicate"),
            ("/tiers/0", json!({"code": "A", "name": "A", "color": "red"}), "/tiers/0/color", "color_invalid"),
            ("/sections/1/code", json!("B1"), "/sections/1/code", "code_duplicate"),
            ("/sections/1/code", json!("B 1"), "/sections/1/code", "text_character"),
            ("/areas/0/code", json!("B1"), "/areas/0/code", "code_duplicate"),
            ("/sections/0/rows", json!([]), "/sections/0/rows", "section_empty"),
            ("/sections/0/rows/1/label", json!("A"), "/sections/0/rows/1/label", "row_duplicate"),
            ("/sections/0/rows/1/label", json!("A".repeat(13)), "/sections/0/rows/1/label", "text_too_long"),
            ("/sections/0/rows/0", json!({"label": "A"}), "/sections/0/rows/0", "row_empty"),
            (
                "/sections/0/rows/0",
                json!({"label": "A", "seats": [seat("1"), seat("1")]}),
                "/sections/0/rows/0/seats/1/label",
                "seat_duplicate",
            ),
            ("/sections/0/rows/0/line/tier", json!("Z"), "/sections/0/rows/0/line/tier", "tier_unknown"),
            ("/sections/0/rows/0/line/count", json!(0), "/sections/0/rows/0/line/count", "row_empty"),
            ("/sections/0/rows/0/line/count", json!(1_001), "/sections/0/rows/0/line/count", "too_many"),
            (
                "/sections/0/rows/0/line/from_cm",
                json!([-500_001, 0]),
                "/sections/0/rows/0/line/from_cm",
                "coordinate_range",
            ),
            ("/areas/0/capacity", json!(0), "/areas/0/capacity", "capacity_zero"),
            ("/areas/0/capacity", json!(199_981), "", "too_many"),
            ("/areas/0/capacity", json!(u32::MAX), "", "too_many"),
            ("/areas/0/tier", json!(""), "/areas/0/tier", "tier_unknown"),
            ("/areas/0/outline_cm", json!([[0, 0], [1, 1]]), "/areas/0/outline_cm", "outline_invalid"),
        ];
        for (pointer, value, path, code) in table {
            assert_eq!(faults(&[(pointer, value.clone())]), [(path.to_owned(), code)], "{pointer} = {value}");
        }
        for (field, value, code) in [
            ("number_step", json!(0), "number_invalid"),
            ("first_number", json!(-1), "number_invalid"),
            ("number_step", json!(i64::MIN), "number_invalid"),
            ("overrides", line(6), "override_invalid"),
            ("overrides", line(i64::MIN), "override_invalid"),
        ] {
            let mut row = serde_json::to_value(&generate::small().sections[0].rows[0]).unwrap();
            row["line"][field] = value;
            let found = faults(&[("/sections/0/rows/0", row)]);
            assert_eq!((found.len(), found[0].1), (1, code), "{field}");
        }
    }

    #[test]
    fn the_largest_plan_is_accepted() {
        assert_eq!(faults(&[("/areas/0/capacity", json!(199_980))]), []);
    }

    #[test]
    fn all_faults_are_reported_together() {
        let found = faults(&[
            ("/name", json!("\u{7}")),
            ("/sections/0/rows/0/line/tier", json!("Z")),
            ("/sections/1/rows", json!([])),
            ("/areas/0/capacity", json!(0)),
        ]);
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/name", "/sections/0/rows/0/line/tier", "/sections/1/rows", "/areas/0/capacity"]);
    }

    #[test]
    fn a_row_has_seats_or_a_line_and_a_plan_has_something_to_sell() {
        let mut row = serde_json::to_value(&generate::small().sections[0].rows[0]).unwrap();
        row["seats"] = json!([seat("1")]);
        assert_eq!(faults(&[("/sections/0/rows/0", row)]), [("/sections/0/rows/0".to_owned(), "row_ambiguous")]);
        let nothing = faults(&[("/sections", json!([])), ("/areas", json!([]))]);
        assert_eq!(nothing, [(String::new(), "nothing_to_sell")]);
    }

    #[test]
    fn endless_faults_are_summed_up() {
        let seats: Vec<_> = (0..300).map(|_| seat("")).collect();
        let found = faults(&[("/sections/0/rows/0", json!({"label": "A", "seats": seats}))]);
        assert_eq!(found.len(), super::super::FAULTS_MAX + 1);
        assert_eq!(found.last().map(|(_, code)| *code), Some("more_faults"));
    }
}
