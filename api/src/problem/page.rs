//! Problems for eyes: the page of a kind, and the page of one occurrence.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use super::{Kind, Problem, kinds};

/// The page that explains a kind.
#[must_use]
pub fn of_kind(kind: &Kind) -> String {
    let body = format!(
        "<h1>{}</h1><p><code>{}</code>, HTTP status {}</p><p>{}</p><p><a href=\"/problems\">All problems</a></p>",
        escaped(kind.title),
        escaped(kind.code),
        kind.status,
        escaped(kind.advice)
    );
    whole(kind.title, &body)
}

/// The page that lists all kinds.
#[must_use]
pub fn of_all() -> String {
    let mut body = "<h1>Problems</h1><p>What the API answers when it says no.</p><dl>".to_owned();
    for kind in kinds::ALL {
        let (code, title, advice) = (escaped(kind.code), escaped(kind.title), escaped(kind.advice));
        // Writing to a string cannot fail.
        let _ = write!(
            body,
            "<dt><a href=\"/problems/{code}\"><code>{code}</code></a> ({})</dt><dd>{title}. {advice}</dd>",
            kind.status
        );
    }
    body.push_str("</dl>");
    whole("Problems", &body)
}

/// The response that shows one occurrence to a browser.
#[must_use]
pub fn response(problem: &Problem, request_id: &str) -> HttpResponse {
    let body = format!(
        "<h1>{}</h1><p>{}</p><p>{}</p><p><a href=\"/\">To the events</a></p><p><small>{}</small></p>",
        escaped(problem.kind.title),
        if problem.detail == problem.kind.title { String::new() } else { escaped(&problem.detail) },
        escaped(problem.kind.advice),
        escaped(request_id)
    );
    let mut response =
        HttpResponse::build(problem.status()).content_type(ContentType::html()).body(whole(problem.kind.title, &body));
    problem.set_headers(response.headers_mut());
    response
}

/// A page with its head.
#[must_use]
pub fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><main>{body}</main></body></html>",
        escaped(title)
    )
}

/// Text that cannot become markup.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
