//! Every code is caught in a history that has it, and a clean history has none.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

const PRICE_MINOR: u64 = 4_500;

fn line(seat: u32) -> Line {
    Line { place: Place::Seat(seat), price_minor: PRICE_MINOR }
}

fn floor() -> Line {
    Line { place: Place::Ga("FLOOR".into()), price_minor: PRICE_MINOR }
}

fn held(number: u64, lines: Vec<Line>) -> Held {
    let hold = format!("hold_{number}");
    Held {
        hold,
        lines,
        placed_at_ms: 1_000,
        certain_until_ms: 481_000,
        ends_at_ms: 481_000,
        may_stand: true,
        denied: None,
    }
}

fn visit(number: u64, lines: Vec<Line>, payment: Payment, told: Told) -> Visit {
    let order = Ordered {
        order: format!("order_{number}"),
        total_minor: lines.len() as u64 * PRICE_MINOR,
        payment,
        told,
        cancelled: false,
        tickets: Vec::new(),
    };
    let email = format!("buyer-{number}@load.example");
    Visit { number, email, hold: Some(held(number, lines)), order: Some(order), ..Visit::default() }
}

fn book(number: u64, lines: Vec<Line>, state: OrderState) -> OrderBook {
    let paid = state == OrderState::Paid;
    let total_minor = lines.len() as u64 * PRICE_MINOR;
    let lines = lines.into_iter().enumerate().map(|(position, line)| {
        let ticket = paid.then(|| format!("ticket_{number}_{position}"));
        LineBook { line, ticket, refunded: false }
    });
    OrderBook {
        order: format!("order_{number}"),
        hold: format!("hold_{number}"),
        email: format!("buyer-{number}@load.example"),
        state,
        expires_at_ms: 481_000,
        cancel_reason: None,
        retaken: false,
        lines: lines.collect(),
        total_minor,
        refunded_minor: 0,
    }
}

fn money(number: u64, captured_minor: u64, status: &str) -> MoneyBook {
    MoneyBook {
        order: Some(format!("order_{number}")),
        event: Some("event_1".into()),
        intent: format!("pi_{number}"),
        status: status.into(),
        captured_minor,
        refunded_minor: 0,
    }
}

/// Ten seats and a floor of five. Buyer 1 has paid for seats 0 and 1, buyer 2 stands on the floor, buyer 3 was declined
/// and keeps seat 2 held, buyer 4 walked away from seat 3, buyer 5's capture failed, buyer 6 vanished.
fn clean() -> (Ledger, Books) {
    let mut first = visit(1, vec![line(0), line(1)], Payment::Authorized, Told::Paid);
    if let Some(order) = &mut first.order {
        order.tickets = vec![TicketTold { ticket: "ticket_1_0".into(), fetched: Fetched::Pdf }];
    }
    let given = Given { status: 201, body: json!({"hold": "hold_1"}) };
    first.repeats.push(Repeat { what: "hold", first: given.clone(), second: given, ordered: true });
    let mut reversed = visit(5, vec![line(4)], Payment::CaptureFails, Told::Confirmed);
    if let Some(hold) = &mut reversed.hold {
        (hold.certain_until_ms, hold.may_stand) = (1_500, false);
    }
    let ledger = Ledger {
        visits: vec![
            first,
            visit(2, vec![floor()], Payment::Authorized, Told::Paid),
            visit(3, vec![line(2)], Payment::Declined, Told::Awaiting),
            Visit { number: 4, hold: Some(held(4, vec![line(3)])), ..Visit::default() },
            reversed,
            Visit { number: 6, email: "buyer-6@load.example".into(), unknown_order: true, ..Visit::default() },
        ],
    };
    let mut cancelled = book(5, vec![line(4)], OrderState::Cancelled);
    cancelled.cancel_reason = Some("capture_failed".into());
    let mut seats = vec![SeatState::Available; 10];
    (seats[0], seats[1], seats[2], seats[3]) = (SeatState::Sold, SeatState::Sold, SeatState::Held, SeatState::Held);
    let books = Books {
        exclusive: true,
        now_ms: 20_000,
        counts: Counts { capacity_count: 15, available_count: 10, held_count: 2, sold_count: 3, blocked_count: 0 },
        seats,
        areas: vec![Area { code: "FLOOR".into(), capacity_count: 5, available_count: 4 }],
        orders: vec![
            book(1, vec![line(1), line(0)], OrderState::Paid),
            book(2, vec![floor()], OrderState::Paid),
            book(3, vec![line(2)], OrderState::AwaitingPayment),
            cancelled,
        ],
        money: vec![
            money(1, 9_000, "succeeded"),
            money(2, 4_500, "succeeded"),
            money(3, 0, "requires_payment_method"),
            money(5, 0, "canceled"),
        ],
        captured_minor: 13_500,
        refunded_minor: 0,
    };
    (ledger, books)
}

