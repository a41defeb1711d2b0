//! Events as their organizer describes them.

use serde::Serialize;
use usher_core::plan::Layout;
use usher_core::{Command, EventId, Limits, OrganizerId, Priced, TierIdx, UnixMillis};
use usher_engine::audit_log::Deed;
use usher_engine::catalogue::{EventRecord, EventState, TierPrice};
use usher_engine::ids;

use super::event_forms::{EventForm, EventPatch, PriceForm, check, tier_prices};
use crate::access::{Action, Subject};
use crate::desk::audit::{Intent, recorded};
use crate::desk::buyer::EventSheet;
use crate::desk::{ListQuery, Listed, ask, load, on_conflict};
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// An event as its organizer sees it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrganizerEventSheet {
    /// What buyers see.
    #[serde(flatten)]
    pub sheet: EventSheet,
    /// The event cannot run and needs its operator: counts are then 0 and prices as described, not as sold.
    pub out_of_order: bool,
    /// Raised by each change; the `ETag`.
    pub revision: u64,
    /// What must be done before it can be published; empty once it can.
    pub missing: Vec<String>,
    /// When it was created.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
}

impl OrganizerEventSheet {
    /// The sheet of an event. One that is out of order is shown as it is described, so that it hides no other.
    ///
    /// # Errors
    /// The store or the event does not answer.
    pub async fn of(state: &AppState, record: &EventRecord) -> Result<Self, Problem> {
        let (sheet, out_of_order) = match EventSheet::of(state, record).await {
            Ok(sheet) => (sheet, false),
            Err(problem) if problem.kind == &kinds::EVENT_UNAVAILABLE => {
                let described = EventSheet::as_seen(state, record, None).await?;
                (EventSheet { capacity_count: 0, available_count: 0, ..described }, true)
            }
            Err(problem) => return Err(problem),
        };
        let missing = match record.state {
            EventState::Draft => missing(&sheet),
            EventState::Announced
            | EventState::OnSale
            | EventState::Paused
            | EventState::SoldOut
            | EventState::Closed
            | EventState::Cancelled => Vec::new(),
        };
        Ok(Self {
            sheet,
            out_of_order,
            revision: record.revision,
            missing,
            created_at: record.created_at.into(),
            updated_at: record.updated_at.into(),
        })
    }
}

/// What stands between a draft and its publication.
fn missing(sheet: &EventSheet) -> Vec<String> {
    let mut missing = Vec::new();
    if sheet.plan_digest.is_none() {
        missing.push("a seating plan".to_owned());
    }
    let unpriced = sheet.tiers.iter().filter(|tier| tier.price_minor.is_none());
    missing.extend(unpriced.map(|tier| format!("a price for the tier {} ({})", tier.name, tier.code)));
    missing
}

/// Replaces a record that is still at `revision`.
pub(super) async fn replace(state: &AppState, revision: u64, record: EventRecord) -> Result<(), Problem> {
    match state.catalogue.replace(revision, record).await {
        Ok(()) => Ok(()),
        Err(error) => Err(on_conflict(error, &kinds::CHANGED_MEANWHILE)),
    }
}

/// A change that names a revision is made to that one only.
pub(super) fn expect_revision(record: &EventRecord, revision: Option<u64>) -> Result<(), Problem> {
    match revision {
        Some(revision) if revision != record.revision => Err(Problem::of(&kinds::CHANGED_MEANWHILE)),
        Some(_) | None => Ok(()),
    }
}

/// Creates a draft.
///
/// # Errors
/// Not logged in, a form that cannot be (all faults at once); the store does not answer.
pub async fn create_event(
    state: &AppState,
    subject: &Subject,
    form: &EventForm,
) -> Result<OrganizerEventSheet, Problem> {
    let login = subject.login()?;
    let record = EventRecord {
        id: EventId(ids::fresh()),
        organizer: login.organizer,
        organizer_name: login.organizer_name.clone(),
        ..record_of(form, state.clock.now())
    };
    check(state, &record)?;
    state.catalogue.create(record.clone()).await?;
    OrganizerEventSheet::of(state, &record).await
}

/// Whether a draft can be made of it.
///
/// # Errors
/// All faults at once.
pub fn check_event(state: &AppState, form: &EventForm) -> Result<(), Problem> {
    check(state, &record_of(form, state.clock.now()))
}

