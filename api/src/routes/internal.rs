//! What nodes ask each other. Nothing here is for anybody else, and nothing of it is described in the API.

use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use usher_core::EventId;
use usher_engine::cluster::decode_request;

use super::Answer;
use crate::access::seal;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Asks an event that the sender holds to be this node's.
pub(crate) async fn ask(state: Data<AppState>, request: HttpRequest, event: Path<EventId>, body: Bytes) -> Answer {
    let Some(key) = &state.node_key else { return Err(Problem::of(&kinds::NOT_FOUND)) };
    seal::check(&request, &body, &key.0, state.clock.now())?;
    let asked = decode_request(&body).map_err(|error| Problem::new(&kinds::MALFORMED, error.to_string()))?;
    let reply = state.events.serve_peer(*event, asked).await;
    let reply = reply.encode().map_err(|error| {
        tracing::error!(%error, "a reply to another node cannot be written");
        Problem::of(&kinds::INTERNAL)
    })?;
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(reply))
}
