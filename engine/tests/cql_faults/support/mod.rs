//! Three nodes, and owners of events that remember what they were told.

pub(crate) mod owner;
pub(crate) mod proxy;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::OnceCell;
use usher_engine::adapters::cql::journal::{CqlJournal, JournalTimes};
use usher_engine::adapters::cql::{Cluster, ClusterSettings, CqlError, Replication, migrate};

use crate::cassandra::Cassandra;
use crate::control;
use proxy::{Trouble, stand_before};

/// How long three nodes may take to know each other, and to know again one that was gone.
const AGREED_WITHIN: Duration = Duration::from_secs(180);

/// The three nodes, for one test at a time.
pub(crate) struct Nodes {
    pub(crate) cassandra: &'static Cassandra,
    _turn: MutexGuard<'static, ()>,
}

/// Waits for the test's turn; `None` when it has to be skipped.
pub(crate) fn nodes(test: &str) -> Option<Nodes> {
    static TURN: Mutex<()> = Mutex::new(());
    static CASSANDRA: OnceLock<Option<Cassandra>> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cassandra = CASSANDRA.get_or_init(|| control::three_nodes(test)).as_ref()?;
    Some(Nodes { cassandra, _turn: turn })
}

/// Whether everything is to run, and not a sample.
pub(crate) fn whole() -> bool {
    std::env::var("USHER_FAULTS").is_ok_and(|how| how == "whole")
}

/// Where drivers and proxies live.
pub(crate) fn home() -> Handle {
    static HOME: OnceLock<Runtime> = OnceLock::new();
    let home = HOME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    home.handle().clone()
}

impl Nodes {
    /// A keyspace with three copies, on nodes that all see each other. All tests share it, with events of their own:
    /// making its tables on three nodes takes longer than some of the tests.
    pub(crate) async fn settings(&self) -> ClusterSettings {
        static MIGRATED: OnceCell<()> = OnceCell::const_new();
        let contact_points = self.cassandra.addresses().iter().map(ToString::to_string).collect();
        let settings = ClusterSettings {
            replication: Replication::Simple { copies_count: 3 },
            ..ClusterSettings::new(contact_points, &format!("usher_{}", std::process::id()))
        };
        self.agreed().await;
        MIGRATED.get_or_init(async || drop(migrate(&settings, home()).await.unwrap())).await;
        settings
    }

    /// The same cluster through proxies that trouble it.
    pub(crate) async fn behind(&self, trouble: &Arc<Trouble>) -> ClusterSettings {
        let addresses = self.cassandra.addresses();
        for address in &addresses {
            stand_before(*address, Arc::clone(trouble)).await;
        }
        ClusterSettings {
            contact_points: addresses.iter().map(|address| trouble.address_of(*address).to_string()).collect(),
            address_map: addresses.iter().map(|address| (*address, trouble.address_of(*address))).collect(),
            ..self.settings().await
        }
    }

    /// Waits until every node counts three that are up.
    pub(crate) async fn agreed(&self) {
        let started = Instant::now();
        for address in self.cassandra.addresses() {
            loop {
                match home().spawn(up_count(address)).await.unwrap() {
                    Ok(3) => break,
                    seen => assert!(started.elapsed() < AGREED_WITHIN, "{address} sees {seen:?}"),
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// How many nodes a node believes to be up, itself among them.
async fn up_count(address: SocketAddr) -> Result<usize, CqlError> {
    let session = scylla::client::session_builder::SessionBuilder::new()
        .known_node_addr(address)
        .fetch_schema_metadata(false)
        .build()
        .await?;
    let known = session.query_unpaged("SELECT peer FROM system.peers_v2", ()).await?.into_rows_result()?.rows_num() + 1;
    if known < 3 {
        return Ok(known);
    }
    // A node is known for long after it is gone; an answer of all copies needs it.
    let all = "CREATE KEYSPACE IF NOT EXISTS agreed WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 3}";
    session.query_unpaged(all, ()).await?;
    session.query_unpaged("CREATE TABLE IF NOT EXISTS agreed.word (x int PRIMARY KEY)", ()).await?;
    let mut insert = scylla::statement::Statement::new("INSERT INTO agreed.word (x) VALUES (1)");
    insert.set_consistency(scylla::statement::Consistency::All);
    session.query_unpaged(insert, ()).await?;
    Ok(3)
}

/// A connection of one's own, as another process would have.
pub(crate) async fn journal(settings: &ClusterSettings) -> CqlJournal {
    journal_with(settings, JournalTimes::default()).await
}

/// The same, with other times.
pub(crate) async fn journal_with(settings: &ClusterSettings, times: JournalTimes) -> CqlJournal {
    let cluster = Cluster::connect(settings, home()).await.unwrap();
    CqlJournal::open(cluster, times).await.unwrap()
}

/// Runs a test where its drivers live.
pub(crate) fn run(test: impl Future<Output = ()>) {
    home().block_on(test);
}

/// Numbers that look random and follow from a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}
