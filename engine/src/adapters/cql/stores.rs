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
use crate::stores::Stores;

/// Prepares what all stores in the cluster will ask.
///
/// # Errors
/// The cluster does not answer, or its tables are not of this program's version.
pub async fn open_stores(cluster: &Arc<Cluster>) -> Result<Stores, CqlError> {
    let index = BucketIndex::prepare(cluster).await?;
    Ok(Stores {
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
