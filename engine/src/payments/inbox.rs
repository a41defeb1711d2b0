//! Acts on received webhooks: each says only that an intent is worth a look, so all of one intent share one look.
//!
//! A webhook is marked as done after its effect is durable, never before: a crash in between repeats the look, and
//! the look changes nothing the second time. One that fails is tried again later and at last kept as dead, where an
//! operator sees and replays it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use usher_core::{EventId, OrderId, UnixMillis};

use super::webhook::Envelope;
use super::{Gateway, GatewayError, Inbox, Payments, WebhookRecord, metrics as names};
use crate::checkout::{PaymentError, Runner, payment_record};
use crate::clock::Clock;
use crate::fail_point;
use crate::store::StoreError;

/// Webhooks read at once.
const BATCH_ROWS_MAX: u32 = 128;
/// Intents looked at together.
const LOOKS_MAX: usize = 16;
/// How long a webhook that failed may wait unnoticed past its time.
const POLL: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles.
const BACK_OFF_MS: u64 = 1_000;
/// The longest pause.
const BACK_OFF_MAX_MS: u64 = 3_600_000;
/// Failures after which a webhook is dead: about 12 hours with the pauses above.
const FAILURES_MAX: u32 = 22;
/// How long a webhook that was acted on is kept, to know a repeat and to show it: ten times as long as the provider
/// repeats one.
const KEPT_MS: u64 = 30 * 24 * 3_600_000;
/// How often a batch of old ones is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the processor works with.
#[derive(Clone)]
pub struct InboxParts {
    /// The webhooks.
    pub inbox: Arc<dyn Inbox>,
    /// Which order an intent belongs to.
    pub payments: Arc<dyn Payments>,
    /// Asked about intents that no payment is kept for.
    pub gateway: Arc<dyn Gateway>,
    /// Acts.
    pub runner: Runner,
    /// The time.
    pub clock: Clock,
    /// Rung by the intake.
    pub bell: Arc<Notify>,
}

/// Acts on webhooks; clones share the work.
#[derive(Clone)]
pub struct InboxProcessor {
    parts: InboxParts,
}

/// Webhooks of one intent, or one webhook that is about none.
struct Group {
    intent: Option<String>,
    webhooks: Vec<WebhookRecord>,
}

impl InboxProcessor {
    /// A processor that does nothing until [`InboxProcessor::run`] or [`InboxProcessor::drain`].
    #[must_use]
    pub fn new(parts: InboxParts) -> Self {
        Self { parts }
    }

    /// Acts on webhooks until the future is dropped; one that is cut off is repeated.
    pub async fn run(&self) {
        let mut swept = Instant::now();
        loop {
            if let Err(error) = self.drain().await {
                tracing::error!(%error, "the webhook inbox cannot be read, trying again");
            }
            if swept.elapsed() >= SWEEP_EVERY {
                swept = Instant::now();
                self.sweep().await;
            }
            let _ = tokio::time::timeout(POLL, self.parts.bell.notified()).await;
        }
    }

    /// Acts on everything that is due now, then returns.
    ///
    /// # Errors
    /// The inbox could not be read or marked.
    pub async fn drain(&self) -> Result<(), StoreError> {
        loop {
            let due = self.parts.inbox.pending(self.parts.clock.now(), BATCH_ROWS_MAX).await?;
            let is_last = due.len() < BATCH_ROWS_MAX as usize;
            let outcomes: Vec<_> =
                stream::iter(grouped(due)).map(|group| self.act(group)).buffer_unordered(LOOKS_MAX).collect().await;
            let ours = outcomes.into_iter().collect::<Result<Vec<bool>, StoreError>>()?;
            // What other nodes leave undone stays in the line; it must not be read again and again without a pause.
            if is_last || !ours.contains(&true) {
                return Ok(());
            }
        }
    }

    /// Forgets webhooks that were acted on long ago.
    async fn sweep(&self) {
        let before = UnixMillis(self.parts.clock.now().0.saturating_sub_unsigned(KEPT_MS));
        match self.parts.inbox.sweep(before, BATCH_ROWS_MAX).await {
            Ok(0) => {}
            Ok(swept_count) => tracing::debug!(swept_count, "old webhooks were forgotten"),
            Err(error) => tracing::warn!(%error, "old webhooks cannot be forgotten"),
        }
    }

