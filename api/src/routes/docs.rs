//! The API's description, as OpenAPI 3.1 and as a page that needs nothing from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{Answer, problems};
use crate::access::Access;
use crate::middleware::headers::CACHE_POLLED;
use crate::problem::page::{escaped, whole};

/// The description, made from the handlers themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Usher",
        description = "Sells the seats of high-demand events. Times are RFC 3339 in UTC, money is integer minor units \
                       of the event's currency, errors are RFC 9457 problems. Buyers send the token of POST \
                       /api/v1/buyers as `Authorization: Bearer`, organizers an API key."
    ),
    paths(
        super::events::list, super::events::one, super::events::seat_map, super::events::availability,
        super::events::live_availability, super::events::new_buyer, super::events::my_orders,
        super::holds::place, super::holds::one, super::holds::extend, super::holds::release, super::holds::checkout,
        super::orders::one, super::orders::cancel, super::orders::tickets, super::orders::ticket,
        super::orders::all_tickets,
        super::accounts::register, super::accounts::login, super::accounts::logout, super::accounts::keys,
        super::accounts::create_key, super::accounts::revoke_key,
        super::organizer::list, super::organizer::create, super::organizer::one, super::organizer::edit,
        super::organizer::delete, super::organizer::upload_plan, super::organizer::generate_plan,
        super::organizer::prices,
        super::sale::publish, super::sale::open, super::sale::pause, super::sale::resume, super::sale::close,
        super::sale::cancel, super::sale::block, super::sale::unblock, super::sale::seats, super::sale::sales,
        super::sale::live_sales, super::sale::orders, super::sale::refund,
        super::admin::jobs, super::admin::replay_job, super::admin::webhooks, super::admin::replay_webhook,
        super::webhooks::stripe, super::ops::ticket_keys,
    ),
    modifiers(&Proofs),
    tags(
        (name = "buyer", description = "Look around, hold, buy"),
        (name = "organizer", description = "Put events on sale and watch them"),
        (name = "admin", description = "Run the house"),
        (name = "provider", description = "For the payment provider"),
        (name = "public", description = "For everybody"),
    )
)]
pub(crate) struct Description;

/// Adds what proves a sender, as the route table asks for it: two descriptions of the same thing would drift apart.
struct Proofs;

impl Modify for Proofs {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for name in ["buyer", "api_key"] {
            let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.security_schemes.insert(name.to_owned(), bearer.into());
        }
        for entry in crate::app::routes().entries() {
            let name = match entry.access {
                Access::Buyer => "buyer",
                Access::Organizer | Access::Admin => "api_key",
                Access::Anyone | Access::Signed => continue,
            };
            let Some(item) = document.paths.paths.get_mut(entry.path) else { continue };
            let operation = match entry.method {
                Method::GET => item.get.as_mut(),
                Method::POST => item.post.as_mut(),
                Method::PUT => item.put.as_mut(),
                Method::PATCH => item.patch.as_mut(),
                Method::DELETE => item.delete.as_mut(),
                _ => None,
            };
            if let Some(operation) = operation {
                operation.security = Some(vec![SecurityRequirement::new(name, [""; 0])]);
            }
        }
    }
}

/// The document as it is served and checked in.
#[must_use]
pub(crate) fn document() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(document);
static PAGE: LazyLock<String> = LazyLock::new(|| page(&serde_json::from_str(&DOCUMENT).unwrap_or_default()));

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Answer {
    let caching = ("Cache-Control", CACHE_POLLED);
    Ok(HttpResponse::Ok().insert_header(caching).content_type("application/json").body(DOCUMENT.as_str()))
}

/// `GET /docs`.
pub(crate) async fn docs() -> Answer {
    Ok(problems::html(PAGE.clone()))
}

/// `GET /docs/style.css`.
pub(crate) async fn style() -> Answer {
    let caching = ("Cache-Control", CACHE_POLLED);
    Ok(HttpResponse::Ok().insert_header(caching).content_type("text/css; charset=utf-8").body(STYLE))
}

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0}\
main{max-width:60rem;margin:0 auto;padding:1rem}code,pre{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:.25rem}summary{cursor:pointer;padding:.375rem 0}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #8884;\
vertical-align:top}dt{margin-top:1rem}dd{margin:0}.method{display:inline-block;min-width:4.5rem;font-weight:600}";

fn page(document: &Value) -> String {
    let mut body = format!(
        "<h1>{} API</h1><p>{}</p><p><a href=\"/openapi.json\">openapi.json</a> · <a href=\"/problems\">Problems</a></p>",
        text(&document["info"]["title"]),
        text(&document["info"]["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(body, "<h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    describe(&mut body, path, method, operation);
                }
            }
        }
    }
    body.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let pretty = serde_json::to_string_pretty(schema).unwrap_or_default();
        let name = escaped(name);
        let _ = write!(
            body,
            "<details id=\"shape-{name}\"><summary><code>{name}</code></summary><pre>{}</pre></details>",
            escaped(&pretty)
        );
    }
    whole("API", &body)
}

fn describe(body: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        body,
        "<details><summary><code class=\"method\">{}</code> <code>{}</code> {}</summary>",
        escaped(&method.to_uppercase()),
        escaped(path),
        text(&operation["summary"])
    );
    if let Some(parameters) = operation["parameters"].as_array() {
        body.push_str("<table><tr><th>Parameter</th><th>In</th><th></th></tr>");
        for parameter in parameters {
            let _ = write!(
                body,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"])
            );
        }
        body.push_str("</table>");
    }
    for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(body, "<p>Body: <code>{}</code> {}</p>", escaped(content.0), shape(&content.1["schema"]));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let shapes = response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, content)| format!("<code>{}</code> {}", escaped(kind), shape(&content["schema"])));
        let shapes: Vec<String> = shapes.collect();
        let _ = write!(body, "<p>{}: {} {}</p>", escaped(status), text(&response["description"]), shapes.join(", "));
    }
    body.push_str("</details>");
}

/// A link to a named shape.
fn shape(schema: &Value) -> String {
    let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) else {
        return String::new();
    };
    let name = escaped(name);
    format!("<a href=\"#shape-{name}\">{name}</a>")
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_description_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/openapi.json");
        let now = document() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == now, "schema/openapi.json is out of date: run the tests with UPDATE=1 and check it in");
    }

    #[test]
    fn the_page_shows_every_operation() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let page = page(&document);
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(page.contains(&escaped(path)), "{path}");
        }
        assert!(!page.contains("http://") && !page.contains("https://"), "the page must need nothing from elsewhere");
    }
}
