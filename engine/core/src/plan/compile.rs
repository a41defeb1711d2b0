//! From a valid document to the flat arrays the rules run on.

use std::collections::BTreeMap;

use super::document::{RowDocument, SeatDocument, SeatLine, SeatingPlan, SectionDocument};
use super::{GaArea, Layout, PlanFault, PriceTier, Row, Seat, SeatAttributes, Section};
use crate::{RowIdx, SectionIdx, TierIdx};

impl SeatingPlan {
    /// Validates the plan and lays it out: sections, rows and seats keep the document's order, which fixes every index.
    ///
    /// # Errors
    /// Everything that is wrong with the plan at once, at most [`super::FAULTS_MAX`] faults and a summary of the rest.
    pub fn compile(&self) -> Result<Layout, Vec<PlanFault>> {
        self.validate()?;
        let mut builder = Builder { tiers: tier_indexes(self), layout: empty(self) };
        for section in &self.sections {
            builder.section(section);
        }
        for area in &self.areas {
            let tier = builder.tier(&area.tier);
            builder.layout.areas.push(GaArea {
                code: area.code.clone(),
                name: area.name.clone(),
                capacity: area.capacity,
                tier,
                outline_cm: area.outline_cm.clone(),
            });
        }
        Ok(builder.layout)
    }
}

fn empty(plan: &SeatingPlan) -> Layout {
    let tiers = plan.tiers.iter().map(|tier| PriceTier {
        code: tier.code.clone(),
        name: tier.name.clone(),
        color: tier.color.clone(),
    });
    Layout {
        name: plan.name.clone(),
        tiers: tiers.collect(),
        sections: Vec::with_capacity(plan.sections.len()),
        rows: Vec::new(),
        seats: Vec::new(),
        areas: Vec::with_capacity(plan.areas.len()),
        focal_point_cm: plan.focal_point_cm,
    }
}

fn tier_indexes(plan: &SeatingPlan) -> BTreeMap<&str, TierIdx> {
    plan.tiers.iter().map(|tier| tier.code.as_str()).zip((0..).map(TierIdx)).collect()
}

/// Lengths as the index type; validation has bounded them all far below its range.
fn index(length: usize) -> u32 {
    u32::try_from(length).expect("a valid plan has at most PLACES_MAX seats and rows")
}

struct Builder<'a> {
    tiers: BTreeMap<&'a str, TierIdx>,
    layout: Layout,
}

impl Builder<'_> {
    fn section(&mut self, section: &SectionDocument) {
        let position =
            u16::try_from(self.layout.sections.len()).expect("a valid plan has at most SECTIONS_MAX sections");
        let (first_row, first_seat) = (index(self.layout.rows.len()), index(self.layout.seats.len()));
        for row in &section.rows {
            self.row(SectionIdx(position), row);
        }
        self.layout.sections.push(Section {
            code: section.code.clone(),
            name: section.name.clone(),
            rows: first_row..index(self.layout.rows.len()),
            seats: first_seat..index(self.layout.seats.len()),
        });
    }

    fn row(&mut self, section: SectionIdx, row: &RowDocument) {
        let idx = RowIdx(index(self.layout.rows.len()));
        let first_seat = index(self.layout.seats.len());
        for seat in &row.seats {
            self.seat(idx, seat);
        }
        if let Some(line) = &row.line {
            self.line(idx, line);
        }
        self.layout.rows.push(Row {
            section,
            label: row.label.clone(),
            seats: first_seat..index(self.layout.seats.len()),
        });
    }

    fn seat(&mut self, row: RowIdx, seat: &SeatDocument) {
        let tier = self.tier(&seat.tier);
        self.layout.seats.push(Seat {
            row,
            label: seat.label.clone(),
            tier,
            x_cm: seat.x_cm,
            y_cm: seat.y_cm,
            attributes: SeatAttributes {
                accessible: seat.accessible,
                companion: seat.companion,
                restricted_view: seat.restricted_view,
            },
        });
    }

    fn line(&mut self, row: RowIdx, line: &SeatLine) {
        let tier = self.tier(&line.tier);
        let overrides: BTreeMap<i64, _> = line.overrides.iter().map(|change| (change.number, change)).collect();
        for position in 0..line.count {
            let number = line.number(position);
            let (x_cm, y_cm) = line.point_cm(position);
            let change = overrides.get(&number);
            let tier = change.and_then(|change| change.tier.as_deref()).map_or(tier, |code| self.tier(code));
            let attributes = change.map(|change| SeatAttributes {
                accessible: change.accessible,
                companion: change.companion,
                restricted_view: change.restricted_view,
            });
            self.layout.seats.push(Seat {
                row,
                label: number.to_string(),
                tier,
                x_cm,
                y_cm,
                attributes: attributes.unwrap_or_default(),
            });
        }
    }

    fn tier(&self, code: &str) -> TierIdx {
        *self.tiers.get(code).expect("validation has found every tier")
    }
}
