//! What a request proves about its sender, found once per request.
//!
//! Proofs: `Authorization: Bearer` with a buyer's token or an API key, a session cookie, a buyer cookie. A wrong proof
//! is no proof: the sender is then anonymous and routes that need more say so.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use usher_core::{AccountId, BuyerId, OrganizerId};
use usher_engine::accounts::{Account, Role};

use super::tokens::{self, API_KEY_PREFIX};
use crate::middleware::RequestId;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// How a login was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginVia {
    /// A session cookie: a browser.
    Session,
    /// An API key: a program.
    ApiKey,
}

/// Somebody logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub account: AccountId,
    /// The e-mail it logs in with.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Whose events it may touch.
    pub organizer: OrganizerId,
    /// The organizer's name.
    pub organizer_name: String,
    /// How it was proved.
    pub via: LoginVia,
}

impl Login {
    /// A login to that account.
    #[must_use]
    pub fn new(account: Account, via: LoginVia) -> Self {
        Self {
            account: account.id,
            email: account.email,
            role: account.role,
            organizer: account.organizer,
            organizer_name: account.organizer_name,
            via,
        }
    }
}

/// Who sends a request. Handlers take it as an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Who buys.
    pub buyer: Option<BuyerId>,
    /// Who is logged in.
    pub login: Option<Login>,
    /// Some proof came in a cookie, so another site's page could have sent it along.
    pub by_cookie: bool,
    /// The request's id; none where no request is behind it.
    pub request: Option<RequestId>,
}

impl Subject {
    /// A buyer and nobody else.
    #[must_use]
    pub fn of_buyer(buyer: BuyerId) -> Self {
        Self { buyer: Some(buyer), ..Self::default() }
    }

    /// The buyer.
    ///
    /// # Errors
    /// There is none.
    pub fn buyer(&self) -> Result<BuyerId, Problem> {
        self.buyer.ok_or_else(|| Problem::of(&kinds::BUYER_REQUIRED))
    }

    /// The login.
    ///
    /// # Errors
    /// There is none.
    pub fn login(&self) -> Result<&Login, Problem> {
        self.login.as_ref().ok_or_else(|| Problem::of(&kinds::LOGIN_REQUIRED))
    }

    /// Reads a request's proofs.
    ///
    /// # Errors
    /// The store of sessions and keys does not answer.
    pub async fn of_request(state: &AppState, request: &HttpRequest) -> Result<Self, Problem> {
        let mut subject = Self::default();
        if let Some(token) = bearer(request) {
            if token.starts_with(API_KEY_PREFIX) {
                subject.login = of_api_key(state, token).await?;
            } else {
                subject.buyer = tokens::verify_buyer(&state.cookie_key, token);
            }
            return Ok(subject);
        }
        if let Some(cookie) = request.cookie(state.cookies.buyer_name()) {
            subject.buyer = tokens::verify_buyer(&state.cookie_key, cookie.value());
            subject.by_cookie = true;
        }
        if let Some(cookie) = request.cookie(state.cookies.session_name()) {
            subject.login = of_session(state, cookie.value()).await?;
            subject.by_cookie = true;
        }
        Ok(subject)
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn of_api_key(state: &AppState, token: &str) -> Result<Option<Login>, Problem> {
    let Some(key) = state.accounts.api_key(tokens::hash(token)).await? else { return Ok(None) };
    let account = state.accounts.account(key.account).await?;
    Ok(account.map(|account| Login::new(account, LoginVia::ApiKey)))
}

async fn of_session(state: &AppState, token: &str) -> Result<Option<Login>, Problem> {
    let Some(session) = state.accounts.session(tokens::hash(token), state.clock.now()).await? else { return Ok(None) };
    let account = state.accounts.account(session.account).await?;
    Ok(account.map(|account| Login::new(account, LoginVia::Session)))
}

impl FromRequest for Subject {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The gate in front of every route has put it there.
        ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}
