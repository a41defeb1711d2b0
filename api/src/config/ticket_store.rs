//! Where tickets are kept: files beside the stores, or a bucket.

use std::time::Duration;

use actix_web::http::Uri;
use serde::{Deserialize, Serialize};
use usher_engine::adapters::s3::LINK_FOR_MAX;

use super::layers::Fault;
use super::units::{Secret, Span};

/// Where tickets are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TicketStoreSettings {
    /// In the folder `tickets` beside the stores.
    Files {},
    /// In a bucket of a store that speaks S3.
    S3(Box<BucketSettings>),
}

impl Default for TicketStoreSettings {
    fn default() -> Self {
        Self::Files {}
    }
}

/// How the bucket is named in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketAddressing {
    /// In the host's name.
    #[default]
    VirtualHost,
    /// In the path.
    Path,
}

/// How buyers come to their tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketDownloads {
    /// By a signed link to the bucket.
    #[default]
    Link,
    /// Through the house.
    Through,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSettings {
    /// Its name.
    pub bucket: String,
    /// The access key's id; a secret like the other, so that neither is ever printed.
    pub access_key: Secret,
    /// The secret key.
    pub secret_key: Secret,
    /// Where the bucket is.
    #[serde(default = "region")]
    pub region: String,
    /// Scheme, host and port of the store; empty for AWS.
    #[serde(default)]
    pub endpoint: String,
    /// The same as buyers reach it; empty when that is the endpoint.
    #[serde(default)]
    pub public_endpoint: String,
    /// In front of every key.
    #[serde(default)]
    pub prefix: String,
    /// How the bucket is named.
    #[serde(default)]
    pub addressing: BucketAddressing,
    /// How buyers come to their tickets.
    #[serde(default)]
    pub downloads: BucketDownloads,
    /// How long a link opens its ticket.
    #[serde(default = "link_for")]
    pub link_for: Span,
    /// How long a connection may take to come about.
    #[serde(default = "connect_within")]
    pub connect_within: Span,
    /// How long one attempt of a call may take.
    #[serde(default = "attempt_within")]
    pub attempt_within: Span,
    /// How long a call may take with all its attempts.
    #[serde(default = "call_within")]
    pub call_within: Span,
    /// Attempts of one call, the first included.
    #[serde(default = "attempts_max")]
    pub attempts_max: u32,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn link_for() -> Span {
    Span::seconds(300)
}

fn connect_within() -> Span {
    Span::seconds(1)
}

fn attempt_within() -> Span {
    Span::seconds(3)
}

fn call_within() -> Span {
    Span::seconds(8)
}

fn attempts_max() -> u32 {
    3
}

/// Scheme, host and perhaps a port, with nothing behind.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = uri.path().trim_end_matches('/').is_empty() && uri.query().is_none();
    has_scheme && is_bare && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

/// As AWS has it: other stores allow more, and their clients do not.
fn is_bucket_name(name: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len()) && is_end(bytes.first()) && is_end(bytes.last()) && name.bytes().all(is_inner)
}

impl BucketSettings {
    /// What cannot be, although every value is of the right kind. `secure` tells whether the house is reached by https.
    pub(super) fn faults(&self, lease: Span, secure: bool) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &str, what: &str| {
            if !holds {
                faults.push(Fault { key: format!("ticket_store.{key}"), what: what.to_owned() });
            }
        };
        check(is_bucket_name(&self.bucket), "bucket", "must be 3 to 63 of a-z, 0-9, '-' and '.', as S3 names buckets");
        for (key, endpoint) in [("endpoint", &self.endpoint), ("public_endpoint", &self.public_endpoint)] {
            let holds = endpoint.is_empty() || is_origin(endpoint);
            check(holds, key, "must be http:// or https:// with a host and nothing behind it");
        }
        let in_host = self.addressing == BucketAddressing::VirtualHost;
        // The certificate of a store is for one level of names below its own.
        let by_tls = |endpoint: &String| endpoint.is_empty() || endpoint.starts_with("https://");
        let dotted = self.bucket.contains('.') && in_host && by_tls(&self.endpoint);
        check(
            !dotted,
            "bucket",
            "must have no '.' where it stands in the name of an https host; use addressing = \"path\"",
        );
        let linked = if self.public_endpoint.is_empty() { &self.endpoint } else { &self.public_endpoint };
        let plain = self.downloads == BucketDownloads::Link && linked.starts_with("http://");
        check(
            !(secure && plain),
            "public_endpoint",
            "must be https:// as server.public_url is: browsers block a download by http from there",
        );
        check(!self.region.is_empty(), "region", "must not be empty");
        let (prefix, link_for) = (&self.prefix, self.link_for.0);
        check(!prefix.starts_with('/') && prefix.len() <= 512, "prefix", "must be short and not begin with '/'");
        let is_short = link_for >= Duration::from_secs(1) && link_for <= LINK_FOR_MAX;
        check(is_short, "link_for", "must be from 1s to 5m: whoever has the link has the ticket");
        check(self.connect_within.ms() >= 10, "connect_within", "must be at least 10ms");
        check(self.attempt_within >= self.connect_within, "attempt_within", "must be at least connect_within");
        check(self.call_within >= self.attempt_within, "call_within", "must be at least attempt_within");
        check(self.call_within < lease, "call_within", "must be less than jobs.lease");
        check((1..=10).contains(&self.attempts_max), "attempts_max", "must be from 1 to 10");
        faults
    }
}
