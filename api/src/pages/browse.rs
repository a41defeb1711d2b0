//! The list of events and the page of one.

use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::{EventId, UnixMillis};
use usher_engine::catalogue::EventState;

use super::{Answer, Frame, money, page, public_page, state_text, when};
use crate::access::Subject;
use crate::desk::buyer::{self, BrowseQuery, EventCard, EventSheet};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// The filter as the form sends it: days, and part of a name.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "buyer/events.html")]
struct EventsPage {
    frame: Frame,
    filter: Filter,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    event: EventId,
    name: String,
    venue: String,
    when: String,
    state: &'static str,
    on_sale: bool,
    price: String,
}

impl From<&EventCard> for Row {
    fn from(card: &EventCard) -> Self {
        let price = match (card.price_min_minor, card.price_max_minor) {
            (Some(min), Some(max)) if min == max && min.0 == 0 => "Free".to_owned(),
            (Some(min), Some(max)) if min == max => money(min, card.currency),
            (Some(min), Some(max)) => format!("{} to {}", money(min, card.currency), money(max, card.currency)),
            (None, _) | (_, None) => String::new(),
        };
        Self {
            event: card.event,
            name: card.name.clone(),
            venue: card.venue.clone(),
            when: when(card.starts_at, &card.time_zone),
            state: state_text(card.state),
            on_sale: card.state == EventState::OnSale,
            price,
        }
    }
}

/// A day as midnight UTC; an empty field is no filter.
fn day(name: &str, text: &str, days_later: i64) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::invalid(&format!("/{name}"), "expected a day such as 2027-03-01".to_owned());
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()));
    let at = at.map_err(|_| wrong())?.as_millisecond();
    Ok(Some(Timestamp(UnixMillis(at + days_later * 86_400_000))))
}

/// Events on sale and to come.
pub(super) async fn list(state: Data<AppState>, filter: Query<Filter>) -> Answer {
    let filter = filter.into_inner();
    let query = BrowseQuery {
        from: day("from", &filter.from, 0)?,
        to: day("to", &filter.to, 1)?,
        q: Some(filter.q.clone()),
        limit: None,
        cursor: filter.cursor.clone(),
    };
    let listed = buyer::browse(&state, &query).await?;
    let next = listed.next_cursor.map(|cursor| {
        let pairs = [("q", &filter.q), ("from", &filter.from), ("to", &filter.to), ("cursor", &cursor)];
        format!("/?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    });
    let rows = listed.data.iter().map(Row::from).collect();
    public_page(&EventsPage { frame: Frame::new(&state), filter, rows, next })
}

#[derive(Template)]
#[template(path = "buyer/event.html")]
struct EventPage {
    frame: Frame,
    row: Row,
    sheet: EventSheet,
    paragraphs: Vec<String>,
    tiers: Vec<(String, String)>,
    opens: Option<String>,
}

/// One event.
pub(super) async fn one(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    let sheet = buyer::event(&state, &subject, *event).await?;
    let price = |tier: &buyer::TierSheet| match tier.price_minor {
        Some(price) if price.0 == 0 => "free".to_owned(),
        Some(price) => money(price, sheet.card.currency),
        None => "not set".to_owned(),
    };
    let template = EventPage {
        frame: Frame::new(&state),
        row: Row::from(&sheet.card),
        paragraphs: sheet.description.split("\n\n").map(str::to_owned).collect(),
        tiers: sheet.tiers.iter().map(|tier| (tier.name.clone(), price(tier))).collect(),
        opens: sheet.card.opens_at.map(|at| when(at, &sheet.card.time_zone)),
        sheet,
    };
    // A draft is seen by its organizer only and must not be kept for others.
    if template.sheet.card.state == EventState::Draft { page(&template) } else { public_page(&template) }
}
