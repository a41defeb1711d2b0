//! Sends the sandbox's webhooks: signed, a bounded number at once, again and again until they are taken.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::Sandbox;
use super::store::Delivery;

/// Webhooks read at once.
const BATCH_ROWS_MAX: u32 = 64;
/// Webhooks under way at once.
const SENDS_MAX: usize = 8;
/// How long a receiver may take.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(5);
/// The pause after the first refusal; it doubles.
const BACK_OFF_MS: i64 = 500;
/// The longest pause.
const BACK_OFF_MAX_MS: i64 = 3_600_000;
/// After so long a webhook is given up, as at Stripe.
const GIVE_UP_MS: i64 = 72 * 3_600_000;
/// How long the sender sleeps at most.
const NAP_MAX: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Sends webhooks until the future is dropped; what was not taken is sent again, after a restart too.
    pub async fn run(&self) {
        loop {
            let nap = match self.send_due().await {
                Ok(nap) => nap,
                Err(error) => {
                    tracing::error!(%error, "the sandbox cannot read its webhooks, trying again");
                    NAP_MAX
                }
            };
            let _ = tokio::time::timeout(nap, self.inner.bell.notified()).await;
        }
    }

    /// Sends what is due; tells how long nothing will be.
    async fn send_due(&self) -> Result<Duration, rusqlite::Error> {
        loop {
            let latest_first = self.settings().reorder;
            let now_ms = self.now_ms();
            let due = self.inner.store.transact(|tables| tables.due(now_ms, latest_first, BATCH_ROWS_MAX))?;
            if due.is_empty() {
                let next_due = self.inner.store.transact(|tables| tables.next_due())?;
                let wait_ms = next_due.map_or(u64::MAX, |at| at.saturating_sub(now_ms).max(1).unsigned_abs());
                return Ok(Duration::from_millis(wait_ms).min(NAP_MAX));
            }
            let in_turn = if latest_first { 1 } else { SENDS_MAX };
            let outcomes: Vec<_> =
                stream::iter(due).map(|delivery| self.deliver(delivery)).buffered(in_turn).collect().await;
            outcomes.into_iter().collect::<Result<(), rusqlite::Error>>()?;
        }
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), rusqlite::Error> {
        let taken = self.post(&delivery.body).await;
        let now_ms = self.now_ms();
        let given_up = now_ms.saturating_sub(delivery.created_at) > GIVE_UP_MS;
        if !taken && given_up {
            tracing::warn!(seq = delivery.seq, "the sandbox gives a webhook up");
        }
        self.inner.store.transact(|tables| {
            if taken || given_up {
                return tables.drop_delivery(delivery.seq);
            }
            let pause_ms = (BACK_OFF_MS << delivery.tries_count.min(20)).min(BACK_OFF_MAX_MS);
            tables.put_off_delivery(delivery.seq, now_ms + pause_ms)
        })
    }

    /// Whether one of the receivers took it.
    async fn post(&self, body: &str) -> bool {
        for url in &self.inner.webhook_urls {
            if self.post_to(url, body).await {
                return true;
            }
        }
        false
    }

    async fn post_to(&self, url: &str, body: &str) -> bool {
        let signature = self.inner.webhook_secret.sign(body.as_bytes(), self.inner.clock.now());
        let sent = self
            .inner
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("stripe-signature", signature)
            .body(body.to_owned())
            .send()
            .await;
        match sent {
            Ok(response) if response.status().is_success() => true,
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), "a webhook of the sandbox was refused");
                false
            }
            Err(error) => {
                tracing::debug!(%error, "a webhook of the sandbox was not delivered");
                false
            }
        }
    }
}
