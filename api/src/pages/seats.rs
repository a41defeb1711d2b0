//! Choosing places: the best that are free, standing places, seats by section and row, or on the map.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::plan::Layout;
use usher_core::{EventId, SeatIdx};
use usher_engine::catalogue::EventState;

use super::checkout::named;
use super::form::{Form, number};
use super::{Answer, Frame, assets, money, page_with_status, refusal, see, state_text, when};
use crate::access::Subject;
use crate::desk::IdempotencyKey;
use crate::desk::buyer::{self, AskForm, Availability, EventSheet};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// Which section's rows are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    section: Option<String>,
}

struct SectionLine {
    code: String,
    name: String,
    free_count: usize,
}

struct AreaLine {
    code: String,
    name: String,
    free_count: u32,
    price: String,
    quantity: String,
}

struct RowLine {
    label: String,
    seats: Vec<SeatLine>,
}

struct SeatLine {
    index: u32,
    label: String,
    words: String,
    chosen: bool,
}

impl RowLine {
    fn has_chosen(&self) -> bool {
        self.seats.iter().any(|seat| seat.chosen)
    }
}

/// The section whose seats are listed.
struct Opened {
    code: String,
    name: String,
    rows: Vec<RowLine>,
}

#[derive(Template)]
#[template(path = "buyer/seats.html")]
struct SeatsPage {
    frame: Frame,
    sheet: EventSheet,
    when: String,
    state: &'static str,
    on_sale: bool,
    tiers: Vec<(String, String)>,
    sections: Vec<SectionLine>,
    areas: Vec<AreaLine>,
    opened: Option<Opened>,
    form: Form,
    /// Why what was asked for could not be had.
    refused: Option<String>,
    /// Seats that were asked for and are not in the opened list: the map has them.
    chosen_json: String,
    key: String,
    map_script: String,
    map_style: String,
    digest: String,
    prices_json: String,
}

fn is_free(seats: &[u8], seat: u32) -> bool {
    let byte = seats.get(seat as usize / 4).copied().unwrap_or(u8::MAX);
    (byte >> (seat % 4 * 2)) & 3 == 0
}

/// The free seats of a section, row by row.
fn rows_of(
    layout: &Layout,
    seats: &[u8],
    code: &str,
    chosen: &[u32],
    price: impl Fn(usize) -> String,
) -> Option<Opened> {
    let section = layout.sections().iter().find(|section| section.code == code)?;
    let rows = layout.rows().get(section.rows.start as usize..section.rows.end as usize)?;
    let lines = rows.iter().map(|row| RowLine {
        label: row.label.clone(),
        seats: row
            .seats
            .clone()
            .filter(|seat| is_free(seats, *seat))
            .filter_map(|index| {
                let seat = layout.seat(SeatIdx(index))?;
                let mut words = price(seat.tier.usize());
                for (is, word) in [
                    (seat.attributes.accessible, ", wheelchair place"),
                    (seat.attributes.companion, ", companion seat"),
                    (seat.attributes.restricted_view, ", restricted view"),
                ] {
                    words.push_str(if is { word } else { "" });
                }
                Some(SeatLine { index, label: seat.label.clone(), words, chosen: chosen.contains(&index) })
            })
            .collect(),
    });
    let rows = lines.filter(|row| !row.seats.is_empty()).collect();
    Some(Opened { code: section.code.clone(), name: section.name.clone(), rows })
}

fn choice(
    state: &AppState,
    sheet: EventSheet,
    layout: &Layout,
    free: &Availability,
    section: Option<&str>,
    form: Form,
    refused: Option<String>,
) -> SeatsPage {
    let mut chosen: Vec<u32> = form.all("seat").filter_map(|seat| seat.parse().ok()).collect();
    let price = |tier: usize| match sheet.tiers.get(tier).and_then(|tier| tier.price_minor) {
        Some(price) if price.0 == 0 => "free".to_owned(),
        Some(price) => money(price, sheet.card.currency),
        None => String::new(),
    };
    let sections = layout.sections().iter().map(|section| SectionLine {
        code: section.code.clone(),
        name: section.name.clone(),
        free_count: section.seats.clone().filter(|seat| is_free(&free.seats, *seat)).count(),
    });
    // Where there is one area and nothing else, one place is what most come for.
    let standing = if layout.areas().len() == 1 && layout.sections().is_empty() { "1" } else { "0" };
    let areas = layout.areas().iter().zip(&free.areas).map(|(area, left)| AreaLine {
        code: area.code.clone(),
        name: area.name.clone(),
        free_count: left.available_count,
        price: price(area.tier.usize()),
        quantity: form.given(&format!("ga.{}", area.code)).unwrap_or(standing).to_owned(),
    });
    let opened = section.and_then(|code| rows_of(layout, &free.seats, code, &chosen, price));
    let listed = opened.iter().flat_map(|opened| &opened.rows).flat_map(|row| &row.seats);
    let listed: Vec<u32> = listed.map(|seat| seat.index).collect();
    chosen.retain(|seat| !listed.contains(seat));
    let prices: serde_json::Map<_, _> =
        sheet.tiers.iter().filter_map(|tier| Some((tier.code.clone(), tier.price_minor?.0.into()))).collect();
    SeatsPage {
        frame: Frame::new(state),
        when: when(sheet.card.starts_at, &sheet.card.time_zone),
        state: state_text(sheet.card.state),
        on_sale: sheet.card.state == EventState::OnSale,
        tiers: sheet
            .tiers
            .iter()
            .enumerate()
            .map(|(at, tier)| (tier.code.clone(), format!("{} ({})", tier.name, price(at))))
            .collect(),
        sections: sections.collect(),
        areas: areas.collect(),
        opened,
        chosen_json: serde_json::json!(chosen).to_string(),
        refused,
        form,
        key: IdempotencyKey::fresh().as_str().to_owned(),
        map_script: assets::address("seats-page.js"),
        map_style: assets::address("seat-map.css"),
        digest: sheet.plan_digest.clone().unwrap_or_default(),
        prices_json: serde_json::Value::Object(prices).to_string(),
        sheet,
    }
}

