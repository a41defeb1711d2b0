//! The journal that the settings name: the file beside the stores, or a cluster, which may keep the stores too.
//!
//! A folder belongs to one journal for good. Stores beside another journal than the one their events were sold in would
//! sell every seat again, so a change of the setting is refused: a folder with entries in its own journal takes no
//! cluster, and one that was used with a cluster takes no other. The same goes for stores: nothing moves accounts and
//! events from a folder into a cluster or back, and a house that seems empty is worse than one that says why.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use usher_engine::adapters::cql::journal::{CqlJournal, JournalTimes};
use usher_engine::adapters::cql::{self, Cluster, ClusterSettings, Login, Replication};
use usher_engine::journal::Journal;
use usher_engine::stores::Stores;

use crate::config::{CopiesSettings, Fault, JournalSettings};

/// Names, in a folder, the keyspace that its events are sold in.
pub(crate) const KEYSPACE_FILE: &str = "journal.keyspace";
/// Is there when that keyspace has the stores, too.
const STORES_FILE: &str = "stores.keyspace";
/// Is there when the folder has stores of its own.
const OWN_STORES_FILE: &str = "store.db";

/// How long one statement may take: with the wait for a place, less than the two seconds after which a request is to be
/// told that nothing answers.
const REQUEST_MAX: Duration = Duration::from_millis(1_500);

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
    let used_with = used_with(folder);
    let Some(cluster) = cluster_settings(settings) else {
        return match used_with {
            None => Ok(Opened { journal: embedded, cluster: None }),
            Some(keyspace) => Err(fault(format!("this folder's events are in the keyspace {keyspace}"))),
        };
    };
    check_keyspace(used_with.as_deref(), &cluster.keyspace)?;
    let folder = folder.to_owned();
    let at_home = home.clone();
    wait(home, async move {
        let mine = embedded.events(None, 1).await.map_err(|error| fault(error.to_string()))?;
        if !mine.is_empty() {
            return Err(fault("this folder's events are in its own journal".to_owned()));
        }
        let keyspace = cluster.keyspace.clone();
        let (journal, cluster) = connect(&cluster, at_home).await.map_err(|error| fault(error.to_string()))?;
        note(&folder, KEYSPACE_FILE, &keyspace)?;
        Ok(Opened { journal, cluster: Some(cluster) })
    })
}

/// Opens both in the cluster, over one connection; the folder keeps what is this node's own. Blocks, as [`open`].
pub(super) fn open_with_stores(
    settings: &JournalSettings,
    folder: &Path,
    home: &Handle,
) -> Result<(Opened, Stores), Fault> {
    let Some(settings) = cluster_settings(settings) else {
        return Err(fault("stores in a cluster need the journal in it".to_owned()));
    };
    std::fs::create_dir_all(folder).map_err(|error| super::stores::fault(folder, &error.to_string()))?;
    if folder.join(OWN_STORES_FILE).exists() {
        let what = "has stores of its own, and nothing moves them into a cluster; name another folder";
        return Err(super::stores::fault(folder, what));
    }
    check_keyspace(used_with(folder).as_deref(), &settings.keyspace)?;
    let (folder, at_home) = (folder.to_owned(), home.clone());
    wait(home, async move {
        let opened = async {
            let (journal, cluster) = connect(&settings, at_home).await?;
            let stores = cql::open_stores(&cluster).await?;
            Ok::<_, cql::CqlError>((Opened { journal, cluster: Some(cluster) }, stores))
        };
        let opened = opened.await.map_err(|error| fault(error.to_string()))?;
        note(&folder, KEYSPACE_FILE, &settings.keyspace)?;
        note(&folder, STORES_FILE, &settings.keyspace)?;
        Ok(opened)
    })
}

/// Refuses stores of a folder's own where a cluster has them.
pub(super) fn check_own_stores(folder: &Path) -> Result<(), Fault> {
    match std::fs::read_to_string(folder.join(STORES_FILE)) {
        Err(_) => Ok(()),
        Ok(keyspace) => {
            let what = format!("its accounts and events are in the keyspace {}; name another folder", keyspace.trim());
            Err(super::stores::fault(folder, &what))
        }
    }
}

async fn connect(settings: &ClusterSettings, home: Handle) -> Result<(Arc<dyn Journal>, Arc<Cluster>), cql::CqlError> {
    let cluster = Cluster::connect(settings, home).await?;
    let journal = CqlJournal::open(Arc::clone(&cluster), JournalTimes::default()).await?;
    Ok((Arc::new(journal), cluster))
}

fn used_with(folder: &Path) -> Option<String> {
    let keyspace = std::fs::read_to_string(folder.join(KEYSPACE_FILE)).ok()?;
    Some(keyspace.trim().to_owned())
}

fn check_keyspace(used_with: Option<&str>, keyspace: &str) -> Result<(), Fault> {
    match used_with.filter(|used_with| *used_with != keyspace) {
        Some(other) => Err(fault(format!("this folder's events are in the keyspace {other}"))),
        None => Ok(()),
    }
}

fn note(folder: &Path, name: &str, keyspace: &str) -> Result<(), Fault> {
    let path = folder.join(name);
    std::fs::write(&path, keyspace).map_err(|error| fault(format!("{} cannot be written: {error}", path.display())))
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
    Some(ClusterSettings { replication, datacenter: datacenter.clone(), login, request_max: REQUEST_MAX, ..named })
}

/// Runs a future on the house's threads and waits for it.
pub(super) fn wait<T: Send + 'static>(
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
