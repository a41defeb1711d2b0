//! Buyers' names and addresses in `store.db`, apart from everything that is derived or shown in lists.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use usher_core::{BuyerId, EventId, OrderId};

use super::columns::{id, id_of, time_of};
use super::database::Database;
use crate::orders::{Contact, Contacts};
use crate::store::StoreError;

/// [`Contacts`] over SQLite.
pub(super) struct SqliteContacts {
    pub(super) database: Arc<Database>,
}

const PUT: &str = "INSERT INTO contacts (buyer_order, event, buyer, name, email, access, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

#[async_trait]
impl Contacts for SqliteContacts {
    async fn put_contact(&self, contact: Contact) -> Result<Contact, StoreError> {
        self.database
            .write(move |conn| {
                if let Some(first) = find(conn, contact.order)? {
                    return Ok(first);
                }
                let Contact { order, event, buyer, name, email, access, created_at } = &contact;
                let row = params![id(order.0), id(event.0), id(buyer.0), name, email, access, created_at.0];
                conn.prepare_cached(PUT)?.execute(row)?;
                Ok(contact)
            })
            .await
    }

    async fn contact(&self, order: OrderId) -> Result<Option<Contact>, StoreError> {
        self.database.read(move |conn| Ok(find(conn, order)?)).await
    }

    async fn contacts(&self, orders: &[OrderId]) -> Result<Vec<Contact>, StoreError> {
        let orders = orders.to_vec();
        self.database
            .read(move |conn| {
                let found = orders.iter().filter_map(|order| find(conn, *order).transpose());
                Ok(found.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

fn find(conn: &Connection, order: OrderId) -> rusqlite::Result<Option<Contact>> {
    conn.prepare_cached("SELECT * FROM contacts WHERE buyer_order = ?1")?
        .query_row([id(order.0)], contact_of)
        .optional()
}

fn contact_of(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        order: OrderId(id_of(row, "buyer_order")?),
        event: EventId(id_of(row, "event")?),
        buyer: BuyerId(id_of(row, "buyer")?),
        name: row.get("name")?,
        email: row.get("email")?,
        access: row.get("access")?,
        created_at: time_of(row, "created_at")?,
    })
}
