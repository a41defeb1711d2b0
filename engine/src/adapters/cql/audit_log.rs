//! The audit log: one record per act, listed by when it was begun, and once more for its event.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use usher_core::EventId;

use super::lists::{BucketIndex, DAY_MS, List, ListSpec, MINUTE_MS, Pointer, Span};
use super::record_list::RecordList;
use super::values::{Name, id, json, text};
use super::{Cluster, CqlError, How};
use crate::adapters::page::{self, Key, after};
use crate::audit_log::{Act, AuditLog};
use crate::store::{Page, StoreError};

static LATEST: ListSpec = ListSpec {
    table: "audit_log_latest",
    owner: None,
    at: "at",
    id: "act",
    id_is_text: false,
    bucket_ms: 10 * MINUTE_MS,
    is_worked_off: false,
};
static OF_EVENT: ListSpec = ListSpec {
    table: "audit_log_of_event",
    owner: Some("event"),
    at: "at",
    id: "act",
    id_is_text: false,
    bucket_ms: 30 * DAY_MS,
    is_worked_off: false,
};
/// When an act is written, for the server: what came of it replaces it, however late either arrives.
const RECORDED: i64 = 1;
const SETTLED: i64 = 2;

/// [`AuditLog`] over CQL.
pub(super) struct CqlAuditLog {
    cluster: Arc<Cluster>,
    tables: Arc<Tables>,
}

struct Tables {
    put: PreparedStatement,
    read: PreparedStatement,
    latest: List,
    of_event: List,
}

impl CqlAuditLog {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let put = "INSERT INTO audit_log (act, record) VALUES (?, ?) USING TIMESTAMP ?";
        let tables = Tables {
            put: cluster.prepare(put, How::Write).await?,
            read: cluster.prepare("SELECT record FROM audit_log WHERE act = ?", How::Read).await?,
            latest: List::prepare(cluster, &LATEST, index).await?,
            of_event: List::prepare(cluster, &OF_EVENT, index).await?,
        };
        Ok(Self { cluster: Arc::clone(cluster), tables: Arc::new(tables) })
    }
}

#[async_trait]
impl AuditLog for CqlAuditLog {
    async fn record(&self, act: Act) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                // Listed before it is there: what a list points to and is not there is passed over.
                let pointer = |owner| Pointer { list: 0, owner, at: act.at.0, id: Name::Id(act.act.0) };
                tables.latest.put(cluster.session(), &pointer(None), RECORDED).await?;
                if let Some(event) = act.event {
                    tables.of_event.put(cluster.session(), &pointer(Some(Name::Id(event.0))), RECORDED).await?;
                }
                Ok(tables.put(cluster.session(), &act, RECORDED).await?)
            })
            .await
    }

    async fn settle(&self, act: Act) -> Result<(), StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { Ok(tables.put(cluster.session(), &act, SETTLED).await?) }).await
    }

    async fn list(&self, event: Option<EventId>, cursor: Option<&str>, rows_max: u32) -> Result<Page<Act>, StoreError> {
        let kind = if event.is_some() { page::List::ActsOfEvent } else { page::List::Acts };
        let whole = Span::whole(event.map(|event| Name::Id(event.0)));
        let span = Span { newest_first: true, after: after(kind, cursor)?, ..whole };
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let list = if event.is_some() { &tables.of_event } else { &tables.latest };
                RecordList { list, kind, read: &tables.read, key }
                    .page(cluster.session(), span, rows_max, |_| true)
                    .await
            })
            .await
    }
}

impl Tables {
    async fn put(&self, driver: &Driver, act: &Act, at: i64) -> Result<(), CqlError> {
        let values = vec![id(act.act.0), text(&json(act)?), Some(CqlValue::BigInt(at))];
        driver.execute_unpaged(&self.put, values).await?;
        Ok(())
    }
}

fn key(act: &Act) -> Key {
    Key { order: act.at.0, tie: act.act.0.to_be_bytes().to_vec() }
}
