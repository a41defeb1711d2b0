//! Looking around: events, their seat maps, what is free.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use usher_core::plan::Layout;
use usher_core::{Currency, EventId, Limits, Minor, OrganizerId, Phase, UnixMillis};
use usher_engine::catalogue::{EventRecord, EventState, PublicFilter};
use usher_engine::event::View;

use crate::access::{Action, Subject};
use crate::desk::{ListQuery, Listed, hex, load};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// Which public events, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BrowseQuery {
    /// Shows that begin at this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Shows that begin before this time.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
    /// Part of the name or the venue.
    pub q: Option<String>,
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// An event in a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EventCard {
    /// Id.
    #[schema(value_type = String)]
    pub event: EventId,
    /// Whose.
    #[schema(value_type = String)]
    pub organizer: OrganizerId,
    /// The organizer's name.
    pub organizer_name: String,
    /// Name.
    pub name: String,
    /// Venue and address in one line.
    pub venue: String,
    /// When the show begins.
    #[schema(value_type = String)]
    pub starts_at: Timestamp,
    /// IANA zone of the venue.
    pub time_zone: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: EventState,
    /// ISO 4217.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// When the sale opens by itself.
    #[schema(value_type = Option<String>)]
    pub opens_at: Option<Timestamp>,
    /// When the sale closes by itself.
    #[schema(value_type = Option<String>)]
    pub closes_at: Option<Timestamp>,
    /// The lowest price.
    #[schema(value_type = Option<u64>)]
    pub price_min_minor: Option<Minor>,
    /// The highest price.
    #[schema(value_type = Option<u64>)]
    pub price_max_minor: Option<Minor>,
}

/// A price tier and its price today.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TierSheet {
    /// Code, as asks and prices name it.
    pub code: String,
    /// For people.
    pub name: String,
    /// What a place costs; absent until the organizer has said.
    #[schema(value_type = Option<u64>)]
    pub price_minor: Option<Minor>,
}

/// What one buyer may claim.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSheet {
    /// Places in one order.
    pub places_per_order_max: u16,
    /// Places one buyer may hold and own together.
    pub places_per_buyer_max: u16,
    /// Live holds of one buyer at once.
    pub holds_per_buyer_max: u16,
    /// How long a hold lasts.
    pub hold_ms: u64,
    /// How long a hold may last in all.
    pub hold_total_max_ms: u64,
}

impl From<&Limits> for LimitsSheet {
    fn from(limits: &Limits) -> Self {
        Self {
            places_per_order_max: limits.places_per_order_max,
            places_per_buyer_max: limits.places_per_buyer_max,
            holds_per_buyer_max: limits.holds_per_buyer_max,
            hold_ms: limits.hold_ms,
            hold_total_max_ms: limits.hold_total_max_ms,
        }
    }
}

impl From<&LimitsSheet> for Limits {
    fn from(sheet: &LimitsSheet) -> Self {
        Self {
            places_per_order_max: sheet.places_per_order_max,
            places_per_buyer_max: sheet.places_per_buyer_max,
            holds_per_buyer_max: sheet.holds_per_buyer_max,
            hold_ms: sheet.hold_ms,
            hold_total_max_ms: sheet.hold_total_max_ms,
            ..Self::default()
        }
    }
}

impl Default for LimitsSheet {
    fn default() -> Self {
        (&Limits::default()).into()
    }
}

/// An event in full.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EventSheet {
    /// What lists show.
    #[serde(flatten)]
    pub card: EventCard,
    /// Plain text; blank lines part paragraphs.
    pub description: String,
    /// Price tiers, in the plan's order; empty without a plan.
    pub tiers: Vec<TierSheet>,
    /// What one buyer may claim.
    pub limits: LimitsSheet,
    /// All places.
    pub capacity_count: u64,
    /// Free places.
    pub available_count: u64,
    /// Names the seating plan for good, in hexadecimal; absent without a plan.
    pub plan_digest: Option<String>,
    /// The server's time, to set countdowns by.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

impl From<&EventRecord> for EventCard {
    fn from(record: &EventRecord) -> Self {
        let prices = || record.prices.iter().map(|price| price.price_minor);
        Self {
            event: record.id,
            organizer: record.organizer,
            organizer_name: record.organizer_name.clone(),
            name: record.name.clone(),
            venue: record.venue.clone(),
            starts_at: record.starts_at.into(),
            time_zone: record.time_zone.clone(),
            state: record.state,
            currency: record.currency,
            opens_at: record.opens_at.map(Timestamp),
            closes_at: record.closes_at.map(Timestamp),
            price_min_minor: prices().min(),
            price_max_minor: prices().max(),
        }
    }
}

impl EventSheet {
    /// The sheet of an event, with or without a plan.
    ///
    /// # Errors
    /// The store or the event does not answer.
    pub async fn of(state: &AppState, record: &EventRecord) -> Result<Self, Problem> {
        let sells = record.plan_digest.is_some() && record.state != EventState::Draft;
        let view = if sells { Some(state.events.view(record.id).await?) } else { None };
        Self::as_seen(state, record, view.as_deref()).await
    }

