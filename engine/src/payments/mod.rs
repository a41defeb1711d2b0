//! Payments: the provider's intents beside our orders, and the inbox of its webhooks.

pub mod gateway;
pub mod inbox;
mod intake;
pub mod intent;
pub mod metrics;
pub mod reconcile;
pub mod webhook;

pub use gateway::{Gateway, GatewayError, NewIntent};
pub use inbox::{InboxParts, InboxProcessor};
pub use intake::{Intake, IntakeError, IntakeSettings, Received};
pub use intent::{Intent, IntentStatus, ProviderRefund, ProviderRefundStatus};
pub use reconcile::{Reconciler, ReconcilerParts, SweepError};

use async_trait::async_trait;
use usher_core::{Currency, EventId, Minor, OrderId, UnixMillis};

use crate::store::{Page, StoreError};

/// The provider's side of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// The order it pays.
    pub order: OrderId,
    /// The order's event.
    pub event: EventId,
    /// The provider's id, `pi_…`.
    pub intent: String,
    /// Lets the buyer's browser confirm this one intent.
    pub client_secret: String,
    /// How much.
    pub amount_minor: Minor,
    /// In what.
    pub currency: Currency,
    /// Nothing more is to be done: captured and refunded as far as asked, or cancelled.
    pub settled: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When the provider was last asked about it.
    pub checked_at: UnixMillis,
}

/// Payments, kept durably.
#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// Keeps a payment; a repeat for the order keeps the first.
    async fn put_payment(&self, payment: PaymentRecord) -> Result<(), StoreError>;
    /// The payment of an order.
    async fn payment(&self, order: OrderId) -> Result<Option<PaymentRecord>, StoreError>;
    /// The payment of an intent.
    async fn payment_by_intent(&self, intent: &str) -> Result<Option<PaymentRecord>, StoreError>;
    /// Marks a look at the provider, and whether it settled the payment; a look does not reopen a settled one.
    async fn checked(&self, order: OrderId, at: UnixMillis, settled: bool) -> Result<(), StoreError>;
    /// Marks a settled payment as unsettled, for more is to be done about it: a refund. An unknown order is fine.
    async fn reopen(&self, order: OrderId) -> Result<(), StoreError>;
    /// Unsettled payments last looked at before `before`, longest ago first.
    async fn unsettled(&self, before: UnixMillis, rows_max: u32) -> Result<Vec<PaymentRecord>, StoreError>;
}

/// Where a received webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// Not acted on yet.
    Pending,
    /// Acted on, or of no concern.
    Done,
    /// Acting failed too often.
    Dead,
}

/// A webhook as it came, its signature already verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    /// The provider's id, `evt_…`; receiving it again changes nothing.
    pub id: String,
    /// The provider's name for what happened.
    pub kind: String,
    /// The object it is about, `pi_…` or `re_…`.
    pub object: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// Where it stands.
    pub state: WebhookState,
    /// Tries that failed.
    pub failures_count: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When it came.
    pub received_at: UnixMillis,
    /// Not to be tried before.
    pub run_at: UnixMillis,
}

/// Webhooks, kept durably before they are answered.
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Keeps a webhook; tells whether it is new.
    async fn receive(&self, webhook: WebhookRecord) -> Result<bool, StoreError>;
    /// Pending webhooks that are due, oldest first.
    async fn pending(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<WebhookRecord>, StoreError>;
    /// Marks one as acted on; called only after its effect is durable.
    async fn done(&self, id: &str) -> Result<(), StoreError>;
    /// Counts a failure; tried again at `run_at`, or dead when `None`.
    async fn failed(&self, id: &str, error: &str, run_at: Option<UnixMillis>) -> Result<(), StoreError>;
    /// Webhooks, latest first.
    async fn list(
        &self,
        state: Option<WebhookState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<WebhookRecord>, StoreError>;
    /// Forgets webhooks that were acted on and came before `before`; tells how many, at most `rows_max`.
    async fn sweep(&self, before: UnixMillis, rows_max: u32) -> Result<u32, StoreError>;
    /// Makes one pending again, whatever its state; tells whether there is one.
    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError>;
}
