//! The leases of nodes and the owners of events.
//!
//! A lease is a row with a time to live, counted by the servers' clocks, in whole seconds: it may end up to a second
//! early. That costs peace, never correctness. Whoever lost the answer to a conditional write reads the row by
//! consensus, which also ends what was under way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;
use usher_core::EventId;
use uuid::Uuid;

use super::migrate::LINE;
use super::{Cluster, CqlError, How, is_applied};
use crate::cluster::{Leases, NodeLease, NodeRun, Renewal};
use crate::store::StoreError;

const TAKE: &str = "UPDATE node_leases USING TTL ? SET incarnation = ?, address = ? WHERE line = ? AND node = ?
    IF incarnation = null";
const KEEP: &str = "UPDATE node_leases USING TTL ? SET incarnation = ?, address = ? WHERE line = ? AND node = ?
    IF incarnation = ?";
const LEAVE: &str = "DELETE FROM node_leases WHERE line = ? AND node = ? IF incarnation = ?";
const ALIVE: &str = "SELECT node, incarnation, address FROM node_leases WHERE line = ?";
const OWNER: &str = "SELECT node, incarnation FROM event_owners WHERE event_id = ?";
const CLAIM_FREE: &str = "UPDATE event_owners SET node = ?, incarnation = ? WHERE event_id = ? IF incarnation = null";
const CLAIM_FROM: &str = "UPDATE event_owners SET node = ?, incarnation = ? WHERE event_id = ? IF incarnation = ?";
const RELEASE: &str = "DELETE FROM event_owners WHERE event_id = ? IF incarnation = ?";
const LIST: &str = "INSERT INTO owned_events (node, incarnation, event_id) VALUES (?, ?, ?)";
const LISTED: &str = "SELECT incarnation, event_id FROM owned_events WHERE node = ?";
const UNLIST: &str = "DELETE FROM owned_events WHERE node = ? AND incarnation = ? AND event_id = ?";

/// [`Leases`] over CQL.
pub struct CqlLeases {
    cluster: Arc<Cluster>,
    statements: Arc<Statements>,
}

impl std::fmt::Debug for CqlLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CqlLeases").finish_non_exhaustive()
    }
}

struct Statements {
    take: PreparedStatement,
    keep: PreparedStatement,
    leave: PreparedStatement,
    alive: PreparedStatement,
    alive_serial: PreparedStatement,
    owner: PreparedStatement,
    claim_free: PreparedStatement,
    claim_from: PreparedStatement,
    release: PreparedStatement,
    list: PreparedStatement,
    listed: PreparedStatement,
    unlist: PreparedStatement,
}

impl CqlLeases {
    /// Prepares what it needs.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn open(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        let statements = Statements {
            take: cluster.prepare(TAKE, How::Conditional).await?,
            keep: cluster.prepare(KEEP, How::Conditional).await?,
            leave: cluster.prepare(LEAVE, How::Conditional).await?,
            alive: cluster.prepare(ALIVE, How::Read).await?,
            alive_serial: cluster.prepare(ALIVE, How::ReadSerial).await?,
            owner: cluster.prepare(OWNER, How::ReadSerial).await?,
            claim_free: cluster.prepare(CLAIM_FREE, How::Conditional).await?,
            claim_from: cluster.prepare(CLAIM_FROM, How::Conditional).await?,
            release: cluster.prepare(RELEASE, How::Conditional).await?,
            list: cluster.prepare(LIST, How::Write).await?,
            listed: cluster.prepare(LISTED, How::Read).await?,
            unlist: cluster.prepare(UNLIST, How::Write).await?,
        };
        Ok(Self { cluster: Arc::clone(cluster), statements: Arc::new(statements) })
    }

    async fn call<T, F>(&self, work: impl FnOnce(Arc<Cluster>, Arc<Statements>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CqlError>> + Send + 'static,
    {
        let statements = Arc::clone(&self.statements);
        let called = self.cluster.call(|cluster| work(cluster, statements)).await;
        called.map_err(|error: CqlError| error.into())
    }
}

fn key(event: EventId) -> Vec<u8> {
    event.0.to_be_bytes().to_vec()
}

fn event_of(bytes: &[u8]) -> Result<EventId, CqlError> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| CqlError::Damaged("an event's id is none".to_owned()))?;
    Ok(EventId(u128::from_be_bytes(bytes)))
}

fn incarnation(run: &NodeRun) -> Uuid {
    Uuid::from_u128(run.incarnation)
}

impl Statements {
    async fn alive_by(read: &PreparedStatement, driver: &Driver) -> Result<Vec<NodeLease>, CqlError> {
        let answer = driver.execute_unpaged(read, (LINE,)).await?.into_rows_result()?;
        let mut alive = Vec::new();
        for row in answer.rows::<(String, Option<Uuid>, Option<String>)>()? {
            let (node, incarnation, address) = row?;
            // The two end together; a row in which one has ended is one that has ended.
            if let Some((incarnation, address)) = incarnation.zip(address) {
                alive.push(NodeLease { run: NodeRun { node, incarnation: incarnation.as_u128() }, address });
            }
        }
        Ok(alive)
    }

    async fn owner(&self, driver: &Driver, event: EventId) -> Result<Option<NodeRun>, CqlError> {
        let answer = driver.execute_unpaged(&self.owner, (key(event),)).await?.into_rows_result()?;
        let row = answer.maybe_first_row::<(Option<String>, Option<Uuid>)>()?;
        let named = row.and_then(|(node, incarnation)| node.zip(incarnation));
        Ok(named.map(|(node, incarnation)| NodeRun { node, incarnation: incarnation.as_u128() }))
    }