    /// The sheet of an event as a committed view of it shows it; without one, as the catalogue describes it.
    pub(crate) async fn as_seen(state: &AppState, record: &EventRecord, view: Option<&View>) -> Result<Self, Problem> {
        let mut sheet = Self {
            card: record.into(),
            description: record.description.clone(),
            tiers: Vec::new(),
            limits: (&record.limits).into(),
            capacity_count: 0,
            available_count: 0,
            plan_digest: record.plan_digest.map(|digest| hex(&digest)),
            server_now: state.clock.now().into(),
        };
        if record.plan_digest.is_none() {
            return Ok(sheet);
        }
        let map = state.plans.of(record).await?;
        sheet.capacity_count = map.layout.capacity();
        sheet.available_count = view.map_or(sheet.capacity_count, |view| view.counts.available_count);
        for (position, tier) in map.layout.tiers().iter().enumerate() {
            let planned = record.prices.iter().find(|price| price.tier == tier.code).map(|price| price.price_minor);
            let price_minor = match view {
                Some(view) => view.prices.get(position).copied().flatten(),
                None => planned,
            };
            sheet.tiers.push(TierSheet { code: tier.code.clone(), name: tier.name.clone(), price_minor });
        }
        Ok(sheet)
    }
}

impl Availability {
    /// What a committed view says.
    #[must_use]
    pub fn of(view: &View, now: UnixMillis) -> Self {
        let areas = view.layout.areas().iter().zip(view.areas_free.iter());
        Self {
            version: view.seq,
            phase: view.phase,
            seats: Arc::clone(&view.availability),
            areas: areas
                .map(|(area, free)| AreaAvailability { code: area.code.clone(), available_count: *free })
                .collect(),
            available_count: view.counts.available_count,
            server_now: now.into(),
        }
    }
}

/// The committed view of an event that the subject may see. Of a published event the catalogue is not asked.
pub(crate) async fn visible_view(state: &AppState, subject: &Subject, event: EventId) -> Result<Arc<View>, Problem> {
    let view = state.events.view(event).await?;
    if view.phase == Phase::Draft {
        load(state, subject, Action::Look, event).await?;
    }
    Ok(view)
}

/// A seat map: geometry and labels, which never change for one digest.
#[derive(Debug, Clone)]
pub struct SeatMap {
    /// The plan's digest in hexadecimal.
    pub digest: String,
    /// The document the API serves.
    pub json: Bytes,
    /// The plan itself, for pages.
    pub layout: Arc<Layout>,
}

/// Free places of an area.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AreaAvailability {
    /// The area's code.
    pub code: String,
    /// Free places.
    pub available_count: u32,
}

/// What is free, as of one committed version.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Availability {
    /// The journal's sequence number it is true of.
    pub version: u64,
    /// Where the sale stands.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Two bits a seat in base64, four seats a byte, seat 0 in the lowest bits: 0 available, 1 held, 2 sold, 3 blocked.
    #[schema(value_type = String)]
    #[serde(serialize_with = "as_base64")]
    pub seats: Arc<[u8]>,
    /// Areas, in the plan's order.
    pub areas: Vec<AreaAvailability>,
    /// All free places.
    pub available_count: u64,
    /// The server's time.
    #[schema(value_type = String)]
    pub server_now: Timestamp,
}

fn as_base64<S: serde::Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine;
    serializer.serialize_str(&base64::prelude::BASE64_STANDARD.encode(bytes))
}

/// Published events, soonest first.
///
/// # Errors
/// A cursor that is none; the store does not answer.
pub async fn browse(state: &AppState, query: &BrowseQuery) -> Result<Listed<EventCard>, Problem> {
    let filter = PublicFilter {
        from: query.from.map(|at| at.0),
        to: query.to.map(|at| at.0),
        text: query.q.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
    };
    let rows_max = ListQuery { limit: query.limit, cursor: None }.rows_max();
    let page = state.catalogue.list_public(&filter, query.cursor.as_deref(), rows_max).await?;
    Ok(Listed { data: page.rows.iter().map(EventCard::from).collect(), next_cursor: page.next_cursor })
}

/// One event. Drafts are for their organizer only.
///
/// # Errors
/// Not found; the store or the event does not answer.
pub async fn event(state: &AppState, subject: &Subject, event: EventId) -> Result<EventSheet, Problem> {
    let record = load(state, subject, Action::Look, event).await?;
    EventSheet::of(state, &record).await
}

/// The event's seat map.
///
/// # Errors
/// Not found, or no plan yet; the store does not answer.
pub async fn seat_map(state: &AppState, subject: &Subject, event: EventId) -> Result<Arc<SeatMap>, Problem> {
    let record = load(state, subject, Action::Look, event).await?;
    state.plans.of(&record).await
}

/// What is free now.
///
/// # Errors
/// Not found, or no plan yet; the store or the event does not answer.
pub async fn availability(state: &AppState, subject: &Subject, event: EventId) -> Result<Availability, Problem> {
    let view = visible_view(state, subject, event).await?;
    Ok(Availability::of(&view, state.clock.now()))
}