/// What the form asks for: chosen seats, standing places, and so many of the best.
pub(super) fn asks(form: &Form) -> Result<Vec<AskForm>, Problem> {
    let mut asks = Vec::new();
    let mut seats = form.all("seat").map(|seat| number("seat", seat)).collect::<Result<Vec<u32>, _>>()?;
    // Ticked in the list and chosen on the map, a seat is still one.
    let mut known = BTreeSet::new();
    seats.retain(|seat| known.insert(*seat));
    if !seats.is_empty() {
        asks.push(AskForm::Seats { seats });
    }
    for (area, quantity) in form.prefixed("ga.").filter(|(_, quantity)| !quantity.is_empty()) {
        let quantity = number("quantity", quantity)?;
        if quantity > 0 {
            asks.push(AskForm::Ga { area: area.to_owned(), quantity });
        }
    }
    if let Some(quantity) = form.given("quantity") {
        asks.push(AskForm::Best {
            quantity: number("quantity", quantity)?,
            tier: form.given("tier").map(str::to_owned),
            section: form.given("section").map(str::to_owned),
            accessible: form.given("accessible").is_some(),
        });
    }
    Ok(asks)
}

/// Holds what was chosen. A first visitor becomes a buyer with it.
pub(super) async fn hold(state: Data<AppState>, subject: Subject, event: Path<EventId>, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let mut subject = subject;
    let mut cookie = None;
    if subject.buyer.is_none() {
        let new = buyer::new_buyer(&state);
        subject.buyer = Some(new.buyer);
        cookie = Some(state.cookies.buyer(&new.token));
    }
    let key = IdempotencyKey::new(form.text("key"))?;
    let held = match asks(&form) {
        Ok(asks) => buyer::place_hold(&state, &subject, *event, &key, &asks).await,
        Err(problem) => Err(problem),
    };
    let hold = match held {
        Ok(hold) => hold,
        Err(problem) => return refused(&state, &subject, *event, form, problem).await,
    };
    let mut response: HttpResponse = see(&format!("/events/{event}/holds/{}", hold.hold));
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(|error| Problem::new(&kinds::INTERNAL, error.to_string()))?;
    }
    Ok(response)
}

/// What cannot be had is told on the page it was asked on, which keeps what was chosen; anything else is a page of its
/// own.
async fn refused(state: &AppState, subject: &Subject, event: EventId, form: Form, problem: Problem) -> Answer {
    let status = problem.status();
    let problem = named(state, subject, event, problem).await;
    if ![StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY].contains(&status) {
        return Err(problem);
    }
    let section = form.given("opened").map(str::to_owned);
    let page = chosen(state, subject, event, section.as_deref(), form, Some(refusal(&problem))).await?;
    page_with_status(&page, status)
}

/// The page to choose on.
pub(super) async fn page(state: Data<AppState>, subject: Subject, event: Path<EventId>, shown: Query<Shown>) -> Answer {
    let form = Form::of(&[("quantity", "2")]);
    super::page(&chosen(&state, &subject, *event, shown.section.as_deref(), form, None).await?)
}

async fn chosen(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    section: Option<&str>,
    form: Form,
    refused: Option<String>,
) -> Result<SeatsPage, Problem> {
    let sheet = buyer::event(state, subject, event).await?;
    let map = buyer::seat_map(state, subject, event).await?;
    let free = buyer::availability(state, subject, event).await?;
    Ok(choice(state, sheet, &map.layout, &free, section, form, refused))
}
