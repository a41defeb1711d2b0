//! From a hold to its payment: lines, countdown, keep, give back, name and e-mail.

use actix_web::web::{Bytes, Data, Path};
use askama::Template;
use usher_core::{EventId, HoldId};

use super::form::Form;
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
}

/// A place in words.
pub(super) fn place_text(place: &PlaceSheet) -> String {
    match (&place.row, &place.label) {
        (Some(row), Some(label)) => format!("{}, row {row}, seat {label}", place.section),
        (_, _) => format!("{}, standing", place.section),
    }
}

/// The hold and the form that makes an order of it.
pub(super) async fn page(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
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

/// Makes the order and sends the buyer on to pay.
pub(super) async fn pay(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>, body: Bytes) -> Answer {
    let (event, hold) = path.into_inner();
    let form = Form::read(&body)?;
    let key = IdempotencyKey::new(form.text("key"))?;
    let contact = ContactForm { name: form.text("name").to_owned(), email: form.text("email").to_owned() };
    let sheet = buyer::checkout(&state, &subject, event, hold, &key, &contact).await?;
    Ok(see(&payment_address(&sheet.payment, &format!("/orders/{}", sheet.order))?))
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
