//! Received webhooks: one row each, listed by when they came, by state, and by when a pending one is due.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use scylla::client::session::Session as Driver;
use usher_core::UnixMillis;

use super::lists::{BucketIndex, ListSpec, MINUTE_MS, Pointer, Span};
use super::rows::{Change, Record, Rows};
use super::values::{self, Columns, Name, Value, bytes, number, text, time};
use super::{Cluster, CqlError};
use crate::adapters::page::{self, after};
use crate::payments::{Inbox, WebhookRecord, WebhookState};
use crate::store::{Page, StoreError};

const LATEST: usize = 0;
const BY_STATE: usize = 1;
const PENDING: usize = 2;

static LIST_LATEST: ListSpec = ListSpec {
    table: "webhooks_latest",
    owner: None,
    at: "received_at",
    id: "webhook",
    id_is_text: true,
    bucket_ms: 10 * MINUTE_MS,
    is_worked_off: true,
};
static LIST_BY_STATE: ListSpec = ListSpec {
    table: "webhooks_by_state",
    owner: Some("state"),
    at: "received_at",
    id: "webhook",
    id_is_text: true,
    bucket_ms: 10 * MINUTE_MS,
    is_worked_off: true,
};
static LIST_PENDING: ListSpec = ListSpec {
    table: "webhooks_pending",
    owner: None,
    at: "run_at",
    id: "webhook",
    id_is_text: true,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};

/// [`Inbox`] over CQL.
pub(super) struct CqlInbox {
    cluster: Arc<Cluster>,
    webhooks: Arc<Rows<WebhookRecord>>,
}

impl CqlInbox {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let webhooks = Arc::new(Rows::prepare(cluster, index).await?);
        Ok(Self { cluster: Arc::clone(cluster), webhooks })
    }

    /// Changes a webhook that is there and that `change` wants to change; tells whether it did.
    async fn change(
        &self,
        id: &str,
        change: impl Fn(&WebhookRecord) -> Option<WebhookRecord> + Send + Sync + 'static,
    ) -> Result<bool, StoreError> {
        let (webhooks, id) = (Arc::clone(&self.webhooks), Name::Text(id.to_owned()));
        self.cluster
            .call(|cluster| async move {
                let decide =
                    |known: Option<&WebhookRecord>| Ok(known.and_then(&change).map_or(Change::Keep, Change::Put));
                Ok(webhooks.change(cluster.session(), &id, decide).await?.is_changed)
            })
            .await
    }
}

#[async_trait]
impl Inbox for CqlInbox {
    async fn receive(&self, webhook: WebhookRecord) -> Result<bool, StoreError> {
        let webhooks = Arc::clone(&self.webhooks);
        self.cluster
            .call(|cluster| async move {
                let first = |known: Option<&WebhookRecord>| match known {
                    Some(_) => Ok(Change::Keep),
                    None => Ok(Change::Put(webhook.clone())),
                };
                Ok(webhooks.change(cluster.session(), &webhook.key(), first).await?.is_changed)
            })
            .await
    }

