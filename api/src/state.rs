//! What every handler can reach: the open stores, the running events, and the gates. Made by the house, shared by all.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use usher_engine::adapters::cql::Cluster;
use usher_engine::adapters::redis::Redis;
use usher_engine::audit_log::AuditLog;
use usher_engine::checkout::Runner;
use usher_engine::clock::Clock;
use usher_engine::cluster::Events;
use usher_engine::feed::Feed;
use usher_engine::orders::Projector;
use usher_engine::payments::Intake;
use usher_engine::tickets::TicketFiles;
use usher_engine::{accounts, catalogue, jobs, orders, payments};

use crate::access::logins::Logins;
use crate::access::passwords::Passwords;
use crate::back_office::BackOffice;
use crate::config::Settings;
use crate::cookies::Cookies;
use crate::live::Live;
use crate::middleware::gate::InFlight;
use crate::middleware::headers::Dress;
use crate::plans::PlanCache;
use crate::sandbox;

/// A key that every node of this house has, and nobody else.
#[derive(Clone)]
pub struct NodeKey(pub [u8; 32]);

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKey(…)")
    }
}

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
    /// As the operator wants it.
    pub settings: Settings,
    /// The address people use, without a slash at its end.
    pub public_url: String,
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
    /// Who did what.
    pub audit_log: Arc<dyn AuditLog>,
    /// The cluster that the journal is in, if it is in one.
    pub cluster: Option<Arc<Cluster>>,
    /// What nodes share that can be lost, if there is one.
    pub redis: Option<Redis>,
    /// What other nodes committed.
    pub feed: Arc<dyn Feed>,
    /// Running events.
    pub events: Events,
    /// Keeps the views; tells how far they are.
    pub projector: Projector,
    /// Payment processes.
    pub payer: Runner,
    /// Takes webhooks in.
    pub intake: Intake,
    /// Where the sandbox is, when it takes the money.
    pub sandbox: Option<sandbox::Place>,
    /// Rendered tickets.
    pub ticket_files: Arc<dyn TicketFiles>,
    /// Prints tickets and writes to buyers.
    pub back_office: BackOffice,
    /// Compiled seating plans.
    pub plans: PlanCache,
    /// Whose turn it is to copy to the catalogue how an event stands.
    pub copying: tokio::sync::Mutex<()>,
    /// What nodes prove themselves to each other with, where there are several.
    pub node_key: Option<NodeKey>,
    /// Signs buyers' tokens.
    pub cookie_key: [u8; 32],
    /// Names and guards cookies.
    pub cookies: Cookies,
    /// The gate in front of argon2id.
    pub passwords: Passwords,
    /// Tries to log in, by address.
    pub logins: Logins,
    /// Where tasks that outlive a request run.
    pub runtime: tokio::runtime::Handle,
    /// Live streams.
    pub live: Live,
    /// Renders this process's metrics; absent when something else in the process records them.
    pub prometheus: Option<PrometheusHandle>,
    /// Said by the house when it is about to stop: not ready for more.
    pub draining: watch::Receiver<bool>,
    /// Requests under way.
    pub in_flight: InFlight,
    /// Headers of every response.
    pub dress: Dress,
}
