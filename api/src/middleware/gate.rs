//! The layer before each handler: how many at once, how long at most, may they, and what if it panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{RequestId, body};
use crate::access::{Access, Subject, authorize_route, csrf};
use crate::config::ServerSettings;
use crate::metrics as names;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Asked by the machinery around the server, which must hear an answer when it is full too.
const ALWAYS_OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// When to come back to a full server.
const BUSY_RETRY_MS: u64 = 1_000;
/// When to come back to a server that stops: about as long as it takes to start another.
pub const DRAINING_RETRY_MS: u64 = 2_000;

/// How large the bodies of a route may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    /// `server.body_max`.
    Usual,
    /// `server.plan_body_max`.
    Plan,
}

impl BodyLimit {
    fn bytes_max(self, server: &ServerSettings) -> usize {
        match self {
            Self::Usual => server.body_max.usize(),
            Self::Plan => server.plan_body_max.usize(),
        }
    }
}

/// Requests under way.
#[derive(Debug, Clone)]
pub struct InFlight(Arc<Semaphore>);

impl InFlight {
    /// At most so many.
    #[must_use]
    pub fn new(requests_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests_max)))
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            metrics::counter!(names::HTTP_REFUSED).increment(1);
            Problem::of(&kinds::BUSY).retry_after_ms(BUSY_RETRY_MS)
        })
    }
}

/// Stands before a handler of a route of that access.
///
/// # Errors
/// Never: what fails inside becomes a response.
pub async fn gate(
    access: Access,
    limit: BodyLimit,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return Ok(ServiceResponse::from_err(Problem::of(&kinds::INTERNAL), request.into_parts().0));
    };
    let deadline = state.settings.server.deadline.0;
    shelter(deadline, request, async |request| pass(access, limit, &state, request, next).await).await
}

/// Only the deadline and the catching of panics: for routes that speak another's API.
///
/// # Errors
/// Never: what fails inside becomes a response.
pub async fn shelter(
    deadline: Duration,
    request: ServiceRequest,
    work: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<BoxBody>, actix_web::Error>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    // The router is done with the request here, so holding on to it is safe.
    let kept = request.request().clone();
    let work = AssertUnwindSafe(work(request)).catch_unwind();
    let outcome = match tokio::time::timeout(deadline, work).await {
        Ok(Ok(Ok(response))) => return Ok(response),
        Ok(Ok(Err(error))) => error,
        Ok(Err(_panic)) => {
            metrics::counter!(names::HTTP_PANICS).increment(1);
            let id = kept.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
            tracing::error!(request_id = id, path = kept.path(), "a handler panicked");
            Problem::of(&kinds::INTERNAL).into()
        }
        Err(_elapsed) => Problem::of(&kinds::DEADLINE).retry_after_ms(BUSY_RETRY_MS).into(),
    };
    Ok(ServiceResponse::from_err(outcome, kept))
}

async fn pass(
    access: Access,
    limit: BodyLimit,
    state: &AppState,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_open = ALWAYS_OPEN.contains(&request.path());
    // What a provider tells ends work that is under way; it is only written down here.
    let is_new_work = !is_open && !request.method().is_safe() && access != Access::Signed;
    if is_new_work && *state.draining.borrow() {
        return Err(Problem::of(&kinds::DRAINING).retry_after_ms(DRAINING_RETRY_MS).into());
    }
    let bytes_max = limit.bytes_max(&state.settings.server);
    body::check_declared(request.headers(), bytes_max)?;
    let _place = if is_open { None } else { Some(state.in_flight.enter()?) };
    let mut subject = match access {
        Access::Signed => Subject::default(),
        Access::Anyone | Access::Buyer | Access::Organizer | Access::Admin => {
            Subject::of_request(state, request.request()).await?
        }
    };
    if subject.by_cookie && !request.method().is_safe() {
        csrf::check(request.request())?;
    }
    authorize_route(&subject, access)?;
    // Only of those who may: nobody else makes the server read.
    body::gather_undeclared(&mut request, bytes_max).await?;
    subject.request = request.extensions().get::<RequestId>().cloned();
    request.extensions_mut().insert(subject);
    Ok(next.call(request).await?.map_into_boxed_body())
}
