//! The settings: one struct per concern. `config/default.toml` shows every key with its default and what it means;
//! a test holds the two together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::node::NodeSettings;
use super::redis::RedisSettings;
use super::ticket_store::TicketStoreSettings;
use super::units::{Secret, Size, Span};

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// HTTP.
    pub server: ServerSettings,
    /// Logs.
    pub log: LogSettings,
    /// Where everything durable is.
    pub stores: StoresSettings,
    /// Where decisions are.
    pub journal: JournalSettings,
    /// What nodes must share to speak as one.
    pub keys: KeysSettings,
    /// What nodes share that can be lost.
    pub redis: RedisSettings,
    /// This node, where several share one house.
    pub node: NodeSettings,
    /// Running events.
    pub events: EventsSettings,
    /// Who takes the money.
    pub payments: PaymentsSettings,
    /// How mail leaves.
    pub mail: MailSettings,
    /// Ticket pages.
    pub tickets: TicketsSettings,
    /// Where their files are kept.
    pub ticket_store: TicketStoreSettings,
    /// Work that follows.
    pub jobs: JobsSettings,
    /// Accounts.
    pub accounts: AccountsSettings,
    /// Live streams.
    pub live: LiveSettings,
}

/// HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address people use, in links and mails; empty for `http://` and the listening address.
    pub public_url: String,
    /// Threads that serve requests.
    pub workers_count: usize,
    /// Open connections at once.
    pub connections_max: usize,
    /// Requests under way at once; more are told to come back.
    pub in_flight_max: usize,
    /// The longest a request may take, its body included.
    pub deadline: Span,
    /// The largest body.
    pub body_max: Size,
    /// The largest seating plan.
    pub plan_body_max: Size,
    /// How long a server that is told to stop says so at `/readyz`, and refuses new work, before it shuts its door.
    pub unready: Span,
    /// How long requests under way may then take to finish.
    pub drain: Span,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            workers_count: 2,
            connections_max: 10_000,
            in_flight_max: 2_048,
            deadline: Span::seconds(15),
            body_max: Size::kib(64),
            plan_body_max: Size::kib(16 * 1_024),
            unready: Span::seconds(1),
            drain: Span::seconds(20),
            trusted_proxies: Vec::new(),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Text,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,usher_engine=debug`.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned() }
    }
}

/// Where everything durable is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StoresSettings {
    /// SQLite and files in one folder.
    Sqlite {
        /// The folder; made when it is not there.
        folder: PathBuf,
    },
    /// In the cluster that the journal is in.
    Cql {
        /// What is this node's own, and can be lost or is nobody else's: mails, tickets as files, the sandbox.
        #[serde(default = "data_folder")]
        folder: PathBuf,
    },
}

fn data_folder() -> PathBuf {
    PathBuf::from("./data")
}

impl Default for StoresSettings {
    fn default() -> Self {
        Self::Sqlite { folder: data_folder() }
    }
}

/// Where decisions are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JournalSettings {
    /// With the stores, in a file of its own.
    #[default]
    Sqlite,
    /// In a CQL cluster: Apache Cassandra, ScyllaDB.
    Cql {
        /// `host:port` of some nodes; the others are learned from them.
        contact_points: Vec<String>,
        /// Our keyspace.
        #[serde(default = "keyspace")]
        keyspace: String,
        /// Copies of each row, in the only datacenter or by its name; used when the keyspace is made.
        #[serde(default)]
        replication: CopiesSettings,
        /// The datacenter whose nodes are asked first.
        #[serde(default)]
        datacenter: Option<String>,
        /// Log in as.
        #[serde(default)]
        username: Option<String>,
        /// With.
        #[serde(default)]
        password: Option<Secret>,
    },
}

fn keyspace() -> String {
    "usher".to_owned()
}

/// Keys: who has them can sign tickets and act as any buyer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysSettings {
    /// Their folder; empty for `keys` beside the stores.
    pub folder: PathBuf,
}

/// Copies of each row in a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CopiesSettings {
    /// In the only datacenter.
    Count(u8),
    /// By datacenter.
    ByDatacenter(BTreeMap<String, u8>),
}

impl Default for CopiesSettings {
    fn default() -> Self {
        Self::Count(3)
    }
}

/// Running events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsSettings {
    /// Commands of one event under way at once; more are told to come back.
    pub gate_permits_max: usize,
    /// Threads that run events.
    pub threads_count: usize,
    /// An event nobody asks for so long is unloaded.
    pub idle_unload: Span,
    /// How often events are looked at for opening and closing by themselves.
    pub schedule_every: Span,
}

impl Default for EventsSettings {
    fn default() -> Self {
        Self {
            gate_permits_max: usher_engine::event::GATE_PERMITS_DEFAULT,
            threads_count: 2,
            idle_unload: Span::seconds(600),
            schedule_every: Span::seconds(1),
        }
    }
}

/// Who takes the money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PaymentsSettings {
    /// The bundled sandbox: no money moves.
    Sandbox {
        /// Where `usher sandbox` answers, which several nodes share; empty for one within this process.
        #[serde(default)]
        url: String,
    },
    /// Stripe.
    Stripe {
        /// `sk_…` or `rk_…`.
        secret_key: Secret,
        /// `pk_…`, for Stripe's own script in the browser.
        publishable_key: String,
        /// `whsec_…`; several while one is being rotated.
        webhook_secrets: Vec<Secret>,
        /// Stripe's address, or that of a stand-in.
        #[serde(default = "stripe_base_url")]
        base_url: String,
    },
}

impl Default for PaymentsSettings {
    fn default() -> Self {
        Self::Sandbox { url: String::new() }
    }
}

fn stripe_base_url() -> String {
    "https://api.stripe.com/".to_owned()
}

/// How mail leaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MailSettings {
    /// Into the folder `outbox` beside the stores, as `.eml` files.
    #[default]
    Outbox,
    /// By SMTP.
    Smtp {
        /// The server.
        host: String,
        /// Its port.
        #[serde(default = "smtp_port")]
        port: u16,
        /// Encryption.
        #[serde(default)]
        tls: SmtpTls,
        /// Log in as.
        #[serde(default)]
        username: Option<String>,
        /// With.
        #[serde(default)]
        password: Option<Secret>,
        /// The sender, `Name <address>`.
        from: String,
    },
}

/// Encryption of SMTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Plain first, then encrypted; required.
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
    /// None: only to a server on the same machine.
    None,
}

fn smtp_port() -> u16 {
    587
}

/// Ticket pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketsSettings {
    /// Threads that render.
    pub threads_count: usize,
    /// Further fonts (TrueType), tried in order for letters that the built-in one lacks.
    pub fonts: Vec<PathBuf>,
}

impl Default for TicketsSettings {
    fn default() -> Self {
        Self { threads_count: 1, fonts: Vec::new() }
    }
}

/// Work that follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobsSettings {
    /// Jobs under way at once.
    pub at_once_max: usize,
    /// How long a job may take before another worker may take it.
    pub lease: Span,
    /// The longest pause between two tries of a job that fails; it is put aside after about a day of them.
    pub back_off_max: Span,
}

impl Default for JobsSettings {
    fn default() -> Self {
        Self { at_once_max: 8, lease: Span::seconds(60), back_off_max: Span::seconds(600) }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Nobody over HTTP.
    Closed,
}

/// Accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsSettings {
    /// Who may make one.
    pub registration: Registration,
    /// How long a session lasts.
    pub session: Span,
    /// Logins an address may try at once.
    pub login_burst_max: u32,
    /// After those, one more each.
    pub login_refill: Span,
}

impl Default for AccountsSettings {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            session: Span::seconds(12 * 3_600),
            login_burst_max: 10,
            login_refill: Span::seconds(6),
        }
    }
}

/// Live streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// Streams open at once; more are told to poll.
    pub streams_max: usize,
    /// Something is sent at least so often.
    pub heartbeat: Span,
    /// Changes are gathered for so long before they are sent.
    pub gather: Span,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { streams_max: 2_000, heartbeat: Span::seconds(15), gather: Span(std::time::Duration::from_millis(200)) }
    }
}
