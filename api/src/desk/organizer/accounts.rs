//! Accounts: register, log in, log out, keys for programs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use usher_core::{AccountId, OrganizerId};
use usher_engine::accounts::{Account, ApiKey, Role, Session};
use usher_engine::audit_log::Deed;
use usher_engine::ids;

use crate::access::{SecretToken, Subject, passwords, tokens};
use crate::config::Registration;
use crate::desk::audit::{Intent, record_log_in, recorded};
use crate::desk::{check_email, on_conflict, printed};
use crate::metrics as names;
use crate::problem::{Problem, kinds};
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

impl From<&Account> for AccountSheet {
    fn from(account: &Account) -> Self {
        Self {
            account: account.id,
            email: account.email.clone(),
            role: account.role,
            organizer: account.organizer,
            organizer_name: account.organizer_name.clone(),
        }
    }
}

impl From<ApiKey> for ApiKeySheet {
    fn from(key: ApiKey) -> Self {
        Self { key: key.id, name: key.name, created_at: key.created_at.into() }
    }
}

/// The longest name of an organizer or a key, in characters.
const NAME_CHARS_MAX: usize = 100;

impl RegisterForm {
    /// The form without blanks, its e-mail in lower case.
    fn checked(&self, state: &AppState) -> Result<Self, Problem> {
        let email = self.email.trim().to_lowercase();
        let organizer_name = self.organizer_name.trim().to_owned();
        printed::all_faults(vec![
            ("organizer_name", printed::check_line(state.back_office.fonts(), &organizer_name, NAME_CHARS_MAX)),
            ("email", check_email(&email)),
            ("password", passwords::check(&self.password)),
        ])?;
        Ok(Self { email, password: self.password.clone(), organizer_name })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= NAME_CHARS_MAX && !text.chars().any(char::is_control)
}

/// Creates an account and logs it in. `sender` is the address that asks, for the rate limit.
///
/// # Errors
/// A form that cannot be, a taken e-mail, registration closed here; the store does not answer.
pub async fn register(state: &AppState, form: &RegisterForm, sender: IpAddr) -> Result<SessionSheet, Problem> {
    match state.settings.accounts.registration {
        Registration::Open => {}
        Registration::Closed => return Err(Problem::of(&kinds::REGISTRATION_CLOSED)),
    }
    let form = form.checked(state)?;
    take_try(state, sender).await?;
    let account = create_account(state, form, Role::Organizer).await?;
    begin_session(state, &account).await
}

/// Creates an account of any role: the operator's way, past closed registration.
///
/// # Errors
/// A form that cannot be, a taken e-mail; the store does not answer.
pub async fn create_account_as(state: &AppState, form: &RegisterForm, role: Role) -> Result<AccountSheet, Problem> {
    let form = form.checked(state)?;
    create_account(state, form, role).await.map(|account| (&account).into())
}

async fn create_account(state: &AppState, form: RegisterForm, role: Role) -> Result<Account, Problem> {
    let account = Account {
        id: AccountId(ids::fresh()),
        email: form.email,
        password_hash: state.passwords.hash(form.password).await?,
        role,
        organizer: OrganizerId(ids::fresh()),
        organizer_name: form.organizer_name,
        created_at: state.clock.now(),
    };
    match state.accounts.create_account(account.clone()).await {
        Ok(()) => Ok(account),
        Err(error) => Err(on_conflict(error, &kinds::EMAIL_TAKEN)),
    }
}

/// Logs in. `sender` is the address that tries, for the rate limit.
///
/// # Errors
/// Wrong, too many tries, or the store does not answer.
pub async fn login(
    state: &AppState,
    subject: &Subject,
    form: &LoginForm,
    sender: IpAddr,
) -> Result<SessionSheet, Problem> {
    take_try(state, sender).await?;
    let account = state.accounts.account_by_email(&form.email.trim().to_lowercase()).await?;
    let tried = account.as_ref().map(|account| account.id);
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let fits = form.password.len() <= passwords::PASSWORD_BYTES_MAX
        && state.passwords.verify(form.password.clone(), hash).await?;
    let Some(account) = account.filter(|_| fits) else {
        metrics::counter!(names::LOGINS, "result" => "failed").increment(1);
        let problem = Problem::of(&kinds::LOGIN_FAILED);
        record_log_in(state, subject, tried, Some(&problem)).await?;
        return Err(problem);
    };
    record_log_in(state, subject, tried, None).await?;
    metrics::counter!(names::LOGINS, "result" => "ok").increment(1);
    begin_session(state, &account).await
}

async fn take_try(state: &AppState, sender: IpAddr) -> Result<(), Problem> {
    state.logins.take(sender, state.clock.now()).await.map_err(|retry_after_ms| {
        metrics::counter!(names::LOGINS, "result" => "rate_limited").increment(1);
        Problem::of(&kinds::RATE_LIMITED).retry_after_ms(retry_after_ms)
    })
}

async fn begin_session(state: &AppState, account: &Account) -> Result<SessionSheet, Problem> {
    let token = SecretToken::fresh("");
    let lasts_ms = state.settings.accounts.session.ms();
    let now = state.clock.now();
    let session = Session {
        token_hash: tokens::hash(&token.0),
        account: account.id,
        created_at: now,
        expires_at: now.plus_ms(lasts_ms),
    };
    state.accounts.create_session(session).await?;
    Ok(SessionSheet { account: account.into(), token, lasts_ms })
}

/// Ends the session of that cookie; ending an unknown one is fine.
///
/// # Errors
/// The store does not answer.
pub async fn logout(state: &AppState, token: &str) -> Result<(), Problem> {
    Ok(state.accounts.revoke_session(tokens::hash(token)).await?)
}

/// The account's keys.
///
/// # Errors
/// Not logged in; the store does not answer.
pub async fn api_keys(state: &AppState, subject: &Subject) -> Result<Vec<ApiKeySheet>, Problem> {
    let keys = state.accounts.api_keys(subject.login()?.account).await?;
    Ok(keys.into_iter().map(ApiKeySheet::from).collect())
}

/// Makes a key.
///
/// # Errors
/// Not logged in, as many as there may be; the store does not answer.
pub async fn create_api_key(state: &AppState, subject: &Subject, form: &ApiKeyForm) -> Result<NewApiKeySheet, Problem> {
    let login = subject.login()?;
    let name = form.name.trim();
    if !is_name(name) {
        return Err(Problem::invalid("/name", format!("1 to {NAME_CHARS_MAX} letters, in one line")));
    }
    let secret = SecretToken::fresh(tokens::API_KEY_PREFIX);
    let key = ApiKey {
        id: format!("key_{:032x}", ids::fresh()),
        key_hash: tokens::hash(&secret.0),
        account: login.account,
        name: name.to_owned(),
        created_at: state.clock.now(),
    };
    recorded(state, subject, Intent::of_object(Deed::CreateApiKey, &key.id), async {
        match state.accounts.create_api_key(key.clone()).await {
            Ok(()) => Ok(NewApiKeySheet { sheet: key.clone().into(), secret: secret.0.clone() }),
            Err(error) => Err(on_conflict(error, &kinds::API_KEYS_MAX)),
        }
    })
    .await
}

/// Revokes a key of the account.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn revoke_api_key(state: &AppState, subject: &Subject, key: &str) -> Result<(), Problem> {
    let login = subject.login()?;
    recorded(state, subject, Intent::of_object(Deed::RevokeApiKey, key), async {
        if state.accounts.revoke_api_key(login.account, key).await? {
            Ok(())
        } else {
            Err(Problem::of(&kinds::NOT_FOUND))
        }
    })
    .await
}
