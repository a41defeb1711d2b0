//! What a visit leaves for the report: how long things took, what was refused, how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Asking what is free, the first time from the scheduled arrival.
    Availability,
    /// The seat map.
    SeatMap,
    /// Becoming a buyer.
    Buyer,
    /// Holding places.
    Hold,
    /// Keeping them longer.
    Extend,
    /// Giving them back.
    Release,
    /// Making an order.
    Checkout,
    /// Calling it off.
    Cancel,
    /// Paying at the sandbox's page.
    Pay,
    /// From the payment's answer until the order was seen paid; looked at in growing intervals.
    OrderReady,
    /// Fetching one ticket that is there.
    Ticket,
    /// From the payment's answer until all tickets were in hand, `Retry-After` included.
    TicketsInHand,
    /// A refusal, from sending to hearing it.
    Refusal,
}

impl Step {
    /// All of them, in the order of a visit.
    pub const ALL: [Self; 13] = [
        Self::Availability,
        Self::SeatMap,
        Self::Buyer,
        Self::Hold,
        Self::Extend,
        Self::Release,
        Self::Checkout,
        Self::Cancel,
        Self::Pay,
        Self::OrderReady,
        Self::Ticket,
        Self::TicketsInHand,
        Self::Refusal,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::SeatMap => "seat_map",
            Self::Buyer => "buyer",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Release => "release",
            Self::Checkout => "checkout",
            Self::Cancel => "cancel",
            Self::Pay => "pay",
            Self::OrderReady => "order_ready",
            Self::Ticket => "ticket",
            Self::TicketsInHand => "tickets_in_hand",
            Self::Refusal => "refusal",
        }
    }
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With tickets in hand.
    Bought,
    /// Left a hold.
    LeftHold,
    /// Gave a hold back.
    Released,
    /// Left an order.
    LeftOrder,
    /// Called an order off.
    Cancelled,
    /// The card was declined.
    Declined,
    /// The capture failed, and the sale was reversed.
    Reversed,
    /// Nothing was left, or others were faster every time.
    SoldOut,
    /// The event sells nothing now.
    NotOnSale,
    /// The time ran out.
    Lapsed,
    /// Refused so often that the buyer gave up, or no answer came.
    GaveUp,
    /// Paid, and the tickets did not come while the buyer waited.
    StillWaiting,
    /// An answer that should not be.
    Surprised,
}

impl End {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::LeftHold => "left_hold",
            Self::Released => "released",
            Self::LeftOrder => "left_order",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::Reversed => "reversed",
            Self::SoldOut => "sold_out",
            Self::NotOnSale => "not_on_sale",
            Self::Lapsed => "lapsed",
            Self::GaveUp => "gave_up",
            Self::StillWaiting => "still_waiting",
            Self::Surprised => "surprised",
        }
    }
}

/// The figures of one visit.
#[derive(Debug, Default)]
pub struct Notes {
    /// How long steps took, in microseconds.
    pub timings: Vec<(Step, u64)>,
    /// Refusals by code.
    pub refusals: BTreeMap<String, u64>,
    /// Requests whose connection broke.
    pub broken: Vec<String>,
    /// Holds that others were faster for.
    pub conflicts_count: u64,
    /// Holds acknowledged.
    pub holds_count: u64,
    /// Orders acknowledged.
    pub orders_count: u64,
    /// Orders seen paid.
    pub paid_count: u64,
    /// Tickets fetched.
    pub tickets_count: u64,
}

impl Notes {
    /// No request was ever repeated because its outcome was not heard.
    pub(super) fn is_smooth(&self) -> bool {
        self.broken.is_empty() && self.refusals.is_empty()
    }

    pub(super) fn took(&mut self, step: Step, took: Duration) {
        self.timings.push((step, u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
    }

    pub(super) fn refused(&mut self, refusals: BTreeMap<String, u64>, took: Vec<Duration>) {
        for (code, count) in refusals {
            *self.refusals.entry(code).or_default() += count;
        }
        for took in took {
            self.took(Step::Refusal, took);
        }
    }

    pub(super) fn broken(&mut self, what: &str, broken: Vec<String>) {
        self.broken.extend(broken.into_iter().map(|why| format!("{what}: {why}")));
    }
}
