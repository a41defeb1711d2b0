//! Orders as buyers and organizers read them: derived from facts by the projector, rebuilt from the journal at will.
//!
//! What cannot be derived, name and e-mail of a buyer, is kept apart ([`Contacts`]) and never enters the journal.

mod metrics;
mod projection;
mod projector;

pub use metrics::describe;
pub use projection::{Projected, Projection, Touched, ticket_of};
pub use projector::{IsMine, OnOrders, Projector, ProjectorParts};

use async_trait::async_trait;
use usher_core::{
    BuyerId, CancelReason, Currency, EventId, HoldId, HoldLine, Minor, OrderId, OrderState, RefundId, TicketId,
    UnixMillis,
};

use crate::store::{Page, StoreError};

/// The first letters of an order's id that people read to each other: on its page, its tickets and its letters.
const CODE_CHARS: usize = 10;

/// The short form of an order's id. Derived ids are random from the first digit on.
#[must_use]
pub fn order_code(order: OrderId) -> String {
    format!("{:032x}", order.0).chars().take(CODE_CHARS).collect::<String>().to_uppercase()
}

/// One line of an order and the ticket for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderLine {
    /// Place and price.
    pub held: HoldLine,
    /// Set once the order is paid.
    pub ticket: Option<TicketId>,
    /// Refunded, its ticket void.
    pub refunded: bool,
}

/// A refund of an order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefundRecord {
    /// Id.
    pub refund: RefundId,
    /// Lines it covers.
    pub lines: Vec<u16>,
    /// How much.
    pub amount_minor: Minor,
    /// The provider has paid it out.
    pub paid: bool,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderRecord {
    /// Id.
    pub order: OrderId,
    /// Whose event.
    pub event: EventId,
    /// Whose order.
    pub buyer: BuyerId,
    /// The hold it pays for.
    pub hold: HoldId,
    /// State.
    pub state: OrderState,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// Its time is up and its payment is being called off.
    pub lapsed: bool,
    /// The hold had lapsed and the places were taken again.
    pub retaken: bool,
    /// Tries to pay that failed.
    pub failed_payments_count: u32,
    /// Lines; the position is the line number.
    pub lines: Vec<OrderLine>,
    /// Refunds, oldest first.
    pub refunds: Vec<RefundRecord>,
    /// Sum of all lines.
    pub total_minor: Minor,
    /// The event's currency.
    pub currency: Currency,
    /// When checkout began.
    pub begun_at: UnixMillis,
    /// When the hold under it lapses, while it awaits payment.
    pub expires_at: UnixMillis,
    /// When the places were sold.
    pub confirmed_at: Option<UnixMillis>,
    /// When the money was captured.
    pub paid_at: Option<UnixMillis>,
}

/// A hold that an order may still come from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeldRecord {
    /// Id.
    pub hold: HoldId,
    /// Whose.
    pub buyer: BuyerId,
    /// When it lapses.
    pub expires_at: UnixMillis,
    /// Places and prices.
    pub lines: Vec<HoldLine>,
    /// The order that pays for it, once checkout began.
    pub order: Option<OrderId>,
}

/// Sales of an event so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SalesFigures {
    /// Holds ever placed.
    pub holds_count: u64,
    /// Checkouts ever begun.
    pub checkouts_count: u64,
    /// Orders ever confirmed.
    pub confirmed_count: u64,
    /// Orders ever paid.
    pub paid_count: u64,
    /// Orders that came to nothing.
    pub cancelled_count: u64,
    /// Places in confirmed or paid orders, less refunded ones.
    pub places_sold_count: u64,
    /// Captured, before refunds.
    pub captured_minor: Minor,
    /// Refunded.
    pub refunded_minor: Minor,
    /// Places confirmed in each minute that had any: (minutes since 1970, places), at most
    /// [`SALES_MINUTES_MAX`] of the latest.
    pub places_by_minute: Vec<(i64, u32)>,
}

/// Minutes of history in [`SalesFigures::places_by_minute`]: one day.
pub const SALES_MINUTES_MAX: usize = 1_440;

/// What one step of the projector changes; applied with its checkpoint, both or neither.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct ViewChanges {
    /// New or changed holds.
    pub put_holds: Vec<HeldRecord>,
    /// Holds that ended or became orders.
    pub drop_holds: Vec<HoldId>,
    /// The event was called off: none of its holds is left, before those of `put_holds`.
    pub drop_all_holds: bool,
    /// New or changed orders.
    pub put_orders: Vec<OrderRecord>,
    /// Tickets and the order and line they belong to.
    pub put_tickets: Vec<(TicketId, OrderId, u16)>,
    /// The new figures, if they changed.
    pub sales: Option<SalesFigures>,
}

/// Derived views of all events.
#[async_trait]
pub trait Views: Send + Sync + 'static {
    /// The last entry of the event that the views contain; 0 for none.
    async fn checkpoint(&self, event: EventId) -> Result<u64, StoreError>;
    /// The last entry that the views are known to contain: for whoever only waits for it, and projects nothing.
    async fn shows(&self, event: EventId) -> Result<u64, StoreError> {
        self.checkpoint(event).await
    }
    /// Applies changes and moves the checkpoint, both or neither.
    async fn apply(&self, event: EventId, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError>;
    /// Holds by id; unknown ones are left out.
    async fn holds(&self, event: EventId, holds: &[HoldId]) -> Result<Vec<HeldRecord>, StoreError>;
    /// Orders by id; unknown ones are left out.
    async fn orders(&self, orders: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError>;
    /// The order and line of a ticket.
    async fn ticket(&self, ticket: TicketId) -> Result<Option<(OrderId, u16)>, StoreError>;
    /// Orders of an event, oldest first, of one state if given.
    async fn orders_of_event(
        &self,
        event: EventId,
        state: Option<OrderState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError>;
    /// Orders of a buyer, latest first.
    async fn orders_of_buyer(
        &self,
        buyer: BuyerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError>;
    /// Sales so far; zeros for an event without any.
    async fn sales(&self, event: EventId) -> Result<SalesFigures, StoreError>;
    /// Forgets everything, so that the journal is projected anew.
    async fn clear(&self) -> Result<(), StoreError>;
}

/// Who bought: the personal part of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The order.
    pub order: OrderId,
    /// Its event.
    pub event: EventId,
    /// Its buyer.
    pub buyer: BuyerId,
    /// Printed on the tickets.
    pub name: String,
    /// Where the confirmation goes.
    pub email: String,
    /// The order's access secret: 256 random bits that open the order page. Kept in clear because mails carry it.
    pub access: [u8; 32],
    /// When it was given.
    pub created_at: UnixMillis,
}

/// Personal data of orders, kept durably and outside the journal.
#[async_trait]
pub trait Contacts: Send + Sync + 'static {
    /// Keeps a contact; a repeat keeps the first and returns it.
    async fn put_contact(&self, contact: Contact) -> Result<Contact, StoreError>;
    /// The contact of an order.
    async fn contact(&self, order: OrderId) -> Result<Option<Contact>, StoreError>;
    /// The contacts of several orders; unknown ones are left out.
    async fn contacts(&self, orders: &[OrderId]) -> Result<Vec<Contact>, StoreError>;
}