/// The codes found after a change to the clean history.
fn codes(change: impl FnOnce(&mut Ledger, &mut Books)) -> BTreeSet<Code> {
    let (mut ledger, mut books) = clean();
    change(&mut ledger, &mut books);
    audit(&ledger, &books).into_iter().map(|contradiction| contradiction.code).collect()
}

fn order_of(ledger: &mut Ledger, at: usize) -> &mut Ordered {
    ledger.visits[at].order.as_mut().unwrap()
}

fn hold_of(ledger: &mut Ledger, at: usize) -> &mut Held {
    ledger.visits[at].hold.as_mut().unwrap()
}

fn fault(status: u16) -> Fault {
    Fault { what: "hold".into(), status, answer: "x".into() }
}

/// A history with that contradiction.
fn break_it(code: Code, ledger: &mut Ledger, books: &mut Books) {
    match code {
        Code::SeatSoldTwice => books.orders[1].lines[0].line = line(0),
        Code::SeatHeldTwice => {
            let hold = hold_of(ledger, 3);
            (hold.lines, hold.placed_at_ms) = (vec![line(0)], 2_000);
        }
        Code::AreaOversold => books.areas[0].available_count = 5,
        Code::SeatsNotConserved => books.counts.held_count += 1,
        Code::SoldWithoutOrder => books.seats[7] = SeatState::Sold,
        Code::OrderWithoutSeat => books.seats[0] = SeatState::Available,
        Code::HeldWithoutBuyer => books.seats[8] = SeatState::Held,
        Code::HoldLost => hold_of(ledger, 3).denied = Some("unknown_hold".into()),
        Code::OrderLost => drop(books.orders.remove(2)),
        Code::SaleLost => books.orders[0].state = OrderState::Cancelled,
        Code::OrderDiffers => books.orders[0].lines[0].line.price_minor += 1,
        Code::OrderWithoutBuyer => ledger.visits[2].order = None,
        Code::SoldWithoutPayment => books.orders[2].state = OrderState::Confirmed,
        Code::SoldAfterCancel => order_of(ledger, 0).cancelled = true,
        Code::PaymentIgnored => order_of(ledger, 2).payment = Payment::Authorized,
        Code::TicketMissing => books.orders[0].lines[0].ticket = None,
        Code::TicketWithoutPayment => books.orders[2].lines[0].ticket = Some("ticket_3_0".into()),
        Code::TicketTwice => books.orders[0].lines[1].ticket = Some("ticket_2_0".into()),
        Code::TicketDiffers => order_of(ledger, 0).tickets[0].ticket = "ticket_9_9".into(),
        Code::TicketUnreadable => order_of(ledger, 0).tickets[0].fetched = Fetched::Wrong("<html>".into()),
        Code::TicketUndelivered => order_of(ledger, 0).tickets[0].fetched = Fetched::NotYet,
        Code::MoneyOfOrder => books.money[0].captured_minor -= 1,
        Code::ChargedWithoutSale => books.money[2].captured_minor = 4_500,
        Code::AuthorizationKept => books.money[3].status = "requires_capture".into(),
        Code::MoneyInTotal => books.money[1].captured_minor += 4_500,
        Code::FiguresDiffer => books.captured_minor -= 4_500,
        Code::RepeatDiffers => ledger.visits[0].repeats[0].second.body = json!({"hold": "hold_2"}),
        Code::ServerError => ledger.visits[0].faults.push(fault(500)),
        Code::UnexpectedAnswer => ledger.visits[0].faults.push(fault(404)),
        // Found by waiting, and by asking several nodes.
        Code::Unsettled | Code::NodesDiffer => {}
    }
}

#[test]
fn a_clean_history_has_no_contradiction_and_is_settled() {
    let (ledger, books) = clean();
    let found = audit(&ledger, &books);
    assert!(found.is_empty(), "{found:#?}");
    assert!(unsettled(&ledger, &books).is_empty(), "{:?}", unsettled(&ledger, &books));
}

#[test]
fn a_history_with_any_one_contradiction_is_caught_with_its_code() {
    for code in Code::ALL.iter().copied().filter(|code| ![Code::Unsettled, Code::NodesDiffer].contains(code)) {
        let found = codes(|ledger, books| break_it(code, ledger, books));
        assert!(found.contains(&code), "{} was not found, but {found:?}", code.name());
    }
}

