//! Orders and tickets as their buyer sees them.

use bytes::Bytes;
use serde::Serialize;
use usher_core::{CancelReason, Currency, EventId, HoldId, Minor, OrderId, OrderState, RefundId, TicketId};

use super::{PaymentSheet, PlaceSheet};
use crate::access::{OrderAccess, Subject};
use crate::desk::{ListQuery, Listed};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// A line of an order.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrderLineSheet {
    /// The place.
    #[serde(flatten)]
    pub place: PlaceSheet,
    /// Its ticket, once the order is paid.
    #[schema(value_type = Option<String>)]
    pub ticket: Option<TicketId>,
    /// The ticket's page can be fetched.
    pub ticket_ready: bool,
    /// Refunded, its ticket void.
    pub refunded: bool,
}

/// A refund.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RefundSheet {
    /// Id.
    #[schema(value_type = String)]
    pub refund: RefundId,
    /// Lines it covers.
    pub lines: Vec<u16>,
    /// How much.
    #[schema(value_type = u64)]
    pub amount_minor: Minor,
    /// The provider has paid it out.
    pub paid: bool,
}

/// An order in full.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrderSheet {
    /// Id.
    #[schema(value_type = String)]
    pub order: OrderId,
    /// A short form of the id for people, as printed on tickets.
    pub code: String,
    /// Of which event.
    #[schema(value_type = String)]
    pub event: EventId,
    /// The event's name.
    pub event_name: String,
    /// The event's venue.
    pub venue: String,
    /// When the show begins.
    #[schema(value_type = String)]
    pub starts_at: Timestamp,
    /// IANA zone of the venue.
    pub time_zone: String,
    /// Made from this hold.
    #[schema(value_type = String)]
    pub hold: HoldId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// Why it came to nothing.
    #[schema(value_type = Option<String>)]
    #[serde(serialize_with = "cancel_reason")]
    pub cancel_reason: Option<CancelReason>,
    /// Its time is up and its payment is being called off.
    pub lapsed: bool,
    /// The hold had lapsed and the places were taken again.
    pub retaken: bool,
    /// Tries to pay that failed.
    pub failed_payments_count: u32,
    /// Lines.
    pub lines: Vec<OrderLineSheet>,
    /// Refunds, oldest first.
    pub refunds: Vec<RefundSheet>,
    /// Sum of all lines.
    #[schema(value_type = u64)]
    pub total_minor: Minor,
    /// Sum of all refunds.
    #[schema(value_type = u64)]
    pub refunded_minor: Minor,
    /// The event's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// How it is paid, while it awaits payment.
    pub payment: Option<PaymentSheet>,
    /// Who bought; absent when the personal data is erased.
    pub name: Option<String>,
    /// Where the confirmation goes.
    pub email: Option<String>,
    /// Opens the order without being its buyer; shown to its buyer only.
    pub access: Option<String>,
    /// When checkout began.
    #[schema(value_type = String)]
    pub begun_at: Timestamp,
    /// When the hold under it lapses, while it awaits payment.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// When the places were sold.
    #[schema(value_type = Option<String>)]
    pub confirmed_at: Option<Timestamp>,
    /// When the money was captured.
    #[schema(value_type = Option<String>)]
    pub paid_at: Option<Timestamp>,
    /// The server's time.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

/// A ticket of an order.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TicketSheet {
    /// Id.
    #[schema(value_type = String)]
    pub ticket: TicketId,
    /// The place.
    #[serde(flatten)]
    pub place: PlaceSheet,
    /// Its page can be fetched.
    pub ready: bool,
    /// Refunded: it opens no door.
    pub void: bool,
}

/// A reason's stable name.
#[must_use]
pub fn cancel_reason_code(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Buyer => "buyer",
        CancelReason::Lapsed => "lapsed",
        CancelReason::PlacesGone => "places_gone",
        CancelReason::AmountMismatch => "amount_mismatch",
        CancelReason::CaptureFailed => "capture_failed",
        CancelReason::EventCancelled => "event_cancelled",
    }
}

fn cancel_reason<S: serde::Serializer>(reason: &Option<CancelReason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(cancel_reason_code).serialize(serializer)
}

/// An order, for its buyer, for who shows its secret, and for its organizer.
///
/// # Errors
/// *Unknown order* for anybody else.
pub async fn order(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<OrderSheet, Problem> {
    let _ = (state, subject, order, access);
    todo!()
}

/// Calls an unpaid order off.
///
/// # Errors
/// *Unknown order*; what the rules refuse; the event does not answer.
pub async fn cancel_order(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<OrderSheet, Problem> {
    let _ = (state, subject, order, access);
    todo!()
}

/// The tickets of an order; empty until it is paid.
///
/// # Errors
/// *Unknown order*; the store does not answer.
pub async fn tickets(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<Vec<TicketSheet>, Problem> {
    let _ = (state, subject, order, access);
    todo!()
}

/// One ticket's page as PDF.
///
/// # Errors
/// *Unknown order*, *not found*, or *in preparation*.
pub async fn ticket_pdf(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    ticket: TicketId,
    access: Option<&OrderAccess>,
) -> Result<Bytes, Problem> {
    let _ = (state, subject, order, ticket, access);
    todo!()
}

/// All valid tickets of an order in one PDF.
///
/// # Errors
/// *Unknown order*, *no tickets*, or *in preparation*.
pub async fn order_pdf(
    state: &AppState,
    subject: &Subject,
    order: OrderId,
    access: Option<&OrderAccess>,
) -> Result<Bytes, Problem> {
    let _ = (state, subject, order, access);
    todo!()
}

/// The buyer's own orders, latest first.
///
/// # Errors
/// The sender is no buyer; the store does not answer.
pub async fn my_orders(state: &AppState, subject: &Subject, query: &ListQuery) -> Result<Listed<OrderSheet>, Problem> {
    let _ = (state, subject, query);
    todo!()
}
