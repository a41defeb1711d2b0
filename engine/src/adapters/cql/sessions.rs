//! Sessions: written once, removed once.
//!
//! So both writes carry a time that is no clock's (1 and 2): a removed session stays removed whatever the nodes' clocks
//! say. Each row ends by itself a while after the session does; the sweep is for those who ask with an early time.

use std::sync::Arc;

use futures_util::future::try_join_all;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::Row;
use usher_core::{AccountId, UnixMillis};

use super::lists::{BucketIndex, List, ListSpec, MINUTE_MS, Pointer, Span};
use super::values::{Columns, Name, bytes, id, time};
use super::{Cluster, CqlError, How};
use crate::accounts::Session;
use crate::store::{PAGE_ROWS_MAX, StoreError};

static BY_END: ListSpec = ListSpec {
    table: "sessions_by_end",
    owner: None,
    at: "expires_at",
    id: "session",
    id_is_text: true,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};
const PUT: &str = "INSERT INTO sessions (token_hash, account, created_at, expires_at) VALUES (?, ?, ?, ?)
    USING TIMESTAMP 1 AND TTL ?";
const REMOVE: &str = "DELETE FROM sessions USING TIMESTAMP 2 WHERE token_hash = ?";
const READ: &str = "SELECT token_hash, account, created_at, expires_at FROM sessions WHERE token_hash = ?";
/// How much longer than its session a row is kept: clocks differ, and the row itself says when its session ends.
const KEPT_LONGER_S: i64 = 24 * 3_600;
/// The longest time that the servers take, 20 years.
const TTL_MAX_S: i64 = 20 * 365 * 24 * 3_600;
/// The version of a pointer to a row that never changes.
const ONLY_VERSION: i64 = 1;

pub(super) struct Sessions {
    put: PreparedStatement,
    remove: PreparedStatement,
    read: PreparedStatement,
    by_end: List,
}

impl Sessions {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        Ok(Self {
            put: cluster.prepare(PUT, How::Write).await?,
            remove: cluster.prepare(REMOVE, How::Write).await?,
            read: cluster.prepare(READ, How::Read).await?,
            by_end: List::prepare(cluster, &BY_END, index).await?,
        })
    }

    pub(super) async fn create(&self, driver: &Driver, session: Session) -> Result<(), StoreError> {
        let lasts_s = session.expires_at.0.saturating_sub(session.created_at.0) / 1_000;
        let ttl_s = lasts_s.saturating_add(KEPT_LONGER_S).clamp(KEPT_LONGER_S, TTL_MAX_S);
        self.by_end.put(driver, &pointer(&session), ONLY_VERSION).await?;
        let Session { token_hash, account, created_at, expires_at } = session;
        let ttl = scylla::value::CqlValue::Int(i32::try_from(ttl_s).unwrap_or(i32::MAX));
        let values = vec![bytes(&token_hash), id(account.0), time(created_at), time(expires_at), Some(ttl)];
        driver.execute_unpaged(&self.put, values).await.map_err(CqlError::from)?;
        Ok(())
    }

    pub(super) async fn read(&self, driver: &Driver, token_hash: [u8; 32]) -> Result<Option<Session>, CqlError> {
        let answer = driver.execute_unpaged(&self.read, (token_hash,)).await?.into_rows_result()?;
        let Some(row) = answer.maybe_first_row::<Row>()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        Ok(Some(Session {
            token_hash: columns.array()?,
            account: AccountId(columns.id()?),
            created_at: columns.time()?,
            expires_at: columns.time()?,
        }))
    }

    pub(super) async fn remove(&self, driver: &Driver, token_hash: [u8; 32]) -> Result<(), CqlError> {
        driver.execute_unpaged(&self.remove, (token_hash,)).await?;
        Ok(())
    }

    /// Removes sessions that have ended, at most [`PAGE_ROWS_MAX`].
    pub(super) async fn sweep(&self, driver: &Driver, now: UnixMillis) -> Result<u32, CqlError> {
        let mut walk = self.by_end.walk(Span { to: now.0, ..Span::whole(None) });
        let ended = walk.next(driver, PAGE_ROWS_MAX as usize).await?;
        let swept_count = u32::try_from(ended.len()).unwrap_or(PAGE_ROWS_MAX);
        try_join_all(ended.into_iter().map(|found| async move {
            if let Some(token_hash) = token_of(&found.id) {
                self.remove(driver, token_hash).await?;
            }
            let pointer = Pointer { list: 0, owner: None, at: found.at, id: found.id };
            self.by_end.remove(driver, &pointer, found.version + 1).await
        }))
        .await?;
        Ok(swept_count)
    }
}

/// The token's digest does not fit where other lists have an id, so it stands there in hexadecimal.
fn pointer(session: &Session) -> Pointer {
    let token: String = session.token_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Pointer { list: 0, owner: None, at: session.expires_at.0, id: Name::Text(token) }
}

fn token_of(id: &Name) -> Option<[u8; 32]> {
    let Name::Text(token) = id else { return None };
    let mut token_hash = [0; 32];
    for (at, byte) in token_hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(token.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(token_hash)
}
