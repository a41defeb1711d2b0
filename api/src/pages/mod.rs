//! Pages for people: rendered on the server, whole without JavaScript, better with it.
//!
//! Handlers are thin: they read a form, call the desk that the JSON API calls too, and answer with a page or with a
//! redirect to one. Every text that a person reads stands in `templates/`.

mod assets;
mod browse;
mod checkout;
mod docs;
mod faults;
mod form;
mod orders;
mod organizer;
pub(crate) mod problems;
mod seats;
mod timer;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, LOCATION};
use askama::Template;
use usher_core::{Currency, Minor};
use usher_engine::tickets::render::{price_text, starts_text};

pub(crate) use orders::pay_by;

use crate::access::Access::{Anyone, Buyer};
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::table::Table;
use crate::timestamp::Timestamp;

/// What a page handler answers.
type Answer = Result<HttpResponse, Problem>;

/// What every page's frame shows.
struct Frame {
    /// Payments go to the sandbox, and every page says so.
    sandbox: bool,
    /// Address of the style sheet, with its digest.
    style: String,
    /// Address of the page's script.
    script: String,
    /// Address of the sign in the browser's tab.
    icon: String,
}

impl Frame {
    fn new(state: &AppState) -> Self {
        Self {
            sandbox: state.sandbox.is_some(),
            style: assets::address("style.css"),
            script: assets::address("page.js"),
            icon: assets::address("icon.svg"),
        }
    }
}

/// Adds the pages' routes.
#[rustfmt::skip]
pub fn routes(t: &mut Table) {
    t.get(Anyone, "/", browse::list);
    t.get(Anyone, "/events/{event}", browse::one);
    t.get(Anyone, "/events/{event}/seats", seats::page);
    t.post(Anyone, "/events/{event}/hold", seats::hold);
    t.get(Buyer, "/events/{event}/holds/{hold}", checkout::page);
    t.post(Buyer, "/events/{event}/holds/{hold}/keep", checkout::keep);
    t.post(Buyer, "/events/{event}/holds/{hold}/release", checkout::release);
    t.post(Buyer, "/events/{event}/holds/{hold}/checkout", checkout::pay);
    t.get(Anyone, "/orders/{order}", orders::one);
    t.post(Anyone, "/orders/{order}/cancel", orders::cancel);
    t.get(Anyone, "/me/orders", orders::mine);
    t.get(Anyone, "/assets/{digest}/{name}", assets::serve);
    t.get(Anyone, "/favicon.ico", assets::icon);
    t.get(Anyone, "/docs", docs::page);
    t.get(Anyone, "/problems", problems::all);
    t.get(Anyone, "/problems/{code}", problems::one);
    organizer::routes(t);
}

/// A page that nobody else may keep.
fn page(template: &impl Template) -> Answer {
    let html = template.render().map_err(|error| Problem::new(&kinds::INTERNAL, error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(html))
}

/// The page that an answer to a form shows again, with the status that the form deserved.
fn page_with_status(template: &impl Template, status: StatusCode) -> Answer {
    let mut response = page(template)?;
    *response.status_mut() = status;
    Ok(response)
}

/// Why something was refused, as sentences for the page that it was asked on.
fn refusal(problem: &Problem) -> String {
    if problem.detail == problem.kind.title {
        return format!("{}. {}", problem.kind.title, problem.kind.advice);
    }
    format!("{}. {}", problem.kind.title, problem.detail)
}

/// A page that is the same for everybody.
fn public_page(template: &impl Template) -> Answer {
    let mut response = page(template)?;
    let kept = actix_web::http::header::HeaderValue::from_static(crate::middleware::headers::CACHE_ANONYMOUS_PAGE);
    response.headers_mut().insert(CACHE_CONTROL, kept);
    Ok(response)
}

/// After a form: see this page.
fn see(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

fn money(amount: Minor, currency: Currency) -> String {
    price_text(amount, currency)
}

/// The time of a show in its venue's zone.
fn when(at: Timestamp, time_zone: &str) -> String {
    starts_text(at.0, time_zone).unwrap_or_else(|_| at.to_string())
}

/// An event's state in words.
fn state_text(state: usher_engine::catalogue::EventState) -> &'static str {
    use usher_engine::catalogue::EventState as S;
    match state {
        S::Draft => "Draft",
        S::Announced => "Not on sale yet",
        S::OnSale => "On sale",
        S::Paused => "The sale is paused",
        S::SoldOut => "Sold out",
        S::Closed => "The sale has ended",
        S::Cancelled => "Cancelled",
    }
}