    async fn renew(&self, driver: &Driver, lease: &NodeLease, lasts_s: i32) -> Result<Renewal, CqlError> {
        let me = incarnation(&lease.run);
        let (node, address) = (lease.run.node.as_str(), lease.address.as_str());
        let kept = driver.execute_unpaged(&self.keep, (lasts_s, me, address, LINE, node, me)).await;
        if let Ok(true) = kept.map_err(CqlError::from).and_then(is_applied) {
            return Ok(Renewal::Held);
        }
        // It has lapsed, is not there yet, or the answer was lost.
        let taken = driver.execute_unpaged(&self.take, (lasts_s, me, address, LINE, node)).await;
        if let Ok(true) = taken.map_err(CqlError::from).and_then(is_applied) {
            return Ok(Renewal::HeldAnew);
        }
        let alive = Self::alive_by(&self.alive_serial, driver).await?;
        match alive.into_iter().find(|other| other.run.node == lease.run.node) {
            Some(other) if other.run != lease.run => Ok(Renewal::Taken(other)),
            // That it is there does not tell that this renewal made it last.
            Some(_) | None => Err(CqlError::Unavailable("the lease was not renewed".to_owned())),
        }
    }

    async fn claim(
        &self,
        driver: &Driver,
        event: EventId,
        me: &NodeRun,
        instead_of: Option<&NodeRun>,
    ) -> Result<bool, CqlError> {
        let mine = incarnation(me);
        // First: a row that names an owner is always in that owner's list.
        driver.execute_unpaged(&self.list, (me.node.as_str(), mine, key(event))).await?;
        let claimed = match instead_of {
            None => driver.execute_unpaged(&self.claim_free, (me.node.as_str(), mine, key(event))).await,
            Some(other) => {
                let values = (me.node.as_str(), mine, key(event), incarnation(other));
                driver.execute_unpaged(&self.claim_from, values).await
            }
        };
        match claimed.map_err(CqlError::from).and_then(is_applied) {
            Ok(is_applied) => Ok(is_applied),
            Err(_) => Ok(self.owner(driver, event).await?.as_ref() == Some(me)),
        }
    }
}

#[async_trait]
impl Leases for CqlLeases {
    async fn renew(&self, lease: &NodeLease, lasts: Duration) -> Result<Renewal, StoreError> {
        let lease = lease.clone();
        let lasts_s = i32::try_from(lasts.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX).max(1);
        self.call(|cluster, statements| async move { statements.renew(cluster.session(), &lease, lasts_s).await }).await
    }

    async fn leave(&self, run: &NodeRun) -> Result<(), StoreError> {
        let run = run.clone();
        self.call(|cluster, statements| async move {
            let values = (LINE, run.node.as_str(), incarnation(&run));
            cluster.session().execute_unpaged(&statements.leave, values).await?;
            Ok(())
        })
        .await
    }

    async fn alive(&self) -> Result<Vec<NodeLease>, StoreError> {
        self.call(|cluster, statements| async move { Statements::alive_by(&statements.alive, cluster.session()).await })
            .await
    }

    async fn owner(&self, event: EventId) -> Result<Option<NodeRun>, StoreError> {
        self.call(|cluster, statements| async move { statements.owner(cluster.session(), event).await }).await
    }

    async fn claim(&self, event: EventId, me: &NodeRun, instead_of: Option<&NodeRun>) -> Result<bool, StoreError> {
        let (me, instead_of) = (me.clone(), instead_of.cloned());
        self.call(|cluster, statements| async move {
            statements.claim(cluster.session(), event, &me, instead_of.as_ref()).await
        })
        .await
    }

    async fn release(&self, event: EventId, me: &NodeRun, stays_listed: bool) -> Result<(), StoreError> {
        let me = me.clone();
        self.call(|cluster, statements| async move {
            let mine = incarnation(&me);
            if let Err(error) = cluster.session().execute_unpaged(&statements.release, (key(event), mine)).await {
                // It might take effect later and empty the row that this run has claimed again. The look by consensus
                // ends what servers have begun; what is still on its way costs peace, and the journal fences.
                if statements.owner(cluster.session(), event).await?.as_ref() == Some(&me) {
                    return Err(error.into());
                }
            }
            if !stays_listed {
                cluster.session().execute_unpaged(&statements.unlist, (me.node.as_str(), mine, key(event))).await?;
            }
            Ok(())
        })
        .await
    }

    async fn listed(&self, node: &str) -> Result<Vec<(NodeRun, EventId)>, StoreError> {
        let node = node.to_owned();
        self.call(|cluster, statements| async move {
            let answer = cluster.session().execute_unpaged(&statements.listed, (node.as_str(),)).await?;
            let answer = answer.into_rows_result()?;
            let mut listed = Vec::new();
            for row in answer.rows::<(Uuid, Vec<u8>)>()? {
                let (incarnation, event) = row?;
                let run = NodeRun { node: node.clone(), incarnation: incarnation.as_u128() };
                listed.push((run, event_of(&event)?));
            }
            Ok(listed)
        })
        .await
    }

    async fn unlist(&self, run: &NodeRun, event: EventId) -> Result<(), StoreError> {
        let run = run.clone();
        self.call(|cluster, statements| async move {
            let values = (run.node.as_str(), incarnation(&run), key(event));
            cluster.session().execute_unpaged(&statements.unlist, values).await?;
            Ok(())
        })
        .await
    }
}
