//! The views of orders: JSON records by id, and the lists of an event's and of a buyer's orders.
//!
//! How they are written is told in [`super::view_step`]. Orders of one state are picked while their event's list is
//! walked: a list by state would be written and emptied with every order, and be full of what was removed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use scylla::statement::Statement;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::Row;
use usher_core::{BuyerId, EventId, HoldId, OrderId, OrderState, TicketId};

use super::lists::{BucketIndex, Span};
use super::record_list::{RecordList, records};
use super::values::{Columns, Name, id};
use super::view_step::{Steps, hold_key};
use super::{Cluster, CqlError, How};
use crate::adapters::page::{self, Key, after};
use crate::orders::{HeldRecord, OrderRecord, SalesFigures, ViewChanges, Views};
use crate::store::{Page, StoreError};

/// Events of other projectors remembered.
const SEEN_MAX: usize = 10_000;
/// How long emptying one table may take: every node that has rows of it must do so.
const TRUNCATE_MAX: Duration = Duration::from_secs(60);
/// The checkpoints last: while they are there, nothing is projected anew over what is left.
const TABLES: [&str; 8] = [
    "view_holds",
    "view_orders",
    "orders_of_event",
    "orders_of_buyer",
    "view_tickets",
    "view_sales",
    "view_steps",
    "view_checkpoints",
];

/// [`Views`] over CQL.
pub(super) struct CqlViews {
    cluster: Arc<Cluster>,
    tables: Arc<Tables>,
    /// Where this process last saw each event's views end: a step must start from what its projector read.
    known: Arc<Mutex<BTreeMap<EventId, u64>>>,
    /// Where the views of events that others project were seen to end.
    seen: Arc<Mutex<BTreeMap<EventId, Seen>>>,
}

/// Entries up to `shown` are in the views; they are or were being brought to `target`.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    target: u64,
    shown: u64,
}

impl Seen {
    /// One step begins when the one before is finished: who sees another target knows that of the last.
    fn look(&mut self, target: u64, is_finished: bool) -> u64 {
        if is_finished {
            self.shown = target;
        } else if target > self.target {
            self.shown = self.shown.max(self.target);
        }
        self.target = target;
        self.shown
    }
}

struct Tables {
    steps: Steps,
    read_hold: PreparedStatement,
    read_order: PreparedStatement,
    read_ticket: PreparedStatement,
    read_sales: PreparedStatement,
}

impl CqlViews {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let read = async |cql: &str| cluster.prepare(cql, How::Read).await;
        let tables = Tables {
            steps: Steps::prepare(cluster, index).await?,
            read_hold: read("SELECT record FROM view_holds WHERE event = ? AND shard = ? AND hold = ?").await?,
            read_order: read("SELECT record FROM view_orders WHERE buyer_order = ?").await?,
            read_ticket: read("SELECT buyer_order, line FROM view_tickets WHERE ticket = ?").await?,
            read_sales: read("SELECT record FROM view_sales WHERE event = ?").await?,
        };
        Ok(Self { cluster: Arc::clone(cluster), tables: Arc::new(tables), known: Arc::default(), seen: Arc::default() })
    }
}

fn with_known<T>(known: &Mutex<BTreeMap<EventId, u64>>, act: impl FnOnce(&mut BTreeMap<EventId, u64>) -> T) -> T {
    act(&mut known.lock().unwrap_or_else(PoisonError::into_inner))
}

#[async_trait]
impl Views for CqlViews {
    async fn checkpoint(&self, event: EventId) -> Result<u64, StoreError> {
        let (tables, known) = (Arc::clone(&self.tables), Arc::clone(&self.known));
        self.cluster
            .call(|cluster| async move {
                let seq = tables.steps.settled(cluster.session(), event).await?;
                with_known(&known, |known| known.insert(event, seq));
                Ok(seq)
            })
            .await
    }

    async fn shows(&self, event: EventId) -> Result<u64, StoreError> {
        let (tables, seen) = (Arc::clone(&self.tables), Arc::clone(&self.seen));
        self.cluster
            .call(|cluster| async move {
                let (target, is_finished) = tables.steps.glance(cluster.session(), event).await?;
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.len() >= SEEN_MAX {
                    seen.clear();
                }
                Ok(seen.entry(event).or_default().look(target, is_finished))
            })
            .await
    }

