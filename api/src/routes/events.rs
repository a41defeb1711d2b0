//! Events as everybody sees them.

use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use usher_core::{EventId, Phase};
use usher_engine::catalogue::EventState;

use super::{Answer, has_already, ok, tagged};
use crate::access::Subject;
use crate::desk::buyer::{self, BrowseQuery};
use crate::live;
use crate::middleware::headers::{CACHE_ANONYMOUS_PAGE, CACHE_BY_TAG, CACHE_IMMUTABLE, CACHE_POLLED, CACHE_PRIVATE};
use crate::state::AppState;

/// Published events, soonest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "buyer", params(BrowseQuery),
    responses((status = 200, body = crate::desk::Listed<buyer::EventCard>)))]
pub(crate) async fn list(state: Data<AppState>, query: Query<BrowseQuery>) -> Answer {
    let listed = buyer::browse(&state, &query).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", CACHE_ANONYMOUS_PAGE)).json(listed))
}

/// One event.
#[utoipa::path(get, path = "/api/v1/events/{event}", tag = "buyer", params(("event" = String, Path)),
    responses((status = 200, body = buyer::EventSheet), (status = 404, body = crate::problem::ProblemDocument)))]
pub(crate) async fn one(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    let sheet = buyer::event(&state, &subject, *event).await?;
    let caching = if sheet.card.state == EventState::Draft { CACHE_PRIVATE } else { CACHE_POLLED };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", caching)).json(sheet))
}

/// Names a version of the seat map.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionQuery {
    v: Option<String>,
}

/// The event's seat map: geometry and labels, immutable for its digest.
#[utoipa::path(get, path = "/api/v1/events/{event}/seat-map", tag = "buyer",
    params(("event" = String, Path), ("v" = Option<String>, Query, description = "The plan's digest; makes the answer cacheable for good")),
    responses((status = 200, description = "Format `usher.seat-map/1`", body = Object), (status = 304)))]
pub(crate) async fn seat_map(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    query: Query<VersionQuery>,
    request: HttpRequest,
) -> Answer {
    let map = buyer::seat_map(&state, &subject, *event).await?;
    let caching = if query.v.as_ref() == Some(&map.digest) { CACHE_IMMUTABLE } else { CACHE_BY_TAG };
    let response = if has_already(&request, &map.digest) {
        HttpResponse::NotModified().finish()
    } else {
        HttpResponse::Ok().content_type("application/json").body(map.json.clone())
    };
    Ok(tagged(response, &map.digest, caching))
}

/// What is free now.
#[utoipa::path(get, path = "/api/v1/events/{event}/availability", tag = "buyer", params(("event" = String, Path)),
    responses((status = 200, body = buyer::Availability), (status = 304)))]
pub(crate) async fn availability(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    request: HttpRequest,
) -> Answer {
    let sheet = buyer::availability(&state, &subject, *event).await?;
    let caching = if sheet.phase == Phase::Draft { CACHE_BY_TAG } else { CACHE_POLLED };
    let tag = sheet.version.to_string();
    if has_already(&request, &tag) {
        return Ok(tagged(HttpResponse::NotModified().finish(), &tag, caching));
    }
    Ok(tagged(HttpResponse::Ok().json(sheet), &tag, caching))
}

/// What is free, as it changes: server-sent events `resync` (the whole picture) and `delta`.
#[utoipa::path(get, path = "/api/v1/events/{event}/live", tag = "buyer", params(("event" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn live_availability(
    state: Data<AppState>,
    subject: Subject,
    event: Path<EventId>,
    request: HttpRequest,
) -> Answer {
    // Sees that the event is there and may be seen.
    let _ = buyer::availability(&state, &subject, *event).await?;
    let last = request.headers().get(HeaderName::from_static("last-event-id"));
    let last_seq = last.and_then(|last| last.to_str().ok()?.parse().ok());
    live::open(&state, *event, last_seq).await
}

/// A new buyer: who holds and buys over the API needs one.
#[utoipa::path(post, path = "/api/v1/buyers", tag = "buyer", responses((status = 201, body = buyer::BuyerSheet)))]
pub(crate) async fn new_buyer(state: Data<AppState>) -> Answer {
    super::created(&buyer::new_buyer(&state))
}

/// The buyer's own orders, latest first.
#[utoipa::path(get, path = "/api/v1/me/orders", tag = "buyer", params(crate::desk::ListQuery),
    responses((status = 200, body = crate::desk::Listed<buyer::OrderSheet>)))]
pub(crate) async fn my_orders(state: Data<AppState>, subject: Subject, query: Query<crate::desk::ListQuery>) -> Answer {
    ok(&buyer::my_orders(&state, &subject, &query).await?)
}
