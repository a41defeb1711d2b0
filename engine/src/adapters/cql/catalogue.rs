//! Events, as rows with three lists: by start, by organizer, and by when the sale next opens or closes.
//!
//! Name and venue are not indexed. A search walks the list by start and looks at each event: a page looks at some
//! thousands at most and may be short, with a cursor to go on from.

use std::sync::Arc;

use async_trait::async_trait;
use usher_core::{EventId, OrganizerId, UnixMillis};

use super::lists::{BucketIndex, DAY_MS, ListSpec, MINUTE_MS, Pointer, Span};
use super::plans::Plans;
use super::rows::{Change, Record, Rows};
use super::values::{self, Columns, Name, Value, bytes, id, number, text, time};
use super::{Cluster, CqlError};
use crate::adapters::page::{self, after};
use crate::catalogue::{EventRecord, EventState, PublicFilter, Store};
use crate::store::{Page, StoreError};

/// The event's lists.
const BY_START: usize = 0;
const OF_ORGANIZER: usize = 1;
const DUE: usize = 2;

static LIST_BY_START: ListSpec = ListSpec {
    table: "events_by_start",
    owner: None,
    at: "starts_at",
    id: "event",
    id_is_text: false,
    bucket_ms: 30 * DAY_MS,
    is_worked_off: false,
};
static LIST_OF_ORGANIZER: ListSpec = ListSpec {
    table: "events_of_organizer",
    owner: Some("organizer"),
    at: "created_at",
    id: "event",
    id_is_text: false,
    bucket_ms: 365 * DAY_MS,
    is_worked_off: false,
};
static LIST_DUE: ListSpec = ListSpec {
    table: "events_due",
    owner: None,
    at: "due_at",
    id: "event",
    id_is_text: false,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};

/// [`Store`] over CQL.
pub(super) struct CqlCatalogue {
    cluster: Arc<Cluster>,
    events: Arc<Rows<EventRecord>>,
    plans: Arc<Plans>,
}

impl CqlCatalogue {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let events = Arc::new(Rows::prepare(cluster, index).await?);
        let plans = Arc::new(Plans::prepare(cluster).await?);
        Ok(Self { cluster: Arc::clone(cluster), events, plans })
    }

    /// Changes an event; `decide` is asked with it, if it is there.
    async fn change(
        &self,
        event: EventId,
        decide: impl Fn(Option<&EventRecord>) -> Result<Change<EventRecord>, StoreError> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        let events = Arc::clone(&self.events);
        self.cluster
            .call(|cluster| async move { events.change(cluster.session(), &Name::Id(event.0), decide).await.map(drop) })
            .await
    }
}

#[async_trait]
impl Store for CqlCatalogue {
    async fn create(&self, event: EventRecord) -> Result<(), StoreError> {
        self.change(event.id, move |known| match known {
            None => Ok(Change::Put(event.clone())),
            Some(_) => Err(StoreError::Conflict("the event is there already")),
        })
        .await
    }

    async fn event(&self, event: EventId) -> Result<Option<EventRecord>, StoreError> {
        let events = Arc::clone(&self.events);
        self.cluster
            .call(|cluster| async move {
                let stored = events.read(cluster.session(), &Name::Id(event.0)).await?;
                Ok(stored.map(|stored| stored.row))
            })
            .await
    }

    async fn replace(&self, revision: u64, event: EventRecord) -> Result<(), StoreError> {
        if revision.checked_add(1) != Some(event.revision) {
            return Err(StoreError::Conflict("a replaced event must carry the next revision"));
        }
        self.change(event.id, move |known| match known {
            Some(known) if known.revision == revision => {
                Ok(Change::Put(EventRecord { state: known.state, ..event.clone() }))
            }
            Some(_) | None => Err(StoreError::Conflict("the event has been changed meanwhile")),
        })
        .await
    }

    async fn set_state(&self, event: EventId, state: EventState) -> Result<(), StoreError> {
        self.change(event, move |known| match known {
            Some(known) if known.state == state => Ok(Change::Keep),
            Some(known) => Ok(Change::Put(EventRecord { state, ..known.clone() })),
            None => Err(StoreError::Conflict("there is no such event")),
        })
        .await
    }

    async fn delete_draft(&self, event: EventId) -> Result<(), StoreError> {
        self.change(event, |known| match known {
            Some(known) if known.state == EventState::Draft => Ok(Change::Remove),
            Some(_) | None => Err(StoreError::Conflict("there is no such draft")),
        })
        .await
    }

