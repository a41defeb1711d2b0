//! An order and its tickets, and all orders of one browser.

use std::sync::Arc;

use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::{CancelReason, OrderId, OrderState};

use super::checkout::{payment_address, place_text};
use super::timer::Timer;
use super::{Answer, Frame, money, page, see, when};
use crate::access::Subject;
use crate::desk::ListQuery;
use crate::desk::buyer::{self, HoldSheet, OrderSheet};
use crate::extract::Shown;
use crate::sandbox::PayBy;
use crate::state::AppState;

struct Line {
    place: String,
    price: String,
    ticket: Option<String>,
    refunded: bool,
}

#[derive(Template)]
#[template(path = "buyer/order.html")]
struct OrderPage {
    frame: Frame,
    order: OrderSheet,
    when: String,
    heading: &'static str,
    words: &'static str,
    /// The places are the buyer's.
    good: bool,
    lines: Vec<Line>,
    total: String,
    refunded: Option<String>,
    timer: Option<Timer>,
    pay: Option<String>,
    all_tickets: Option<String>,
    /// Something is still under way: the page looks again by itself.
    pending: bool,
    access: String,
    can_cancel: bool,
}

/// Where an order stands, in words.
fn words(order: &OrderSheet, sent: bool) -> (&'static str, &'static str) {
    match (order.state, order.cancel_reason) {
        (OrderState::AwaitingPayment, _) if order.lapsed => (
            "Time is up",
            "The payment is being called off. If it went through at the last moment, we will say so here.",
        ),
        (OrderState::AwaitingPayment, _) if sent => (
            "Your payment is on its way",
            "You need not pay again. The places are yours as soon as the payment is confirmed.",
        ),
        (OrderState::AwaitingPayment, _) if order.failed_payments_count > 0 => (
            "Waiting for your payment",
            "The last try to pay failed; nothing was charged. You can try again while the time runs.",
        ),
        (OrderState::AwaitingPayment, _) => (
            "Waiting for your payment",
            "Your places are held. The order is confirmed as soon as the payment is authorized.",
        ),
        (OrderState::Confirmed, _) => ("The places are yours", "Your payment is authorized and is being taken now."),
        (OrderState::Paid, _) if order.printing_failed => (
            "Thank you: the places are yours",
            "Your order is paid. The tickets could not be printed, which has to be put right here first; you need not \
             do anything. Come back with the link in your letter, or show the order at the entrance.",
        ),
        (OrderState::Paid, _) => ("Thank you: the places are yours", "Your order is paid."),
        (OrderState::Refunded, _) => {
            ("Refunded", "The money goes back to where it came from. These tickets open no door any more.")
        }
        (OrderState::Cancelled, reason) => ("This order came to nothing", cancel_words(reason)),
    }
}

fn cancel_words(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::Buyer) => "You called it off. Nothing was charged.",
        Some(CancelReason::Lapsed) => "Time ran out before a payment came. Nothing was charged.",
        Some(CancelReason::PlacesGone) => {
            "Your payment came after the time was up, and others have the places. The authorization is cancelled; \
             nothing was charged."
        }
        Some(CancelReason::AmountMismatch) => {
            "The authorized amount was less than the total. The authorization is cancelled; nothing was charged."
        }
        Some(CancelReason::CaptureFailed) => "Your bank refused the payment in the end. Nothing was charged.",
        Some(CancelReason::EventCancelled) => "The event was called off. Nothing was charged.",
        None => "Nothing was charged.",
    }
}

/// The same in a word or two, for a list.
fn short_words(order: &OrderSheet) -> &'static str {
    match order.state {
        OrderState::AwaitingPayment if order.lapsed => "Time is up",
        OrderState::AwaitingPayment => "Waiting for payment",
        OrderState::Confirmed => "Being paid",
        OrderState::Paid => "Paid",
        OrderState::Refunded => "Refunded",
        OrderState::Cancelled => "Came to nothing",
    }
}

/// The places are the buyer's.
fn is_good(state: OrderState) -> bool {
    matches!(state, OrderState::Confirmed | OrderState::Paid)
}

