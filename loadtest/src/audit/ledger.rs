//! The buyers' side: what each of them asked for and what they were told.
//!
//! A request whose answer never came, or that may have been done although it was refused, is *unknown*: the sale may
//! contain it or not, and neither is a contradiction.

use serde::Serialize;
use serde_json::Value;

use super::Line;

/// Everything the buyers of a run were told.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// One for each buyer.
    pub visits: Vec<Visit>,
}

/// One buyer's story.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// Which buyer.
    pub number: u64,
    /// The e-mail they order with; no other buyer of any run has it.
    pub email: String,
    /// The hold they were given.
    pub hold: Option<Held>,
    /// Places of holds that they may have or not.
    pub unknown_places_count: u64,
    /// The order they were given.
    pub order: Option<Ordered>,
    /// They may have an order that they were not told of.
    pub unknown_order: bool,
    /// Requests that were repeated under one key.
    pub repeats: Vec<Repeat>,
    /// Answers that should not be.
    pub faults: Vec<Fault>,
}

/// A hold that was acknowledged.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub hold: String,
    /// Its places.
    pub lines: Vec<Line>,
    /// When it was placed, by the server's clock.
    pub placed_at_ms: i64,
    /// Until when it was certainly the buyer's, by the server's clock: its promised end, or the last time they knew of
    /// before they did something that ends it.
    pub certain_until_ms: i64,
    /// Its promised end, by the server's clock.
    pub ends_at_ms: i64,
    /// It may still stand.
    pub may_stand: bool,
    /// The answer's code, when the hold was denied before its promised end.
    pub denied: Option<String>,
}

/// An order that was acknowledged.
#[derive(Debug, Clone)]
pub struct Ordered {
    /// Its id.
    pub order: String,
    /// What it costs.
    pub total_minor: u64,
    /// How its payment went.
    pub payment: Payment,
    /// The most that the buyer was told of it.
    pub told: Told,
    /// Calling it off was acknowledged.
    pub cancelled: bool,
    /// Its tickets, by line.
    pub tickets: Vec<TicketTold>,
}

/// How a payment went, as far as the buyer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// Never tried.
    NotTried,
    /// Nothing is to be paid.
    Free,
    /// Declined, or called off by the buyer's bank.
    Declined,
    /// Authorized: the sale must go through.
    Authorized,
    /// Authorized with a card whose capture fails: the sale is to be reversed.
    CaptureFails,
    /// Sent without hearing what came of it.
    Unknown,
}

/// How far an order was seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Awaiting payment.
    Awaiting,
    /// Cancelled.
    Cancelled,
    /// Its places are sold.
    Confirmed,
    /// Paid.
    Paid,
}

/// A ticket that a buyer was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketTold {
    /// Its id.
    pub ticket: String,
    /// What came of fetching it.
    pub fetched: Fetched,
}

/// What came of fetching a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetched {
    /// A PDF.
    Pdf,
    /// Still being prepared when last asked, or not asked for.
    NotYet,
    /// Something else.
    Wrong(String),
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    /// HTTP status.
    pub status: u16,
    /// The parts of the body that must not change, or the problem's code.
    pub body: Value,
}

/// Two answers to one request under one key.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// Which request.
    pub what: &'static str,
    /// The answer to the first.
    pub first: Given,
    /// The answer to the second.
    pub second: Given,
    /// The second was sent after the first was answered.
    pub ordered: bool,
}

/// An answer that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which request.
    pub what: String,
    /// HTTP status.
    pub status: u16,
    /// The problem's code, or the beginning of what was answered.
    pub answer: String,
}

impl Given {
    /// Whether the request was done.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status < 400
    }
}

impl Ordered {
    /// Whether money may have been authorized for it.
    #[must_use]
    pub const fn may_be_paid(&self) -> bool {
        match self.payment {
            Payment::NotTried | Payment::Declined => false,
            Payment::Free | Payment::Authorized | Payment::CaptureFails | Payment::Unknown => true,
        }
    }
}
