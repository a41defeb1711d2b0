//! An organizer's events, plans and prices.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, BytesMut, Data, Path, Payload, Query};
use futures_util::StreamExt;
use serde::Deserialize;
use usher_core::EventId;

use super::{Answer, done, ok, tagged};
use crate::access::Subject;
use crate::desk::organizer::{self, EventForm, EventPatch, GenerateForm, OrganizerEventSheet, PriceForm};
use crate::desk::{ListQuery, Listed};
use crate::extract::{Json, Revision};
use crate::middleware::headers::CACHE_PRIVATE;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// The organizer's events, latest first.
#[utoipa::path(get, path = "/api/v1/organizer/events", tag = "organizer", params(ListQuery),
    responses((status = 200, body = Listed<OrganizerEventSheet>)))]
pub(crate) async fn list(state: Data<AppState>, subject: Subject, query: Query<ListQuery>) -> Answer {
    ok(&organizer::my_events(&state, &subject, &query).await?)
}

/// Creates a draft.
#[utoipa::path(post, path = "/api/v1/organizer/events", tag = "organizer", request_body = EventForm,
    responses((status = 201, body = OrganizerEventSheet), (status = 422, body = crate::problem::ProblemDocument)))]
pub(crate) async fn create(state: Data<AppState>, subject: Subject, form: Json<EventForm>) -> Answer {
    let sheet = organizer::create_event(&state, &subject, &form).await?;
    Ok(with_tag(HttpResponse::Created().json(&sheet), &sheet))
}

/// One of the organizer's events.
#[utoipa::path(get, path = "/api/v1/organizer/events/{event}", tag = "organizer", params(("event" = String, Path)),
    responses((status = 200, body = OrganizerEventSheet)))]
pub(crate) async fn one(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    let sheet = organizer::my_event(&state, &subject, *event).await?;
    Ok(with_tag(HttpResponse::Ok().json(&sheet), &sheet))
}

/// Changes an event.
#[utoipa::path(patch, path = "/api/v1/organizer/events/{event}", tag = "organizer", request_body = EventPatch,
    params(("event" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = OrganizerEventSheet), (status = 412, body = crate::problem::ProblemDocument)))]
pub(crate) async fn edit(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    revision: Revision,
    patch: Json<EventPatch>,
) -> Answer {
    let sheet = organizer::edit_event(&state, &subject, *event, revision.0, &patch).await?;
    Ok(with_tag(HttpResponse::Ok().json(&sheet), &sheet))
}

fn with_tag(response: HttpResponse, sheet: &OrganizerEventSheet) -> HttpResponse {
    tagged(response, &sheet.revision.to_string(), CACHE_PRIVATE)
}

/// Deletes a draft.
#[utoipa::path(delete, path = "/api/v1/organizer/events/{event}", tag = "organizer", params(("event" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn delete(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    organizer::delete_event(&state, &subject, *event).await?;
    done()
}

/// Gives a draft the seating plan in the body.
#[utoipa::path(put, path = "/api/v1/organizer/events/{event}/seating-plan", tag = "organizer",
    request_body(content = Object, description = "As schema/seating-plan.schema.json describes it, or a seating plan exported from pretix"),
    params(("event" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = organizer::PlanSheet), (status = 422, body = crate::problem::ProblemDocument)))]
pub(crate) async fn upload_plan(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    revision: Revision,
    body: Payload,
) -> Answer {
    let document = read(body, state.settings.server.plan_body_max.usize()).await?;
    with_plan_tag(&organizer::upload_plan(&state, &subject, *event, Some(revision.0), &document).await?)
}

async fn read(mut body: Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut document = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Problem::new(&kinds::MALFORMED, error.to_string()))?;
        if document.len() + chunk.len() > bytes_max {
            return Err(Problem::new(&kinds::TOO_LARGE, format!("The limit is {bytes_max} bytes")));
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document.freeze())
}

/// Gives a draft a generated seating plan.
#[utoipa::path(post, path = "/api/v1/organizer/events/{event}/seating-plan/generate", tag = "organizer",
    request_body = GenerateForm, params(("event" = String, Path)),
    responses((status = 200, body = organizer::PlanSheet), (status = 422, body = crate::problem::ProblemDocument)))]
pub(crate) async fn generate_plan(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    form: Json<GenerateForm>,
) -> Answer {
    with_plan_tag(&organizer::generate_plan(&state, &subject, *event, &form).await?)
}

fn with_plan_tag(plan: &organizer::PlanSheet) -> Answer {
    Ok(tagged(HttpResponse::Ok().json(plan), &plan.revision.to_string(), CACHE_PRIVATE))
}

/// Prices by tier.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesForm {
    prices: Vec<PriceForm>,
}

/// Sets prices: of a draft all of them, of a published event for places not held yet.
#[utoipa::path(put, path = "/api/v1/organizer/events/{event}/prices", tag = "organizer", request_body = PricesForm,
    params(("event" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = OrganizerEventSheet)))]
pub(crate) async fn prices(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    revision: Revision,
    form: Json<PricesForm>,
) -> Answer {
    let sheet = organizer::set_prices(&state, &subject, *event, Some(revision.0), &form.prices).await?;
    Ok(with_tag(HttpResponse::Ok().json(&sheet), &sheet))
}
