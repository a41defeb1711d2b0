//! Tickets: one for each paid place, none for any other, each the one its buyer was told of.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Books, Code, Contradiction, Fetched, Ledger, OrderState, by_order, ordered};

pub(super) fn check(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    issued(books, found);
    told(ledger, books, found);
}

fn issued(books: &Books, found: &mut Vec<Contradiction>) {
    let mut places: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for order in &books.orders {
        let evidence = json!({"order": order.order, "state": order.state});
        for (position, line) in order.lines.iter().enumerate() {
            if let Some(ticket) = &line.ticket {
                places.entry(ticket).or_default().push((&order.order, position));
            }
        }
        let lacking = order.live_lines().any(|line| line.ticket.is_none());
        let has_any = order.lines.iter().any(|line| line.ticket.is_some());
        match order.state {
            OrderState::Paid if lacking => {
                found.push(Contradiction::new(Code::TicketMissing, "a paid order lacks a ticket", evidence));
            }
            OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Cancelled if has_any => {
                let detail = "an order that is not paid has a ticket";
                found.push(Contradiction::new(Code::TicketWithoutPayment, detail, evidence));
            }
            OrderState::Paid
            | OrderState::Refunded
            | OrderState::AwaitingPayment
            | OrderState::Confirmed
            | OrderState::Cancelled => {}
        }
    }
    for (ticket, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        let evidence = json!({"ticket": ticket, "places": places});
        found.push(Contradiction::new(Code::TicketTwice, "two places have the same ticket", evidence));
    }
}

fn told(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    let orders = by_order(books);
    for (visit, told) in ordered(ledger) {
        let Some(book) = orders.get(told.order.as_str()) else { continue };
        for ticket in &told.tickets {
            let evidence = json!({
                "order": told.order, "ticket": ticket.ticket, "buyer": visit.number, "fetched": ticket.fetched,
            });
            if !book.lines.iter().any(|line| line.ticket.as_ref() == Some(&ticket.ticket)) {
                let detail = "a buyer was told of a ticket that is not the order's";
                found.push(Contradiction::new(Code::TicketDiffers, detail, evidence.clone()));
            }
            match &ticket.fetched {
                Fetched::Pdf => {}
                Fetched::NotYet => {
                    let detail = "a ticket was not ready in time";
                    found.push(Contradiction::new(Code::TicketUndelivered, detail, evidence));
                }
                Fetched::Wrong(_) => {
                    let detail = "a ticket was fetched and is none";
                    found.push(Contradiction::new(Code::TicketUnreadable, detail, evidence));
                }
            }
        }
    }
}
