//! The auditor: compares what buyers were told ([`Ledger`]) with what the house says afterwards ([`Books`]).
//!
//! Pure, and independent of the server's own code: it knows the wire format and the promises, nothing else. Whatever
//! it finds is a [`Contradiction`] with a stable code; a clean sale has none. A request with an unknown outcome
//! contradicts nothing, whichever way it went. [`unsettled`] tells what is still under way, for nothing can be said
//! about a sale while money and tickets are moving.

mod answers;
mod books;
mod ledger;
mod money;
mod nodes;
mod orders;
mod place;
mod seats;
mod settle;
#[cfg(test)]
mod tests;
mod tickets;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use books::{Area, Books, Counts, LineBook, MoneyBook, OrderBook, OrderState, SeatState};
pub use ledger::{Fault, Fetched, Given, Held, Ledger, Ordered, Payment, Repeat, TicketTold, Told, Visit};
pub use nodes::compare;
pub use place::{Line, Place};
pub use settle::unsettled;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal;)*) => {
        /// What can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

codes! {
    /// Two orders have the same seat.
    SeatSoldTwice = "seat_sold_twice";
    /// Two buyers were given the same seat at the same time.
    SeatHeldTwice = "seat_held_twice";
    /// An area has more places sold than it has.
    AreaOversold = "area_oversold";
    /// Free, held, sold and blocked places do not add up to the capacity, or two sources count them differently.
    SeatsNotConserved = "seats_not_conserved";
    /// A place is sold and no order has it.
    SoldWithoutOrder = "sold_without_order";
    /// An order has a seat that is not sold.
    OrderWithoutSeat = "order_without_seat";
    /// A place is held and no buyer's story explains it.
    HeldWithoutBuyer = "held_without_buyer";
    /// A hold was denied before its promised end.
    HoldLost = "hold_lost";
    /// An acknowledged order is not there.
    OrderLost = "order_lost";
    /// An order that was said to be sold or paid is not.
    SaleLost = "sale_lost";
    /// An order is not what its buyer was told: other places, prices or hold.
    OrderDiffers = "order_differs";
    /// An order that nobody made.
    OrderWithoutBuyer = "order_without_buyer";
    /// An order is sold though its buyer never paid.
    SoldWithoutPayment = "sold_without_payment";
    /// An order is sold though calling it off was acknowledged.
    SoldAfterCancel = "sold_after_cancel";
    /// A payment was authorized and the order came to nothing without a reason, or to no end.
    PaymentIgnored = "payment_ignored";
    /// A paid order lacks a ticket.
    TicketMissing = "ticket_missing";
    /// An order that is not paid has a ticket.
    TicketWithoutPayment = "ticket_without_payment";
    /// Two places have the same ticket.
    TicketTwice = "ticket_twice";
    /// A ticket is another than its buyer was told.
    TicketDiffers = "ticket_differs";
    /// A ticket could be fetched and was no PDF, or was denied.
    TicketUnreadable = "ticket_unreadable";
    /// A ticket was not ready in time.
    TicketUndelivered = "ticket_undelivered";
    /// What was taken for an order is not what it costs.
    MoneyOfOrder = "money_of_order";
    /// Money was taken for an order that is none.
    ChargedWithoutSale = "charged_without_sale";
    /// Money stays bound for an order that came to nothing.
    AuthorizationKept = "authorization_kept";
    /// Captured less refunded money is not the price of all valid tickets.
    MoneyInTotal = "money_in_total";
    /// The sales figures are not what the orders and the provider say.
    FiguresDiffer = "figures_differ";
    /// A request was answered differently the second time under one key.
    RepeatDiffers = "repeat_differs";
    /// The server failed: a status of 500 or more that is not *try again later*.
    ServerError = "server_error";
    /// An answer that a correct server cannot give to a correct client.
    UnexpectedAnswer = "unexpected_answer";
    /// Two nodes say different things of one sale at rest.
    NodesDiffer = "nodes_differ";
    /// The sale did not come to rest in time.
    Unsettled = "unsettled";
}

/// Something that cannot be true together with something else.
#[derive(Debug, Clone, Serialize)]
pub struct Contradiction {
    /// Which kind.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// What shows it.
    pub evidence: Value,
}

impl Contradiction {
    /// A contradiction with what shows it.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>, evidence: Value) -> Self {
        Self { code, detail: detail.into(), evidence }
    }
}

/// Everything that contradicts something.
#[must_use]
pub fn audit(ledger: &Ledger, books: &Books) -> Vec<Contradiction> {
    let mut found = Vec::new();
    seats::check(ledger, books, &mut found);
    orders::check(ledger, books, &mut found);
    tickets::check(ledger, books, &mut found);
    money::check(ledger, books, &mut found);
    answers::check(ledger, &mut found);
    found
}

/// Orders by id.
fn by_order(books: &Books) -> BTreeMap<&str, &OrderBook> {
    books.orders.iter().map(|order| (order.order.as_str(), order)).collect()
}

/// Buyers who were given an order, with it.
fn ordered(ledger: &Ledger) -> impl Iterator<Item = (&Visit, &Ordered)> {
    ledger.visits.iter().filter_map(|visit| visit.order.as_ref().map(|order| (visit, order)))
}
