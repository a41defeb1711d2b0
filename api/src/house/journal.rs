//! The journal that the settings name: the file beside the stores, or a cluster.
//!
//! A folder belongs to one journal for good. Stores beside another journal than the one their events were sold in would
//! sell every seat again, so a change of the setting is refused: a folder with entries in its own journal takes no
//! cluster, and one that was used with a cluster takes no other.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use usher_engine::adapters::cql::journal::{CqlJournal, JournalTimes};
use usher_engine::adapters::cql::{self, Cluster, ClusterSettings, Login, Replication};
use usher_engine::journal::Journal;

use crate::config::{CopiesSettings, Fault, JournalSettings};

/// Names, in a folder, the keyspace that its events are sold in.
pub(crate) const KEYSPACE_FILE: &str = "journal.keyspace";

/// A journal, and the cluster it is in.
pub(super) struct Opened {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) cluster: Option<Arc<Cluster>>,
}

/// Opens it; `embedded` is the folder's own. Blocks; meant for the start of a program.
pub(super) fn open(
    settings: &JournalSettings,
    folder: &Path,
    embedded: Arc<dyn Journal>,
    home: &Handle,
) -> Result<Opened, Fault> {
    let used_with = std::fs::read_to_string(folder.join(KEYSPACE_FILE)).ok();
    let Some(cluster) = cluster_settings(settings) else {
        return match used_with {
            None => Ok(Opened { journal: embedded, cluster: None }),
            Some(keyspace) => Err(fault(format!("this folder's events are in the keyspace {}", keyspace.trim()))),
        };
    };
    if let Some(keyspace) = used_with.as_deref().map(str::trim).filter(|keyspace| *keyspace != cluster.keyspace) {
        return Err(fault(format!("this folder's events are in the keyspace {keyspace}")));
    }
    let keyspace_file = folder.join(KEYSPACE_FILE);
    let at_home = home.clone();
    wait(home, async move {
        let mine = embedded.events(None, 1).await.map_err(|error| fault(error.to_string()))?;
        if !mine.is_empty() {
            return Err(fault("this folder's events are in its own journal".to_owned()));
        }
        let opened = async {
            let keyspace = cluster.keyspace.clone();
            let cluster = Cluster::connect(&cluster, at_home).await?;
            let journal = CqlJournal::open(Arc::clone(&cluster), JournalTimes::default()).await?;
            Ok::<_, cql::CqlError>((keyspace, journal, cluster))
        };
        let (keyspace, journal, cluster) = opened.await.map_err(|error| fault(error.to_string()))?;
        std::fs::write(&keyspace_file, keyspace)
            .map_err(|error| fault(format!("{} cannot be written: {error}", keyspace_file.display())))?;
        Ok(Opened { journal: Arc::new(journal), cluster: Some(cluster) })
    })
}

/// Brings the cluster, if there is one, to this program's schema; tells what was applied.
pub(super) fn migrate(settings: &JournalSettings, home: &Handle) -> Result<Vec<&'static str>, Fault> {
    let Some(cluster) = cluster_settings(settings) else { return Ok(Vec::new()) };
    let at_home = home.clone();
    let migrated =
        wait(home, async move { cql::migrate(&cluster, at_home).await.map_err(|error| fault(error.to_string())) });
    migrated.map(|applied| applied.names)
}

fn cluster_settings(settings: &JournalSettings) -> Option<ClusterSettings> {
    let JournalSettings::Cql { contact_points, keyspace, replication, datacenter, username, password } = settings
    else {
        return None;
    };
    let replication = match replication {
        CopiesSettings::Count(copies_count) => Replication::Simple { copies_count: *copies_count },
        CopiesSettings::ByDatacenter(copies_count) => Replication::ByDatacenter { copies_count: copies_count.clone() },
    };
    let login = username.as_ref().zip(password.as_ref());
    let login = login.map(|(user, password)| Login { user: user.clone(), password: password.reveal().to_owned() });
    let named = ClusterSettings::new(contact_points.clone(), keyspace);
    Some(ClusterSettings { replication, datacenter: datacenter.clone(), login, ..named })
}

/// Runs a future on the house's threads and waits for it.
fn wait<T: Send + 'static>(
    home: &Handle,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    let (done, waits) = std::sync::mpsc::channel();
    home.spawn(async move {
        // Whoever waits is there until it is done.
        let _ = done.send(work.await);
    });
    waits.recv().unwrap_or_else(|_| Err(fault("opening it ended in a panic".to_owned())))
}

fn fault(what: String) -> Fault {
    Fault { key: "journal".to_owned(), what }
}
