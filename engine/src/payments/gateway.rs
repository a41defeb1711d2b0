//! The way to the payment provider, as the payment process sees it.
//!
//! Two things stand behind it: Stripe's API (which the bundled sandbox speaks too), and the simulator's provider, which
//! loses answers, repeats itself and forgets webhooks on purpose.

use async_trait::async_trait;
use usher_core::{Currency, EventId, Minor, OrderId, RefundId};

use super::{Intent, ProviderRefund};

/// A call that gave no good answer, after all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The provider says no; the same call will get the same answer.
    #[error("refused by the provider: {code} ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The provider's code, such as `card_declined`, or its error type when there is none.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// It certainly did not happen; repeat at will.
    #[error("not done: {0}")]
    NotDone(String),
    /// Perhaps it happened: repeat with the same key, or look.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// What a new intent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewIntent {
    /// The order it pays.
    pub order: OrderId,
    /// The order's event.
    pub event: EventId,
    /// How much.
    pub amount_minor: Minor,
    /// In what.
    pub currency: Currency,
}

/// The calls Usher makes, each with its idempotency key. See [`GatewayError`] for what a failure tells.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Whether real money moves.
    fn livemode(&self) -> bool;

    /// Makes the intent of an order, or finds the one that `key` made before.
    ///
    /// # Errors
    /// Repeating with the same key is always safe.
    async fn create_intent(&self, new: NewIntent, key: &str) -> Result<Intent, GatewayError>;

    /// The intent as it is now.
    ///
    /// # Errors
    /// An unknown id is refused with status 404.
    async fn intent(&self, intent: &str) -> Result<Intent, GatewayError>;

    /// Cancels an intent that is not final; an authorization is given up.
    ///
    /// # Errors
    /// A final intent is refused.
    async fn cancel_intent(&self, intent: &str) -> Result<Intent, GatewayError>;

    /// Captures exactly `amount_minor` of what is authorized.
    ///
    /// # Errors
    /// Refused when it is not authorized, or the bank says no.
    async fn capture(&self, intent: &str, amount_minor: Minor, key: &str) -> Result<Intent, GatewayError>;

    /// Sends money back. `refund` names it in the metadata; `None` is for a charge that has no order behind it.
    ///
    /// # Errors
    /// Refused when more than was captured would go back.
    async fn refund(
        &self,
        intent: &str,
        amount_minor: Minor,
        refund: Option<RefundId>,
        key: &str,
    ) -> Result<ProviderRefund, GatewayError>;

    /// The refunds of an intent, latest first.
    ///
    /// # Errors
    /// As [`Gateway::intent`].
    async fn refunds(&self, intent: &str) -> Result<Vec<ProviderRefund>, GatewayError>;
}
