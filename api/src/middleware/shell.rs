//! The outermost layer: names the request, dresses the response, logs and counts both.

use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::{RequestId, body};
use crate::metrics as names;
use crate::pages::problems;
use crate::problem::Problem;
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
    // Before the router: an address of nothing takes no larger bodies than the largest. Routes have limits of their own.
    let bytes_max = state.as_ref().map_or(usize::MAX, |state| state.settings.server.plan_body_max.usize());
    let response = match body::check_declared(request.headers(), bytes_max) {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => ServiceResponse::from_err(problem, request.into_parts().0),
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

/// Gives a problem its form: the handler only said what it is. A page needs the state that its frame shows.
fn as_problem(response: ServiceResponse, id: &RequestId, page_of: Option<&AppState>) -> ServiceResponse {
    let Some(error) = response.response().error() else { return response };
    let unread;
    let problem = match (error.as_error::<Problem>(), error.as_error::<PayloadError>()) {
        (Some(problem), _) => problem,
        // A handler that takes the body as it comes cannot say what went wrong with it.
        (None, Some(error)) => {
            unread = body::problem_of(error);
            &unread
        }
        (None, None) => return response,
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
