//! The catalogue, as far as anybody asks it, and the contacts.

use async_trait::async_trait;
use usher_core::{EventId, Limits, OrderId, OrganizerId, UnixMillis};
use usher_engine::catalogue::{self, EventRecord, EventState, PublicFilter};
use usher_engine::store::{Page, StoreError};

use super::Stores;
use crate::faults::Op;

impl Stores {
    /// Keeps who bought.
    pub(crate) async fn put_contact(&self, order: OrderId) -> Result<(), StoreError> {
        self.write(Op::PutContact, |tables| {
            tables.contacts.insert(order);
            Ok(())
        })
        .await
    }

    /// A job looks for the contact of an order.
    pub(crate) async fn has_contact(&self, order: OrderId) -> Result<bool, StoreError> {
        self.read(Op::ReadCatalogue, |tables| tables.contacts.contains(&order)).await
    }
}

fn not_here<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("nobody asks this in a simulation".to_owned()))
}

#[async_trait]
impl catalogue::Store for Stores {
    async fn create(&self, _event: EventRecord) -> Result<(), StoreError> {
        not_here()
    }

    async fn event(&self, event: EventId) -> Result<Option<EventRecord>, StoreError> {
        let state = self.read(Op::ReadCatalogue, |tables| tables.state).await?;
        let currency = "EUR".parse().map_err(|error: &'static str| StoreError::Damaged(error.to_owned()))?;
        Ok(Some(EventRecord {
            id: event,
            organizer: OrganizerId(1),
            organizer_name: String::new(),
            revision: 1,
            state: state.unwrap_or(EventState::Draft),
            name: String::new(),
            description: String::new(),
            venue: String::new(),
            starts_at: UnixMillis(0),
            time_zone: "UTC".to_owned(),
            currency,
            opens_at: None,
            closes_at: None,
            limits: Limits::default(),
            prices: Vec::new(),
            plan_digest: None,
            created_at: UnixMillis(0),
            updated_at: UnixMillis(0),
        }))
    }

    async fn replace(&self, _revision: u64, _event: EventRecord) -> Result<(), StoreError> {
        not_here()
    }

    async fn set_state(&self, _event: EventId, state: EventState) -> Result<(), StoreError> {
        self.write(Op::SetCatalogue, |tables| {
            tables.state = Some(state);
            Ok(())
        })
        .await
    }

    async fn delete_draft(&self, _event: EventId) -> Result<(), StoreError> {
        not_here()
    }

    async fn list_public(
        &self,
        _filter: &PublicFilter,
        _cursor: Option<&str>,
        _rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        not_here()
    }

    async fn list_of_organizer(
        &self,
        _organizer: OrganizerId,
        _cursor: Option<&str>,
        _rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        not_here()
    }

    async fn due(&self, _now: UnixMillis, _rows_max: u32) -> Result<Vec<EventRecord>, StoreError> {
        not_here()
    }

    async fn put_plan(&self, _digest: [u8; 32], _json: Vec<u8>) -> Result<(), StoreError> {
        not_here()
    }

    async fn plan(&self, _digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        not_here()
    }
}