    async fn list_public(
        &self,
        filter: &PublicFilter,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        let list = page::List::PublicEvents;
        let span = Span {
            after: after(list, cursor)?,
            from: filter.from.map_or(i64::MIN, |from| from.0),
            to: filter.to.map_or(i64::MAX, |to| to.0.saturating_sub(1)),
            ..Span::whole(None)
        };
        let text = filter.text.as_deref().unwrap_or_default().trim().to_lowercase();
        let events = Arc::clone(&self.events);
        self.cluster
            .call(|cluster| async move {
                let is_meant = |event: &EventRecord| text.is_empty() || search(event).contains(&text);
                events.page(cluster.session(), (BY_START, list), span, rows_max, is_meant).await
            })
            .await
    }

    async fn list_of_organizer(
        &self,
        organizer: OrganizerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        let list = page::List::EventsOfOrganizer;
        let whole = Span::whole(Some(Name::Id(organizer.0)));
        let span = Span { newest_first: true, after: after(list, cursor)?, ..whole };
        let events = Arc::clone(&self.events);
        self.cluster
            .call(|cluster| async move {
                events.page(cluster.session(), (OF_ORGANIZER, list), span, rows_max, |_| true).await
            })
            .await
    }

    async fn due(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<EventRecord>, StoreError> {
        let (events, span) = (Arc::clone(&self.events), Span { to: now.0, ..Span::whole(None) });
        self.cluster
            .call(|cluster| async move {
                let looked = events.look(cluster.session(), DUE, span, page::rows_count(rows_max), |_| true).await?;
                Ok(looked.rows.into_iter().map(|(_, stored)| stored.row).collect())
            })
            .await
    }

    async fn put_plan(&self, digest: [u8; 32], json: Vec<u8>) -> Result<(), StoreError> {
        let plans = Arc::clone(&self.plans);
        self.cluster.call(|cluster| async move { Ok(plans.put(cluster.session(), digest, json).await?) }).await
    }

    async fn plan(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let plans = Arc::clone(&self.plans);
        self.cluster.call(|cluster| async move { Ok(plans.read(cluster.session(), digest).await?) }).await
    }
}

/// What a search looks through.
fn search(event: &EventRecord) -> String {
    format!("{}\n{}", event.name, event.venue).to_lowercase()
}

/// When the sale of the event next opens or closes by itself.
fn due_at(event: &EventRecord) -> Option<UnixMillis> {
    match event.state {
        EventState::Announced => event.opens_at,
        EventState::OnSale | EventState::Paused | EventState::SoldOut => event.closes_at,
        EventState::Draft | EventState::Closed | EventState::Cancelled => None,
    }
}

impl Record for EventRecord {
    const TABLE: &'static str = "catalogue";
    const COLUMNS: &'static [&'static str] = &[
        "event",
        "organizer",
        "organizer_name",
        "revision",
        "state",
        "name",
        "description",
        "venue",
        "starts_at",
        "time_zone",
        "currency",
        "opens_at",
        "closes_at",
        "limits",
        "prices",
        "plan_digest",
        "created_at",
        "updated_at",
    ];
    const LISTS: &'static [&'static ListSpec] = &[&LIST_BY_START, &LIST_OF_ORGANIZER, &LIST_DUE];

    fn key(&self) -> Name {
        Name::Id(self.id.0)
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        Ok(vec![
            id(self.organizer.0),
            text(&self.organizer_name),
            number(i64::try_from(self.revision).map_err(|error| CqlError::Damaged(error.to_string()))?),
            text(&values::word(&self.state)?),
            text(&self.name),
            text(&self.description),
            text(&self.venue),
            time(self.starts_at),
            text(&self.time_zone),
            text(self.currency.as_str()),
            self.opens_at.and_then(time),
            self.closes_at.and_then(time),
            text(&values::json(&self.limits)?),
            text(&values::json(&self.prices)?),
            self.plan_digest.as_ref().and_then(|digest| bytes(digest)),
            time(self.created_at),
            time(self.updated_at),
        ])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        Ok(Self {
            id: EventId(columns.id()?),
            organizer: OrganizerId(columns.id()?),
            organizer_name: columns.text()?,
            revision: columns.count()?,
            state: columns.word()?,
            name: columns.text()?,
            description: columns.text()?,
            venue: columns.text()?,
            starts_at: columns.time()?,
            time_zone: columns.text()?,
            currency: columns.word()?,
            opens_at: columns.maybe_time()?,
            closes_at: columns.maybe_time()?,
            limits: columns.json()?,
            prices: columns.json()?,
            plan_digest: columns.maybe_array()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
        })
    }

    fn pointers(&self) -> Vec<Pointer> {
        let pointer = |list, owner, at: UnixMillis| Pointer { list, owner, at: at.0, id: Record::key(self) };
        let mut pointers = vec![pointer(OF_ORGANIZER, Some(Name::Id(self.organizer.0)), self.created_at)];
        if self.state != EventState::Draft {
            pointers.push(pointer(BY_START, None, self.starts_at));
        }
        pointers.extend(due_at(self).map(|at| pointer(DUE, None, at)));
        pointers
    }
}
