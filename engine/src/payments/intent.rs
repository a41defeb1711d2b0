//! What the provider says of a payment: our own small picture of Stripe's objects.
//!
//! The rules of the payment process read this picture and nothing else, so they can be tested without a provider.

use usher_core::{Currency, EventId, Minor, OrderId, RefundId};

/// Where an intent stands. Only the last two are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// No card yet, or the last one was declined.
    RequiresPaymentMethod,
    /// A card is given and nothing was tried.
    RequiresConfirmation,
    /// The buyer has to prove who they are (3-D Secure).
    RequiresAction,
    /// The provider is at work; it can be neither cancelled nor captured now.
    Processing,
    /// Authorized: the money is reserved on the card.
    RequiresCapture,
    /// Over; nothing was or will be charged.
    Canceled,
    /// Captured.
    Succeeded,
}

/// A payment intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// `pi_…`.
    pub id: String,
    /// Lets the buyer's browser confirm this one intent.
    pub client_secret: String,
    /// Where it stands.
    pub status: IntentStatus,
    /// What it is for.
    pub amount_minor: Minor,
    /// Authorized and not captured.
    pub capturable_minor: Minor,
    /// Captured.
    pub received_minor: Minor,
    /// In what.
    pub currency: Currency,
    /// Real money.
    pub livemode: bool,
    /// The order named in its metadata; absent on intents that are not ours.
    pub order: Option<OrderId>,
    /// That order's event.
    pub event: Option<EventId>,
}

/// Where a refund at the provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderRefundStatus {
    /// Under way.
    Pending,
    /// Waits for somebody to act at the provider.
    RequiresAction,
    /// Paid out.
    Succeeded,
    /// Could not be paid out.
    Failed,
    /// Called off at the provider.
    Canceled,
}

/// A refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRefund {
    /// `re_…`.
    pub id: String,
    /// Our refund, named in its metadata; absent when money goes back that no refund of ours is about.
    pub refund: Option<RefundId>,
    /// How much.
    pub amount_minor: Minor,
    /// Where it stands.
    pub status: ProviderRefundStatus,
}
