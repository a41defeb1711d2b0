//! Seating plans: the document an organizer brings ([`SeatingPlan`]) and what the rules run on ([`Layout`]).
//!
//! A plan is validated once, all faults together; a [`Layout`] exists only for a valid plan and never changes. Indexes
//! into it are dense, so that the hot path needs no hashing. [`SeatMap`] is the same layout as browsers draw it.

mod compile;
mod document;
mod fault;
pub mod generate;
mod geometry;
mod import;
mod layout;
#[cfg(test)]
mod schema_test;
mod validate;

pub use document::{
    AreaDocument, FormatTag, PointCm, RowDocument, SeatDocument, SeatLine, SeatOverride, SeatingPlan, SectionDocument,
    TierDocument,
};
pub use fault::{FAULTS_MAX, FaultCode, PlanFault};
pub use geometry::{LINE_TOLERANCE_CM, SeatMap};
pub use import::{PRETIX_CM_PER_UNIT, PretixPlan};
pub use layout::{GaArea, Layout, PriceTier, Row, Seat, SeatAttributes, Section};
pub use validate::{
    AREAS_MAX, CODE_CHARS_MAX, COORDINATE_CM_MAX, LABEL_CHARS_MAX, NAME_CHARS_MAX, OUTLINE_POINTS_MAX, PLACES_MAX,
    ROW_SEATS_MAX, ROWS_MAX, SECTIONS_MAX, TIERS_MAX,
};
