//! Headers that every response carries.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

use crate::config::PaymentsSettings;

/// For anything that depends on who asks.
pub const CACHE_PRIVATE: &str = "private, no-store";
/// For what may be kept, and is asked for again by its tag.
pub const CACHE_BY_TAG: &str = "private, no-cache";
/// For what an address names for good.
pub const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For pages that are the same for everybody.
pub const CACHE_ANONYMOUS_PAGE: &str = "public, max-age=0, s-maxage=5, stale-while-revalidate=30";
/// For figures that everybody polls.
pub const CACHE_POLLED: &str = "public, max-age=0, s-maxage=1";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The same for every response of this house.
#[derive(Debug, Clone)]
pub struct Dress {
    content_security_policy: HeaderValue,
    secure: bool,
}

impl Dress {
    /// For a house with that provider, whose public address is https or not.
    #[must_use]
    pub fn new(payments: &PaymentsSettings, secure: bool) -> Self {
        let policy = match payments {
            PaymentsSettings::Sandbox { .. } => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                 connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            }
            PaymentsSettings::Stripe { .. } => {
                "default-src 'none'; script-src 'self' https://js.stripe.com; style-src 'self'; \
                 img-src 'self' data:; font-src 'self'; connect-src 'self' https://api.stripe.com; \
                 frame-src https://js.stripe.com https://hooks.stripe.com; manifest-src 'self'; \
                 form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            }
        };
        Self { content_security_policy: HeaderValue::from_static(policy), secure }
    }

    /// Puts them on; what a handler has said about caching stays.
    pub fn put_on(&self, headers: &mut HeaderMap, request_id: &str) {
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_PRIVATE));
        }
        headers.insert(CONTENT_SECURITY_POLICY, self.content_security_policy.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
        if self.secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, id);
        }
    }
}