/// A draft of nobody yet.
fn record_of(form: &EventForm, now: UnixMillis) -> EventRecord {
    EventRecord {
        id: EventId(0),
        organizer: OrganizerId(0),
        organizer_name: String::new(),
        revision: 1,
        state: EventState::Draft,
        name: form.name.trim().to_owned(),
        description: form.description.trim().to_owned(),
        venue: form.venue.trim().to_owned(),
        starts_at: form.starts_at.0,
        time_zone: form.time_zone.trim().to_owned(),
        currency: form.currency,
        opens_at: form.opens_at.map(|at| at.0),
        closes_at: form.closes_at.map(|at| at.0),
        limits: form.limits.as_ref().map_or_else(Limits::default, Limits::from),
        prices: tier_prices(&form.prices),
        plan_digest: None,
        created_at: now,
        updated_at: now,
    }
}

/// The organizer's events, latest first.
///
/// # Errors
/// Not logged in; the store does not answer.
pub async fn my_events(
    state: &AppState,
    subject: &Subject,
    query: &ListQuery,
) -> Result<Listed<OrganizerEventSheet>, Problem> {
    let organizer = subject.login()?.organizer;
    let page = state.catalogue.list_of_organizer(organizer, query.cursor.as_deref(), query.rows_max()).await?;
    let mut data = Vec::with_capacity(page.rows.len());
    for record in &page.rows {
        data.push(OrganizerEventSheet::of(state, record).await?);
    }
    Ok(Listed { data, next_cursor: page.next_cursor })
}

/// One of the organizer's events.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn my_event(state: &AppState, subject: &Subject, event: EventId) -> Result<OrganizerEventSheet, Problem> {
    let record = load(state, subject, Action::Organize, event).await?;
    OrganizerEventSheet::of(state, &record).await
}

/// Changes an event that is still at `revision`.
///
/// # Errors
/// Not logged in, not found, changed meanwhile, a change that cannot be; the store does not answer.
pub async fn edit_event(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    revision: u64,
    patch: &EventPatch,
) -> Result<OrganizerEventSheet, Problem> {
    let mut record = load(state, subject, Action::Organize, event).await?;
    expect_revision(&record, Some(revision))?;
    patch.apply(&mut record)?;
    check(state, &record)?;
    record.revision += 1;
    record.updated_at = state.clock.now();
    replace(state, revision, record.clone()).await?;
    OrganizerEventSheet::of(state, &record).await
}

/// Deletes a draft.
///
/// # Errors
/// Not logged in, not found, not a draft; the store does not answer.
pub async fn delete_event(state: &AppState, subject: &Subject, event: EventId) -> Result<(), Problem> {
    load(state, subject, Action::Organize, event).await?;
    match state.catalogue.delete_draft(event).await {
        Ok(()) => {
            state.events.unload(event).await;
            Ok(())
        }
        Err(error) => Err(on_conflict(error, &kinds::NOT_A_DRAFT)),
    }
}

/// Sets prices: of a draft all of them, of a published event for places not held yet.
///
/// # Errors
/// Not logged in, not found, not at `revision` when one is named, an unknown tier or a price that cannot be; the store or the event does not answer.
pub async fn set_prices(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    revision: Option<u64>,
    prices: &[PriceForm],
) -> Result<OrganizerEventSheet, Problem> {
    let mut record = load(state, subject, Action::Organize, event).await?;
    expect_revision(&record, revision)?;
    let intent = Intent::of_event(Deed::ChangePrices, event);
    Box::pin(recorded(state, subject, intent, change_prices(state, &mut record, prices))).await?;
    OrganizerEventSheet::of(state, &record).await
}

async fn change_prices(state: &AppState, record: &mut EventRecord, prices: &[PriceForm]) -> Result<(), Problem> {
    let (event, revision) = (record.id, record.revision);
    let map = state.plans.of(record).await?;
    let priced = priced(&map.layout, &tier_prices(prices))?;
    if record.state == EventState::Draft {
        record.prices = tier_prices(prices);
        check(state, record)?;
    } else {
        ask(state, event, Command::ChangePrices { prices: priced }).await?;
        for price in tier_prices(prices) {
            record.prices.retain(|known| known.tier != price.tier);
            record.prices.push(price);
        }
    }
    record.revision += 1;
    record.updated_at = state.clock.now();
    replace(state, revision, record.clone()).await
}

/// Prices by position in the plan; all tiers that are not in it are told at once.
pub(super) fn priced(layout: &Layout, prices: &[TierPrice]) -> Result<Vec<Priced>, Problem> {
    let mut found = Vec::with_capacity(prices.len());
    let mut faults = Vec::new();
    for (position, price) in prices.iter().enumerate() {
        match (0u16..).zip(layout.tiers()).find(|(_, tier)| tier.code == price.tier) {
            Some((tier, _)) => found.push(Priced { tier: TierIdx(tier), price_minor: price.price_minor }),
            None => faults.push((format!("/prices/{position}/tier"), format!("the plan has no tier {}", price.tier))),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(Problem::invalid_all(faults)) }
}
