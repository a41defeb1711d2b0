//! Money: taken for sold places, for nothing else, and to the last cent.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Books, Code, Contradiction, Ledger, MoneyBook, OrderState, by_order, ordered};

pub(super) fn check(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    by_orders(books, found);
    unsold(books, found);
    declined(ledger, books, found);
    in_total(books, found);
}

/// What an order's intents moved: taken, given back.
fn moved(books: &Books) -> BTreeMap<&str, (u64, u64)> {
    let mut moved: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in &books.money {
        if let Some(order) = &row.order {
            let (captured, refunded) = moved.entry(order).or_default();
            *captured += row.captured_minor;
            *refunded += row.refunded_minor;
        }
    }
    moved
}

fn by_orders(books: &Books, found: &mut Vec<Contradiction>) {
    let moved = moved(books);
    for order in &books.orders {
        let (captured, refunded) = moved.get(order.order.as_str()).copied().unwrap_or_default();
        let fits = match order.state {
            OrderState::Paid => captured == order.total_minor && refunded == order.refunded_minor,
            OrderState::Refunded => captured == order.total_minor && refunded == captured,
            OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Cancelled => true,
        };
        if !fits {
            let evidence = json!({
                "order": order.order, "state": order.state, "total_minor": order.total_minor,
                "order_refunded_minor": order.refunded_minor, "captured_minor": captured, "refunded_minor": refunded,
            });
            let detail = "what was taken for an order is not what it costs";
            found.push(Contradiction::new(Code::MoneyOfOrder, detail, evidence));
        }
    }
}

/// Rows of the provider whose order is not sold, or is none.
fn unsold(books: &Books, found: &mut Vec<Contradiction>) {
    let orders = by_order(books);
    for row in &books.money {
        let state = row.order.as_deref().and_then(|order| orders.get(order)).map(|order| order.state);
        let sold = matches!(state, Some(OrderState::Confirmed | OrderState::Paid | OrderState::Refunded));
        if row.captured_minor > row.refunded_minor && !sold {
            let detail = "money was taken for an order that is none";
            found.push(Contradiction::new(Code::ChargedWithoutSale, detail, json!({"money": row, "state": state})));
        }
        if row.is_bound() && matches!(state, None | Some(OrderState::Cancelled | OrderState::Refunded)) {
            let detail = "money stays bound for an order that came to nothing";
            found.push(Contradiction::new(Code::AuthorizationKept, detail, json!({"money": row, "state": state})));
        }
    }
}

/// Whoever never paid was never charged, whatever their order says.
fn declined(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    let moved = moved(books);
    for (visit, told) in ordered(ledger).filter(|(_, told)| !told.may_be_paid()) {
        let (captured, refunded) = moved.get(told.order.as_str()).copied().unwrap_or_default();
        if captured > refunded {
            let evidence = json!({
                "order": told.order, "buyer": visit.number, "payment": told.payment, "captured_minor": captured,
            });
            let detail = "a buyer who never paid was charged";
            found.push(Contradiction::new(Code::ChargedWithoutSale, detail, evidence));
        }
    }
}

fn in_total(books: &Books, found: &mut Vec<Contradiction>) {
    let captured: u64 = books.money.iter().map(|row| row.captured_minor).sum();
    let refunded: u64 = books.money.iter().map(|row| row.refunded_minor).sum();
    let paid = books.orders.iter().filter(|order| order.state == OrderState::Paid);
    let valid = paid.flat_map(|order| order.live_lines()).filter(|line| line.ticket.is_some());
    let worth: u64 = valid.map(|line| line.line.price_minor).sum();
    let evidence = json!({
        "captured_minor": captured, "refunded_minor": refunded, "valid_tickets_minor": worth,
        "figures_captured_minor": books.captured_minor, "figures_refunded_minor": books.refunded_minor,
    });
    if captured != refunded + worth {
        let detail = "captured less refunded money is not the price of all valid tickets";
        found.push(Contradiction::new(Code::MoneyInTotal, detail, evidence.clone()));
    }
    if (captured, refunded) != (books.captured_minor, books.refunded_minor) {
        let detail = "the sales figures are not what the provider says";
        found.push(Contradiction::new(Code::FiguresDiffer, detail, evidence));
    }
}

/// Rows of one event.
#[must_use]
pub(super) fn bound_orders(money: &[MoneyBook]) -> Vec<&str> {
    money.iter().filter(|row| row.is_bound()).filter_map(|row| row.order.as_deref()).collect()
}
