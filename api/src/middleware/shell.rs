//! The outermost layer: names the request, dresses the response, logs and counts both.

use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CONTENT_LENGTH, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::RequestId;
use crate::metrics as names;
use crate::pages::problems;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Paths whose problems are always JSON.
const JSON_PREFIXES: [&str; 4] = ["/api/", "/sandbox/v1/", "/webhooks/", "/keys/"];

/// Wraps the whole application.
///
/// # Errors
/// Passes on what the application could not turn into a response.
pub async fn shell(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = RequestId::fresh();
    request.extensions_mut().insert(id.clone());
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let as_page = wants_page(request.path(), request.headers());
    let too_large = state.as_ref().is_some_and(|state| body_is_too_large(state, request.headers()));
    let response = if too_large {
        let problem = Problem::of(&kinds::TOO_LARGE);
        ServiceResponse::from_err(problem, request.into_parts().0)
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let mut response = as_problem(response, &id, state.as_ref().map(|state| state.get_ref()).filter(|_| as_page));
    if let Some(state) = state {
        state.dress.put_on(response.headers_mut(), &id.0);
    }
    tell(&response, &id, started);
    Ok(response)
}

fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !JSON_PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// Refused by its length before a byte of it is read; a body without a length is cut off by the handler's own limit.
fn body_is_too_large(state: &AppState, headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|bytes| bytes > state.settings.server.plan_body_max.0)
}

/// Gives a problem its form: the handler only said what it is. A page needs the state that its frame shows.
fn as_problem(response: ServiceResponse, id: &RequestId, page_of: Option<&AppState>) -> ServiceResponse {
    let Some(problem) = response.response().error().and_then(|error| error.as_error::<Problem>()) else {
        return response;
    };
    let request = response.request();
    let formed = match page_of {
        Some(state) => problems::response(state, problem, request.method(), request.path(), &id.0),
        None => problem.to_response(Some(&id.0)),
    };
    let cookies: Vec<_> = response.response().cookies().map(actix_web::cookie::Cookie::into_owned).collect();
    let mut response = response.into_response(formed);
    for cookie in cookies {
        // A cookie that cannot be added is one that could not be read: nothing is lost.
        let _ = response.response_mut().add_cookie(&cookie);
    }
    response
}

fn tell(response: &ServiceResponse, id: &RequestId, started: Instant) {
    let request = response.request();
    let status = response.status().as_u16();
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let elapsed = started.elapsed();
    let method = request.method().as_str().to_owned();
    metrics::counter!(names::HTTP_REQUESTS, "method" => names::method(&method), "route" => route.clone(),
        "status" => status.to_string())
    .increment(1);
    metrics::histogram!(names::HTTP_SECONDS, "route" => route.clone()).record(elapsed.as_secs_f64());
    let bytes = match response.response().body().size() {
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::None | BodySize::Stream => None,
    };
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    // The path without its query: an order's secret may be there.
    let path = request.path();
    if status >= 500 {
        tracing::warn!(request_id = id.0, method, path, route, status, elapsed_us, bytes, "request failed");
    } else {
        tracing::info!(request_id = id.0, method, path, route, status, elapsed_us, bytes, "request");
    }
}
