//! The JSON API: one file per resource. A handler takes the request apart, calls the desk, and dresses the answer.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod holds;
pub(crate) mod internal;
pub(crate) mod ops;
pub(crate) mod orders;
pub(crate) mod organizer;
pub(crate) mod sale;
pub(crate) mod webhooks;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use serde::Serialize;

use crate::problem::Problem;

/// What a handler returns.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// 200 with a sheet.
pub(crate) fn ok(sheet: &impl Serialize) -> Answer {
    Ok(HttpResponse::Ok().json(sheet))
}

/// 201 with a sheet.
pub(crate) fn created(sheet: &impl Serialize) -> Answer {
    Ok(HttpResponse::Created().json(sheet))
}

/// 204.
pub(crate) fn done() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}

/// Whether the client says that it has what that tag names.
pub(crate) fn has_already(request: &actix_web::HttpRequest, tag: &str) -> bool {
    let known = request.headers().get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/").trim_matches('"') == tag)
}

/// Sets tag and caching.
pub(crate) fn tagged(mut response: HttpResponse, tag: &str, caching: &'static str) -> HttpResponse {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}
