//! Received webhooks in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use usher_core::UnixMillis;

use super::columns::{time_of, word, word_of};
use super::database::Database;
use super::page::{Key, List, after, page, rows_asked, rows_count};
use crate::payments::{Inbox, WebhookRecord, WebhookState};
use crate::store::{Page, StoreError};

/// [`Inbox`] over SQLite.
pub(super) struct SqliteInbox {
    pub(super) database: Arc<Database>,
}

const RECEIVE: &str = "INSERT INTO webhooks
    (webhook, kind, object, body, state, failures_count, last_error, received_at, run_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (webhook) DO NOTHING";

const PENDING: &str = "SELECT * FROM webhooks WHERE state = 'pending' AND run_at <= ?1
    ORDER BY run_at, webhook LIMIT ?2";

const LIST: &str = "SELECT * FROM webhooks WHERE (received_at, webhook) < (?1, ?2)
    ORDER BY received_at DESC, webhook DESC LIMIT ?3";

const LIST_IN_STATE: &str = "SELECT * FROM webhooks WHERE state = ?4 AND (received_at, webhook) < (?1, ?2)
    ORDER BY received_at DESC, webhook DESC LIMIT ?3";

/// Only a pending one: whoever was late must not undo what another has done since.
const FAILED: &str = "UPDATE webhooks SET state = ?2, failures_count = failures_count + 1, last_error = ?3,
    run_at = coalesce(?4, run_at) WHERE webhook = ?1 AND state = 'pending'";

const REPLAY: &str = "UPDATE webhooks SET state = 'pending', failures_count = 0, run_at = ?2 WHERE webhook = ?1";

const SWEEP: &str = "DELETE FROM webhooks WHERE webhook IN (
    SELECT webhook FROM webhooks WHERE state = 'done' AND received_at < ?1 ORDER BY received_at LIMIT ?2)";

#[async_trait]
impl Inbox for SqliteInbox {
    async fn receive(&self, webhook: WebhookRecord) -> Result<bool, StoreError> {
        let state = word(&webhook.state)?;
        self.database
            .write(move |conn| {
                let WebhookRecord { id, kind, object, body, failures_count, last_error, received_at, run_at, .. } =
                    webhook;
                let row = params![id, kind, object, body, state, failures_count, last_error, received_at.0, run_at.0];
                Ok(conn.prepare_cached(RECEIVE)?.execute(row)? > 0)
            })
            .await
    }

    async fn pending(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<WebhookRecord>, StoreError> {
        self.database.read(move |conn| Ok(webhooks(conn, PENDING, params![now.0, rows_count(rows_max)])?)).await
    }

    async fn done(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.database
            .write(move |conn| {
                conn.prepare_cached("UPDATE webhooks SET state = 'done' WHERE webhook = ?1")?.execute([id])?;
                Ok(())
            })
            .await
    }

    async fn failed(&self, id: &str, error: &str, run_at: Option<UnixMillis>) -> Result<(), StoreError> {
        let (id, error) = (id.to_owned(), error.to_owned());
        let state = word(if run_at.is_some() { &WebhookState::Pending } else { &WebhookState::Dead })?;
        self.database
            .write(move |conn| {
                conn.prepare_cached(FAILED)?.execute(params![id, state, error, run_at.map(|at| at.0)])?;
                Ok(())
            })
            .await
    }

    async fn list(
        &self,
        state: Option<WebhookState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<WebhookRecord>, StoreError> {
        // Whatever the time, no id is as long as this one in characters that sort so late.
        let Key { order, tie } =
            after(List::Webhooks, cursor)?.unwrap_or(Key { order: i64::MAX, tie: "\u{10ffff}".into() });
        let before = String::from_utf8(tie).map_err(|_| StoreError::BadCursor)?;
        let state = state.map(|state| word(&state)).transpose()?;
        self.database
            .read(move |conn| {
                let asked = rows_asked(rows_max);
                let rows = match state {
                    Some(state) => webhooks(conn, LIST_IN_STATE, params![order, before, asked, state])?,
                    None => webhooks(conn, LIST, params![order, before, asked])?,
                };
                Ok(page(List::Webhooks, rows, rows_max, key))
            })
            .await
    }

    async fn sweep(&self, before: UnixMillis, rows_max: u32) -> Result<u32, StoreError> {
        self.database
            .write(move |conn| {
                let swept = conn.prepare_cached(SWEEP)?.execute(params![before.0, rows_count(rows_max)])?;
                Ok(u32::try_from(swept).unwrap_or(u32::MAX))
            })
            .await
    }

    async fn replay(&self, id: &str, now: UnixMillis) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.database.write(move |conn| Ok(conn.prepare_cached(REPLAY)?.execute(params![id, now.0])? > 0)).await
    }
}

fn key(webhook: &WebhookRecord) -> Key {
    Key { order: webhook.received_at.0, tie: webhook.id.clone().into_bytes() }
}

fn webhooks(conn: &Connection, sql: &str, bounds: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<WebhookRecord>> {
    conn.prepare_cached(sql)?.query_map(bounds, webhook_of)?.collect()
}

fn webhook_of(row: &Row<'_>) -> rusqlite::Result<WebhookRecord> {
    Ok(WebhookRecord {
        id: row.get("webhook")?,
        kind: row.get("kind")?,
        object: row.get("object")?,
        body: row.get("body")?,
        state: word_of(row, "state")?,
        failures_count: row.get("failures_count")?,
        last_error: row.get("last_error")?,
        received_at: time_of(row, "received_at")?,
        run_at: time_of(row, "run_at")?,
    })
}
