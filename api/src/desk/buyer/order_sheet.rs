//! Orders and tickets in words.

use serde::Serialize;
use usher_core::plan::Layout;
use usher_core::{CancelReason, Currency, EventId, HoldId, Minor, OrderId, OrderState, RefundId, TicketId, UnixMillis};
use usher_engine::catalogue::EventRecord;
use usher_engine::orders::{Contact, OrderRecord, RefundRecord, order_code};

use super::{PaymentSheet, PlaceSheet};
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
    /// A short form of the id for people, as on tickets and in letters.
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
    /// Printing the tickets has failed until the operator puts it right; the places are the buyer's all the same.
    pub printing_failed: bool,
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

impl From<&RefundRecord> for RefundSheet {
    fn from(refund: &RefundRecord) -> Self {
        Self {
            refund: refund.refund,
            lines: refund.lines.clone(),
            amount_minor: refund.amount_minor,
            paid: refund.paid,
        }
    }
}

impl OrderSheet {
    /// The sheet of an order, as told by the views.
    #[must_use]
    pub fn of(record: &OrderRecord, event: &EventRecord, layout: &Layout, now: UnixMillis) -> Self {
        let lines = record.lines.iter().enumerate().map(|(line, at)| OrderLineSheet {
            place: PlaceSheet::of(layout, line, &at.held),
            ticket: at.ticket,
            ticket_ready: false,
            refunded: at.refunded,
        });
        Self {
            order: record.order,
            code: order_code(record.order),
            event: record.event,
            event_name: event.name.clone(),
            venue: event.venue.clone(),
            starts_at: event.starts_at.into(),
            time_zone: event.time_zone.clone(),
            hold: record.hold,
            state: record.state,
            cancel_reason: record.cancel_reason,
            lapsed: record.lapsed,
            retaken: record.retaken,
            failed_payments_count: record.failed_payments_count,
            lines: lines.collect(),
            printing_failed: false,
            refunds: record.refunds.iter().map(RefundSheet::from).collect(),
            total_minor: record.total_minor,
            refunded_minor: Minor::checked_sum(record.refunds.iter().map(|refund| refund.amount_minor))
                .unwrap_or_default(),
            currency: record.currency,
            payment: None,
            name: None,
            email: None,
            access: None,
            begun_at: record.begun_at.into(),
            expires_at: record.expires_at.into(),
            confirmed_at: record.confirmed_at.map(Timestamp),
            paid_at: record.paid_at.map(Timestamp),
            server_now: now.into(),
        }
    }

    /// With the personal part.
    #[must_use]
    pub fn with_contact(mut self, contact: &Contact) -> Self {
        self.name = Some(contact.name.clone());
        self.email = Some(contact.email.clone());
        self
    }
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
