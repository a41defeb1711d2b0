//! Accounts: register, log in, log out, keys for programs.

use serde::{Deserialize, Serialize};
use usher_core::{AccountId, OrganizerId};
use usher_engine::accounts::Role;

use crate::access::{SecretToken, Subject};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// A new account.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterForm {
    /// What it logs in with.
    pub email: String,
    /// At least 8 characters.
    pub password: String,
    /// The organizer's name, printed on tickets.
    pub organizer_name: String,
}

/// Who logs in.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}

/// An account.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AccountSheet {
    /// Id.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// E-mail.
    pub email: String,
    /// What it may do.
    #[schema(value_type = String)]
    pub role: Role,
    /// Its organizer.
    #[schema(value_type = String)]
    pub organizer: OrganizerId,
    /// The organizer's name.
    pub organizer_name: String,
}

/// A session that just began. The token goes into the cookie and is shown nowhere else.
#[derive(Debug, Clone)]
pub struct SessionSheet {
    /// Who.
    pub account: AccountSheet,
    /// For the cookie.
    pub token: SecretToken,
    /// How long the session lasts.
    pub lasts_ms: u64,
}

/// A new key's name.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyForm {
    /// The owner's word for it.
    pub name: String,
}

/// A key without its secret.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApiKeySheet {
    /// Public id, `key_…`.
    pub key: String,
    /// The owner's word for it.
    pub name: String,
    /// When it was made.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// A new key; its secret is shown this once.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct NewApiKeySheet {
    /// What lists show.
    #[serde(flatten)]
    pub sheet: ApiKeySheet,
    /// Send it as `Authorization: Bearer`.
    pub secret: String,
}

/// Creates an account and logs it in.
///
/// # Errors
/// A form that cannot be, a taken e-mail, registration closed here; the store does not answer.
pub async fn register(state: &AppState, form: &RegisterForm) -> Result<SessionSheet, Problem> {
    let _ = (state, form);
    todo!()
}

/// Logs in. `sender` is the address that tries, for the rate limit.
///
/// # Errors
/// Wrong, too many tries, or the store does not answer.
pub async fn login(state: &AppState, form: &LoginForm, sender: std::net::IpAddr) -> Result<SessionSheet, Problem> {
    let _ = (state, form, sender);
    todo!()
}

/// Ends the session of that cookie; ending an unknown one is fine.
///
/// # Errors
/// The store does not answer.
pub async fn logout(state: &AppState, token: &str) -> Result<(), Problem> {
    let _ = (state, token);
    todo!()
}

/// The account's keys.
///
/// # Errors
/// Not logged in; the store does not answer.
pub async fn api_keys(state: &AppState, subject: &Subject) -> Result<Vec<ApiKeySheet>, Problem> {
    let _ = (state, subject);
    todo!()
}

/// Makes a key.
///
/// # Errors
/// Not logged in, as many as there may be; the store does not answer.
pub async fn create_api_key(state: &AppState, subject: &Subject, form: &ApiKeyForm) -> Result<NewApiKeySheet, Problem> {
    let _ = (state, subject, form);
    todo!()
}

/// Revokes a key of the account.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn revoke_api_key(state: &AppState, subject: &Subject, key: &str) -> Result<(), Problem> {
    let _ = (state, subject, key);
    todo!()
}
