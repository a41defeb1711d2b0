//! All stores over one cluster.

use std::sync::Arc;

use super::accounts::CqlAccounts;
use super::audit_log::CqlAuditLog;
use super::catalogue::CqlCatalogue;
use super::contacts::CqlContacts;
use super::inbox::CqlInbox;
use super::jobs::CqlJobs;
use super::lists::BucketIndex;
use super::payments::CqlPayments;
use super::views::CqlViews;
use super::{Cluster, CqlError};
use crate::audit_log::AuditLog;
use crate::orders::{Contacts, Views};
use crate::payments::{Inbox, Payments};
use crate::{accounts, catalogue, jobs};

/// What a cluster keeps besides the journal. Clones share its connection.
#[derive(Clone)]
pub struct Stores {
    /// Who may act.
    pub accounts: Arc<dyn accounts::Store>,
    /// What events there are.
    pub catalogue: Arc<dyn catalogue::Store>,
    /// What follows from the journal.
    pub views: Arc<dyn Views>,
    /// Who bought.
    pub contacts: Arc<dyn Contacts>,
    /// The provider's side of orders.
    pub payments: Arc<dyn Payments>,
    /// What the provider told us.
    pub inbox: Arc<dyn Inbox>,
    /// What is to be done.
    pub jobs: Arc<dyn jobs::DurableQueue>,
    /// Who did what.
    pub audit_log: Arc<dyn AuditLog>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

impl Stores {
    /// Prepares what all stores will ask.
    ///
    /// # Errors
    /// The cluster does not answer, or its tables are not of this program's version.
    pub async fn open(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        let index = BucketIndex::prepare(cluster).await?;
        Ok(Self {
            accounts: Arc::new(CqlAccounts::prepare(cluster, &index).await?),
            catalogue: Arc::new(CqlCatalogue::prepare(cluster, &index).await?),
            views: Arc::new(CqlViews::prepare(cluster, &index).await?),
            contacts: Arc::new(CqlContacts::prepare(cluster, &index).await?),
            payments: Arc::new(CqlPayments::prepare(cluster, &index).await?),
            inbox: Arc::new(CqlInbox::prepare(cluster, &index).await?),
            jobs: Arc::new(CqlJobs::prepare(cluster, &index).await?),
            audit_log: Arc::new(CqlAuditLog::prepare(cluster, &index).await?),
        })
    }
}
