//! The way to the payment provider: Stripe, or the bundled sandbox at this server's own address.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use usher_core::Phase;
use usher_engine::adapters::stripe::{GatewayConfig, StripeGateway};
use usher_engine::checkout::{Desk, Looked};
use usher_engine::clock::Clock;
use usher_engine::cluster::Events;
use usher_engine::payments::webhook::WebhookSecret;
use usher_engine::payments::{Gateway, IntakeSettings};

use crate::config::{Fault, PaymentsSettings};
use crate::sandbox::{self, Relay, Sandbox};

/// The provider as the settings name it.
pub(super) struct Money {
    pub(super) gateway: Arc<dyn Gateway>,
    pub(super) intake: IntakeSettings,
    pub(super) sandbox: Option<sandbox::Place>,
}

impl Money {
    pub(super) fn open(
        settings: &PaymentsSettings,
        data: &Path,
        bound: SocketAddr,
        house_key: &[u8; 32],
        clock: &Clock,
        runtime: &Handle,
    ) -> Result<Self, Fault> {
        let fault = |what: String| Fault { key: "payments".to_owned(), what };
        let gateway = |base_url: String, secret_key: String| {
            let call_deadline_ms = GatewayConfig::CALL_DEADLINE_MS_DEFAULT;
            let config = GatewayConfig { base_url, secret_key, call_deadline_ms };
            let made = StripeGateway::new(&config, runtime.clone());
            let shared = made.map(|gateway| Arc::new(gateway) as Arc<dyn Gateway>);
            shared.map_err(|error| fault(error.to_string()))
        };
        match settings {
            PaymentsSettings::Sandbox { url } => {
                let SandboxSecrets { secret_key, webhook_secret } = SandboxSecrets::of(house_key);
                let secrets = vec![WebhookSecret::new(webhook_secret)];
                let (base_url, place) = if url.is_empty() {
                    let own = own_url(bound);
                    let sandbox = open_sandbox(data, vec![format!("{own}/webhooks/stripe")], house_key, clock)?;
                    (own, sandbox::Place::Here(sandbox))
                } else {
                    let relay = Relay::new(url, runtime.clone()).map_err(|error| fault(error.to_string()))?;
                    (url.trim_end_matches('/').to_owned(), sandbox::Place::Shared(relay))
                };
                Ok(Self {
                    gateway: gateway(format!("{base_url}/sandbox/"), secret_key)?,
                    intake: IntakeSettings { secrets, livemode: false },
                    sandbox: Some(place),
                })
            }
            PaymentsSettings::Stripe { secret_key, webhook_secrets, base_url, .. } => {
                let gateway = gateway(base_url.clone(), secret_key.reveal().to_owned())?;
                let secrets = webhook_secrets.iter().map(|secret| WebhookSecret::new(secret.reveal().to_owned()));
                let intake = IntakeSettings { secrets: secrets.collect(), livemode: gateway.livemode() };
                Ok(Self { gateway, intake, sandbox: None })
            }
        }
    }
}

/// What a sandbox and its house prove themselves to each other with. It has no secrets of its own to lose: they follow
/// from the house's key.
struct SandboxSecrets {
    secret_key: String,
    webhook_secret: String,
}

impl SandboxSecrets {
    fn of(house_key: &[u8; 32]) -> Self {
        Self {
            secret_key: format!("sk_test_{}", derived(house_key, "sandbox secret key")),
            webhook_secret: format!("whsec_{}", derived(house_key, "sandbox webhook secret")),
        }
    }
}

/// Opens the sandbox that keeps its file in the data folder.
///
/// # Errors
/// Its file cannot be opened.
pub(crate) fn open_sandbox(
    data: &Path,
    webhook_urls: Vec<String>,
    house_key: &[u8; 32],
    clock: &Clock,
) -> Result<Sandbox, Fault> {
    let SandboxSecrets { secret_key, webhook_secret } = SandboxSecrets::of(house_key);
    let webhook_secret = WebhookSecret::new(webhook_secret);
    let sandbox = Sandbox::open(&data.join("sandbox.db"), webhook_urls, webhook_secret, secret_key, clock.clone());
    sandbox.map_err(|error| Fault { key: "payments".to_owned(), what: error.to_string() })
}

/// How the server reaches itself: by loopback when it listens everywhere.
fn own_url(bound: SocketAddr) -> String {
    let mut own = bound;
    if bound.ip().is_unspecified() {
        own.set_ip(match bound {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{own}")
}

fn derived(key: &[u8; 32], what: &str) -> String {
    let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(what).finalize().into();
    crate::desk::hex(&digest[..16])
}

/// How the payment process reaches events.
pub(super) fn desk(events: &Events) -> Desk {
    let (look, ask, whose) = (events.clone(), events.clone(), events.clone());
    Desk {
        look: Arc::new(move |event, order| {
            let events = look.clone();
            Box::pin(async move {
                let looked = events.look_order(event, order).await?;
                Ok(Looked { order: looked.found, event_cancelled: looked.phase == Phase::Cancelled })
            })
        }),
        ask: Arc::new(move |event, command| {
            let events = ask.clone();
            Box::pin(async move { events.ask(event, command).await })
        }),
        elsewhere: Arc::new(move |event| {
            let events = whose.clone();
            Box::pin(async move { events.is_elsewhere(event).await })
        }),
    }
}

/// A key of 32 random bytes, made once and readable by nobody else.
pub(crate) fn key(folder: &Path, name: &str) -> Result<[u8; 32], Fault> {
    let found = usher_engine::adapters::files::keys::secret_or_create(folder, name);
    found.map_err(|error| Fault { key: "keys".to_owned(), what: error.to_string() })
}
