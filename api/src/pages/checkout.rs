//! From a hold to its payment: lines, countdown, keep, give back, name and e-mail.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::{EventId, HoldId, SeatIdx};

use super::faults::Faults;
use super::form::{Form, number};
use super::seats::asks;
use super::timer::Timer;
use super::{Answer, Frame, money, page as html, page_with_status, see};
use crate::access::Subject;
use crate::config::PaymentsSettings;
use crate::desk::IdempotencyKey;
use crate::desk::buyer::{self, ContactForm, EventSheet, HoldSheet, PaymentSheet, PlaceSheet};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Fields that show their own faults.
const SHOWN: &[&str] = &["name", "email"];

#[derive(Template)]
#[template(path = "buyer/checkout.html")]
struct CheckoutPage {
    frame: Frame,
    sheet: EventSheet,
    hold: HoldSheet,
    lines: Vec<(String, String)>,
    total: String,
    timer: Timer,
    key: String,
    /// The hold before this one lapsed, and its places were free.
    again: bool,
    /// Fields that ask for the same places again, should the hold lapse before the form is sent.
    asked: Vec<(String, String)>,
    form: Form,
    faults: Faults,
    /// The provider's own form for cards is not part of these pages.
    no_payments: bool,
}

/// What is said when the time is up.
const CHECKOUT_OVER: &str =
    "Your places are no longer held. Go on all the same: if nobody has taken them, they are yours again.";

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
    html(&checkout(&state, &subject, hold, said.again.is_some(), Form::of(&[]), Faults::default()).await?)
}

async fn checkout(
    state: &AppState,
    subject: &Subject,
    hold: HoldSheet,
    again: bool,
    form: Form,
    faults: Faults,
) -> Result<CheckoutPage, Problem> {
    let sheet = buyer::event(state, subject, hold.event).await?;
    let currency = sheet.card.currency;
    Ok(CheckoutPage {
        frame: Frame::new(state),
        lines: hold.places.iter().map(|place| (place_text(place), money(place.price_minor, currency))).collect(),
        total: money(hold.total_minor, currency),
        timer: Timer::of(&hold, &sheet.card.time_zone, "Held until", CHECKOUT_OVER),
        key: IdempotencyKey::fresh().as_str().to_owned(),
        again,
        asked: asked(&hold),
        form,
        faults,
        no_payments: hold.total_minor.0 > 0 && takes_no_money(state),
        sheet,
        hold,
    })
}

/// Keep my seats.
pub(super) async fn keep(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    let (event, hold) = path.into_inner();
    let kept = buyer::extend_hold(&state, &subject, event, hold).await?;
    Ok(see(&kept.order.map_or_else(|| format!("/events/{event}/holds/{hold}"), |order| format!("/orders/{order}"))))
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
    if takes_no_money(&state) {
        let held = buyer::hold(&state, &subject, event, hold).await?;
        if held.total_minor.0 > 0 {
            let page = checkout(&state, &subject, held, false, form, Faults::default()).await?;
            return page_with_status(&page, StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    let contact = ContactForm { name: form.text("name").to_owned(), email: form.text("email").to_owned() };
    let sheet = match buyer::checkout(&state, &subject, event, hold, &key, &contact).await {
        Err(problem) if problem.kind == &kinds::INVALID => {
            let faults = Faults::of(problem, str::to_owned)?;
            let (hold, again) = match buyer::hold(&state, &subject, event, hold).await {
                Err(problem) if problem.kind == &kinds::HOLD_EXPIRED => {
                    (held_again(&state, &subject, event, &key, &form).await?, true)
                }
                found => (found?, false),
            };
            let page = checkout(&state, &subject, hold, again, form, faults).await?;
            return page_with_status(&page, StatusCode::UNPROCESSABLE_ENTITY);
        }
        Err(problem) if problem.kind == &kinds::HOLD_EXPIRED => {
            let hold = held_again(&state, &subject, event, &key, &form).await?;
            if number("total_minor", form.text("total_minor")) != Ok(hold.total_minor.0) {
                return Ok(see(&format!("/events/{event}/holds/{}?again=1", hold.hold)));
            }
            let key = second_key(&key)?;
            buyer::checkout(&state, &subject, event, hold.hold, &key, &contact).await?
        }
        outcome => outcome?,
    };
    Ok(see(&payment_address(&sheet.payment, &format!("/orders/{}", sheet.order))?))
}

/// Stripe's own form needs its script in a page of ours, which there is not yet: programs pay with Stripe over the API.
fn takes_no_money(state: &AppState) -> bool {
    match state.settings.payments {
        PaymentsSettings::Sandbox { .. } => false,
        PaymentsSettings::Stripe { .. } => true,
    }
}

/// The places of a hold that has lapsed, held anew if nobody else has them.
async fn held_again(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    key: &IdempotencyKey,
    form: &Form,
) -> Result<HoldSheet, Problem> {
    match buyer::place_hold(state, subject, event, &second_key(key)?, &asks(form)?).await {
        Ok(hold) => Ok(hold),
        Err(problem) => Err(named(state, subject, event, problem).await),
    }
}

/// The key of the second try.
fn second_key(key: &IdempotencyKey) -> Result<IdempotencyKey, Problem> {
    IdempotencyKey::new(&format!("{}-again", key.as_str()))
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

/// Where to pay.
pub(super) fn payment_address(payment: &PaymentSheet, order_page: &str) -> Result<String, Problem> {
    match payment {
        PaymentSheet::Free => Ok(order_page.to_owned()),
        PaymentSheet::Sandbox { page_url, .. } => Ok(page_url.clone()),
        PaymentSheet::Stripe { .. } => {
            Err(Problem::new(&kinds::UNAVAILABLE, "Payments with Stripe are for API clients only so far".to_owned()))
        }
    }
}
