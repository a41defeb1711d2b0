//! The inventory of one event: its seats, areas, holds and orders.

use std::sync::Arc;

use crate::plan::Layout;
use crate::{
    AreaIdx, BuyerId, CancelReason, Command, Currency, Fact, HoldId, HoldLine, Limits, Minor, OrderId, RefundId,
    Rejection, SeatIdx, TierIdx, UnixMillis,
};

/// Where the sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not published.
    Draft,
    /// Published, not open.
    Announced,
    /// Selling.
    OnSale,
    /// Selling stopped for now.
    Paused,
    /// Selling ended.
    Closed,
    /// Called off.
    Cancelled,
}

/// The state of one seat. Its number is its two bits in [`Inventory::availability`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SeatStatus {
    /// Free.
    Available = 0,
    /// In a hold.
    Held = 1,
    /// In a confirmed order.
    Sold = 2,
    /// Out of the sale.
    Blocked = 3,
}

/// The state of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// No authorization yet.
    AwaitingPayment,
    /// Places sold, money authorized.
    Confirmed,
    /// Money captured.
    Paid,
    /// Came to nothing.
    Cancelled,
    /// Every line refunded.
    Refunded,
}

/// A hold as its buyer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldView {
    /// Its id.
    pub hold: HoldId,
    /// Whose.
    pub buyer: BuyerId,
    /// When it was placed.
    pub placed_at: UnixMillis,
    /// When it lapses.
    pub expires_at: UnixMillis,
    /// The latest end that extensions can reach.
    pub extendable_until: UnixMillis,
    /// Places and prices.
    pub lines: Vec<HoldLine>,
    /// Their sum.
    pub total_minor: Minor,
    /// The order that pays for it.
    pub order: Option<OrderId>,
}

/// An order as the payment process and its buyer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Its id.
    pub order: OrderId,
    /// Whose.
    pub buyer: BuyerId,
    /// The hold it pays for.
    pub hold: HoldId,
    /// State.
    pub state: OrderState,
    /// Why it was cancelled, if it was.
    pub cancel_reason: Option<CancelReason>,
    /// Its time is up and its payment is being called off.
    pub lapsed: bool,
    /// Places and prices; the position is the line number.
    pub lines: Vec<HoldLine>,
    /// Refunded lines.
    pub refunded_lines: Vec<u16>,
    /// The sum of all lines.
    pub total_minor: Minor,
    /// When the hold under it lapses (while it awaits payment).
    pub expires_at: UnixMillis,
}

/// What the asker is told once the facts are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done; nothing to show.
    Done,
    /// The hold as it now is.
    Hold(HoldView),
    /// The order as it now is.
    Order(OrderView),
    /// A refund and what it gives back.
    Refund {
        /// Its id.
        refund: RefundId,
        /// The lines.
        lines: Vec<u16>,
        /// The sum.
        amount_minor: Minor,
    },
    /// How many holds a tidying step ended.
    Expired {
        /// Holds and lapsed checkouts.
        count: u32,
    },
}

/// All that is true of one event.
#[derive(Debug, Clone)]
pub struct Inventory {
    layout: Arc<Layout>,
}

#[expect(
    clippy::todo,
    clippy::missing_panics_doc,
    missing_docs,
    clippy::missing_errors_doc,
    reason = "signatures only"
)]
impl Inventory {
    pub fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }
    pub fn decide(&self, _at: UnixMillis, _command: &Command) -> Result<Vec<Fact>, Rejection> {
        todo!()
    }
    pub fn evolve(&mut self, _fact: &Fact) {
        todo!()
    }
    /// What the asker of an accepted command is told, read right after its facts were applied.
    pub fn answer(&self, _command: &Command) -> Answer {
        todo!()
    }
    /// When the next hold or lapsed checkout is due.
    pub fn next_due(&self) -> Option<UnixMillis> {
        todo!()
    }
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }
    pub fn phase(&self) -> Phase {
        todo!()
    }
    pub fn plan_digest(&self) -> Option<[u8; 32]> {
        todo!()
    }
    pub fn currency(&self) -> Option<Currency> {
        todo!()
    }
    pub fn limits(&self) -> &Limits {
        todo!()
    }
    pub fn price(&self, _tier: TierIdx) -> Option<Minor> {
        todo!()
    }
    /// Prices by tier index.
    pub fn prices(&self) -> &[Option<Minor>] {
        todo!()
    }
    pub fn seat_status(&self, _seat: SeatIdx) -> SeatStatus {
        todo!()
    }
    /// Two bits a seat, four seats a byte, seat 0 in the lowest bits; kept up to date by `evolve`.
    pub fn availability(&self) -> &[u8] {
        todo!()
    }
    pub fn area_free(&self, _area: AreaIdx) -> u32 {
        todo!()
    }
    pub fn counts(&self) -> Counts {
        todo!()
    }
    pub fn hold(&self, _hold: HoldId) -> Option<HoldView> {
        todo!()
    }
    pub fn order(&self, _order: OrderId) -> Option<OrderView> {
        todo!()
    }
    pub fn orders(&self) -> impl Iterator<Item = OrderId> {
        std::iter::empty()
    }
    /// Serializes the whole state for a snapshot; `restore` takes it back with the same layout.
    pub fn to_snapshot(&self) -> Snapshot {
        todo!()
    }
    pub fn restore(_layout: Arc<Layout>, _snapshot: Snapshot) -> Result<Self, &'static str> {
        todo!()
    }
    /// Every broken invariant in words; empty when all hold. Costs time in the size of the event.
    pub fn broken_invariants(&self) -> Vec<String> {
        todo!()
    }
}

/// Places by state; seats and area places together. They sum to the capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Free.
    pub available_count: u64,
    /// In holds.
    pub held_count: u64,
    /// In confirmed orders.
    pub sold_count: u64,
    /// Out of the sale.
    pub blocked_count: u64,
}

/// The state of an inventory as a value that serde can carry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {}
