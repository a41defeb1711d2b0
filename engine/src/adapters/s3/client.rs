//! The SDK's client, with every limit that it leaves open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use super::config::{Addressing, S3Config};
use crate::store::StoreError;

/// Idle connections kept to the store.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(20);
/// The pause before the second attempt; it doubles, and is random below that.
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// What the credentials are called in the SDK's own messages.
const CREDENTIALS_NAME: &str = "usher settings";

/// A client that talks to `endpoint`.
///
/// # Errors
/// The system's certificates cannot be used.
pub(super) fn client(config: &S3Config, endpoint: Option<&str>) -> Result<Client, StoreError> {
    let keys = &config.credentials;
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, CREDENTIALS_NAME);
    let retries = RetryConfig::standard()
        .with_max_attempts(config.attempts_max)
        .with_initial_backoff(BACK_OFF_MIN)
        .with_max_backoff(BACK_OFF_MAX);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_within)
        .read_timeout(config.attempt_within)
        .operation_attempt_timeout(config.attempt_within)
        .operation_timeout(config.call_within)
        .build();
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(config.addressing == Addressing::Path)
        .retry_config(retries)
        .timeout_config(timeouts)
        // A body is at most a ticket, and reading it has a deadline of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Asked for when there is no need, it would also stand in the links that buyers get.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .http_client(http(endpoint)?);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(builder.build()))
}

fn http(endpoint: Option<&str>) -> Result<SharedHttpClient, StoreError> {
    // The system's certificates are not looked for where none are needed: a bare machine may have none.
    let trust = match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") => TrustStore::empty(),
        Some(_) | None => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let tls = tls.map_err(|error| StoreError::Unavailable(format!("the system's certificates: {error}")))?;
    Ok(Builder::new()
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_with_resolver(Names))
}

/// The system's names, and every name under `localhost` for this machine itself (RFC 6761, section 6.3), which the C
/// library does not know: a bucket of a server beside the house can then be named by its host, too.
#[derive(Debug, Clone, Copy)]
struct Names;

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        if name == "localhost" || name.ends_with(".localhost") {
            return DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]));
        }
        let name = name.to_owned();
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(ResolveDnsError::new)?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
