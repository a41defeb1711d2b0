//! The payment provider's webhooks: believed by their signature, kept durably, and only then answered.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data};
use usher_engine::payments::IntakeError;

use super::{Answer, ok};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Takes a webhook in.
#[utoipa::path(post, path = "/webhooks/stripe", tag = "provider", request_body = String,
    params(("Stripe-Signature" = String, Header)),
    responses((status = 200), (status = 400, body = crate::problem::ProblemDocument)))]
pub(crate) async fn stripe(state: Data<AppState>, request: HttpRequest, body: Bytes) -> Answer {
    let signature = request.headers().get("stripe-signature").and_then(|signature| signature.to_str().ok());
    match state.intake.receive(&body, signature.unwrap_or_default()).await {
        Ok(received) => ok(&serde_json::json!({"received": true, "new": received.new})),
        Err(IntakeError::Store(error)) => Err(error.into()),
        Err(error @ (IntakeError::Signature(_) | IntakeError::Envelope(_) | IntakeError::WrongMode)) => {
            Err(Problem::new(&kinds::MALFORMED, error.to_string()))
        }
    }
}
