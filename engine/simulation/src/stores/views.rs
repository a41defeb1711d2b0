//! The views, changed together with their checkpoint.

use async_trait::async_trait;
use usher_core::{BuyerId, EventId, HoldId, OrderId, OrderState, TicketId};
use usher_engine::orders::{HeldRecord, OrderRecord, SalesFigures, ViewChanges, Views};
use usher_engine::store::{Page, StoreError};

use super::{Stores, Tables};
use crate::faults::Op;

#[async_trait]
impl Views for Stores {
    async fn checkpoint(&self, _event: EventId) -> Result<u64, StoreError> {
        self.read(Op::ReadViews, |tables| tables.checkpoint).await
    }

    async fn apply(&self, _event: EventId, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError> {
        self.write(Op::ApplyViews, |tables| apply(tables, checkpoint, changes)).await
    }

    async fn holds(&self, _event: EventId, holds: &[HoldId]) -> Result<Vec<HeldRecord>, StoreError> {
        self.read(Op::ReadViews, |tables| holds.iter().filter_map(|hold| tables.holds.get(hold).cloned()).collect())
            .await
    }

    async fn orders(&self, orders: &[OrderId]) -> Result<Vec<OrderRecord>, StoreError> {
        let found = |tables: &Tables| orders.iter().filter_map(|order| tables.orders.get(order).cloned()).collect();
        self.read(Op::ReadViews, found).await
    }

    async fn ticket(&self, ticket: TicketId) -> Result<Option<(OrderId, u16)>, StoreError> {
        self.read(Op::ReadViews, |tables| tables.tickets.get(&ticket).copied()).await
    }

    async fn orders_of_event(
        &self,
        _event: EventId,
        state: Option<OrderState>,
        _cursor: Option<&str>,
        _rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        self.read(Op::ReadViews, |tables| page(tables, |order| state.is_none_or(|state| order.state == state))).await
    }

    async fn orders_of_buyer(
        &self,
        buyer: BuyerId,
        _cursor: Option<&str>,
        _rows_max: u32,
    ) -> Result<Page<OrderRecord>, StoreError> {
        self.read(Op::ReadViews, |tables| page(tables, |order| order.buyer == buyer)).await
    }

    async fn sales(&self, _event: EventId) -> Result<SalesFigures, StoreError> {
        self.read(Op::ReadViews, |tables| tables.sales.clone()).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.write(Op::ApplyViews, |tables| {
            tables.checkpoint = 0;
            tables.holds.clear();
            tables.orders.clear();
            tables.tickets.clear();
            tables.sales = SalesFigures::default();
            Ok(())
        })
        .await
    }
}

/// A simulated event has few orders: they fit one page.
fn page(tables: &Tables, meant: impl Fn(&OrderRecord) -> bool) -> Page<OrderRecord> {
    let mut rows: Vec<OrderRecord> = tables.orders.values().filter(|order| meant(order)).cloned().collect();
    rows.sort_by_key(|order| (order.begun_at, order.order));
    Page { rows, next_cursor: None }
}

fn apply(tables: &mut Tables, checkpoint: u64, changes: ViewChanges) -> Result<(), StoreError> {
    if checkpoint < tables.checkpoint {
        return Err(StoreError::Conflict("the views are past this entry already"));
    }
    let ViewChanges { put_holds, drop_holds, drop_all_holds, put_orders, put_tickets, sales } = changes;
    if drop_all_holds {
        tables.holds.clear();
    }
    tables.holds.extend(put_holds.into_iter().map(|held| (held.hold, held)));
    drop_holds.iter().for_each(|hold| drop(tables.holds.remove(hold)));
    tables.orders.extend(put_orders.into_iter().map(|order| (order.order, order)));
    tables.tickets.extend(put_tickets.into_iter().map(|(ticket, order, line)| (ticket, (order, line))));
    if let Some(sales) = sales {
        tables.sales = sales;
    }
    tables.checkpoint = checkpoint;
    Ok(())
}
