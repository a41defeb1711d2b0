//! Live sales: figures and a chart drawn on the server, asked for again when the stream of sales says so.

use actix_web::web::{Data, Path};
use askama::Template;
use usher_core::EventId;

use crate::access::Subject;
use crate::desk::organizer::{self, SalesSheet};
use crate::pages::{Answer, Frame, money, page as html, when};
use crate::state::AppState;

/// Minutes in the chart.
const CHART_MINUTES: usize = 60;
/// The chart's height in its own units; its bars are ten wide.
const CHART_HEIGHT: u32 = 200;

struct Bar {
    x: usize,
    y: u32,
    height: u32,
    words: String,
}

#[derive(Template)]
#[template(path = "organizer/sales.html")]
struct SalesPage {
    frame: Frame,
    name: String,
    sheet: SalesSheet,
    as_of: String,
    captured: String,
    refunded: String,
    sold_percent: u64,
    chart: Chart,
}

/// The last minutes as bars, and the same in words for those who do not see them.
struct Chart {
    bars: Vec<Bar>,
    width: usize,
    places_count: u64,
    /// The highest bar.
    most_count: u32,
}

fn chart(sheet: &SalesSheet) -> Chart {
    let now = sheet.server_now.0.0.div_euclid(60_000);
    let first = now - i64::try_from(CHART_MINUTES).unwrap_or(0) + 1;
    let shown = || sheet.figures.places_by_minute.iter().filter(|(minute, _)| *minute >= first);
    let most_count = shown().map(|(_, count)| *count).max().unwrap_or(0);
    let bars = shown()
        .map(|(minute, count)| {
            let share = u64::from(*count) * u64::from(CHART_HEIGHT) / u64::from(most_count.max(1));
            let height = u32::try_from(share).unwrap_or(0);
            let ago = now - minute;
            Bar {
                x: usize::try_from(minute - first).unwrap_or(0) * 10,
                y: CHART_HEIGHT - height,
                height,
                words: format!("{count} places, {ago} minutes ago"),
            }
        })
        .collect();
    let places_count = shown().map(|(_, count)| u64::from(*count)).sum();
    Chart { bars, width: CHART_MINUTES * 10, places_count, most_count }
}

/// The page.
pub(super) async fn page(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    let sheet = organizer::sales(&state, &subject, *event).await?;
    let card = organizer::my_event(&state, &subject, *event).await?.sheet.card;
    let (name, time_zone) = (card.name, card.time_zone);
    html(&SalesPage {
        frame: Frame::new(&state),
        name,
        as_of: when(sheet.server_now, &time_zone),
        captured: money(sheet.figures.captured_minor, sheet.currency),
        refunded: money(sheet.figures.refunded_minor, sheet.currency),
        sold_percent: (sheet.counts.sold_count * 100).checked_div(sheet.capacity_count).unwrap_or(0),
        chart: chart(&sheet),
        sheet,
    })
}