fn sheet_of(state: &AppState, order: OrderSheet, hold: Option<&HoldSheet>, sent: bool) -> OrderPage {
    let (heading, words) = words(&order, sent);
    let query = order.access.as_ref().map(|access| format!("?access={access}")).unwrap_or_default();
    let base = format!("/api/v1/orders/{}", order.order);
    let lines: Vec<Line> = order
        .lines
        .iter()
        .map(|line| Line {
            place: place_text(&line.place),
            price: money(line.place.price_minor, order.currency),
            ticket: line.ticket.filter(|_| line.ticket_ready).map(|ticket| format!("{base}/tickets/{ticket}{query}")),
            refunded: line.refunded,
        })
        .collect();
    let printed = lines.iter().all(|line| line.refunded || line.ticket.is_some());
    let awaiting = order.state == OrderState::AwaitingPayment;
    let waits = awaiting && !order.lapsed;
    OrderPage {
        frame: Frame::new(state),
        timer: waits.then(|| timer(&order, hold)),
        when: when(order.starts_at, &order.time_zone),
        heading,
        words,
        good: is_good(order.state),
        total: money(order.total_minor, order.currency),
        refunded: (order.refunded_minor.0 > 0).then(|| money(order.refunded_minor, order.currency)),
        pay: order.payment.as_ref().filter(|_| waits && !sent).and_then(|payment| payment_address(payment, "").ok()),
        all_tickets: (order.state == OrderState::Paid && printed).then(|| format!("{base}/tickets.pdf{query}")),
        pending: awaiting
            || order.state == OrderState::Confirmed
            || (order.state == OrderState::Paid && !printed && !order.printing_failed),
        access: order.access.clone().unwrap_or_default(),
        can_cancel: waits,
        lines,
        order,
    }
}

/// One order, for its buyer and for who shows its secret.
pub(super) async fn one(
    state: Data<AppState>,
    subject: Subject,
    order: Path<OrderId>,
    shown: Shown,
    back: Query<Back>,
) -> Answer {
    let order = buyer::order(&state, &subject, *order, shown.0.as_ref()).await?;
    // The event itself knows the end of a hold that was just kept longer, and who may keep it.
    let hold = match order.state {
        OrderState::AwaitingPayment if subject.buyer.is_some() => {
            buyer::hold(&state, &subject, order.event, order.hold).await.ok()
        }
        OrderState::AwaitingPayment
        | OrderState::Confirmed
        | OrderState::Paid
        | OrderState::Cancelled
        | OrderState::Refunded => None,
    };
    page(&sheet_of(&state, order, hold.as_ref(), back.sent()))
}

const ORDER_OVER: &str = "Time is up. If your payment still goes through, this page will say so.";

fn timer(order: &OrderSheet, hold: Option<&HoldSheet>) -> Timer {
    let words = "Pay before";
    match hold {
        Some(hold) => Timer::of(hold, &order.time_zone, words, ORDER_OVER),
        None => Timer::until(order.expires_at, order.server_now, &order.time_zone, words, ORDER_OVER),
    }
}

/// What the provider's page adds to the address when it sends the buyer back.
#[derive(Default, Deserialize)]
pub(super) struct Back {
    redirect_status: Option<String>,
}

impl Back {
    /// The buyer comes from a payment that was made; word of it may take a moment longer than the browser.
    fn sent(&self) -> bool {
        self.redirect_status.as_deref() == Some("succeeded")
    }
}

/// Until when an order can be paid, for the sandbox's payment page.
pub(crate) fn pay_by(state: &AppState) -> PayBy {
    let state = state.clone();
    PayBy::new(Arc::new(move |order| {
        let state = state.clone();
        Box::pin(async move { payable_until(&state, &order).await })
    }))
}

async fn payable_until(state: &AppState, order: &str) -> Option<String> {
    let order: OrderId = order.parse().ok()?;
    let record = state.views.orders(&[order]).await.ok()?.pop()?;
    let event = state.catalogue.event(record.event).await.ok()??;
    let waits = record.state == OrderState::AwaitingPayment && !record.lapsed;
    waits.then(|| when(record.expires_at.into(), &event.time_zone))
}

/// Calls an unpaid order off.
pub(super) async fn cancel(state: Data<AppState>, subject: Subject, order: Path<OrderId>, shown: Shown) -> Answer {
    let order = buyer::cancel_order(&state, &subject, *order, shown.0.as_ref()).await?;
    let query = shown.0.map(|access| format!("?access={}", access.0)).unwrap_or_default();
    Ok(see(&format!("/orders/{}{query}", order.order)))
}

/// One order of the list.
struct Row {
    order: OrderId,
    event_name: String,
    when: String,
    state: &'static str,
    good: bool,
    total: String,
}

#[derive(Template)]
#[template(path = "buyer/orders.html")]
struct OrdersPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
}

/// All orders of this browser.
pub(super) async fn mine(state: Data<AppState>, subject: Subject, query: Query<ListQuery>) -> Answer {
    let frame = Frame::new(&state);
    if subject.buyer.is_none() {
        return page(&OrdersPage { frame, rows: Vec::new(), next: None });
    }
    let listed = buyer::my_orders(&state, &subject, &query).await?;
    let rows = listed.data.iter().map(|order| Row {
        order: order.order,
        event_name: order.event_name.clone(),
        when: when(order.starts_at, &order.time_zone),
        state: short_words(order),
        good: is_good(order.state),
        total: money(order.total_minor, order.currency),
    });
    page(&OrdersPage { frame, rows: rows.collect(), next: listed.next_cursor })
}
