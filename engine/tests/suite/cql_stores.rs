//! CQL's stores: the conformance suites over one keyspace of a real server.

use std::sync::Arc;

use usher_engine::adapters::cql::{Cluster, CqlError, open_stores};
use usher_engine::jobs::Queue;
use usher_engine::stores::Stores;

use crate::accounts_conformance::every_account_store;
use crate::audit_log_conformance::every_audit_log;
use crate::catalogue_conformance::every_catalogue;
use crate::jobs_conformance::every_queue;
use crate::orders_conformance::{every_contact_store, every_views_store};
use crate::payments_conformance::{every_inbox, every_payments_store};
use crate::support::cql::shared_cluster;

/// The tables of jobs; the index of their buckets may say more than there is.
const JOB_TABLES: [&str; 4] = ["jobs", "jobs_due", "jobs_open", "jobs_ended"];

async fn stores(test: &str) -> Option<Stores> {
    Some(open_stores(&shared_cluster(test).await?).await.unwrap())
}

/// Deletes all jobs.
pub(crate) async fn empty_jobs(cluster: &Arc<Cluster>) {
    for table in JOB_TABLES {
        cluster
            .call(async move |cluster: Arc<Cluster>| {
                cluster.session().query_unpaged(format!("TRUNCATE {table}"), ()).await?;
                Ok::<(), CqlError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn cql_keeps_every_rule_of_accounts() {
    let Some(stores) = stores("cql_keeps_every_rule_of_accounts").await else { return };
    every_account_store(stores.accounts.as_ref()).await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_the_audit_log() {
    let Some(stores) = stores("cql_keeps_every_rule_of_the_audit_log").await else { return };
    every_audit_log(stores.audit_log.as_ref()).await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_the_catalogue() {
    let Some(stores) = stores("cql_keeps_every_rule_of_the_catalogue").await else { return };
    every_catalogue(stores.catalogue.as_ref()).await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_jobs() {
    let Some(cluster) = shared_cluster("cql_keeps_every_rule_of_jobs").await else { return };
    every_queue(async || -> Arc<dyn Queue> {
        empty_jobs(&cluster).await;
        let queue: Arc<dyn Queue> = open_stores(&cluster).await.unwrap().jobs;
        queue
    })
    .await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_payments_and_the_inbox() {
    let Some(stores) = stores("cql_keeps_every_rule_of_payments_and_the_inbox").await else { return };
    every_payments_store(stores.payments.as_ref()).await;
    every_inbox(stores.inbox.as_ref()).await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_views_and_contacts() {
    let Some(stores) = stores("cql_keeps_every_rule_of_views_and_contacts").await else { return };
    every_views_store(stores.views.as_ref()).await;
    every_contact_store(stores.contacts.as_ref()).await;
}
