//! One event's control page: what is missing, prices, and the steps of its sale with their effects in words.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::EventId;
use usher_engine::catalogue::EventState;

use crate::access::Subject;
use crate::desk::organizer::{self, OrganizerEventSheet, PriceForm, Step};
use crate::pages::faults::Faults;
use crate::pages::form::{Form, amount};
use crate::pages::{Answer, Frame, page as html, page_with_status, refusal, see, state_text, when};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// A button: the step's name in the address, what it says, what it does.
type Button = (&'static str, &'static str, &'static str);

const PUBLISH: Button =
    ("publish", "Publish", "The event becomes visible. Plan, currency and limits are fixed for good.");
const OPEN: Button = ("open", "Open the sale", "Buyers can hold and buy at once.");
const PAUSE: Button = ("pause", "Pause", "No new holds. Who holds places may finish buying.");
const RESUME: Button = ("resume", "Resume", "Buyers can hold again.");
const CLOSE: Button = ("close", "Close the sale", "No new holds, for good. Who holds places may finish buying.");
const CANCEL: Button =
    ("cancel", "Call the event off", "The sale ends and every paid order is refunded. This cannot be undone.");

fn buttons(state: EventState) -> Vec<Button> {
    match state {
        EventState::Draft => vec![PUBLISH],
        EventState::Announced => vec![OPEN, CANCEL],
        EventState::OnSale | EventState::SoldOut => vec![PAUSE, CLOSE, CANCEL],
        EventState::Paused => vec![RESUME, CLOSE, CANCEL],
        EventState::Closed => vec![CANCEL],
        EventState::Cancelled => vec![],
    }
}

#[derive(Template)]
#[template(path = "organizer/control.html")]
struct ControlPage {
    frame: Frame,
    event: OrganizerEventSheet,
    when: String,
    state: &'static str,
    draft: bool,
    on_sale: bool,
    buttons: Vec<Button>,
    prices: Vec<Price>,
    faults: Faults,
    fault_summary: Option<String>,
    /// Why the last step was not taken.
    refused: Option<String>,
    /// The form of prices that led here was taken.
    prices_set: bool,
}

/// The price of a tier as its field shows it.
struct Price {
    field: String,
    name: String,
    text: String,
}

/// What the page has to say about the form that was just sent to it.
#[derive(Default)]
struct Sent {
    form: Option<Form>,
    faults: Faults,
    refused: Option<String>,
    prices_set: bool,
}

/// What the address says of the step before.
#[derive(Deserialize)]
pub(super) struct Done {
    prices_set: Option<String>,
}

/// The page.
pub(super) async fn page(state: Data<AppState>, subject: Subject, event: Path<EventId>, done: Query<Done>) -> Answer {
    let sent = Sent { prices_set: done.prices_set.is_some(), ..Sent::default() };
    html(&control(&state, &subject, *event, sent).await?)
}

async fn control(state: &AppState, subject: &Subject, event: EventId, sent: Sent) -> Result<ControlPage, Problem> {
    let event = organizer::my_event(state, subject, event).await?;
    let card = &event.sheet.card;
    let price = |tier: &crate::desk::buyer::TierSheet| {
        let field = format!("price.{}", tier.code);
        let set = || tier.price_minor.map(|price| crate::pages::form::amount_text(price, card.currency));
        let text = sent.form.as_ref().map_or_else(|| set().unwrap_or_default(), |form| form.text(&field).to_owned());
        Price { field, name: tier.name.clone(), text }
    };
    let prices: Vec<Price> = event.sheet.tiers.iter().map(price).collect();
    let shown: Vec<&str> = prices.iter().map(|price| price.field.as_str()).collect();
    Ok(ControlPage {
        frame: Frame::new(state),
        fault_summary: sent.faults.summary(&shown),
        when: when(card.starts_at, &card.time_zone),
        state: state_text(card.state),
        draft: card.state == EventState::Draft,
        on_sale: card.state == EventState::OnSale,
        buttons: buttons(card.state),
        prices,
        faults: sent.faults,
        refused: sent.refused,
        prices_set: sent.prices_set,
        event,
    })
}

/// Sets the prices of all tiers.
pub(super) async fn prices(state: Data<AppState>, subject: Subject, event: Path<EventId>, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let currency = organizer::my_event(&state, &subject, *event).await?.sheet.card.currency;
    let mut faults = Faults::default();
    let priced = form.prefixed("price.").filter_map(|(tier, text)| {
        let price = faults.gathered(&format!("price.{tier}"), amount(text, currency));
        Some(PriceForm { tier: tier.to_owned(), price_minor: price? })
    });
    let prices: Vec<PriceForm> = priced.collect();
    if faults.is_empty() {
        // A place in the API's list of prices is a field of the form.
        let field = |place: &str| {
            let position = place.split('/').nth(1).and_then(|position| position.parse::<usize>().ok());
            let tier = position.and_then(|position| prices.get(position));
            tier.map_or_else(|| place.to_owned(), |price| format!("price.{}", price.tier))
        };
        match organizer::set_prices(&state, &subject, *event, None, &prices).await {
            Ok(_) => return Ok(see(&format!("/organizer/events/{event}?prices_set"))),
            Err(problem) => faults = Faults::of(problem, field)?,
        }
    }
    let page = control(&state, &subject, *event, Sent { form: Some(form), faults, ..Sent::default() }).await?;
    page_with_status(&page, StatusCode::UNPROCESSABLE_ENTITY)
}

/// Steps that nothing takes back: their forms ask whether the organizer is sure.
const FINAL_STEPS: [&str; 2] = [CLOSE.0, CANCEL.0];

/// Takes a step of the sale.
pub(super) async fn step(
    state: Data<AppState>,
    subject: Subject,
    path: Path<(EventId, String)>,
    body: Bytes,
) -> Answer {
    let (event, step) = path.into_inner();
    if FINAL_STEPS.contains(&step.as_str()) && Form::read(&body)?.text("sure") != "yes" {
        let refused = Some("This step is final: tick the box beside its button.".to_owned());
        let page = control(&state, &subject, event, Sent { refused, ..Sent::default() }).await?;
        return page_with_status(&page, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let step = match step.as_str() {
        "publish" => Step::Publish,
        "open" => Step::Open,
        "pause" => Step::Pause,
        "resume" => Step::Resume,
        "close" => Step::Close,
        "cancel" => Step::Cancel,
        _ => return Err(Problem::of(&kinds::NOT_FOUND)),
    };
    match organizer::step(&state, &subject, event, step).await {
        Ok(_) => Ok(see(&format!("/organizer/events/{event}"))),
        // The page that the button stands on says why.
        Err(problem) if [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY].contains(&problem.status()) => {
            let refused = Some(refusal(&problem));
            let page = control(&state, &subject, event, Sent { refused, ..Sent::default() }).await?;
            page_with_status(&page, problem.status())
        }
        Err(problem) => Err(problem),
    }
}

/// Deletes a draft.
pub(super) async fn delete(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    organizer::delete_event(&state, &subject, *event).await?;
    Ok(see("/organizer"))
}
