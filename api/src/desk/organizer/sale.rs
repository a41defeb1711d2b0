//! The sale: publish, open, pause, resume, close, cancel; block seats; figures.

use serde::{Deserialize, Serialize};
use usher_core::{Counts, Currency, EventId, Phase, SeatStatus};
use usher_engine::orders::SalesFigures;

use super::OrganizerEventSheet;
use crate::access::Subject;
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// A step of an event's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Draft → announced: fixes plan, currency and limits.
    Publish,
    /// Announced → on sale.
    Open,
    /// On sale → paused.
    Pause,
    /// Paused → on sale.
    Resume,
    /// End the sale.
    Close,
    /// Call the event off; paid orders are refunded.
    Cancel,
}

/// Seats by index.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatsForm {
    /// Indexes in the seat map.
    pub seats: Vec<u32>,
}

/// Sales so far.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SalesSheet {
    /// Of which event.
    #[schema(value_type = String)]
    pub event: EventId,
    /// Where the sale stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The journal's sequence number the places are true of.
    pub version: u64,
    /// All places.
    pub capacity_count: u64,
    /// Places by state.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub counts: Counts,
    /// Orders and money.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub figures: SalesFigures,
    /// The event's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The server's time.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

/// The state of every seat, from the committed view.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SeatStatusSheet {
    /// The journal's sequence number it is true of.
    pub version: u64,
    /// By seat index.
    #[schema(value_type = Vec<String>)]
    pub seats: Vec<SeatStatus>,
    /// Places by state, areas included.
    #[schema(value_type = Object)]
    pub counts: Counts,
}

/// Takes a step.
///
/// # Errors
/// Not logged in, not found, not ready, the wrong phase; the store or the event does not answer.
pub async fn step(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    step: Step,
) -> Result<OrganizerEventSheet, Problem> {
    let _ = (state, subject, event, step);
    todo!()
}

/// Takes free seats out of the sale.
///
/// # Errors
/// Not logged in, not found, what the rules refuse; the event does not answer.
pub async fn block_seats(state: &AppState, subject: &Subject, event: EventId, form: &SeatsForm) -> Result<(), Problem> {
    let _ = (state, subject, event, form);
    todo!()
}

/// Puts blocked seats back.
///
/// # Errors
/// Not logged in, not found, what the rules refuse; the event does not answer.
pub async fn unblock_seats(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    form: &SeatsForm,
) -> Result<(), Problem> {
    let _ = (state, subject, event, form);
    todo!()
}

/// Sales so far.
///
/// # Errors
/// Not logged in, not found; the store or the event does not answer.
pub async fn sales(state: &AppState, subject: &Subject, event: EventId) -> Result<SalesSheet, Problem> {
    let _ = (state, subject, event);
    todo!()
}

/// The state of every seat.
///
/// # Errors
/// Not logged in, not found; the store or the event does not answer.
pub async fn seats(state: &AppState, subject: &Subject, event: EventId) -> Result<SeatStatusSheet, Problem> {
    let _ = (state, subject, event);
    todo!()
}
