//! Places: sold once, held once, conserved, and each explained.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Books, Code, Contradiction, Held, Ledger, Place, SeatState};

pub(super) fn check(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    sold_twice(books, found);
    held_twice(ledger, found);
    areas(books, found);
    conserved(books, found);
    sold_and_ordered(books, found);
    if books.exclusive {
        held_without_buyer(ledger, books, found);
    }
}

/// Orders that have each sold seat.
fn buyers_of_seats(books: &Books) -> BTreeMap<u32, Vec<&str>> {
    let mut buyers: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for order in &books.orders {
        for line in order.live_lines() {
            if let Place::Seat(seat) = line.line.place {
                buyers.entry(seat).or_default().push(&order.order);
            }
        }
    }
    buyers
}

fn sold_twice(books: &Books, found: &mut Vec<Contradiction>) {
    for (seat, orders) in buyers_of_seats(books) {
        if orders.len() > 1 {
            let evidence = json!({"seat": seat, "orders": orders});
            found.push(Contradiction::new(Code::SeatSoldTwice, format!("seat {seat} is sold twice"), evidence));
        }
    }
}

fn held_twice(ledger: &Ledger, found: &mut Vec<Contradiction>) {
    let mut holds_of: BTreeMap<u32, Vec<&Held>> = BTreeMap::new();
    for held in ledger.visits.iter().filter_map(|visit| visit.hold.as_ref()) {
        for line in &held.lines {
            if let Place::Seat(seat) = line.place {
                holds_of.entry(seat).or_default().push(held);
            }
        }
    }
    for (seat, mut holds) in holds_of {
        holds.sort_by_key(|held| held.placed_at_ms);
        let mut longest: Option<&Held> = None;
        for held in holds {
            if let Some(before) = longest.filter(|before| held.placed_at_ms < before.certain_until_ms) {
                let evidence = json!({
                    "seat": seat, "first": before.hold, "certain_until_ms": before.certain_until_ms,
                    "second": held.hold, "placed_at_ms": held.placed_at_ms,
                });
                found.push(Contradiction::new(Code::SeatHeldTwice, format!("seat {seat} was given twice"), evidence));
            }
            if longest.is_none_or(|before| before.certain_until_ms < held.certain_until_ms) {
                longest = Some(held);
            }
        }
    }
}

fn areas(books: &Books, found: &mut Vec<Contradiction>) {
    let mut sold: BTreeMap<&str, u64> = BTreeMap::new();
    for line in books.orders.iter().flat_map(|order| order.live_lines()) {
        if let Place::Ga(area) = &line.line.place {
            *sold.entry(area).or_default() += 1;
        }
    }
    for area in &books.areas {
        let sold_count = sold.get(area.code.as_str()).copied().unwrap_or_default();
        if sold_count + area.available_count > area.capacity_count {
            let evidence = json!({
                "area": area.code, "sold_count": sold_count, "available_count": area.available_count,
                "capacity_count": area.capacity_count,
            });
            let detail = format!("area {} has more places sold and free than it has", area.code);
            found.push(Contradiction::new(Code::AreaOversold, detail, evidence));
        }
    }
}

fn conserved(books: &Books, found: &mut Vec<Contradiction>) {
    let counts = books.counts;
    let sum = counts.available_count + counts.held_count + counts.sold_count + counts.blocked_count;
    let standing: u64 = books.areas.iter().map(|area| area.capacity_count).sum();
    let free = count(books, SeatState::Available) + books.areas.iter().map(|area| area.available_count).sum::<u64>();
    let sources_agree = books.seats.len() as u64 + standing == counts.capacity_count && free == counts.available_count;
    if sum != counts.capacity_count || !sources_agree {
        let evidence =
            json!({"counts": counts, "seats_count": books.seats.len(), "areas_count": standing, "free_count": free});
        found.push(Contradiction::new(Code::SeatsNotConserved, "places do not add up", evidence));
    }
}

fn count(books: &Books, state: SeatState) -> u64 {
    books.seats.iter().filter(|seat| **seat == state).count() as u64
}

/// Every sold seat has an order, every order its sold seats, and areas as many as orders say.
fn sold_and_ordered(books: &Books, found: &mut Vec<Contradiction>) {
    let buyers = buyers_of_seats(books);
    let states = books.seats.iter().zip(0_u32..);
    let orphans: Vec<u32> = states
        .filter_map(|(state, seat)| (*state == SeatState::Sold && !buyers.contains_key(&seat)).then_some(seat))
        .collect();
    if !orphans.is_empty() {
        let detail = format!("{} seats are sold and no order has them", orphans.len());
        found.push(Contradiction::new(Code::SoldWithoutOrder, detail, json!({"seats": orphans})));
    }
    for (seat, orders) in &buyers {
        let state = books.seats.get(*seat as usize);
        if state != Some(&SeatState::Sold) {
            let evidence = json!({"seat": seat, "state": state, "orders": orders});
            found.push(Contradiction::new(Code::OrderWithoutSeat, format!("seat {seat} is not sold"), evidence));
        }
    }
    let lines: usize = books.orders.iter().map(|order| order.live_lines().count()).sum();
    if lines as u64 != books.counts.sold_count && orphans.is_empty() {
        let (code, detail) = if books.counts.sold_count > lines as u64 {
            (Code::SoldWithoutOrder, "more places are sold than orders have")
        } else {
            (Code::OrderWithoutSeat, "orders have more places than are sold")
        };
        let evidence = json!({"sold_count": books.counts.sold_count, "order_lines_count": lines});
        found.push(Contradiction::new(code, detail, evidence));
    }
}

fn held_without_buyer(ledger: &Ledger, books: &Books, found: &mut Vec<Contradiction>) {
    let unknown: u64 = ledger.visits.iter().map(|visit| visit.unknown_places_count).sum();
    let standing: Vec<&Held> =
        ledger.visits.iter().filter_map(|visit| visit.hold.as_ref()).filter(|held| held.may_stand).collect();
    let explained: BTreeSet<&Place> = standing.iter().flat_map(|held| &held.lines).map(|line| &line.place).collect();
    let states = books.seats.iter().zip(0_u32..);
    let ghosts: Vec<u32> = states
        .filter_map(|(state, seat)| {
            (*state == SeatState::Held && !explained.contains(&Place::Seat(seat))).then_some(seat)
        })
        .collect();
    let places: usize = standing.iter().map(|held| held.lines.len()).sum();
    if ghosts.len() as u64 > unknown || books.counts.held_count > places as u64 + unknown {
        let evidence = json!({
            "seats": ghosts, "held_count": books.counts.held_count, "explained_count": places, "unknown_count": unknown,
        });
        found.push(Contradiction::new(Code::HeldWithoutBuyer, "places are held and nobody holds them", evidence));
    }
}
