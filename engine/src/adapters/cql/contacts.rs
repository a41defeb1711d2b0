//! Buyers' names and addresses: one row per order, written by whoever is first.

use std::sync::Arc;

use async_trait::async_trait;
use usher_core::{BuyerId, EventId, OrderId};

use super::lists::{BucketIndex, ListSpec, Pointer};
use super::rows::{Change, Record, Rows};
use super::values::{Columns, Name, Value, bytes, id, text, time};
use super::{Cluster, CqlError};
use crate::orders::{Contact, Contacts};
use crate::store::StoreError;

/// [`Contacts`] over CQL.
pub(super) struct CqlContacts {
    cluster: Arc<Cluster>,
    contacts: Arc<Rows<Contact>>,
}

impl CqlContacts {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let contacts = Arc::new(Rows::prepare(cluster, index).await?);
        Ok(Self { cluster: Arc::clone(cluster), contacts })
    }
}

#[async_trait]
impl Contacts for CqlContacts {
    async fn put_contact(&self, contact: Contact) -> Result<Contact, StoreError> {
        let contacts = Arc::clone(&self.contacts);
        self.cluster
            .call(|cluster| async move {
                let first = |known: Option<&Contact>| match known {
                    Some(_) => Ok(Change::Keep),
                    None => Ok(Change::Put(contact.clone())),
                };
                let kept = contacts.change(cluster.session(), &contact.key(), first).await?;
                kept.row.ok_or_else(|| StoreError::Damaged("a contact that was kept is not there".to_owned()))
            })
            .await
    }

    async fn contact(&self, order: OrderId) -> Result<Option<Contact>, StoreError> {
        Ok(self.contacts(&[order]).await?.pop())
    }

    async fn contacts(&self, orders: &[OrderId]) -> Result<Vec<Contact>, StoreError> {
        let contacts = Arc::clone(&self.contacts);
        let orders: Vec<Name> = orders.iter().map(|order| Name::Id(order.0)).collect();
        self.cluster.call(|cluster| async move { Ok(contacts.read_all(cluster.session(), &orders).await?) }).await
    }
}

impl Record for Contact {
    const TABLE: &'static str = "contacts";
    const COLUMNS: &'static [&'static str] =
        &["buyer_order", "event", "buyer", "name", "email", "access", "created_at"];
    const LISTS: &'static [&'static ListSpec] = &[];

    fn key(&self) -> Name {
        Name::Id(self.order.0)
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        let Self { event, buyer, name, email, access, created_at, .. } = self;
        Ok(vec![id(event.0), id(buyer.0), text(name), text(email), bytes(access), time(*created_at)])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self {
            order: OrderId(columns.id()?),
            event: EventId(columns.id()?),
            buyer: BuyerId(columns.id()?),
            name: columns.text()?,
            email: columns.text()?,
            access: columns.array()?,
            created_at: columns.time()?,
        })
    }

    fn pointers(&self) -> Vec<Pointer> {
        Vec::new()
    }
}
