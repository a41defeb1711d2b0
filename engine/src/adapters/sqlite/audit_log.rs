//! The audit log in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Row, params};
use usher_core::{AccountId, ActId, EventId};

use super::columns::{id, id_of, time_of, word, word_of};
use super::database::Database;
use super::page::{Key, List, after, page, rows_asked};
use crate::audit_log::{Act, AuditLog, Outcome};
use crate::store::{Page, StoreError};

/// [`AuditLog`] over SQLite.
pub(super) struct SqliteAuditLog {
    pub(super) database: Arc<Database>,
}

const RECORD: &str = "INSERT INTO audit_log (act, at, account, deed, event, object, request, outcome, problem)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (act) DO NOTHING";
const SETTLE: &str = "UPDATE audit_log SET outcome = ?2, problem = ?3 WHERE act = ?1 AND outcome = ?4";
const LIST: &str = "SELECT * FROM audit_log WHERE (at, act) < (?1, ?2) ORDER BY at DESC, act DESC LIMIT ?3";
const LIST_OF_EVENT: &str = "SELECT * FROM audit_log WHERE (at, act) < (?1, ?2) AND event = ?4
    ORDER BY at DESC, act DESC LIMIT ?3";
/// Sorts after every id.
const PAST_EVERY_ID: [u8; 17] = [0xff; 17];

#[async_trait]
impl AuditLog for SqliteAuditLog {
    async fn record(&self, act: Act) -> Result<(), StoreError> {
        let (deed, outcome) = (word(&act.deed)?, word(&act.outcome)?);
        self.database
            .write(move |conn| {
                let (account, event) = (act.account.map(|account| id(account.0)), act.event.map(|event| id(event.0)));
                let Act { act, at, object, request, problem, .. } = act;
                let row = params![id(act.0), at.0, account, deed, event, object, request, outcome, problem];
                conn.prepare_cached(RECORD)?.execute(row)?;
                Ok(())
            })
            .await
    }

    async fn settle(&self, act: Act) -> Result<(), StoreError> {
        let (outcome, begun) = (word(&act.outcome)?, word(&Outcome::Begun)?);
        self.database
            .write(move |conn| {
                conn.prepare_cached(SETTLE)?.execute(params![id(act.act.0), outcome, act.problem, begun])?;
                Ok(())
            })
            .await
    }

    async fn list(&self, event: Option<EventId>, cursor: Option<&str>, rows_max: u32) -> Result<Page<Act>, StoreError> {
        let list = if event.is_some() { List::ActsOfEvent } else { List::Acts };
        let Key { order, tie } = after(list, cursor)?.unwrap_or(Key { order: i64::MAX, tie: PAST_EVERY_ID.into() });
        self.database
            .read(move |conn| {
                let asked = rows_asked(rows_max);
                let rows = match event {
                    None => {
                        let mut select = conn.prepare_cached(LIST)?;
                        let rows = select.query_map(params![order, tie, asked], act_of)?;
                        rows.collect::<rusqlite::Result<Vec<_>>>()?
                    }
                    Some(event) => {
                        let mut select = conn.prepare_cached(LIST_OF_EVENT)?;
                        let rows = select.query_map(params![order, tie, asked, id(event.0)], act_of)?;
                        rows.collect::<rusqlite::Result<Vec<_>>>()?
                    }
                };
                Ok(page(list, rows, rows_max, |act| Key { order: act.at.0, tie: id(act.act.0).to_vec() }))
            })
            .await
    }
}

fn act_of(row: &Row<'_>) -> rusqlite::Result<Act> {
    let maybe_id = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<_>>(column)?.map(u128::from_be_bytes));
    Ok(Act {
        act: ActId(id_of(row, "act")?),
        at: time_of(row, "at")?,
        account: maybe_id("account")?.map(AccountId),
        deed: word_of(row, "deed")?,
        event: maybe_id("event")?.map(EventId),
        object: row.get("object")?,
        request: row.get("request")?,
        outcome: word_of(row, "outcome")?,
        problem: row.get("problem")?,
    })
}
