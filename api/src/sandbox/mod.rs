//! The sandbox: the part of Stripe's HTTP API that Usher uses, with test cards instead of money.
//!
//! Usher talks to it exactly as it talks to Stripe; only the base URL differs. It keeps what it is told in a file of
//! its own, sends signed webhooks until they are taken, and can be told to repeat, reorder, delay or drop them.

mod answers;
mod cards;
mod form;
mod operation;
mod pay;
mod refusal;
mod relay;
mod routes;
mod sender;
mod state;
mod store;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use usher_engine::clock::Clock;
use usher_engine::ids;
use usher_engine::payments::webhook::WebhookSecret;

pub use pay::PayBy;
pub use relay::Relay;

use operation::{Done, Operation};
use refusal::Refusal;
use store::{SandboxStore, SavedAnswer, Tables};

/// What the browser shows as its key; it can only confirm an intent whose secret it knows.
pub const PUBLISHABLE_KEY: &str = "pk_test_sandbox";
/// How long webhooks gather before they are sent in reverse.
const REORDER_GATHER_MS: i64 = 1_000;

/// How the sandbox misbehaves, for tests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Sends each webhook so many times more.
    pub duplicate_count: u8,
    /// Sends the latest webhook first.
    pub reorder: bool,
    /// Sends webhooks so much later.
    pub delay_ms: u32,
    /// Sends no webhooks at all.
    pub drop: bool,
    /// How long the slow card takes.
    pub slow_ms: u32,
}

impl Default for Settings {
    /// Behaves; the slow card takes 8 seconds.
    fn default() -> Self {
        Self { duplicate_count: 0, reorder: false, delay_ms: 0, drop: false, slow_ms: 8_000 }
    }
}

/// The sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Its file cannot be opened.
    #[error("the sandbox cannot open its file: {0}")]
    Store(#[from] rusqlite::Error),
    /// Its HTTP client cannot be made.
    #[error("the sandbox cannot send webhooks: {0}")]
    Http(#[from] reqwest::Error),
    /// It plays with no real money.
    #[error("the sandbox refuses live keys")]
    LiveKey,
}

/// The sandbox; clones share it.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    store: SandboxStore,
    webhook_urls: Vec<String>,
    webhook_secret: WebhookSecret,
    secret_key: String,
    clock: Clock,
    settings: Mutex<Settings>,
    http: reqwest::Client,
    bell: Notify,
}

/// A key and what it was first used for.
struct Idempotency {
    key: String,
    fingerprint: [u8; 32],
}

/// An answer as it goes out.
struct Answer {
    status: u16,
    body: String,
    replayed: bool,
}

impl Sandbox {
    /// Opens the file at `path`, making it if need be. Webhooks go to the first of `webhook_urls` that takes them once
    /// [`Sandbox::run`] runs.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn open(
        path: &Path,
        webhook_urls: Vec<String>,
        webhook_secret: WebhookSecret,
        secret_key: String,
        clock: Clock,
    ) -> Result<Self, SandboxError> {
        if secret_key.contains("_live_") {
            return Err(SandboxError::LiveKey);
        }
        let store = SandboxStore::open(path, clock.now().0)?;
        let http = reqwest::Client::builder().timeout(sender::SEND_DEADLINE).build()?;
        let (settings, bell) = (Mutex::default(), Notify::new());
        let inner = Inner { store, webhook_urls, webhook_secret, secret_key, clock, settings, http, bell };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Adds the sandbox's routes; mount them under `/sandbox`.
    pub fn configure(&self, config: &mut actix_web::web::ServiceConfig) {
        routes::configure(self, config);
    }

    /// The payment page of an intent, which sends the buyer on to `return_path` at the same origin.
    #[must_use]
    pub fn page_url(intent: &str, client_secret: &str, return_path: &str) -> String {
        let query = [("client_secret", client_secret), ("return_url", return_path)];
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        format!("/sandbox/pay/{intent}?{query}")
    }

    /// Changes how it misbehaves.
    pub fn set(&self, settings: Settings) {
        *self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.inner.bell.notify_one();
    }

    fn settings(&self) -> Settings {
        self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now_ms(&self) -> i64 {
        self.inner.clock.now().0
    }

    /// Carries an operation out, or repeats the answer kept for its key. Blocks for a write to the file.
    fn perform(&self, operation: Operation, idempotency: Option<Idempotency>) -> Result<Answer, Refusal> {
        let now_ms = self.now_ms();
        let settings = self.settings();
        let performed = self.inner.store.transact(|tables| {
            let saved = idempotency.as_ref().map_or(Ok(None), |used| tables.saved(&used.key))?;
            if let (Some(saved), Some(used)) = (saved, &idempotency) {
                let same = saved.fingerprint == used.fingerprint;
                let answer = Answer { status: saved.status, body: saved.body, replayed: true };
                return Ok(if same { Ok(answer) } else { Err(Refusal::key_reused()) });
            }
            let done = match operation.carry_out(tables, now_ms.div_euclid(1_000))? {
                Ok(done) => done,
                Err(refusal) => {
                    let body = serde_json::json!({ "error": refusal.object(None) });
                    Done { status: refusal.status, body, events: Vec::new() }
                }
            };
            announce(tables, &done, &settings, now_ms)?;
            let answer = Answer { status: done.status, body: done.body.to_string(), replayed: false };
            if let Some(Idempotency { key, fingerprint }) = &idempotency {
                let saved = SavedAnswer { fingerprint: *fingerprint, status: answer.status, body: answer.body.clone() };
                tables.save(key, &saved, now_ms)?;
            }
            Ok(Ok(answer))
        });
        self.inner.bell.notify_one();
        performed.map_err(|error| {
            tracing::error!(%error, "the sandbox's file");
            Refusal::broken("The sandbox's file cannot be used.")
        })?
    }
}

impl Idempotency {
    fn new(key: String, path: &str, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(path.as_bytes());
        // The same parameters in another order are the same request, as with Stripe.
        let mut fields: Vec<&[u8]> = body.split(|byte| *byte == b'&').collect();
        fields.sort_unstable();
        for field in fields {
            hasher.update([b'&']);
            hasher.update(field);
        }
        Self { key, fingerprint: hasher.finalize().into() }
    }
}

/// Where payments of a sandbox are made.
#[derive(Clone)]
pub enum Place {
    /// In this process.
    Here(Sandbox),
    /// In one that several nodes share.
    Shared(Relay),
}

impl Place {
    /// Adds what answers under `/sandbox`.
    pub fn configure(&self, config: &mut actix_web::web::ServiceConfig) {
        match self {
            Self::Here(sandbox) => sandbox.configure(config),
            Self::Shared(relay) => relay.configure(config),
        }
    }
}

/// Puts the webhooks of what was done in line, as often and as late as the settings say.
fn announce(tables: &Tables<'_>, done: &Done, settings: &Settings, now_ms: i64) -> Result<(), rusqlite::Error> {
    if settings.drop {
        return Ok(());
    }
    let gather_ms = if settings.reorder { REORDER_GATHER_MS } else { 0 };
    let due_at = now_ms + i64::from(settings.delay_ms) + gather_ms;
    if settings.reorder {
        // What waits already waits for what comes now, so that a burst is turned round as a whole.
        tables.postpone_deliveries(due_at)?;
    }
    for (kind, object) in &done.events {
        let id = format!("evt_{:032x}", ids::fresh());
        let body = answers::event(&id, kind, object, now_ms.div_euclid(1_000)).to_string();
        for _ in 0..=settings.duplicate_count {
            tables.push_delivery(&body, now_ms, due_at)?;
        }
    }
    Ok(())
}
