//! From a hold to its payment: lines, countdown, keep, give back, name and e-mail.

use std::collections::BTreeMap;

use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::{EventId, HoldId, SeatIdx};

use super::form::{Form, number};
use super::seats::asks;
use super::{Answer, Frame, money, page as html, see, when};
use crate::access::Subject;
use crate::desk::IdempotencyKey;
use crate::desk::buyer::{self, ContactForm, EventSheet, HoldSheet, PaymentSheet, PlaceSheet};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "buyer/checkout.html")]
struct CheckoutPage {
    frame: Frame,
    sheet: EventSheet,
    hold: HoldSheet,
    lines: Vec<(String, String)>,
    total: String,
    ends: String,
    key: String,
    can_extend: bool,
    /// The hold before this one lapsed, and its places were free.
    again: bool,
    /// Fields that ask for the same places again, should the hold lapse before the form is sent.
    asked: Vec<(String, String)>,
}

/// What the page has to say besides the hold.
#[derive(Deserialize)]
pub(super) struct Said {
    again: Option<String>,
}

/// A place in words.
pub(super) fn place_text(place: &PlaceSheet) -> String {
    match (&place.row, &place.label) {
        (Some(row), Some(label)) => format!("{}, row {row}, seat {label}", place.section),
        (_, _) => format!("{}, standing", place.section),
    }
}

/// The places of a hold as the form for choosing them would ask.
fn asked(hold: &HoldSheet) -> Vec<(String, String)> {
    let seats = hold.places.iter().filter_map(|place| Some(("seat".to_owned(), place.seat?.to_string())));
    let mut standing = BTreeMap::<&str, u32>::new();
    for area in hold.places.iter().filter_map(|place| place.area.as_deref()) {
        *standing.entry(area).or_default() += 1;
    }
    seats.chain(standing.into_iter().map(|(area, count)| (format!("ga.{area}"), count.to_string()))).collect()
}

/// The hold and the form that makes an order of it.
pub(super) async fn page(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(EventId, HoldId)>,
    said: Query<Said>,
) -> Answer {
    let (event, hold) = path.into_inner();
    let hold = buyer::hold(&state, &subject, event, hold).await?;
    if let Some(order) = hold.order {
        return Ok(see(&format!("/orders/{order}")));
    }
    let sheet = buyer::event(&state, &subject, event).await?;
    let currency = sheet.card.currency;
    html(&CheckoutPage {
        frame: Frame::new(&state),
        lines: hold.places.iter().map(|place| (place_text(place), money(place.price_minor, currency))).collect(),
        total: money(hold.total_minor, currency),
        ends: when(hold.expires_at, &sheet.card.time_zone),
        key: IdempotencyKey::fresh().as_str().to_owned(),
        can_extend: hold.expires_at < hold.extendable_until,
        again: said.again.is_some(),
        asked: asked(&hold),
        sheet,
        hold,
    })
}

/// Keep my seats.
pub(super) async fn keep(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    let (event, hold) = path.into_inner();
    buyer::extend_hold(&state, &subject, event, hold).await?;
    Ok(see(&format!("/events/{event}/holds/{hold}")))
}

/// Gives the places back.
pub(super) async fn release(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    let (event, hold) = path.into_inner();
    buyer::release_hold(&state, &subject, event, hold).await?;
    Ok(see(&format!("/events/{event}/seats")))
}

/// Makes the order and sends the buyer on to pay. A hold that has lapsed is placed again if its places are free; at
/// another price the buyer is asked first.
pub(super) async fn pay(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>, body: Bytes) -> Answer {
    let (event, hold) = path.into_inner();
    let form = Form::read(&body)?;
    let key = IdempotencyKey::new(form.text("key"))?;
    let contact = ContactForm { name: form.text("name").to_owned(), email: form.text("email").to_owned() };
    let sheet = match buyer::checkout(&state, &subject, event, hold, &key, &contact).await {
        Err(problem) if problem.kind == &kinds::HOLD_EXPIRED => {
            let key = IdempotencyKey::new(&format!("{}-again", key.as_str()))?;
            let hold = match buyer::place_hold(&state, &subject, event, &key, &asks(&form)?).await {
                Ok(hold) => hold,
                Err(problem) => return Err(named(&state, &subject, event, problem).await),
            };
            if number("total_minor", form.text("total_minor")) != Ok(hold.total_minor.0) {
                return Ok(see(&format!("/events/{event}/holds/{}?again=1", hold.hold)));
            }
            buyer::checkout(&state, &subject, event, hold.hold, &key, &contact).await?
        }
        outcome => outcome?,
    };
    Ok(see(&payment_address(&sheet.payment, &format!("/orders/{}", sheet.order))?))
}

/// The problem with the names of the seats that somebody else has.
pub(super) async fn named(state: &AppState, subject: &Subject, event: EventId, problem: Problem) -> Problem {
    let seats = problem.members.get("seats").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let Ok(map) = buyer::seat_map(state, subject, event).await else { return problem };
    let names = seats.iter().filter_map(|seat| {
        let (section, row, label) = map.layout.seat_labels(SeatIdx(u32::try_from(seat.as_u64()?).ok()?))?;
        Some(format!("{section}, row {row}, seat {label}"))
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return problem;
    }
    Problem { detail: format!("Taken by somebody else: {}", names.join("; ")), ..problem }
}

/// Where to pay. Stripe's own form needs its script in a page of ours, which there is not yet.
pub(super) fn payment_address(payment: &PaymentSheet, order_page: &str) -> Result<String, Problem> {
    match payment {
        PaymentSheet::Free => Ok(order_page.to_owned()),
        PaymentSheet::Sandbox { page_url, .. } => Ok(page_url.clone()),
        PaymentSheet::Stripe { .. } => {
            Err(Problem::new(&kinds::UNAVAILABLE, "Payments with Stripe are for API clients only so far".to_owned()))
        }
    }
}
