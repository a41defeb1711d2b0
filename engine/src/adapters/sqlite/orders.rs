//! The views of orders in `views.db`: JSON records, changed together with the checkpoint.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use usher_core::{BuyerId, EventId, HoldId, OrderId, OrderState, TicketId};

use super::columns::{id, id_of, json, json_of, word};
use super::database::Database;
use super::page::{Key, List, after, page, rows_asked};
use crate::orders::{HeldRecord, OrderRecord, SalesFigures, ViewChanges, Views};
use crate::store::{Page, StoreError};

/// [`Views`] over SQLite.
pub(super) struct SqliteViews {
    pub(super) database: Arc<Database>,
}

const PUT_ORDER: &str = "INSERT INTO orders (buyer_order, event, buyer, state, begun_at, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (buyer_order) DO UPDATE SET event = excluded.event,
    buyer = excluded.buyer, state = excluded.state, begun_at = excluded.begun_at, record = excluded.record";

const OF_EVENT: &str = "SELECT record FROM orders WHERE event = ?1 AND (begun_at, buyer_order) > (?2, ?3)
    ORDER BY begun_at, buyer_order LIMIT ?4";

const OF_EVENT_IN_STATE: &str = "SELECT record FROM orders
    WHERE event = ?1 AND state = ?5 AND (begun_at, buyer_order) > (?2, ?3) ORDER BY begun_at, buyer_order LIMIT ?4";

const OF_BUYER: &str = "SELECT record FROM orders WHERE buyer = ?1 AND (begun_at, buyer_order) < (?2, ?3)
    ORDER BY begun_at DESC, buyer_order DESC LIMIT ?4";

/// Sorts after the bytes of every id.
const PAST_EVERY_ID: [u8; 17] = [0xff; 17];

#[async_trait]
impl Views for SqliteViews {
    async fn checkpoint(&self, event: EventId) -> Result<u64, StoreError> {
        self.database.read(move |conn| checkpoint(conn, event)).await
    }

    async fn apply(&self, event: EventId, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError> {
        self.database.write(move |conn| apply(conn, event, checkpoint, &changes)).await
    }

    async fn holds(&self, event: EventId, holds: &[HoldId]) -> Result<Vec<HeldRecord>, StoreError> {
        let holds = holds.to_vec();
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT record FROM holds WHERE hold = ?1 AND event = ?2")?;
                let find = |hold: &HoldId| {
                    select.query_row([id(hold.0), id(event.0)], |row| json_of(row, "record")).optional().transpose()
                };
                Ok(holds.iter().filter_map(find).collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn orders(&self, orders: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError> {
        let orders = orders.to_vec();
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT record FROM orders WHERE buyer_order = ?1")?;
                let find = |order: &OrderId| {
                    select.query_row([id(order.0)], |row| json_of(row, "record")).optional().transpose()
                };
                Ok(orders.iter().filter_map(find).collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn ticket(&self, ticket: TicketId) -> Result<Option<(OrderId, u16)>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT buyer_order, line FROM tickets WHERE ticket = ?1")?;
                let found =
                    select.query_row([id(ticket.0)], |row| Ok((OrderId(id_of(row, "buyer_order")?), row.get("line")?)));
                Ok(found.optional()?)
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
        let list = List::OrdersOfEvent;
        let Key { order, tie } = after(list, cursor)?.unwrap_or(Key { order: i64::MIN, tie: Vec::new() });
        let state = state.map(|state| word(&state)).transpose()?;
        self.database
            .read(move |conn| {
                let (event, asked) = (id(event.0), rows_asked(rows_max));
                let rows = match state {
                    Some(state) => records(conn, OF_EVENT_IN_STATE, params![event, order, tie, asked, state])?,
                    None => records(conn, OF_EVENT, params![event, order, tie, asked])?,
                };
                Ok(page(list, rows, rows_max, key))
            })
            .await
    }

    async fn orders_of_buyer(
        &self,
        buyer: BuyerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        let list = List::OrdersOfBuyer;
        let Key { order, tie } = after(list, cursor)?.unwrap_or(Key { order: i64::MAX, tie: PAST_EVERY_ID.to_vec() });
        self.database
            .read(move |conn| {
                let rows = records(conn, OF_BUYER, params![id(buyer.0), order, tie, rows_asked(rows_max)])?;
                Ok(page(list, rows, rows_max, key))
            })
            .await
    }

    async fn sales(&self, event: EventId) -> Result<SalesFigures, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT record FROM sales WHERE event = ?1")?;
                let figures = select.query_row([id(event.0)], |row| json_of(row, "record")).optional()?;
                Ok(figures.unwrap_or_default())
            })
            .await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                for table in ["checkpoints", "holds", "orders", "tickets", "sales"] {
                    conn.execute(&format!("DELETE FROM {table}"), [])?;
                }
                Ok(())
            })
            .await
    }
}

fn key(order: &OrderRecord) -> Key {
    Key { order: order.begun_at.0, tie: id(order.order.0).to_vec() }
}

fn records(conn: &Connection, sql: &str, bounds: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<OrderRecord>> {
    conn.prepare_cached(sql)?.query_map(bounds, |row| json_of(row, "record"))?.collect()
}

fn checkpoint(conn: &Connection, event: EventId) -> Result<u64, StoreError> {
    let seq = conn
        .prepare_cached("SELECT seq FROM checkpoints WHERE event = ?1")?
        .query_row([id(event.0)], |row| row.get("seq"))
        .optional()?;
    Ok(seq.unwrap_or(0))
}

fn apply(conn: &Connection, event: EventId, seq: u64, changes: &ViewChanges) -> Result<(), StoreError> {
    if seq < checkpoint(conn, event)? {
        return Err(StoreError::Conflict("the views are past this entry already"));
    }
    let ViewChanges { put_holds, drop_holds, drop_all_holds, put_orders, put_tickets, sales } = changes;
    if *drop_all_holds {
        conn.prepare_cached("DELETE FROM holds WHERE event = ?1")?.execute([id(event.0)])?;
    }
    for held in put_holds {
        conn.prepare_cached("INSERT OR REPLACE INTO holds (hold, event, record) VALUES (?1, ?2, ?3)")?
            .execute(params![id(held.hold.0), id(event.0), json(held)?])?;
    }
    for hold in drop_holds {
        conn.prepare_cached("DELETE FROM holds WHERE hold = ?1")?.execute([id(hold.0)])?;
    }
    for order in put_orders {
        conn.prepare_cached(PUT_ORDER)?.execute(params![
            id(order.order.0),
            id(event.0),
            id(order.buyer.0),
            word(&order.state)?,
            order.begun_at.0,
            json(order)?
        ])?;
    }
    for (ticket, order, line) in put_tickets {
        conn.prepare_cached("INSERT OR REPLACE INTO tickets (ticket, buyer_order, line) VALUES (?1, ?2, ?3)")?
            .execute(params![id(ticket.0), id(order.0), line])?;
    }
    if let Some(sales) = sales {
        conn.prepare_cached("INSERT OR REPLACE INTO sales (event, record) VALUES (?1, ?2)")?
            .execute(params![id(event.0), json(sales)?])?;
    }
    conn.prepare_cached("INSERT OR REPLACE INTO checkpoints (event, seq) VALUES (?1, ?2)")?
        .execute(params![id(event.0), seq])?;
    Ok(())
}
