//! Events as their organizer describes them.

use serde::{Deserialize, Serialize};
use usher_core::{Currency, EventId, Minor};

use crate::access::Subject;
use crate::desk::buyer::{EventSheet, LimitsSheet};
use crate::desk::{ListQuery, Listed};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// A price for a tier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceForm {
    /// The tier's code in the plan.
    pub tier: String,
    /// What one place costs.
    #[schema(value_type = u64)]
    pub price_minor: Minor,
}

/// A new event.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventForm {
    /// Name.
    pub name: String,
    /// Plain text; blank lines part paragraphs.
    #[serde(default)]
    pub description: String,
    /// Venue and address in one line.
    pub venue: String,
    /// When the show begins.
    #[schema(value_type = String)]
    pub starts_at: Timestamp,
    /// IANA zone of the venue.
    pub time_zone: String,
    /// ISO 4217; fixed once published.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// When the sale opens by itself.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub opens_at: Option<Timestamp>,
    /// When the sale closes by itself.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub closes_at: Option<Timestamp>,
    /// What one buyer may claim; fixed once published.
    #[serde(default)]
    pub limits: Option<LimitsSheet>,
    /// Prices by tier; may follow later.
    #[serde(default)]
    pub prices: Vec<PriceForm>,
}

/// A change of an event: what is absent stays, `null` removes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventPatch {
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Venue.
    pub venue: Option<String>,
    /// When the show begins.
    #[schema(value_type = Option<String>)]
    pub starts_at: Option<Timestamp>,
    /// IANA zone of the venue.
    pub time_zone: Option<String>,
    /// Currency; of a draft only.
    #[schema(value_type = Option<String>)]
    pub currency: Option<Currency>,
    /// When the sale opens by itself.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub opens_at: Option<Option<Timestamp>>,
    /// When the sale closes by itself.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub closes_at: Option<Option<Timestamp>>,
    /// Limits; of a draft only.
    pub limits: Option<LimitsSheet>,
}

/// Tells `null` from absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::<Timestamp>::deserialize(deserializer).map(Some)
}

/// An event as its organizer sees it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrganizerEventSheet {
    /// What buyers see.
    #[serde(flatten)]
    pub sheet: EventSheet,
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

/// Creates a draft.
///
/// # Errors
/// Not logged in, a form that cannot be (all faults at once); the store does not answer.
pub async fn create_event(
    state: &AppState,
    subject: &Subject,
    form: &EventForm,
) -> Result<OrganizerEventSheet, Problem> {
    let _ = (state, subject, form);
    todo!()
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
    let _ = (state, subject, query);
    todo!()
}

/// One of the organizer's events.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn my_event(state: &AppState, subject: &Subject, event: EventId) -> Result<OrganizerEventSheet, Problem> {
    let _ = (state, subject, event);
    todo!()
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
    let _ = (state, subject, event, revision, patch);
    todo!()
}

/// Deletes a draft.
///
/// # Errors
/// Not logged in, not found, not a draft; the store does not answer.
pub async fn delete_event(state: &AppState, subject: &Subject, event: EventId) -> Result<(), Problem> {
    let _ = (state, subject, event);
    todo!()
}

/// Sets prices: of a draft all of them, of a published event for places not held yet.
///
/// # Errors
/// Not logged in, not found, an unknown tier or a price that cannot be; the store or the event does not answer.
pub async fn set_prices(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    prices: &[PriceForm],
) -> Result<OrganizerEventSheet, Problem> {
    let _ = (state, subject, event, prices);
    todo!()
}
