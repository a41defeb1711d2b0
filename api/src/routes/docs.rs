//! The API's description, as OpenAPI 3.1.

mod failures;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::Method;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::Answer;
use crate::access::Access;
use crate::middleware::headers::CACHE_POLLED;

/// The description, made from the handlers themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Usher",
        description = "Sells the seats of high-demand events. Times are RFC 3339 in UTC, money is integer minor units \
                       of the event's currency, errors are RFC 9457 problems. Buyers send the token of POST \
                       /api/v1/buyers as `Authorization: Bearer`, organizers an API key or the cookie of POST \
                       /api/v1/sessions. Who changes something by a cookie names the server's own address in `Origin`."
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
        super::sale::live_sales, super::sale::acts, super::sale::orders, super::sale::refund,
        super::admin::acts, super::admin::jobs, super::admin::replay_job, super::admin::webhooks, super::admin::replay_webhook,
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

/// Adds what proves a sender, as the route table asks for it (two descriptions of the same thing would drift apart), and
/// the failures that follow from it.
struct Proofs;

impl Modify for Proofs {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for name in ["buyer", "api_key"] {
            let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.security_schemes.insert(name.to_owned(), bearer.into());
        }
        let cookie = ApiKeyValue::with_description(
            "usher_session",
            "Set by POST /api/v1/sessions; over https its name begins with __Host-",
        );
        components.security_schemes.insert("session".to_owned(), SecurityScheme::ApiKey(ApiKey::Cookie(cookie)).into());
        for entry in crate::app::routes().entries() {
            let proofs: &[&str] = match entry.access {
                Access::Buyer => &["buyer"],
                Access::Organizer | Access::Admin => &["api_key", "session"],
                Access::Anyone | Access::Signed => &[],
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
            let Some(operation) = operation else { continue };
            if !proofs.is_empty() {
                let either = proofs.iter().map(|name| SecurityRequirement::new(*name, [""; 0]));
                operation.security = Some(either.collect());
            }
            failures::add(entry, operation);
        }
    }
}

/// The document as it is served and checked in.
#[must_use]
pub(crate) fn document() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(document);

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Answer {
    let caching = ("Cache-Control", CACHE_POLLED);
    Ok(HttpResponse::Ok().insert_header(caching).content_type("application/json").body(DOCUMENT.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_how_it_can_fail_and_that_failures_are_problems() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        });
        let mut count = 0;
        for (name, operation) in operations {
            count += 1;
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("503") && responses.contains_key("500"), "{name}");
            assert_eq!(responses.contains_key("404"), name.contains('{'), "{name}");
            assert!(responses.contains_key("401") || !operation["security"].is_array(), "{name}");
            let takes_body = operation["requestBody"].is_object();
            assert_eq!(responses.contains_key("413"), takes_body, "{name}");
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let media: Vec<_> =
                    response["content"].as_object().into_iter().flat_map(|media| media.keys()).collect();
                assert_eq!(media, ["application/problem+json"], "{name} {status}");
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ProblemDocument", "{name} {status}");
            }
        }
        assert!(count >= 50, "{count} operations");
    }

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
}
