//! One event's control page: what is missing, prices, and the steps of its sale with their effects in words.

use actix_web::web::{Bytes, Data, Path};
use askama::Template;
use usher_core::EventId;
use usher_engine::catalogue::EventState;

use crate::access::Subject;
use crate::desk::organizer::{self, OrganizerEventSheet, PriceForm, Step};
use crate::pages::form::{Form, amount};
use crate::pages::{Answer, Frame, page as html, see, state_text, when};
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
    prices: Vec<(String, String, String)>,
}

/// The page.
pub(super) async fn page(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    let event = organizer::my_event(&state, &subject, *event).await?;
    let card = &event.sheet.card;
    let price = |tier: &crate::desk::buyer::TierSheet| {
        let text = tier.price_minor.map(|price| crate::pages::form::amount_text(price, card.currency));
        (tier.code.clone(), tier.name.clone(), text.unwrap_or_default())
    };
    html(&ControlPage {
        frame: Frame::new(&state),
        when: when(card.starts_at, &card.time_zone),
        state: state_text(card.state),
        draft: card.state == EventState::Draft,
        on_sale: card.state == EventState::OnSale,
        buttons: buttons(card.state),
        prices: event.sheet.tiers.iter().map(price).collect(),
        event,
    })
}

/// Sets the prices of all tiers.
pub(super) async fn prices(state: Data<AppState>, subject: Subject, event: Path<EventId>, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let currency = organizer::my_event(&state, &subject, *event).await?.sheet.card.currency;
    let prices = form
        .prefixed("price.")
        .map(|(tier, text)| Ok(PriceForm { tier: tier.to_owned(), price_minor: amount(tier, text, currency)? }))
        .collect::<Result<Vec<_>, Problem>>()?;
    organizer::set_prices(&state, &subject, *event, None, &prices).await?;
    Ok(see(&format!("/organizer/events/{event}")))
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
        return Err(Problem::invalid("/sure", "this step is final: tick the box beside its button".to_owned()));
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
    organizer::step(&state, &subject, event, step).await?;
    Ok(see(&format!("/organizer/events/{event}")))
}

/// Deletes a draft.
pub(super) async fn delete(state: Data<AppState>, subject: Subject, event: Path<EventId>) -> Answer {
    organizer::delete_event(&state, &subject, *event).await?;
    Ok(see("/organizer"))
}
