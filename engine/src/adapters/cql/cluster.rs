//! The connection to a cluster, shared by all that is kept there.
//!
//! The driver's background tasks die with the runtime that made them, and callers are on runtimes of their own (events
//! live on single-threaded ones). So the session is made on one runtime that outlives it, its *home*, and every call
//! is carried over there: a caller that goes away does not cut a write in half either.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::address_translator::AddressTranslator;
use scylla::policies::timestamp_generator::MonotonicTimestampGenerator;
use scylla::statement::prepared::PreparedStatement;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::metrics::UNANSWERED;
use super::migrate::{self, LINE};
use super::statements::{How, Profiles};
use super::{ClusterSettings, CqlError, SCHEMA};

/// Calls under way at once; a caller beyond waits for a place.
const CALLS_MAX: usize = 1_024;
/// How long it waits before it is told so: all places stay taken only while the cluster hangs, and who waits for a
/// place and then for an answer must be told within two seconds.
const PLACE_WITHIN: Duration = Duration::from_millis(400);
/// How long connecting to one node may take.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How often a silent connection is asked for a sign of life, and how long that may take: a node that hangs is left
/// after both, and until then each of its requests takes its whole time.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
const KEEPALIVE_MAX: Duration = Duration::from_secs(1);
/// How long nodes may take to agree on a changed schema.
const SCHEMA_AGREEMENT_MAX: Duration = Duration::from_secs(30);

/// A cluster with this program's schema.
pub struct Cluster {
    session: Session,
    profiles: Profiles,
    home: Handle,
    calls: Semaphore,
    request_max: Duration,
    probe: PreparedStatement,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects, from any runtime; the driver lives on `home`.
    ///
    /// # Errors
    /// The settings cannot be, no node answers, or the keyspace is not of this program's version: [`super::migrate()`]
    /// makes it so.
    pub async fn connect(settings: &ClusterSettings, home: Handle) -> Result<Arc<Self>, CqlError> {
        settings.check()?;
        let (settings, at_home) = (settings.clone(), home.clone());
        carried_over(&home, async move {
            let profiles = Profiles::new(settings.request_max);
            let session = session(&settings, &profiles).await?;
            migrate::check(&session, &settings.keyspace, SCHEMA).await?;
            use_keyspace(&session, &settings.keyspace).await?;
            let latest = "SELECT version FROM schema_migrations WHERE line = ? ORDER BY version DESC LIMIT 1";
            let mut probe = session.prepare(latest).await?;
            How::ReadSerial.apply(&mut probe, &profiles);
            Ok(Arc::new(Self {
                session,
                profiles,
                home: at_home,
                calls: Semaphore::new(CALLS_MAX),
                request_max: settings.request_max,
                probe,
            }))
        })
        .await
    }

    /// Prepares a statement that is to be sent in this way.
    ///
    /// # Errors
    /// No node prepared it.
    pub async fn prepare(self: &Arc<Self>, cql: impl Into<String>, how: How) -> Result<PreparedStatement, CqlError> {
        let cql = cql.into();
        self.call(move |cluster| async move {
            let mut statement = cluster.session.prepare(cql).await?;
            how.apply(&mut statement, &cluster.profiles);
            Ok(statement)
        })
        .await
    }

    /// Runs `work` at home, once there is a place for it. It goes on when the caller goes away; what it does must end
    /// by itself.
    ///
    /// # Errors
    /// What `work` says, that it ended in a panic, or [`CqlError::Crowded`] when it did not begin.
    pub async fn call<T, E, F, W>(self: &Arc<Self>, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CqlError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        W: FnOnce(Arc<Self>) -> F,
    {
        let cluster = Arc::clone(self);
        let work = work(Arc::clone(self));
        carried_over(&self.home, async move {
            let Ok(_place) = timeout(PLACE_WITHIN, cluster.calls.acquire()).await else {
                return Err(CqlError::Crowded.into());
            };
            work.await
        })
        .await
    }

    /// The driver's session, for use inside of [`Cluster::call`] only.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How long a statement may take, and a conditional write with all its tries.
    #[must_use]
    pub(super) fn request_max(&self) -> Duration {
        self.request_max
    }

    /// Whether a quorum of it answers, by a read that needs one.
    ///
    /// # Errors
    /// It does not.
    pub async fn probe(self: &Arc<Self>) -> Result<(), CqlError> {
        let answered = self.call(|cluster| async move {
            cluster.session.execute_unpaged(&cluster.probe, (LINE,)).await?;
            Ok(())
        });
        answered.await.inspect_err(|_| counter!(UNANSWERED).increment(1))
    }
}

/// Runs a future on `home` and waits for it.
pub(super) async fn carried_over<T, E, F>(home: &Handle, work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<CqlError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    home.spawn(work).await.unwrap_or_else(|error| Err(CqlError::Unavailable(format!("the call ended: {error}")).into()))
}

/// A session without a keyspace.
pub(super) async fn session(settings: &ClusterSettings, profiles: &Profiles) -> Result<Session, CqlError> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&settings.contact_points)
        .default_execution_profile_handle(profiles.fallback())
        .connection_timeout(CONNECT_MAX)
        .keepalive_interval(KEEPALIVE_EVERY)
        .keepalive_timeout(KEEPALIVE_MAX)
        .schema_agreement_timeout(SCHEMA_AGREEMENT_MAX)
        .timestamp_generator(Arc::new(MonotonicTimestampGenerator::new()))
        // Nothing here looks at the schema, and a cluster may hold many of others.
        .fetch_full_schema_metadata(false)
        .driver_config_reporting(false);
    if let Some(datacenter) = &settings.datacenter {
        builder = builder.prefer_datacenter(datacenter.clone());
    }
    if let Some(login) = &settings.login {
        builder = builder.user(&login.user, &login.password);
    }
    if !settings.address_map.is_empty() {
        let translator: Arc<dyn AddressTranslator> = Arc::new(settings.address_map.clone());
        builder = builder.address_translator(translator);
    }
    Ok(builder.build().await?)
}

/// Makes `keyspace` the one that statements mean.
pub(super) async fn use_keyspace(session: &Session, keyspace: &str) -> Result<(), CqlError> {
    session
        .use_keyspace(keyspace, false)
        .await
        .map_err(|error| CqlError::Unavailable(format!("keyspace {keyspace}: {error}")))
}
