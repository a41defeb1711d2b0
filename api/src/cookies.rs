//! Cookies: two of them, both `HttpOnly` and `SameSite=Lax`; over https also `Secure` with the `__Host-` prefix.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

/// How long a browser keeps being the same buyer: browsers cap it at 400 days.
const BUYER_DAYS: i64 = 400;

/// How this house names and guards its cookies.
#[derive(Debug, Clone, Copy)]
pub struct Cookies {
    secure: bool,
}

impl Cookies {
    /// For a house whose public address is https, or plain http on one's own machine.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The session cookie's name.
    #[must_use]
    pub fn session_name(&self) -> &'static str {
        if self.secure { "__Host-usher_session" } else { "usher_session" }
    }

    /// The buyer cookie's name.
    #[must_use]
    pub fn buyer_name(&self) -> &'static str {
        if self.secure { "__Host-usher_buyer" } else { "usher_buyer" }
    }

    /// Makes the browser logged in until the session ends.
    #[must_use]
    pub fn session(&self, token: &str, lasts_ms: u64) -> Cookie<'static> {
        let lasts_ms = i64::try_from(lasts_ms).unwrap_or(i64::MAX);
        self.cookie(self.session_name(), token, Duration::milliseconds(lasts_ms))
    }

    /// Makes the browser a buyer.
    #[must_use]
    pub fn buyer(&self, token: &str) -> Cookie<'static> {
        self.cookie(self.buyer_name(), token, Duration::days(BUYER_DAYS))
    }

    /// Logs the browser out.
    #[must_use]
    pub fn no_session(&self) -> Cookie<'static> {
        self.cookie(self.session_name(), "", Duration::ZERO)
    }

    fn cookie(self, name: &'static str, value: &str, lasts: Duration) -> Cookie<'static> {
        Cookie::build(name, value.to_owned())
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(lasts)
            .finish()
    }
}
