//! The stores a house works with, opened as the settings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use usher_engine::adapters::sqlite;
use usher_engine::journal::Journal;
use usher_engine::{accounts, catalogue, jobs, orders, payments};

use crate::config::{Fault, StoresSettings};

/// Everything durable.
#[derive(Clone)]
pub struct Stores {
    /// Decisions.
    pub journal: Arc<dyn Journal>,
    /// Accounts, sessions and keys.
    pub accounts: Arc<dyn accounts::Store>,
    /// Events and plans.
    pub catalogue: Arc<dyn catalogue::Store>,
    /// Orders and sales.
    pub views: Arc<dyn orders::Views>,
    /// Names and e-mails of orders.
    pub contacts: Arc<dyn orders::Contacts>,
    /// The provider's side of orders.
    pub payments: Arc<dyn payments::Payments>,
    /// Received webhooks.
    pub inbox: Arc<dyn payments::Inbox>,
    /// Work that follows.
    pub jobs: Arc<dyn jobs::Queue>,
}

impl Stores {
    /// Opens them, making and migrating what has to be.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn open(settings: &StoresSettings) -> Result<Self, Fault> {
        match settings {
            StoresSettings::Sqlite { folder } => {
                let opened = sqlite::Stores::open(folder).map_err(|error| fault(folder, &error.to_string()))?;
                Ok(Self {
                    journal: opened.journal,
                    accounts: opened.accounts,
                    catalogue: opened.catalogue,
                    views: opened.views,
                    contacts: opened.contacts,
                    payments: opened.payments,
                    inbox: opened.inbox,
                    jobs: opened.jobs,
                })
            }
        }
    }
}

/// The folder that files beside the stores go into.
#[must_use]
pub fn folder(settings: &StoresSettings) -> PathBuf {
    match settings {
        StoresSettings::Sqlite { folder } => folder.clone(),
    }
}

/// A folder that cannot be used.
#[must_use]
pub(super) fn fault(folder: &Path, what: &str) -> Fault {
    Fault { key: format!("stores.folder {}", folder.display()), what: what.to_owned() }
}
