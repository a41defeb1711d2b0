//! For the machinery around the server.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::{Answer, ok};
use crate::middleware::headers::CACHE_POLLED;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// The process answers.
pub(crate) async fn healthz() -> Answer {
    ok(&json!({"status": "ok"}))
}

/// The server can do its work: the stores answer, and it is not about to stop. What it can sell without may be down; it
/// is named, and the server is ready all the same.
pub(crate) async fn readyz(state: Data<AppState>) -> Answer {
    if *state.draining.borrow() {
        return Err(Problem::new(&kinds::UNAVAILABLE, "The server is stopping"));
    }
    state.jobs.counts().await?;
    state.accounts.session([0; 32], state.clock.now()).await?;
    let tickets = state.ticket_files.health();
    let degraded: Vec<&str> = tickets.is_down().then(|| tickets.backend()).into_iter().collect();
    ok(&json!({"status": "ready", "degraded": degraded}))
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(state: Data<AppState>) -> Answer {
    let Some(prometheus) = &state.prometheus else {
        return Err(Problem::new(&kinds::UNAVAILABLE, "This process does not record metrics"));
    };
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(prometheus.render()))
}

/// The public keys that verify tickets, for doors.
#[utoipa::path(get, path = "/keys/tickets.json", tag = "public", responses((status = 200, body = Object)))]
pub(crate) async fn ticket_keys(state: Data<AppState>) -> Answer {
    let keys = state.back_office.keys().public().clone();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", CACHE_POLLED)).json(keys))
}