    async fn apply(&self, event: EventId, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError> {
        let (tables, known) = (Arc::clone(&self.tables), Arc::clone(&self.known));
        self.cluster
            .call(|cluster| async move {
                // Taken out: whatever goes wrong, the next one looks again.
                let base = match with_known(&known, |known| known.remove(&event)) {
                    Some(base) => base,
                    None => tables.steps.settled(cluster.session(), event).await?,
                };
                tables.steps.apply(cluster.session(), event, (base, checkpoint), &changes).await?;
                with_known(&known, |known| known.insert(event, checkpoint));
                Ok(())
            })
            .await
    }

    async fn holds(&self, event: EventId, holds: &[HoldId]) -> Result<Vec<HeldRecord>, StoreError> {
        let keys: Vec<_> = holds.iter().map(|hold| hold_key(event, *hold)).collect();
        let tables = Arc::clone(&self.tables);
        self.cluster.call(|cluster| async move { Ok(records(cluster.session(), &tables.read_hold, keys).await?) }).await
    }

    async fn orders(&self, orders: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError> {
        let keys: Vec<_> = orders.iter().map(|order| vec![id(order.0)]).collect();
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move { Ok(records(cluster.session(), &tables.read_order, keys).await?) })
            .await
    }

    async fn ticket(&self, ticket: TicketId) -> Result<Option<(OrderId, u16)>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let answer = cluster.session().execute_unpaged(&tables.read_ticket, (ticket.0.to_be_bytes(),)).await;
                let row = answer.map_err(CqlError::from)?.into_rows_result().map_err(CqlError::from)?;
                let Some(row) = row.maybe_first_row::<Row>().map_err(CqlError::from)? else { return Ok(None) };
                let mut columns = Columns::of(row);
                Ok(Some((OrderId(columns.id()?), columns.count()?)))
            })
            .await
    }

    async fn orders_of_event(
        &self,
        event: EventId,
        state: Option<OrderState>,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        let kind = page::List::OrdersOfEvent;
        let span = Span { after: after(kind, cursor)?, ..Span::whole(Some(Name::Id(event.0))) };
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let is_meant =
                    |order: &OrderRecord| order.event == event && state.is_none_or(|state| order.state == state);
                let list = RecordList { list: &tables.steps.of_event, kind, read: &tables.read_order, key };
                list.page(cluster.session(), span, rows_max, is_meant).await
            })
            .await
    }

    async fn orders_of_buyer(
        &self,
        buyer: BuyerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        let kind = page::List::OrdersOfBuyer;
        let whole = Span::whole(Some(Name::Id(buyer.0)));
        let span = Span { newest_first: true, after: after(kind, cursor)?, ..whole };
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let is_meant = |order: &OrderRecord| order.buyer == buyer;
                let list = RecordList { list: &tables.steps.of_buyer, kind, read: &tables.read_order, key };
                list.page(cluster.session(), span, rows_max, is_meant).await
            })
            .await
    }

    async fn sales(&self, event: EventId) -> Result<SalesFigures, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.cluster
            .call(|cluster| async move {
                let found = records(cluster.session(), &tables.read_sales, vec![vec![id(event.0)]]).await?;
                Ok(found.into_iter().next().unwrap_or_default())
            })
            .await
    }

    /// Nothing may project meanwhile; one that ended early is to be repeated.
    async fn clear(&self) -> Result<(), StoreError> {
        let known = Arc::clone(&self.known);
        self.cluster
            .call(|cluster| async move {
                for table in TABLES {
                    let mut truncate = Statement::new(format!("TRUNCATE {table}"));
                    truncate.set_request_timeout(Some(TRUNCATE_MAX));
                    cluster.session().query_unpaged(truncate, ()).await.map_err(CqlError::from)?;
                }
                with_known(&known, BTreeMap::clear);
                Ok(())
            })
            .await
    }
}

fn key(order: &OrderRecord) -> Key {
    Key { order: order.begun_at.0, tie: order.order.0.to_be_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_step_that_is_under_way_only_the_one_before_is_known_to_be_shown() {
        let mut seen = Seen::default();
        let looks = [(3, true, 3), (5, false, 3), (5, false, 3), (9, false, 5), (9, true, 9), (12, false, 9)];
        for (target, is_finished, shown) in looks {
            assert_eq!(seen.look(target, is_finished), shown, "{target} {is_finished}");
        }
    }
}
