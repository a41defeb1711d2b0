//! A new event from one form: what, where, when, and a room to start from.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use askama::Template;
use usher_core::UnixMillis;
use usher_core::plan::NAME_CHARS_MAX;

use crate::access::Subject;
use crate::desk::organizer::{self, EventForm, GenerateForm, PlanTemplate};
use crate::pages::faults::Faults;
use crate::pages::form::Form;
use crate::pages::{Answer, Frame, page as html, page_with_status, see};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// What the empty form suggests.
const SUGGESTED: [(&str, &str); 5] = [
    ("time_zone", "Europe/Vienna"),
    ("currency", "EUR"),
    ("template", "hall"),
    ("seats_count", "200"),
    ("standing_count", "0"),
];

/// Fields that show their own faults.
const SHOWN: &[&str] = &[
    "name",
    "venue",
    "description",
    "starts_at",
    "time_zone",
    "currency",
    "template",
    "seats_count",
    "standing_count",
];

/// Rooms to choose from.
const ROOMS: [(&str, &str); 3] = [
    ("hall", "Small hall: rows before a stage"),
    ("arena", "Arena: sections around an oval and a standing floor"),
    ("club", "Club: standing only"),
];

#[derive(Template)]
#[template(path = "organizer/new.html")]
struct NewPage {
    frame: Frame,
    form: Form,
    faults: Faults,
}

/// The form.
pub(super) async fn page(state: Data<AppState>) -> Answer {
    html(&NewPage { frame: Frame::new(&state), form: Form::of(&SUGGESTED), faults: Faults::default() })
}

/// A local time in a zone, as `<input type="datetime-local">` sends it.
fn local_time(text: &str, time_zone: &str) -> Result<Timestamp, String> {
    let wrong = |_| "a day and a time such as 2027-03-01T19:30".to_owned();
    let local: jiff::civil::DateTime = text.parse().map_err(wrong)?;
    // A zone that is none is told beside its own field.
    let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = zone.to_timestamp(local).map_err(wrong)?;
    Ok(Timestamp(UnixMillis(at.as_millisecond())))
}

/// Places of a kind; an empty field is none.
fn count(form: &Form, name: &str) -> Result<u32, String> {
    let wrong = |_| "a whole number, such as 200".to_owned();
    form.given(name).map_or(Ok(0), |text| text.parse().map_err(wrong))
}

/// The event and its room, or all that is wrong with the form.
fn read(state: &AppState, form: &Form) -> Result<(EventForm, GenerateForm), Faults> {
    let mut faults = Faults::default();
    let template = match form.text("template") {
        "arena" => Ok(PlanTemplate::Arena),
        "club" => Ok(PlanTemplate::Club),
        "hall" => Ok(PlanTemplate::Hall),
        _ => Err("a hall, an arena or a club".to_owned()),
    };
    let starts_at = faults.gathered("starts_at", local_time(form.text("starts_at"), form.text("time_zone")));
    let currency = form.text("currency").parse().map_err(|_| "an ISO 4217 currency such as EUR".to_owned());
    let currency = faults.gathered("currency", currency);
    let template = faults.gathered("template", template);
    let seats_count = faults.gathered("seats_count", count(form, "seats_count"));
    let standing_count = faults.gathered("standing_count", count(form, "standing_count"));
    // What could not be read stands in as something that can be, so that the desk judges all the rest.
    let event = EventForm {
        name: form.text("name").to_owned(),
        description: form.text("description").replace("\r\n", "\n"),
        venue: form.text("venue").to_owned(),
        starts_at: starts_at.unwrap_or(Timestamp(UnixMillis(0))),
        time_zone: form.text("time_zone").to_owned(),
        currency: currency.or_else(|| "EUR".parse().ok()).ok_or_else(Faults::default)?,
        opens_at: None,
        closes_at: None,
        limits: None,
        prices: Vec::new(),
    };
    let plan = GenerateForm {
        template: template.unwrap_or(PlanTemplate::Hall),
        name: event.venue.chars().take(NAME_CHARS_MAX).collect(),
        seats_count: seats_count.unwrap_or(1),
        standing_count: standing_count.unwrap_or(1),
    };
    if let Err(problem) = organizer::check_event(state, &event) {
        faults.merge(&problem, str::to_owned);
    }
    if let Err(problem) = organizer::check_generate(&plan) {
        faults.merge(&problem, |place| plan_field(place).to_owned());
    }
    if faults.is_empty() { Ok((event, plan)) } else { Err(faults) }
}

/// The field that a part of a generated plan follows from.
fn plan_field(place: &str) -> &'static str {
    match place {
        "name" => "venue",
        "standing_count" => "standing_count",
        _ => "seats_count",
    }
}

/// Creates the draft and its plan; prices follow on the control page, where the plan's tiers are known.
pub(super) async fn create(state: Data<AppState>, subject: Subject, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let (event, plan) = match read(&state, &form) {
        Ok(read) => read,
        Err(faults) => {
            let frame = Frame::new(&state);
            return page_with_status(&NewPage { frame, form, faults }, StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    let event = organizer::create_event(&state, &subject, &event).await?.sheet.card.event;
    let planned = organizer::generate_plan(&state, &subject, event, &plan).await;
    planned.map_err(|problem| Problem {
        detail: format!("The draft is there without a plan: {}", problem.detail),
        ..problem
    })?;
    Ok(see(&format!("/organizer/events/{event}")))
}
