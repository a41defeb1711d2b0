//! What every handler can reach: the open stores, the running events, and the gates. Made by the house, shared by all.

use std::sync::Arc;

use usher_engine::clock::Clock;
use usher_engine::{accounts, catalogue, jobs, orders, payments};

use crate::access::passwords::Passwords;
use crate::cookies::Cookies;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

impl AppState {
    /// Shares it.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for AppState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What [`AppState`] shares.
pub struct Inner {
    /// The time.
    pub clock: Clock,
    /// Accounts, sessions and keys.
    pub accounts: Arc<dyn accounts::Store>,
    /// Events and plans.
    pub catalogue: Arc<dyn catalogue::Store>,
    /// Orders and sales, derived from the journal.
    pub views: Arc<dyn orders::Views>,
    /// Names and e-mails of orders.
    pub contacts: Arc<dyn orders::Contacts>,
    /// The provider's side of orders.
    pub payments: Arc<dyn payments::Payments>,
    /// Received webhooks.
    pub inbox: Arc<dyn payments::Inbox>,
    /// Work that follows.
    pub jobs: Arc<dyn jobs::Queue>,
    /// Signs buyers' tokens.
    pub cookie_key: [u8; 32],
    /// Names and guards cookies.
    pub cookies: Cookies,
    /// The gate in front of argon2id.
    pub passwords: Passwords,
}
