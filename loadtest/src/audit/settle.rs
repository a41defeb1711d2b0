//! Whether a sale has come to rest.

use std::collections::BTreeMap;

use super::money::bound_orders;
use super::{Books, Ledger, OrderState, Payment, Place, SeatState, by_order, ordered};

/// What is still under way, in words; empty when the sale is at rest. Orders whose buyer walked away without paying
/// rest too: their places return when the hold ends.
#[must_use]
pub fn unsettled(ledger: &Ledger, books: &Books) -> Vec<String> {
    let mut waits = Vec::new();
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            waits.push(format!("{count} {what}"));
        }
    };
    let orders = by_order(books);
    let confirmed = books.orders.iter().filter(|order| order.state == OrderState::Confirmed).count();
    note(confirmed, "orders sold and not captured");
    let unissued = books
        .orders
        .iter()
        .filter(|order| order.state == OrderState::Paid && order.live_lines().any(|line| line.ticket.is_none()));
    note(unissued.count(), "orders paid and without tickets");
    note(bound_orders(&books.money).len(), "payments authorized and neither captured nor cancelled");
    let awaited = ordered(ledger).filter(|(_, told)| {
        let state = orders.get(told.order.as_str()).map(|book| book.state);
        told.payment == Payment::Authorized && state.is_none_or(|state| state == OrderState::AwaitingPayment)
    });
    note(awaited.count(), "payments authorized and not yet noticed");
    let overdue = books
        .orders
        .iter()
        .filter(|order| order.state == OrderState::AwaitingPayment && order.expires_at_ms < books.now_ms);
    note(overdue.count(), "orders whose time is over and that are not called off");
    note(held_past_their_end(ledger, books), "seats held past the end of their hold");
    let captured: u64 = books.money.iter().map(|row| row.captured_minor).sum();
    let refunded: u64 = books.money.iter().map(|row| row.refunded_minor).sum();
    note(usize::from((captured, refunded) != (books.captured_minor, books.refunded_minor)), "figures behind the money");
    let lines: usize = books.orders.iter().map(|order| order.live_lines().count()).sum();
    note(usize::from(lines as u64 != books.counts.sold_count), "orders behind the seats");
    waits
}

/// Held seats whose last known hold should have ended. Holds of others are not known, nor those with an unknown outcome.
fn held_past_their_end(ledger: &Ledger, books: &Books) -> usize {
    let mut ends: BTreeMap<u32, i64> = BTreeMap::new();
    for held in ledger.visits.iter().filter_map(|visit| visit.hold.as_ref()) {
        for line in &held.lines {
            if let Place::Seat(seat) = line.place {
                let end = ends.entry(seat).or_insert(held.ends_at_ms);
                *end = held.ends_at_ms.max(*end);
            }
        }
    }
    let held = books.seats.iter().zip(0_u32..).filter(|(state, _)| **state == SeatState::Held);
    held.filter(|(_, seat)| ends.get(seat).is_some_and(|end_ms| *end_ms < books.now_ms)).count()
}
