//! Problems for eyes: the page of a kind, the list of all kinds, and the page of one occurrence.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Data, Path};
use askama::Template;

use super::{Answer, Frame, page, public_page, see};
use crate::problem::{Kind, Problem, kinds};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "problem/one.html")]
struct OneProblem<'a> {
    frame: Frame,
    title: &'static str,
    advice: &'static str,
    detail: Option<&'a str>,
    /// Place in the form and what is wrong there.
    faults: Vec<(&'a str, &'a str)>,
    wait_s: Option<u64>,
    /// Where to go on from here, and what the link says.
    back: (String, &'static str),
    request_id: &'a str,
}

/// The response that shows one occurrence to a browser. Who only has to log in is led there instead.
pub(crate) fn response(state: &AppState, problem: &Problem, method: &Method, path: &str, id: &str) -> HttpResponse {
    if problem.kind == &kinds::LOGIN_REQUIRED && path != super::organizer::LOGIN {
        let next = if method.is_safe() { path } else { super::organizer::HOME };
        return see(&super::organizer::login_address(next));
    }
    let errors = problem.members.get("errors").and_then(serde_json::Value::as_array);
    let faults = errors.into_iter().flatten().map(|fault| {
        let text = |name: &str| fault[name].as_str().unwrap_or_default();
        (text("pointer").trim_start_matches('/'), text("detail"))
    });
    let faults: Vec<_> = faults.collect();
    let (title, advice) = words(problem.kind);
    let template = OneProblem {
        frame: Frame::new(state),
        title,
        advice,
        detail: Some(problem.detail.as_str()).filter(|detail| *detail != problem.kind.advice && faults.is_empty()),
        faults,
        wait_s: problem.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1)),
        back: back(path),
        request_id: id,
    };
    match page(&template) {
        Ok(mut response) => {
            *response.status_mut() = problem.status();
            problem.set_headers(response.headers_mut());
            response
        }
        Err(_) => problem.to_response(Some(id)),
    }
}

/// The nearest page that is sure to be there: what a failed form belonged to, not the start of everything.
fn back(path: &str) -> (String, &'static str) {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("organizer"), Some("events"), Some(event)) if event != "new" && parts.next().is_some() => {
            (format!("/organizer/events/{event}"), "Back to the event")
        }
        (Some("organizer" | "admin"), _, _) => (super::organizer::HOME.to_owned(), "To my events"),
        (Some("events"), Some(event), Some(_)) => (format!("/events/{event}"), "Back to the event"),
        (Some("orders" | "me"), _, _) => ("/me/orders".to_owned(), "To my orders"),
        (_, _, _) => ("/".to_owned(), "To the events"),
    }
}

/// A kind's words for somebody in front of a browser, where they differ from those for a program.
fn words(kind: &'static Kind) -> (&'static str, &'static str) {
    if kind == &kinds::BUYER_REQUIRED {
        let advice = "Places belong to the browser that chose them, which keeps a cookie. Choose places again; for an \
                      order, open the link in its letter.";
        return ("This browser holds no places here", advice);
    }
    (kind.title, kind.advice)
}

#[derive(Template)]
#[template(path = "problem/kind.html")]
struct OneKind {
    frame: Frame,
    kind: &'static Kind,
}

/// The page behind a problem's `type`.
pub(super) async fn one(state: Data<AppState>, code: Path<String>) -> Answer {
    let kind = kinds::by_code(&code).ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    public_page(&OneKind { frame: Frame::new(&state), kind })
}

#[derive(Template)]
#[template(path = "problem/all.html")]
struct AllKinds {
    frame: Frame,
    kinds: &'static [&'static Kind],
}

/// All kinds.
pub(super) async fn all(state: Data<AppState>) -> Answer {
    public_page(&AllKinds { frame: Frame::new(&state), kinds: kinds::ALL })
}
