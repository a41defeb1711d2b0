//! A new event from one form: what, where, when, and a room to start from.

use actix_web::web::{Bytes, Data};
use askama::Template;
use usher_core::UnixMillis;

use crate::access::Subject;
use crate::desk::organizer::{self, EventForm, GenerateForm, PlanTemplate};
use crate::pages::form::{Form, number};
use crate::pages::{Answer, Frame, page as html, see};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

#[derive(Template)]
#[template(path = "organizer/new.html")]
struct NewPage {
    frame: Frame,
}

/// The form.
pub(super) async fn page(state: Data<AppState>) -> Answer {
    html(&NewPage { frame: Frame::new(&state) })
}

/// A local time in a zone, as `<input type="datetime-local">` sends it.
fn local_time(text: &str, time_zone: &str) -> Result<Timestamp, Problem> {
    let wrong = |_| Problem::invalid("/starts_at", "expected a time such as 2027-03-01T19:30 in a known time zone");
    let local: jiff::civil::DateTime = text.parse().map_err(wrong)?;
    let zone = jiff::tz::TimeZone::get(time_zone).map_err(wrong)?;
    let at = zone.to_timestamp(local).map_err(wrong)?;
    Ok(Timestamp(UnixMillis(at.as_millisecond())))
}

/// Creates the draft and its plan; prices follow on the control page, where the plan's tiers are known.
pub(super) async fn create(state: Data<AppState>, subject: Subject, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let time_zone = form.text("time_zone").to_owned();
    let currency = form.text("currency").parse().map_err(|what: &str| Problem::invalid("/currency", what))?;
    let new = EventForm {
        name: form.text("name").to_owned(),
        description: form.text("description").replace("\r\n", "\n"),
        venue: form.text("venue").to_owned(),
        starts_at: local_time(form.text("starts_at"), &time_zone)?,
        time_zone,
        currency,
        opens_at: None,
        closes_at: None,
        limits: None,
        prices: Vec::new(),
    };
    let template = match form.text("template") {
        "arena" => PlanTemplate::Arena,
        "club" => PlanTemplate::Club,
        "hall" => PlanTemplate::Hall,
        _ => return Err(Problem::invalid("/template", "expected hall, arena or club")),
    };
    let plan = GenerateForm {
        template,
        name: new.venue.clone(),
        seats_count: number("seats_count", form.given("seats_count").unwrap_or("0"))?,
        standing_count: number("standing_count", form.given("standing_count").unwrap_or("0"))?,
    };
    let event = organizer::create_event(&state, &subject, &new).await?.sheet.card.event;
    organizer::generate_plan(&state, &subject, event, &plan).await?;
    Ok(see(&format!("/organizer/events/{event}")))
}
