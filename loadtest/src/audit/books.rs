//! The house's side: what the organizer's API, the availability and the provider's ledger say after the sale.

use serde::Serialize;

use super::Line;

/// Everything that the house says of one event.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Nobody but this run's buyers has touched the event.
    pub exclusive: bool,
    /// When they were read, by the server's clock.
    pub now_ms: i64,
    /// Places by state, as the sales figures count them.
    pub counts: Counts,
    /// Numbered seats by index, from the availability.
    pub seats: Vec<SeatState>,
    /// Standing areas.
    pub areas: Vec<Area>,
    /// All orders.
    pub orders: Vec<OrderBook>,
    /// What the provider moved, by intent.
    pub money: Vec<MoneyBook>,
    /// What the sales figures say was captured.
    pub captured_minor: u64,
    /// What the sales figures say was refunded.
    pub refunded_minor: u64,
}

/// Places by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub capacity_count: u64,
    /// Free.
    pub available_count: u64,
    /// Held.
    pub held_count: u64,
    /// Sold.
    pub sold_count: u64,
    /// Out of the sale.
    pub blocked_count: u64,
}

/// A seat's state in the availability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// Free.
    Available,
    /// Held.
    Held,
    /// Sold.
    Sold,
    /// Out of the sale.
    Blocked,
}

/// A standing area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its code.
    pub code: String,
    /// Places.
    pub capacity_count: u64,
    /// Free places.
    pub available_count: u64,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
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

impl OrderState {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirmed => "confirmed",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }
}

/// An order in the organizer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBook {
    /// Id.
    pub order: String,
    /// The hold it was made from.
    pub hold: String,
    /// The buyer's e-mail.
    pub email: String,
    /// Where it stands.
    pub state: OrderState,
    /// When its time to pay is over, by the server's clock.
    pub expires_at_ms: i64,
    /// Why it came to nothing.
    pub cancel_reason: Option<String>,
    /// Its hold had lapsed, and its places were free to be taken again.
    pub retaken: bool,
    /// Its lines.
    pub lines: Vec<LineBook>,
    /// What it costs.
    pub total_minor: u64,
    /// What was given back.
    pub refunded_minor: u64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBook {
    /// Place and price.
    pub line: Line,
    /// Its ticket.
    pub ticket: Option<String>,
    /// Given back.
    pub refunded: bool,
}

/// What moved for one intent.
#[derive(Debug, Clone, serde::Deserialize, Serialize)]
pub struct MoneyBook {
    /// The order it pays.
    pub order: Option<String>,
    /// The event of that order.
    pub event: Option<String>,
    /// The intent.
    pub intent: String,
    /// Where it stands, in Stripe's words.
    pub status: String,
    /// Taken.
    pub captured_minor: u64,
    /// Given back.
    pub refunded_minor: u64,
}

impl OrderBook {
    /// Its places are sold.
    #[must_use]
    pub const fn is_sold(&self) -> bool {
        match self.state {
            OrderState::Confirmed | OrderState::Paid => true,
            OrderState::AwaitingPayment | OrderState::Cancelled | OrderState::Refunded => false,
        }
    }

    /// Lines whose places are sold.
    pub fn live_lines(&self) -> impl Iterator<Item = &LineBook> {
        let sold = self.is_sold();
        self.lines.iter().filter(move |line| sold && !line.refunded)
    }

    /// Its lines as they were bought.
    #[must_use]
    pub(super) fn bought(&self) -> Vec<Line> {
        self.lines.iter().map(|line| line.line.clone()).collect()
    }
}

impl MoneyBook {
    /// Money is bound on the buyer's card and not taken.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.status == "requires_capture"
    }
}