#[test]
fn nodes_that_say_the_same_agree_and_any_difference_is_found() {
    let (_, books) = clean();
    assert!(compare("a", &books, "b", &books).is_empty());
    let changes: [fn(&mut Books); 6] = [
        |books| books.seats[7] = SeatState::Held,
        |books| books.areas[0].available_count -= 1,
        |books| books.counts.held_count += 1,
        |books| books.orders[0].state = OrderState::Confirmed,
        |books| drop(books.orders.pop()),
        |books| books.captured_minor += 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = books.clone();
        change(&mut other);
        for found in [compare("a", &books, "b", &other), compare("b", &other, "a", &books)] {
            assert!(found.iter().any(|found| found.code == Code::NodesDiffer), "change {number}: {found:?}");
        }
    }
}

#[test]
fn each_name_is_what_json_says() {
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
}

#[test]
fn an_unknown_outcome_contradicts_nothing_whichever_way_it_went() {
    let sold = codes(|ledger, books| {
        ledger.visits[2].order.as_mut().unwrap().payment = Payment::Unknown;
        books.orders[2] = book(3, vec![line(2)], OrderState::Paid);
        books.seats[2] = SeatState::Sold;
        (books.counts.held_count, books.counts.sold_count) = (1, 4);
        books.money[2] = money(3, 4_500, "succeeded");
        books.captured_minor += 4_500;
    });
    assert!(sold.is_empty(), "{sold:?}");
    let not_sold = codes(|ledger, _| order_of(ledger, 2).payment = Payment::Unknown);
    assert!(not_sold.is_empty(), "{not_sold:?}");
    let order_unheard = codes(|_, books| {
        let mut unheard = book(6, vec![line(9)], OrderState::AwaitingPayment);
        unheard.email = "buyer-6@load.example".into();
        books.orders.push(unheard);
    });
    assert!(order_unheard.is_empty(), "{order_unheard:?}");
    let hold_unheard = codes(|ledger, books| {
        ledger.visits[5].unknown_places_count = 1;
        books.seats[9] = SeatState::Held;
        (books.counts.available_count, books.counts.held_count) = (9, 3);
    });
    assert!(hold_unheard.is_empty(), "{hold_unheard:?}");
}

#[test]
fn a_released_seat_may_be_held_by_the_next_buyer() {
    let found = codes(|ledger, books| {
        let hold = hold_of(ledger, 3);
        (hold.certain_until_ms, hold.may_stand) = (1_200, false);
        let mut next = held(7, vec![line(3)]);
        next.placed_at_ms = 1_200;
        ledger.visits.push(Visit { number: 7, hold: Some(next), ..Visit::default() });
        books.exclusive = true;
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_refusal_may_become_a_yes_and_a_yes_never_a_refusal() {
    let no = Given { status: 409, body: json!("seats_taken") };
    let yes = Given { status: 201, body: json!({"hold": "hold_1"}) };
    let found = |first: &Given, second: &Given, ordered| {
        codes(|ledger, _| {
            let repeat = Repeat { what: "hold", first: first.clone(), second: second.clone(), ordered };
            ledger.visits[0].repeats.push(repeat);
        })
    };
    assert!(found(&no, &yes, true).is_empty());
    assert!(found(&yes, &no, false).is_empty());
    assert!(found(&yes, &no, true).contains(&Code::RepeatDiffers));
}

#[test]
fn a_confirmed_sale_may_be_reversed_only_when_its_capture_failed() {
    let found = codes(|ledger, _| order_of(ledger, 4).payment = Payment::Authorized);
    assert!(found.contains(&Code::SaleLost), "{found:?}");
}

#[test]
fn a_sale_under_way_is_not_settled() {
    let waits = |change: fn(&mut Ledger, &mut Books)| {
        let (mut ledger, mut books) = clean();
        change(&mut ledger, &mut books);
        unsettled(&ledger, &books)
    };
    let under_way: [fn(&mut Ledger, &mut Books); 8] = [
        |_, books| books.orders[0].state = OrderState::Confirmed,
        |_, books| books.orders[0].lines[0].ticket = None,
        |_, books| books.money[3].status = "requires_capture".into(),
        |ledger, _| order_of(ledger, 2).payment = Payment::Authorized,
        |_, books| books.captured_minor = 0,
        |_, books| books.counts.sold_count = 5,
        |_, books| books.orders[2].expires_at_ms = 19_999,
        |ledger, _| hold_of(ledger, 3).ends_at_ms = 19_999,
    ];
    for change in under_way {
        assert!(!waits(change).is_empty());
    }
}
