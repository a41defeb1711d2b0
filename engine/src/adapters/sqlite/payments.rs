//! The provider's intents in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use usher_core::{EventId, Minor, OrderId, UnixMillis};

use super::columns::{id, id_of, time_of, word_of};
use super::database::Database;
use super::failure::taken;
use super::page::rows_count;
use crate::payments::{PaymentRecord, Payments};
use crate::store::StoreError;

/// [`Payments`] over SQLite.
pub(super) struct SqlitePayments {
    pub(super) database: Arc<Database>,
}

const PUT: &str = "INSERT INTO payments
    (buyer_order, event, intent, client_secret, amount_minor, currency, settled, created_at, checked_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// A late look does not unsettle a payment, nor does it make the last one earlier.
const CHECKED: &str = "UPDATE payments SET checked_at = max(checked_at, ?2), settled = settled OR ?3
    WHERE buyer_order = ?1";

const UNSETTLED: &str = "SELECT * FROM payments WHERE settled = 0 AND checked_at < ?1
    ORDER BY checked_at, buyer_order LIMIT ?2";

#[async_trait]
impl Payments for SqlitePayments {
    async fn put_payment(&self, payment: PaymentRecord) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                let PaymentRecord { order, event, intent, client_secret, currency, settled, .. } = &payment;
                let known: bool = conn
                    .prepare_cached("SELECT EXISTS (SELECT 1 FROM payments WHERE buyer_order = ?1)")?
                    .query_row([id(order.0)], |row| row.get(0))?;
                if known {
                    return Ok(());
                }
                let row = params![
                    id(order.0),
                    id(event.0),
                    intent,
                    client_secret,
                    payment.amount_minor.0,
                    currency.as_str(),
                    settled,
                    payment.created_at.0,
                    payment.checked_at.0
                ];
                conn.prepare_cached(PUT)?.execute(row).map_err(taken("the intent pays another order"))?;
                Ok(())
            })
            .await
    }

    async fn payment(&self, order: OrderId) -> Result<Option<PaymentRecord>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM payments WHERE buyer_order = ?1")?;
                Ok(select.query_row([id(order.0)], payment_of).optional()?)
            })
            .await
    }

    async fn payment_by_intent(&self, intent: &str) -> Result<Option<PaymentRecord>, StoreError> {
        let intent = intent.to_owned();
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM payments WHERE intent = ?1")?;
                Ok(select.query_row([intent], payment_of).optional()?)
            })
            .await
    }

    async fn checked(&self, order: OrderId, at: UnixMillis, settled: bool) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                conn.prepare_cached(CHECKED)?.execute(params![id(order.0), at.0, settled])?;
                Ok(())
            })
            .await
    }

    async fn reopen(&self, order: OrderId) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                conn.prepare_cached("UPDATE payments SET settled = 0 WHERE buyer_order = ?1")?
                    .execute([id(order.0)])?;
                Ok(())
            })
            .await
    }

    async fn unsettled(&self, before: UnixMillis, rows_max: u32) -> Result<Vec<PaymentRecord>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached(UNSETTLED)?;
                let payments = select.query_map(params![before.0, rows_count(rows_max)], payment_of)?;
                Ok(payments.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

fn payment_of(row: &Row<'_>) -> rusqlite::Result<PaymentRecord> {
    Ok(PaymentRecord {
        order: OrderId(id_of(row, "buyer_order")?),
        event: EventId(id_of(row, "event")?),
        intent: row.get("intent")?,
        client_secret: row.get("client_secret")?,
        amount_minor: Minor(row.get("amount_minor")?),
        currency: word_of(row, "currency")?,
        settled: row.get("settled")?,
        created_at: time_of(row, "created_at")?,
        checked_at: time_of(row, "checked_at")?,
    })
}
