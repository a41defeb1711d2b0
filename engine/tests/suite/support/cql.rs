//! A keyspace of one's own on a real server.

#[path = "../../cassandra/shared.rs"]
mod shared;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::OnceCell;
use usher_engine::adapters::cql::journal::{CqlJournal, JournalTimes};
use usher_engine::adapters::cql::{Cluster, ClusterSettings, Replication, migrate};

/// One node shares two cores with all other tests: nothing here is about its speed.
const PATIENT: JournalTimes = JournalTimes {
    append_max: Duration::from_secs(20),
    try_max: Duration::from_secs(5),
    silence_max: Duration::from_secs(10),
};

/// Where drivers live: longer than any test's own runtime.
pub(crate) fn home() -> Handle {
    static HOME: OnceLock<Runtime> = OnceLock::new();
    let home = HOME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    home.handle().clone()
}

/// Settings that name a keyspace that is not there yet; `None` when `test` has to be skipped.
pub(crate) fn fresh_settings(test: &str) -> Option<ClusterSettings> {
    static KEYSPACES_COUNT: AtomicU32 = AtomicU32::new(0);
    let cql = shared::shared(test)?;
    let number = KEYSPACES_COUNT.fetch_add(1, Ordering::Relaxed);
    let keyspace = format!("usher_{}_{number}", std::process::id());
    let replication = Replication::Simple { copies_count: cql.copies_count() };
    let request_max = Duration::from_secs(10);
    Some(ClusterSettings { replication, request_max, ..ClusterSettings::new(cql.contact_points(), &keyspace) })
}

/// A keyspace with this program's schema that all tests of this process share, because making its tables takes longer
/// than most tests; `None` when `test` has to be skipped.
pub(crate) async fn shared_cluster(test: &str) -> Option<Arc<Cluster>> {
    static CLUSTER: OnceCell<Option<Arc<Cluster>>> = OnceCell::const_new();
    let shared = CLUSTER.get_or_init(|| async {
        let settings = fresh_settings(test)?;
        migrate(&settings, home()).await.unwrap();
        Some(Cluster::connect(&settings, home()).await.unwrap())
    });
    shared.await.clone()
}

/// A journal in the shared keyspace, for events of one's own; `None` when `test` has to be skipped.
pub(crate) async fn fresh_journal(test: &str) -> Option<(Arc<Cluster>, CqlJournal)> {
    let cluster = shared_cluster(test).await?;
    let journal = CqlJournal::open(Arc::clone(&cluster), PATIENT).await.unwrap();
    Some((cluster, journal))
}
