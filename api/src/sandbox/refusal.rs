//! The sandbox's errors, in Stripe's shape.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Stripe's types of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RefusalKind {
    /// The request makes no sense, or not now.
    #[serde(rename = "invalid_request_error")]
    InvalidRequest,
    /// The card said no.
    #[serde(rename = "card_error")]
    Card,
    /// A key was used for something else.
    #[serde(rename = "idempotency_error")]
    Idempotency,
    /// The sandbox itself failed.
    #[serde(rename = "api_error")]
    Api,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stripe's error type.
    pub kind: RefusalKind,
    /// Stripe's error code.
    pub code: Option<Box<str>>,
    /// Why the bank declined.
    pub decline_code: Option<Box<str>>,
    /// In words.
    pub message: Box<str>,
    /// The parameter at fault.
    pub param: Option<Box<str>>,
}

impl Refusal {
    fn invalid(status: u16, code: Option<&str>, message: &str, param: Option<&str>) -> Self {
        let kind = RefusalKind::InvalidRequest;
        let (code, param) = (code.map(Into::into), param.map(Into::into));
        Self { status, kind, code, decline_code: None, message: message.into(), param }
    }

    fn card(code: &str, decline_code: Option<&str>, message: &str) -> Self {
        let invalid = Self::invalid(402, Some(code), message, None);
        Self { kind: RefusalKind::Card, decline_code: decline_code.map(Into::into), ..invalid }
    }

    pub(super) fn declined(decline_code: &str, message: &str) -> Self {
        Self::card("card_declined", Some(decline_code), message)
    }

    pub(super) fn authentication_failed() -> Self {
        let message = "The card's holder did not confirm the payment. Choose another card.";
        Self::card("payment_intent_authentication_failure", None, message)
    }

    pub(super) fn unexpected_state(verb: &str, status: &str) -> Self {
        let message = format!("This PaymentIntent cannot be used for {verb} because it has a status of {status}.");
        Self::invalid(400, Some("payment_intent_unexpected_state"), &message, None)
    }

    pub(super) fn amount_too_large(param: &str, left: u64) -> Self {
        let message = format!("The amount must be between 1 and the {left} that are left.");
        Self::invalid(400, Some("amount_too_large"), &message, Some(param))
    }

    pub(super) fn already_refunded() -> Self {
        Self::invalid(400, Some("charge_already_refunded"), "Everything has been refunded.", None)
    }

    pub(super) fn unknown_parameter(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::invalid(400, Some("parameter_unknown"), &message, Some(param))
    }

    pub(super) fn missing_parameter(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::invalid(400, Some("parameter_missing"), &message, Some(param))
    }

    pub(super) fn bad_parameter(param: &str, message: &str) -> Self {
        Self::invalid(400, Some("parameter_invalid"), message, Some(param))
    }

    pub(super) fn missing(what: &str, id: &str) -> Self {
        Self::invalid(404, Some("resource_missing"), &format!("No such {what}: '{id}'"), Some("intent"))
    }

    pub(super) fn unknown_url(method: &str, path: &str) -> Self {
        Self::invalid(404, None, &format!("Unrecognized request URL ({method}: {path})."), None)
    }

    pub(super) fn unauthorized() -> Self {
        Self::invalid(401, None, "Invalid API Key provided.", None)
    }

    pub(super) fn key_reused() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters they were first used \
                       with. Try using a key other than the one that was used before.";
        Self { kind: RefusalKind::Idempotency, ..Self::invalid(400, None, message, None) }
    }

    pub(super) fn broken(message: &str) -> Self {
        Self { kind: RefusalKind::Api, ..Self::invalid(500, None, message, None) }
    }

    pub(super) fn away(message: &str) -> Self {
        Self { kind: RefusalKind::Api, ..Self::invalid(503, None, message, None) }
    }

    /// The error object, with the intent it is about.
    #[must_use]
    pub(super) fn object(&self, intent: Option<Value>) -> Value {
        let mut object = json!({ "type": self.kind, "message": self.message });
        let parts = [("code", &self.code), ("decline_code", &self.decline_code), ("param", &self.param)];
        for (name, value) in parts {
            if let Some(value) = value {
                object[name] = json!(value);
            }
        }
        if let Some(intent) = intent {
            object["payment_intent"] = intent;
        }
        object
    }
}
