//! The catalogue: what events there are, as organizers describe them, and their seating plans.
//!
//! It describes; the journal decides. `state` here is a copy of the journal's phase for lists and filters.

use async_trait::async_trait;
use usher_core::{Currency, EventId, Limits, Minor, OrganizerId, UnixMillis};

use crate::store::{Page, StoreError};

/// Where an event stands, for lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Only its organizer sees it.
    Draft,
    /// Published; the on-sale has not opened.
    Announced,
    /// Selling.
    OnSale,
    /// Selling stopped for now.
    Paused,
    /// Nothing left to sell.
    SoldOut,
    /// Selling ended.
    Closed,
    /// Called off.
    Cancelled,
}

/// A price for a tier, by the tier's code in the plan.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TierPrice {
    /// The tier's code.
    pub tier: String,
    /// What one place costs.
    pub price_minor: Minor,
}

/// An event as its organizer describes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EventRecord {
    /// Id.
    pub id: EventId,
    /// Whose.
    pub organizer: OrganizerId,
    /// The organizer's name, printed on tickets.
    pub organizer_name: String,
    /// Raised by each change; the `ETag`.
    pub revision: u64,
    /// Where it stands.
    pub state: EventState,
    /// Name.
    pub name: String,
    /// Plain text, blank lines part paragraphs.
    pub description: String,
    /// Venue and its address, in one line.
    pub venue: String,
    /// When the show begins.
    pub starts_at: UnixMillis,
    /// IANA zone of the venue.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: Currency,
    /// When the on-sale opens by itself.
    pub opens_at: Option<UnixMillis>,
    /// When it closes by itself.
    pub closes_at: Option<UnixMillis>,
    /// Limits of the on-sale.
    pub limits: Limits,
    /// Prices by tier code.
    pub prices: Vec<TierPrice>,
    /// SHA-256 of the plan's canonical JSON, once there is a plan.
    pub plan_digest: Option<[u8; 32]>,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// What a public list shows: published events, soonest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicFilter {
    /// Shows that begin at this time or later.
    pub from: Option<UnixMillis>,
    /// Shows that begin before this time.
    pub to: Option<UnixMillis>,
    /// Part of the name or the venue, in any case (Unicode).
    pub text: Option<String>,
}

/// Events and plans, kept durably.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Creates an event; a taken id is a conflict.
    async fn create(&self, event: EventRecord) -> Result<(), StoreError>;
    /// By id.
    async fn event(&self, event: EventId) -> Result<Option<EventRecord>, StoreError>;
    /// Replaces the record if it is still at `revision`; the new one must carry `revision + 1`. Its `state` is not
    /// written: that is [`Store::set_state`]'s alone, or an edit would undo what the journal said meanwhile.
    async fn replace(&self, revision: u64, event: EventRecord) -> Result<(), StoreError>;
    /// Copies the journal's phase; leaves the revision alone.
    async fn set_state(&self, event: EventId, state: EventState) -> Result<(), StoreError>;
    /// Deletes a draft; anything else is a conflict.
    async fn delete_draft(&self, event: EventId) -> Result<(), StoreError>;
    /// Published events by `(starts_at, id)`.
    async fn list_public(
        &self,
        filter: &PublicFilter,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError>;
    /// All events of an organizer, latest created first.
    async fn list_of_organizer(
        &self,
        organizer: OrganizerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError>;
    /// Announced events whose `opens_at` has come and events on sale, sold out or paused whose `closes_at` has,
    /// longest due first.
    async fn due(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<EventRecord>, StoreError>;
    /// Keeps a plan's canonical JSON under its digest; keeping it again is fine.
    async fn put_plan(&self, digest: [u8; 32], json: Vec<u8>) -> Result<(), StoreError>;
    /// A plan's canonical JSON.
    async fn plan(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError>;
}
