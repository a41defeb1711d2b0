//! The failures that every operation shares, added to its description: handlers name only what is theirs alone.
//!
//! They follow from the route table and from what the operation takes, so that no operation is described as if it could
//! not fail. Each is a problem of RFC 9457.

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response};

use crate::access::Access;
use crate::problem::PROBLEM_JSON;
use crate::table::Entry;

/// The schema of every failure.
const SCHEMA: &str = "ProblemDocument";

/// Adds what the operation may answer besides what it says itself, and gives all failures their media type.
pub(super) fn add(entry: &Entry, operation: &mut Operation) {
    for (status, words) in of(entry, operation) {
        let response = RefOr::T(Response::new(words));
        operation.responses.responses.entry(status.to_string()).or_insert(response);
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if !status.starts_with(['4', '5']) {
            continue;
        }
        response.content.clear();
        let schema = Ref::from_schema_name(SCHEMA);
        response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(Content::new(Some(schema))));
        if let "429" | "503" = status.as_str() {
            let mut seconds = Header::new(ObjectBuilder::new().schema_type(Type::Integer).build());
            seconds.description = Some("Seconds after which a repeat makes sense".to_owned());
            response.headers.insert("Retry-After".to_owned(), RefOr::T(seconds));
        }
    }
}

fn of(entry: &Entry, operation: &Operation) -> Vec<(u16, &'static str)> {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let parameters: Vec<_> = parameters.collect();
    let takes = |place: &ParameterIn| parameters.iter().any(|parameter| parameter.parameter_in == *place);
    let takes_tag = parameters.iter().any(|parameter| parameter.name == "If-Match");
    let has_body = operation.request_body.is_some();
    let has_object = entry.path.contains('{');
    let changes = !entry.method.is_safe() && entry.access != Access::Signed;
    let logs_in = matches!(entry.path, "/api/v1/accounts" | "/api/v1/sessions");
    let needs_proof = match entry.access {
        Access::Buyer | Access::Organizer | Access::Admin => true,
        Access::Anyone | Access::Signed => false,
    };
    let all = [
        (has_body || takes(&ParameterIn::Query) || takes(&ParameterIn::Header), 400, "It cannot be read"),
        (needs_proof, 401, "It needs proof of who sends it"),
        (entry.access == Access::Admin || changes, 403, "Who sends it may not do this, or another site sent it"),
        (has_object, 404, "There is no such thing, or it is somebody else's"),
        (changes && (has_object || has_body), 409, "The state of the thing does not allow it"),
        (entry.path.contains("{hold}"), 410, "The hold has ended"),
        (takes_tag, 412, "Somebody changed it meanwhile"),
        (has_body, 413, "The body is larger than this address takes"),
        // A seating plan is taken in several formats.
        (has_body && !entry.path.ends_with("/seating-plan"), 415, "The body is not JSON"),
        (has_body, 422, "The body says something that cannot be"),
        (takes_tag, 428, "It needs If-Match"),
        (logs_in, 429, "Too many tries from this address"),
        (true, 500, "The server made a mistake"),
        (true, 503, "Not now: too busy, no room, stopping, or something it needs is out of order"),
    ];
    all.into_iter().filter(|(applies, ..)| *applies).map(|(_, status, words)| (status, words)).collect()
}
