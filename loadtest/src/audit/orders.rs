//! Orders: none lost, none invented, each what its buyer was told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::place::sorted;
use super::{
    Books, Code, Contradiction, Ledger, OrderBook, OrderState, Ordered, Payment, Told, Visit, by_order, ordered,
};

/// Why an order may come to nothing although its payment was authorized.
const EXCUSES: [&str; 3] = ["lapsed", "places_gone", "event_cancelled"];

pub(super) fn check(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    for visit in &ledger.visits {
        if let Some(held) = &visit.hold
            && let Some(code) = &held.denied
        {
            let evidence = json!({"hold": held.hold, "answer": code, "buyer": visit.number});
            found.push(Contradiction::new(Code::HoldLost, "a hold was denied before its end", evidence));
        }
    }
    let orders = by_order(books);
    for (visit, told) in ordered(ledger) {
        match orders.get(told.order.as_str()) {
            Some(book) => compare(visit, told, book, found),
            None => {
                let evidence = json!({"order": told.order, "told": told.told, "buyer": visit.number});
                let code = if told.told >= Told::Confirmed { Code::SaleLost } else { Code::OrderLost };
                found.push(Contradiction::new(code, "an acknowledged order is not there", evidence));
            }
        }
    }
    without_buyer(ledger, books, found);
}

fn compare(visit: &Visit, told: &Ordered, book: &OrderBook, found: &mut Vec<Contradiction>) {
    let mut push = |code, detail: &str| {
        let evidence = json!({
            "order": told.order, "buyer": visit.number, "told": told.told, "payment": told.payment,
            "state": book.state, "cancel_reason": book.cancel_reason, "told_total_minor": told.total_minor,
            "total_minor": book.total_minor, "lines": book.bought(),
            "told_lines": visit.hold.as_ref().map(|held| &held.lines),
        });
        found.push(Contradiction::new(code, detail, evidence));
    };
    let bought = book.bought();
    let same_places =
        visit.hold.as_ref().is_none_or(|held| held.hold == book.hold && sorted(&held.lines) == sorted(&bought));
    if !same_places || told.total_minor != book.total_minor || book.email != visit.email {
        push(Code::OrderDiffers, "an order is not what its buyer was told");
    }
    if is_lost(told, book) {
        push(Code::SaleLost, "an order that was said to be sold is not");
    }
    if book.is_sold() && !told.may_be_paid() {
        push(Code::SoldWithoutPayment, "an order is sold though nobody paid");
    }
    if book.is_sold() && told.cancelled {
        push(Code::SoldAfterCancel, "an order is sold though it was called off");
    }
    if told.payment == Payment::Authorized && told.told < Told::Confirmed && is_ignored(told, book) {
        push(Code::PaymentIgnored, "a payment was authorized and led to nothing");
    }
}

/// Told sold or paid, and no longer so for no good reason.
fn is_lost(told: &Ordered, book: &OrderBook) -> bool {
    let kept = match book.state {
        OrderState::Paid | OrderState::Refunded => true,
        OrderState::Confirmed => told.told < Told::Paid,
        OrderState::AwaitingPayment => false,
        OrderState::Cancelled => {
            let reversed = book.cancel_reason.as_deref() == Some("capture_failed");
            told.told < Told::Paid && reversed && matches!(told.payment, Payment::CaptureFails | Payment::Unknown)
        }
    };
    told.told >= Told::Confirmed && !kept
}

/// Authorized by a good card: must be paid by now, unless there was a reason.
fn is_ignored(told: &Ordered, book: &OrderBook) -> bool {
    match book.state {
        OrderState::Paid | OrderState::Refunded => false,
        OrderState::AwaitingPayment | OrderState::Confirmed => true,
        OrderState::Cancelled => {
            let reason = book.cancel_reason.as_deref().unwrap_or_default();
            !told.cancelled && !EXCUSES.contains(&reason)
        }
    }
}

/// Orders that carry a buyer's e-mail without that buyer having asked, and others' orders where there are no others.
fn without_buyer(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    let known: BTreeSet<&str> = ordered(ledger).map(|(_, told)| told.order.as_str()).collect();
    let by_email: BTreeMap<&str, &Visit> = ledger.visits.iter().map(|visit| (visit.email.as_str(), visit)).collect();
    for book in books.orders.iter().filter(|book| !known.contains(book.order.as_str())) {
        let explained = by_email.get(book.email.as_str()).map(|visit| visit.unknown_order);
        if explained == Some(false) || (explained.is_none() && books.exclusive) {
            let evidence = json!({"order": book.order, "email": book.email, "state": book.state});
            found.push(Contradiction::new(Code::OrderWithoutBuyer, "an order that nobody made", evidence));
        }
    }
}