    async fn pending(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<WebhookRecord>, StoreError> {
        let (webhooks, rows_max) = (Arc::clone(&self.webhooks), page::rows_count(rows_max));
        let span = Span { to: now.0, ..Span::whole(None) };
        self.cluster
            .call(|cluster| async move {
                let looked = webhooks.look(cluster.session(), PENDING, span, rows_max, |_| true).await?;
                Ok(looked.rows.into_iter().map(|(_, stored)| stored.row).collect())
            })
            .await
    }

    async fn done(&self, id: &str) -> Result<(), StoreError> {
        let done = |known: &WebhookRecord| {
            (known.state != WebhookState::Done).then(|| WebhookRecord { state: WebhookState::Done, ..known.clone() })
        };
        self.change(id, done).await.map(drop)
    }

    async fn failed(&self, id: &str, error: &str, run_at: Option<UnixMillis>) -> Result<(), StoreError> {
        let error = error.to_owned();
        // Only a pending one: whoever was late must not undo what another has done since.
        let failed = move |known: &WebhookRecord| {
            (known.state == WebhookState::Pending).then(|| WebhookRecord {
                state: if run_at.is_some() { WebhookState::Pending } else { WebhookState::Dead },
                failures_count: known.failures_count.saturating_add(1),
                last_error: Some(error.clone()),
                run_at: run_at.unwrap_or(known.run_at),
                ..known.clone()
            })
        };
        self.change(id, failed).await.map(drop)
    }

    async fn list(
        &self,
        state: Option<WebhookState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<WebhookRecord>, StoreError> {
        let list = page::List::Webhooks;
        let after = after(list, cursor)?;
        if after.as_ref().is_some_and(|after| std::str::from_utf8(&after.tie).is_err()) {
            return Err(StoreError::BadCursor);
        }
        let (number, owner) = match state {
            Some(state) => (BY_STATE, Some(state_name(state)?)),
            None => (LATEST, None),
        };
        let span = Span { newest_first: true, after, ..Span::whole(owner) };
        let webhooks = Arc::clone(&self.webhooks);
        self.cluster
            .call(|cluster| async move {
                webhooks.page(cluster.session(), (number, list), span, rows_max, |_| true).await
            })
            .await
    }

    async fn sweep(&self, before: UnixMillis, rows_max: u32) -> Result<u32, StoreError> {
        let (webhooks, rows_max) = (Arc::clone(&self.webhooks), page::rows_count(rows_max));
        let span = Span { to: before.0.saturating_sub(1), ..Span::whole(Some(state_name(WebhookState::Done)?)) };
        self.cluster.call(|cluster| async move { sweep(&webhooks, cluster.session(), span, rows_max).await }).await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        let replayed = move |known: &WebhookRecord| {
            Some(WebhookRecord { state: WebhookState::Pending, failures_count: 0, run_at: now, ..known.clone() })
        };
        self.change(id, replayed).await
    }
}

async fn sweep(
    webhooks: &Rows<WebhookRecord>,
    driver: &Driver,
    span: Span,
    rows_max: usize,
) -> Result<u32, StoreError> {
    let looked = webhooks.look(driver, BY_STATE, span, rows_max, |_| true).await?;
    let removals = looked.rows.into_iter().map(|(_, stored)| async move {
        let key = stored.row.key();
        let still_done = |known: Option<&WebhookRecord>| {
            let is_done = known.is_some_and(|known| known.state == WebhookState::Done);
            Ok(if is_done { Change::Remove } else { Change::Keep })
        };
        webhooks.change_from(driver, &key, Some(stored), still_done).await
    });
    let removed = try_join_all(removals).await?;
    let removed_count = removed.iter().filter(|outcome| outcome.is_changed).count();
    Ok(u32::try_from(removed_count).unwrap_or(u32::MAX))
}

fn state_name(state: WebhookState) -> Result<Name, CqlError> {
    values::word(&state).map(Name::Text)
}

impl Record for WebhookRecord {
    const TABLE: &'static str = "webhooks";
    const COLUMNS: &'static [&'static str] =
        &["webhook", "kind", "object", "body", "state", "failures_count", "last_error", "received_at", "run_at"];
    const LISTS: &'static [&'static ListSpec] = &[&LIST_LATEST, &LIST_BY_STATE, &LIST_PENDING];

    fn key(&self) -> Name {
        Name::Text(self.id.clone())
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![
            text(&self.kind),
            text(&self.object),
            bytes(&self.body),
            text(&values::word(&self.state)?),
            number(self.failures_count.into()),
            self.last_error.as_deref().and_then(text),
            time(self.received_at),
            time(self.run_at),
        ])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self {
            id: columns.text()?,
            kind: columns.text()?,
            object: columns.text()?,
            body: columns.bytes()?,
            state: columns.word()?,
            failures_count: columns.count()?,
            last_error: columns.maybe_text()?,
            received_at: columns.time()?,
            run_at: columns.time()?,
        })
    }

    fn pointers(&self) -> Vec<Pointer> {
        let pointer = |list, owner, at: UnixMillis| Pointer { list, owner, at: at.0, id: self.key() };
        let mut pointers = vec![pointer(LATEST, None, self.received_at)];
        pointers.extend(state_name(self.state).ok().map(|state| pointer(BY_STATE, Some(state), self.received_at)));
        if self.state == WebhookState::Pending {
            pointers.push(pointer(PENDING, None, self.run_at));
        }
        pointers
    }
}
