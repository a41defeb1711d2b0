//! What an organizer writes about an event.

use serde::{Deserialize, Serialize};
use usher_core::{Currency, Minor};
use usher_engine::catalogue::{EventRecord, EventState, TierPrice};

use crate::desk::buyer::LimitsSheet;
use crate::desk::printed::check_line;
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// The longest name, venue and description, in characters.
const NAME_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 10_000;

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

impl EventPatch {
    /// Makes the change; whether the result can be is for [`check`].
    pub(super) fn apply(&self, record: &mut EventRecord) -> Result<(), Problem> {
        let fixed = self.currency.is_some() || self.limits.is_some();
        if fixed && record.state != EventState::Draft {
            return Err(Problem::new(&kinds::NOT_A_DRAFT, "Currency and limits are fixed since it was published"));
        }
        let put = |to: &mut String, from: &Option<String>| {
            if let Some(text) = from {
                text.trim().clone_into(to);
            }
        };
        put(&mut record.name, &self.name);
        put(&mut record.description, &self.description);
        put(&mut record.venue, &self.venue);
        put(&mut record.time_zone, &self.time_zone);
        record.starts_at = self.starts_at.map_or(record.starts_at, |at| at.0);
        record.currency = self.currency.unwrap_or(record.currency);
        record.opens_at = self.opens_at.map_or(record.opens_at, |opens_at| opens_at.map(|at| at.0));
        record.closes_at = self.closes_at.map_or(record.closes_at, |closes_at| closes_at.map(|at| at.0));
        if let Some(limits) = &self.limits {
            record.limits = limits.into();
        }
        Ok(())
    }
}

/// Everything about a record that cannot be.
pub(super) fn check(state: &AppState, record: &EventRecord) -> Result<(), Problem> {
    let fonts = state.back_office.fonts();
    let mut faults = Vec::new();
    let mut fault = |holds: bool, member: &str, what: String| {
        if !holds {
            faults.push((format!("/{member}"), what));
        }
    };
    for (member, text) in [("name", &record.name), ("venue", &record.venue)] {
        let line = check_line(fonts, text, NAME_CHARS_MAX);
        fault(line.is_ok(), member, line.err().unwrap_or_default());
    }
    let described = record.description.chars().count() <= DESCRIPTION_CHARS_MAX;
    fault(described, "description", format!("at most {DESCRIPTION_CHARS_MAX} letters"));
    let zone = jiff::tz::TimeZone::get(&record.time_zone).is_ok();
    fault(zone, "time_zone", "an IANA time zone such as Europe/Vienna".to_owned());
    let currency = iso_currency::Currency::from_code(record.currency.as_str()).is_some();
    fault(currency, "currency", "an ISO 4217 currency such as EUR".to_owned());
    if let Err(what) = record.limits.check() {
        fault(false, "limits", what.to_owned());
    }
    if let (Some(opens_at), Some(closes_at)) = (record.opens_at, record.closes_at) {
        fault(opens_at < closes_at, "closes_at", "must be later than opens_at".to_owned());
    }
    for (position, price) in record.prices.iter().enumerate() {
        let member = format!("prices/{position}/price_minor");
        fault(price.price_minor <= Minor::PRICE_MAX, &member, format!("at most {}", Minor::PRICE_MAX.0));
        let twice = record.prices[..position].iter().any(|other| other.tier == price.tier);
        fault(!twice, &format!("prices/{position}/tier"), "the tier has a price already".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid_all(faults)) }
}

/// Prices as the catalogue keeps them.
pub(super) fn tier_prices(prices: &[PriceForm]) -> Vec<TierPrice> {
    prices.iter().map(|price| TierPrice { tier: price.tier.clone(), price_minor: price.price_minor }).collect()
}
