//! Takes webhooks in: believed, durable, and only then answered.

use std::sync::Arc;

use tokio::sync::Notify;

use super::webhook::{self, Envelope, EnvelopeError, SignatureError, WebhookSecret};
use super::{Inbox, WebhookRecord, WebhookState, metrics as names};
use crate::clock::Clock;
use crate::fail_point;
use crate::store::StoreError;

/// What the intake believes.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// Any of them may have signed; two during a change.
    pub secrets: Vec<WebhookSecret>,
    /// Whether real money moves; webhooks of the other mode are refused.
    pub livemode: bool,
}

/// A webhook that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// It had not come before.
    pub new: bool,
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Not from the provider, or too old: answer 400.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Signed, but no event: answer 400.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Play money for real or the reverse: answer 400.
    #[error("a webhook of the other mode")]
    WrongMode,
    /// Not durable: answer 503, and the provider sends it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes webhooks in; cheap to clone.
#[derive(Clone)]
pub struct Intake {
    settings: Arc<IntakeSettings>,
    inbox: Arc<dyn Inbox>,
    clock: Clock,
    bell: Arc<Notify>,
}

impl Intake {
    /// An intake that rings `bell` for each new webhook.
    #[must_use]
    pub fn new(settings: IntakeSettings, inbox: Arc<dyn Inbox>, clock: Clock, bell: Arc<Notify>) -> Self {
        Self { settings: Arc::new(settings), inbox, clock, bell }
    }

    /// Takes a webhook with the raw body and the `Stripe-Signature` header; durable when it returns.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn receive(&self, body: &[u8], signature: &str) -> Result<Received, IntakeError> {
        let outcome = self.take(body, signature).await;
        let result = match &outcome {
            Ok(Received { new: true }) => "new",
            Ok(Received { new: false }) => "repeated",
            Err(IntakeError::Signature(SignatureError::Stale)) => "stale",
            Err(IntakeError::Signature(SignatureError::Mismatch | SignatureError::Unreadable)) => "unsigned",
            Err(IntakeError::Envelope(_)) => "unreadable",
            Err(IntakeError::WrongMode) => "wrong_mode",
            Err(IntakeError::Store(_)) => "unstored",
        };
        metrics::counter!(names::WEBHOOKS, "result" => result).increment(1);
        outcome
    }

    async fn take(&self, body: &[u8], signature: &str) -> Result<Received, IntakeError> {
        let now = self.clock.now();
        webhook::verify(body, signature, &self.settings.secrets, now)?;
        let envelope = Envelope::parse(body)?;
        if envelope.livemode != self.settings.livemode {
            return Err(IntakeError::WrongMode);
        }
        let record = WebhookRecord {
            id: envelope.id,
            kind: envelope.kind,
            object: envelope.object.unwrap_or_default(),
            body: body.to_vec(),
            state: WebhookState::Pending,
            failures_count: 0,
            last_error: None,
            received_at: now,
            run_at: now,
        };
        fail_point!("webhook.verified");
        let new = self.inbox.receive(record).await?;
        fail_point!("webhook.kept");
        if new {
            self.bell.notify_one();
        }
        Ok(Received { new })
    }
}
