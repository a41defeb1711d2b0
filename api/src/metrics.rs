//! Every metric of the server itself, with its unit and labels. The engine lists its own beside what it measures.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests answered, by `method`, `route` and `status`.
pub const HTTP_REQUESTS: &str = "usher_http_requests_total";
/// Seconds from the first byte of a request to the first of its response, by `route`.
pub const HTTP_SECONDS: &str = "usher_http_request_seconds";
/// Requests refused because too many were under way.
pub const HTTP_REFUSED: &str = "usher_http_refused_total";
/// Handlers that panicked.
pub const HTTP_PANICS: &str = "usher_http_panics_total";
/// Tasks in the background that panicked and began anew.
pub const BACKGROUND_PANICS: &str = "usher_background_panics_total";
/// Commands that requests asked of events, by `command` and `result` (`ok` or a problem's code).
pub const COMMANDS: &str = "usher_commands_total";
/// Live streams open now.
pub const LIVE_STREAMS: &str = "usher_live_streams";
/// Live streams refused because too many were open.
pub const LIVE_REFUSED: &str = "usher_live_refused_total";
/// Logins tried, by `result`.
pub const LOGINS: &str = "usher_logins_total";

/// Upper bounds of the histograms' buckets, in seconds.
const SECONDS_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Collects this process's metrics; a second call in one process (tests) finds the recorder taken and says `None`.
#[must_use]
pub fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .ok()?;
    let handle = builder.install_recorder().ok()?;
    describe_counter!(HTTP_REQUESTS, "Requests answered");
    describe_histogram!(HTTP_SECONDS, metrics::Unit::Seconds, "From a request to its response");
    describe_counter!(HTTP_REFUSED, "Requests refused because too many were under way");
    describe_counter!(HTTP_PANICS, "Handlers that panicked");
    describe_counter!(BACKGROUND_PANICS, "Tasks in the background that panicked and began anew");
    // There from the start, so that an alert has something to look at.
    counter!(HTTP_PANICS).absolute(0);
    counter!(BACKGROUND_PANICS).absolute(0);
    describe_counter!(COMMANDS, "Commands that requests asked of events");
    describe_gauge!(LIVE_STREAMS, "Live streams open");
    describe_counter!(LIVE_REFUSED, "Live streams refused");
    describe_counter!(LOGINS, "Logins tried");
    usher_engine::adapters::cql::describe();
    usher_engine::adapters::sqlite::describe();
    usher_engine::adapters::redis::describe();
    usher_engine::cluster::metrics::describe();
    usher_engine::adapters::s3::describe();
    usher_engine::health::describe();
    usher_engine::jobs::describe();
    usher_engine::orders::describe();
    usher_engine::payments::metrics::describe();
    usher_engine::event::metrics::describe();
    Some(handle)
}

/// A method as a label: one of few, whatever a client sends.
#[must_use]
pub fn method(name: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.iter().find(|known| **known == name).copied().unwrap_or("other")
}