    /// Tells whether there was something for this node to do.
    async fn act(&self, group: Group) -> Result<bool, StoreError> {
        fail_point!("webhook.claimed");
        let outcome = match &group.intent {
            Some(intent) => self.look(intent, &group.webhooks).await,
            None => Ok(Some("of_no_concern")),
        };
        fail_point!("webhook.acted");
        let outcome = match outcome {
            Ok(Some(result)) => Ok(result),
            Ok(None) => return Ok(false),
            Err(error) => Err(error),
        };
        for webhook in &group.webhooks {
            let result = match &outcome {
                Ok(result) => {
                    self.parts.inbox.done(&webhook.id).await?;
                    fail_point!("webhook.done");
                    *result
                }
                Err(error) => self.put_off(webhook, error).await?,
            };
            metrics::counter!(names::WEBHOOK_TRIES, "result" => result).increment(1);
        }
        Ok(true)
    }

    async fn put_off(&self, webhook: &WebhookRecord, error: &PaymentError) -> Result<&'static str, StoreError> {
        let run_at = next_try(self.parts.clock.now(), webhook.failures_count);
        tracing::warn!(webhook = webhook.id, kind = webhook.kind, %error, dead = run_at.is_none(), "a webhook failed");
        self.parts.inbox.failed(&webhook.id, &error.to_string(), run_at).await?;
        Ok(if run_at.is_some() { "retry" } else { "dead" })
    }

    /// What came of it; nothing where the event is another node's, which reads the same inbox.
    async fn look(&self, intent: &str, webhooks: &[WebhookRecord]) -> Result<Option<&'static str>, PaymentError> {
        let Some((event, order)) = self.order_of(intent).await? else { return Ok(Some("of_no_concern")) };
        if self.parts.runner.is_elsewhere(event).await {
            return Ok(None);
        }
        // In their own order, because news of an older try than the last one known is dropped.
        let attempts: BTreeSet<u32> = webhooks.iter().filter_map(failed_attempt).collect();
        for attempt in attempts {
            self.parts.runner.declined(event, order, attempt).await?;
        }
        self.parts.runner.settle(event, order).await?;
        Ok(Some("done"))
    }

    /// Whose intent it is. A payment that was made and not kept is found by the names in the intent itself.
    async fn order_of(&self, intent: &str) -> Result<Option<(EventId, OrderId)>, PaymentError> {
        if let Some(payment) = self.parts.payments.payment_by_intent(intent).await? {
            return Ok(Some((payment.event, payment.order)));
        }
        let found = match self.parts.gateway.intent(intent).await {
            Ok(found) => found,
            Err(GatewayError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (Some(event), Some(order)) = (found.event, found.order) else { return Ok(None) };
        let record = payment_record(order, event, found, self.parts.clock.now());
        self.parts.payments.put_payment(record).await?;
        Ok(Some((event, order)))
    }
}

fn grouped(webhooks: Vec<WebhookRecord>) -> Vec<Group> {
    let mut by_intent: BTreeMap<String, Vec<WebhookRecord>> = BTreeMap::new();
    let mut groups = Vec::new();
    for webhook in webhooks {
        // What is kept was parsed before; a body that no longer is concerns no intent.
        match Envelope::parse(&webhook.body).ok().and_then(|envelope| envelope.intent) {
            Some(intent) => by_intent.entry(intent).or_default().push(webhook),
            None => groups.push(Group { intent: None, webhooks: vec![webhook] }),
        }
    }
    groups.extend(by_intent.into_iter().map(|(intent, webhooks)| Group { intent: Some(intent), webhooks }));
    groups
}

/// The number of a failed try to pay: the second it failed in. It grows with each try, and a repeated webhook carries
/// the same one.
fn failed_attempt(webhook: &WebhookRecord) -> Option<u32> {
    if webhook.kind != "payment_intent.payment_failed" {
        return None;
    }
    u32::try_from(Envelope::parse(&webhook.body).ok()?.created_s).ok()
}

fn next_try(now: UnixMillis, failures_count: u32) -> Option<UnixMillis> {
    let pause_ms = BACK_OFF_MS.saturating_mul(1 << failures_count.min(16)).min(BACK_OFF_MAX_MS);
    (failures_count + 1 < FAILURES_MAX).then(|| now.plus_ms(pause_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_given_up_after_about_twelve_hours() {
        let mut now = UnixMillis(0);
        let mut failures_count = 0;
        while let Some(at) = next_try(now, failures_count) {
            (now, failures_count) = (at, failures_count + 1);
        }
        assert_eq!(failures_count + 1, FAILURES_MAX);
        let hours = now.0 / 3_600_000;
        assert!((9..=13).contains(&hours), "{hours} h");
    }
}
