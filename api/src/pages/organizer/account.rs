//! Logging in and out, and what there is once one is in.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Query};
use askama::Template;
use serde::Deserialize;
use usher_core::EventId;
use usher_engine::accounts::Role;

use super::{HOME, next_page};
use crate::access::Subject;
use crate::desk::ListQuery;
use crate::desk::organizer::{self, LoginForm, RegisterForm, SessionSheet};
use crate::extract::ClientAddress;
use crate::pages::faults::Faults;
use crate::pages::form::Form;
use crate::pages::{Answer, Frame, page, page_with_status, refusal, see, state_text, when};
use crate::problem::{Problem, kinds};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "organizer/login.html")]
struct LoginPage {
    frame: Frame,
    register: bool,
    failed: Option<String>,
    faults: Faults,
    form: Form,
    next: String,
}

/// Fields that show their own faults.
const SHOWN: &[&str] = &["organizer_name", "email", "password"];

impl LoginPage {
    fn empty(state: &AppState, register: bool, next: &str) -> Self {
        let (failed, faults, form) = (None, Faults::default(), Form::of(&[]));
        Self { frame: Frame::new(state), register, failed, faults, form, next: next.to_owned() }
    }
}

/// Where to go on to after logging in.
#[derive(Default, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// The form.
pub(super) async fn login_page(state: Data<AppState>, asked: Query<Next>) -> Answer {
    page(&LoginPage::empty(&state, false, next_page(&asked.next)))
}

/// The form for a new account.
pub(super) async fn register_page(state: Data<AppState>) -> Answer {
    page(&LoginPage::empty(&state, true, HOME))
}

/// Logs in.
pub(super) async fn login(state: Data<AppState>, subject: Subject, from: ClientAddress, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let login = LoginForm { email: form.text("email").to_owned(), password: form.text("password").to_owned() };
    let next = next_page(form.text("next")).to_owned();
    let outcome = organizer::login(&state, &subject, &login, from.0).await;
    entered(&state, outcome, form, LoginPage::empty(&state, false, &next))
}

/// Makes an account and logs it in.
pub(super) async fn register(state: Data<AppState>, from: ClientAddress, body: Bytes) -> Answer {
    let form = Form::read(&body)?;
    let new = RegisterForm {
        email: form.text("email").to_owned(),
        password: form.text("password").to_owned(),
        organizer_name: form.text("organizer_name").to_owned(),
    };
    entered(&state, organizer::register(&state, &new, from.0).await, form, LoginPage::empty(&state, true, HOME))
}

/// Leads on, or shows the form again with what was written, the password apart.
fn entered(state: &AppState, outcome: Result<SessionSheet, Problem>, form: Form, again: LoginPage) -> Answer {
    match outcome {
        Ok(session) => {
            let mut response = see(&again.next);
            let cookie = state.cookies.session(&session.token.0, session.lasts_ms);
            let added = response.add_cookie(&cookie);
            added.map_err(|error| Problem::new(&kinds::INTERNAL, error.to_string()))?;
            Ok(response)
        }
        Err(problem) => {
            let (status, words) = (problem.status(), refusal(&problem));
            let (failed, faults) = match Faults::of(problem, str::to_owned) {
                Ok(faults) => (faults.summary(SHOWN), faults),
                Err(_) => (Some(words), Faults::default()),
            };
            page_with_status(&LoginPage { failed, faults, form, ..again }, status)
        }
    }
}

/// Logs out.
pub(super) async fn logout(state: Data<AppState>, request: HttpRequest) -> Answer {
    if let Some(cookie) = request.cookie(state.cookies.session_name()) {
        organizer::logout(&state, cookie.value()).await?;
    }
    let mut response = see("/");
    let added = response.add_cookie(&state.cookies.no_session());
    added.map_err(|error| Problem::new(&kinds::INTERNAL, error.to_string()))?;
    Ok(response)
}

#[derive(Template)]
#[template(path = "organizer/home.html")]
struct HomePage {
    frame: Frame,
    organizer_name: String,
    admin: bool,
    rows: Vec<(EventId, String, String, &'static str, u64, u64)>,
    next: Option<String>,
}

/// The organizer's events.
pub(super) async fn home(state: Data<AppState>, subject: Subject, query: Query<ListQuery>) -> Answer {
    let login = subject.login()?;
    let listed = organizer::my_events(&state, &subject, &query).await?;
    let rows = listed.data.iter().map(|event| {
        let card = &event.sheet.card;
        let sold = event.sheet.capacity_count.saturating_sub(event.sheet.available_count);
        let when = when(card.starts_at, &card.time_zone);
        let stands = if event.out_of_order { "Out of order" } else { state_text(card.state) };
        (card.event, card.name.clone(), when, stands, sold, event.sheet.capacity_count)
    });
    page(&HomePage {
        frame: Frame::new(&state),
        organizer_name: login.organizer_name.clone(),
        admin: login.role == Role::Admin,
        rows: rows.collect(),
        next: listed.next_cursor,
    })
}
