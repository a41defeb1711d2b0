//! Accounts, sessions and API keys: who may act, and how a request proves it.
//!
//! Secrets are kept as SHA-256 of 256 random bits (tokens) or as argon2id (passwords), so a stolen store logs nobody in.

use async_trait::async_trait;
use usher_core::{AccountId, OrganizerId, UnixMillis};

use crate::store::StoreError;

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its own organizer's events.
    Organizer,
    /// Everything, and the operator's pages.
    Admin,
}

/// A person who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Id.
    pub id: AccountId,
    /// Lower-case, unique.
    pub email: String,
    /// PHC string of argon2id.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// Whose events it may touch.
    pub organizer: OrganizerId,
    /// The organizer's name, printed on tickets.
    pub organizer_name: String,
    /// When it registered.
    pub created_at: UnixMillis,
}

/// A logged-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token in the cookie.
    pub token_hash: [u8; 32],
    /// Who.
    pub account: AccountId,
    /// When it began.
    pub created_at: UnixMillis,
    /// When it ends whatever happens.
    pub expires_at: UnixMillis,
}

/// A key for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public id, `key_…`.
    pub id: String,
    /// SHA-256 of the key.
    pub key_hash: [u8; 32],
    /// On whose behalf it acts.
    pub account: AccountId,
    /// The owner's word for it.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// The most API keys of one account.
pub const API_KEYS_MAX: u32 = 20;

/// Accounts, sessions and keys, kept durably.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Creates an account; a taken e-mail is a [`StoreError::Conflict`].
    async fn create_account(&self, account: Account) -> Result<(), StoreError>;
    /// By e-mail, in lower case.
    async fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError>;
    /// By id.
    async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError>;
    /// Replaces a password hash.
    async fn set_password_hash(&self, account: AccountId, password_hash: String) -> Result<(), StoreError>;
    /// Keeps a session.
    async fn create_session(&self, session: Session) -> Result<(), StoreError>;
    /// The session that is not expired at `now`.
    async fn session(&self, token_hash: [u8; 32], now: UnixMillis) -> Result<Option<Session>, StoreError>;
    /// Ends a session; ending an unknown one is fine.
    async fn revoke_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError>;
    /// Removes sessions that expired before `now`, at most [`crate::store::PAGE_ROWS_MAX`] at once.
    async fn sweep_sessions(&self, now: UnixMillis) -> Result<u32, StoreError>;
    /// Keeps a key; past [`API_KEYS_MAX`] of one account it is a [`StoreError::Conflict`].
    async fn create_api_key(&self, key: ApiKey) -> Result<(), StoreError>;
    /// The key with that hash.
    async fn api_key(&self, key_hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;
    /// All keys of an account (there are at most [`API_KEYS_MAX`]).
    async fn api_keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError>;
    /// Removes a key of that account; tells whether there was one.
    async fn revoke_api_key(&self, account: AccountId, id: &str) -> Result<bool, StoreError>;
}
