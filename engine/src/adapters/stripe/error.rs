//! What can go wrong on the way to Stripe, sorted by the one question that matters: has it happened or not?

use std::fmt::Display;

use stripe_client_core::StripeClientErr;

use crate::payments::GatewayError;

/// Settings that no gateway can be made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayConfigError {
    /// A live key would go to something that is not Stripe.
    #[error("a live key is only ever sent to https://api.stripe.com/, not to {0}")]
    LiveKeyElsewhere(String),
    /// The base URL is none.
    #[error("not a base URL: {0}")]
    BadUrl(String),
    /// The key cannot be a header or is not a secret key.
    #[error("not a secret key: it starts with sk_ or rk_ and has only visible ASCII characters")]
    BadKey,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// No connection: nothing was sent.
    NotSent(String),
    /// Sent, perhaps, and no whole answer came in time.
    Lost(String),
    /// A success whose content makes no sense.
    Garbled(String),
    /// The provider answered with an error.
    Status { status: u16, should_retry: Option<bool>, code: String, message: String },
}

impl StripeClientErr for CallError {
    fn deserialize_err(message: impl Display) -> Self {
        Self::Garbled(message.to_string())
    }
}

/// What an attempt's failure means for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Another attempt may help.
    pub(super) retry: bool,
    /// What to tell if there is none.
    pub(super) error: GatewayError,
}

impl CallError {
    /// Sorts a failed attempt. A refused connection, 429 and a lock conflict changed nothing; a lost answer or a 5xx
    /// may have; any other answer is the provider's last word.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::NotSent(what) => Verdict { retry: true, error: GatewayError::NotDone(what) },
            Self::Lost(what) => Verdict { retry: true, error: GatewayError::Unknown(what) },
            Self::Garbled(what) => Verdict { retry: false, error: GatewayError::Unknown(what) },
            Self::Status { status, should_retry, code, message } => {
                let retry = should_retry.unwrap_or(matches!(status, 409 | 424 | 429 | 500..=599));
                let error = match status {
                    429 => GatewayError::NotDone(format!("{code} ({status}): {message}")),
                    409 if code == "lock_timeout" => GatewayError::NotDone(message),
                    // Another request with the same key is still at work: what it does is not known here.
                    409 | 424 | 500..=599 => GatewayError::Unknown(format!("{code} ({status}): {message}")),
                    _ => GatewayError::Refused { status, code, message },
                };
                Verdict { retry, error }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, should_retry: Option<bool>, code: &str) -> Verdict {
        CallError::Status { status, should_retry, code: code.into(), message: "m".into() }.verdict()
    }

    #[test]
    fn what_certainly_did_not_happen_is_told_apart_from_what_may_have() {
        assert!(matches!(CallError::NotSent("x".into()).verdict().error, GatewayError::NotDone(_)));
        assert!(matches!(answered(429, None, "rate_limit").error, GatewayError::NotDone(_)));
        assert!(matches!(answered(409, None, "lock_timeout").error, GatewayError::NotDone(_)));
        assert!(matches!(answered(409, None, "idempotency_key_in_use").error, GatewayError::Unknown(_)));
        assert!(matches!(CallError::Lost("x".into()).verdict().error, GatewayError::Unknown(_)));
        assert!(matches!(answered(500, None, "api_error").error, GatewayError::Unknown(_)));
        assert!(matches!(CallError::Garbled("x".into()).verdict().error, GatewayError::Unknown(_)));
        assert!(matches!(answered(402, None, "card_declined").error, GatewayError::Refused { .. }));
        assert!(matches!(answered(400, None, "parameter_unknown").error, GatewayError::Refused { .. }));
    }

    #[test]
    fn only_what_may_pass_is_retried_and_the_provider_has_the_last_word() {
        for (status, expected) in [(400, false), (402, false), (404, false), (409, true), (429, true), (503, true)] {
            assert_eq!(answered(status, None, "c").retry, expected, "{status}");
        }
        assert!(!answered(503, Some(false), "c").retry);
        assert!(answered(400, Some(true), "c").retry);
        assert!(!CallError::Garbled("x".into()).verdict().retry);
    }
}
