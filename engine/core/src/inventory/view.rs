//! What others may see of an inventory: values, copied out.

use serde::{Deserialize, Serialize};

use crate::{BuyerId, CancelReason, HoldId, HoldLine, Minor, OrderId, RefundId, UnixMillis};

/// Where the sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Places by state; seats and area places together. They sum to the capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
