//! Holds and the way to an order.

use actix_web::web::{Data, Path};
use serde::Deserialize;
use usher_core::{EventId, HoldId};

use super::{Answer, created, done, ok};
use crate::access::Subject;
use crate::desk::buyer::{self, AskForm, ContactForm};
use crate::extract::{Json, Key};
use crate::state::AppState;

/// What is wanted: all of it or nothing.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldForm {
    asks: Vec<AskForm>,
}

/// Claims places for a time.
#[utoipa::path(post, path = "/api/v1/events/{event}/holds", tag = "buyer", request_body = HoldForm,
    params(("event" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = buyer::HoldSheet), (status = 409, body = crate::problem::ProblemDocument)))]
pub(crate) async fn place(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    key: Key,
    form: Json<HoldForm>,
) -> Answer {
    created(&buyer::place_hold(&state, &subject, *event, &key.0, &form.asks).await?)
}

/// The hold as it is.
#[utoipa::path(get, path = "/api/v1/events/{event}/holds/{hold}", tag = "buyer",
    params(("event" = String, Path), ("hold" = String, Path)),
    responses((status = 200, body = buyer::HoldSheet), (status = 410, body = crate::problem::ProblemDocument)))]
pub(crate) async fn one(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    ok(&buyer::hold(&state, &subject, path.0, path.1).await?)
}

/// Keep my seats.
#[utoipa::path(post, path = "/api/v1/events/{event}/holds/{hold}/extend", tag = "buyer",
    params(("event" = String, Path), ("hold" = String, Path)),
    responses((status = 200, body = buyer::HoldSheet), (status = 409, body = crate::problem::ProblemDocument)))]
pub(crate) async fn extend(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    ok(&buyer::extend_hold(&state, &subject, path.0, path.1).await?)
}

/// Gives the places back.
#[utoipa::path(delete, path = "/api/v1/events/{event}/holds/{hold}", tag = "buyer",
    params(("event" = String, Path), ("hold" = String, Path)), responses((status = 204)))]
pub(crate) async fn release(state: Data<AppState>, subject: Subject, path: Path<(EventId, HoldId)>) -> Answer {
    buyer::release_hold(&state, &subject, path.0, path.1).await?;
    done()
}

/// Makes an order of a hold and begins its payment.
#[utoipa::path(post, path = "/api/v1/events/{event}/holds/{hold}/checkout", tag = "buyer", request_body = ContactForm,
    params(("event" = String, Path), ("hold" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = buyer::CheckoutSheet), (status = 410, body = crate::problem::ProblemDocument)))]
pub(crate) async fn checkout(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(EventId, HoldId)>,
    key: Key,
    form: Json<ContactForm>,
) -> Answer {
    created(&buyer::checkout(&state, &subject, path.0, path.1, &key.0, &form).await?)
}
