//! The way to the payment provider: Stripe, or the bundled sandbox at this server's own address.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use usher_core::Phase;
use usher_engine::adapters::stripe::{GatewayConfig, StripeGateway};
use usher_engine::checkout::{Desk, Looked};
use usher_engine::clock::Clock;
use usher_engine::event::Registry;
use usher_engine::payments::webhook::WebhookSecret;
use usher_engine::payments::{Gateway, IntakeSettings};

use crate::config::{Fault, PaymentsSettings};
use crate::sandbox::Sandbox;

/// The provider as the settings name it.
pub(super) struct Money {
    pub(super) gateway: Arc<dyn Gateway>,
    pub(super) intake: IntakeSettings,
    pub(super) sandbox: Option<Sandbox>,
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
            PaymentsSettings::Sandbox => {
                // The sandbox has no secrets of its own to lose: they follow from the house's key.
                let secret_key = format!("sk_test_{}", derived(house_key, "sandbox secret key"));
                let webhook_secret = format!("whsec_{}", derived(house_key, "sandbox webhook secret"));
                let own = own_url(bound);
                let sandbox = Sandbox::open(
                    &data.join("sandbox.db"),
                    format!("{own}/webhooks/stripe"),
                    WebhookSecret::new(webhook_secret.clone()),
                    secret_key.clone(),
                    clock.clone(),
                );
                Ok(Self {
                    gateway: gateway(format!("{own}/sandbox/"), secret_key)?,
                    intake: IntakeSettings { secrets: vec![WebhookSecret::new(webhook_secret)], livemode: false },
                    sandbox: Some(sandbox.map_err(|error| fault(error.to_string()))?),
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
pub(super) fn desk(events: &Registry) -> Desk {
    let (look, ask) = (events.clone(), events.clone());
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
    }
}

/// A key of 32 random bytes, made once and readable by nobody else.
pub(super) fn key(folder: &Path, name: &str) -> Result<[u8; 32], Fault> {
    let path = folder.join(name);
    let fault = |what: String| Fault { key: format!("key {}", path.display()), what };
    match std::fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| fault("is not 32 bytes long".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fresh = usher_engine::ids::secret();
            write_new(folder, &path, &fresh).map_err(|error| fault(error.to_string()))?;
            Ok(fresh)
        }
        Err(error) => Err(fault(error.to_string())),
    }
}

fn write_new(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
