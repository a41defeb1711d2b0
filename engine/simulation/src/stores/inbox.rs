//! The webhook inbox.

use async_trait::async_trait;
use usher_core::UnixMillis;
use usher_engine::payments::{Inbox, WebhookRecord, WebhookState};
use usher_engine::store::{Page, StoreError};

use super::{Stores, Tables};
use crate::faults::Op;
use crate::planted::Bug;

#[async_trait]
impl Inbox for Stores {
    async fn receive(&self, webhook: WebhookRecord) -> Result<bool, StoreError> {
        self.write(Op::ReceiveWebhook, |tables| {
            let new = !tables.webhooks.contains_key(&webhook.id);
            tables.webhooks.entry(webhook.id.clone()).or_insert(webhook);
            Ok(new)
        })
        .await
    }

    async fn pending(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<WebhookRecord>, StoreError> {
        let due = self.read(Op::ReadInbox, |tables| pending(tables, now, rows_max)).await?;
        if self.bug == Some(Bug::DedupBeforeEffect) {
            for webhook in &due {
                self.done(&webhook.id).await?;
            }
        }
        Ok(due)
    }

    async fn done(&self, id: &str) -> Result<(), StoreError> {
        self.write(Op::FinishWebhook, |tables| {
            if let Some(webhook) = tables.webhooks.get_mut(id) {
                webhook.state = WebhookState::Done;
                self.mark_done(id);
            }
            Ok(())
        })
        .await
    }

    async fn failed(&self, id: &str, error: &str, run_at: Option<UnixMillis>) -> Result<(), StoreError> {
        self.write(Op::PutOffWebhook, |tables| {
            let webhook = tables.webhooks.get_mut(id).filter(|webhook| webhook.state == WebhookState::Pending);
            if let Some(webhook) = webhook {
                webhook.failures_count += 1;
                webhook.last_error = Some(error.to_owned());
                match run_at {
                    Some(at) => webhook.run_at = at,
                    None => webhook.state = WebhookState::Dead,
                }
            }
            Ok(())
        })
        .await
    }

    async fn list(
        &self,
        state: Option<WebhookState>,
        _cursor: Option<&str>,
        _rows_max: u32,
    ) -> Result<Page<WebhookRecord>, StoreError> {
        self.read(Op::ReadInbox, |tables| {
            let meant = tables.webhooks.values().filter(|webhook| state.is_none_or(|state| webhook.state == state));
            Page { rows: meant.cloned().collect(), next_cursor: None }
        })
        .await
    }

    async fn sweep(&self, before: UnixMillis, _rows_max: u32) -> Result<u32, StoreError> {
        self.write(Op::FinishWebhook, |tables| {
            let count = tables.webhooks.len();
            tables.webhooks.retain(|_, webhook| webhook.state != WebhookState::Done || webhook.received_at >= before);
            Ok(u32::try_from(count - tables.webhooks.len()).unwrap_or(u32::MAX))
        })
        .await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        self.write(Op::PutOffWebhook, |tables| {
            Ok(tables.webhooks.get_mut(id).is_some_and(|webhook| {
                (webhook.state, webhook.failures_count, webhook.run_at) = (WebhookState::Pending, 0, now);
                true
            }))
        })
        .await
    }
}

impl Stores {
    /// What the auditor hears: the provider knows what the webhook was about.
    fn mark_done(&self, id: &str) {
        if let Some((kind, order)) = self.stripe.webhook(id) {
            self.audit.webhook_done(kind, order);
        }
    }
}

fn pending(tables: &Tables, now: UnixMillis, rows_max: u32) -> Vec<WebhookRecord> {
    let due =
        tables.webhooks.values().filter(|webhook| webhook.state == WebhookState::Pending && webhook.run_at <= now);
    let mut due: Vec<WebhookRecord> = due.cloned().collect();
    due.sort_by(|one, other| (one.run_at, &one.id).cmp(&(other.run_at, &other.id)));
    due.truncate(usize::try_from(rows_max).unwrap_or(usize::MAX));
    due
}
