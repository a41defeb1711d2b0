//! API keys: an account's partition decides which there are, and a row for each digest finds them.
//!
//! The account's partition has a static `revision` that every change of its keys raises under a condition, so that the
//! number of keys is kept. A key is listed before it acts and stops acting before it leaves the list: whatever acts can
//! be seen and revoked. The rows by digest are written once and removed once, at the times 1 and 2.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::session::Session as Driver;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlValue, Row};
use usher_core::AccountId;
use uuid::Uuid;

use super::conditional::{Conditional, Seen, Try, carry_out};
use super::values::{Columns, Value, bytes, id, text, time};
use super::{Cluster, CqlError, How, is_applied};
use crate::accounts::{API_KEYS_MAX, ApiKey};
use crate::ids;
use crate::store::StoreError;

const OF_ACCOUNT: &str = "SELECT api_key, key_hash, account, name, created_at, revision, writer
    FROM api_keys_of_account WHERE account = ?";
const RAISE: &str = "UPDATE api_keys_of_account SET revision = ?, writer = ? WHERE account = ? IF revision = ?";
const ADD: &str =
    "INSERT INTO api_keys_of_account (account, created_at, api_key, key_hash, name) VALUES (?, ?, ?, ?, ?)";
const TAKE: &str = "DELETE FROM api_keys_of_account WHERE account = ? AND created_at = ? AND api_key = ?";
const PUT: &str =
    "INSERT INTO api_keys (key_hash, api_key, account, name, created_at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP 1";
const REMOVE: &str = "DELETE FROM api_keys USING TIMESTAMP 2 WHERE key_hash = ?";
const READ: &str = "SELECT api_key, key_hash, account, name, created_at FROM api_keys WHERE key_hash = ?";
/// Tries of one change of an account's keys.
const TRIES_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct ApiKeys {
    of_account: PreparedStatement,
    raise: PreparedStatement,
    add: PreparedStatement,
    take: PreparedStatement,
    put: PreparedStatement,
    remove: PreparedStatement,
    read: PreparedStatement,
    request_max: Duration,
}

/// One change of an account's keys, with the revision that it raises.
struct KeysWrite<'a> {
    keys: &'a ApiKeys,
    driver: &'a Driver,
    account: AccountId,
    statement: &'a PreparedStatement,
    values: Vec<Value>,
    revision: i64,
    writer: Uuid,
}

impl Conditional for KeysWrite<'_> {
    async fn send(&self, how: &Try) -> Result<bool, CqlError> {
        let raise = vec![
            Some(CqlValue::BigInt(self.revision)),
            Some(CqlValue::Uuid(self.writer)),
            id(self.account.0),
            (self.revision > 1).then_some(CqlValue::BigInt(self.revision - 1)),
        ];
        let mut both = Batch::new(BatchType::Unlogged);
        both.set_consistency(Consistency::Quorum);
        both.set_serial_consistency(Some(SerialConsistency::Serial));
        both.set_execution_profile_handle(self.keys.raise.get_execution_profile_handle().cloned());
        both.set_load_balancing_policy(Some(Arc::clone(&how.route) as _));
        both.set_request_timeout(Some(how.within));
        both.append_statement(self.keys.raise.clone());
        both.append_statement(self.statement.clone());
        is_applied(self.driver.batch(&both, (raise, &self.values)).await?)
    }

    async fn look(&self) -> Result<Seen, CqlError> {
        let now = self.keys.of_account(self.driver, self.account).await?;
        let revision = now.revision.unwrap_or(0);
        Ok(match now.writer {
            Some(writer) if writer == self.writer => Seen::Mine,
            Some(_) | None if revision == self.revision - 1 => Seen::Free,
            Some(_) | None if revision == self.revision => Seen::Others,
            Some(_) | None => Seen::Past,
        })
    }
}

/// The keys of an account.
pub(super) struct OfAccount {
    pub(super) keys: Vec<ApiKey>,
    revision: Option<i64>,
    writer: Option<Uuid>,
}

impl ApiKeys {
    pub(super) async fn prepare(cluster: &Arc<Cluster>) -> Result<Self, CqlError> {
        Ok(Self {
            of_account: cluster.prepare(OF_ACCOUNT, How::ReadSerial).await?,
            raise: cluster.prepare(RAISE, How::Conditional).await?,
            add: cluster.prepare(ADD, How::Conditional).await?,
            take: cluster.prepare(TAKE, How::Conditional).await?,
            put: cluster.prepare(PUT, How::Write).await?,
            remove: cluster.prepare(REMOVE, How::Write).await?,
            read: cluster.prepare(READ, How::Read).await?,
            request_max: cluster.request_max(),
        })
    }

    pub(super) async fn read(&self, driver: &Driver, key_hash: [u8; 32]) -> Result<Option<ApiKey>, CqlError> {
        let answer = driver.execute_unpaged(&self.read, (key_hash,)).await?.into_rows_result()?;
        let row = answer.maybe_first_row::<Row>()?;
        row.map(|row| key_of(&mut Columns::of(row))).transpose()
    }

    pub(super) async fn of_account(&self, driver: &Driver, account: AccountId) -> Result<OfAccount, CqlError> {
        let answer = driver.execute_unpaged(&self.of_account, (account.0.to_be_bytes(),)).await?.into_rows_result()?;
        let mut found = OfAccount { keys: Vec::new(), revision: None, writer: None };
        for row in answer.rows::<Row>()? {
            let row = row?;
            if let [.., Some(CqlValue::BigInt(revision)), Some(CqlValue::Uuid(writer))] = row.columns.as_slice() {
                (found.revision, found.writer) = (Some(*revision), Some(*writer));
            }
            // An account whose last key is gone has its static columns in a row without a key.
            if row.columns.first().is_some_and(Option::is_some) {
                found.keys.push(key_of(&mut Columns::of(row))?);
            }
        }
        Ok(found)
    }

    pub(super) async fn create(&self, driver: &Driver, key: ApiKey) -> Result<(), StoreError> {
        let values =
            vec![id(key.account.0), time(key.created_at), text(&key.id), bytes(&key.key_hash), text(&key.name)];
        self.change(driver, key.account, &self.add, |known| {
            if known.keys.iter().any(|known| known.id == key.id) {
                return Err(StoreError::Conflict("the API key is there already"));
            }
            if known.keys.len() >= API_KEYS_MAX as usize {
                return Err(StoreError::Conflict("the account has as many API keys as it may have"));
            }
            Ok(Some(values.clone()))
        })
        .await?;
        let row = vec![bytes(&key.key_hash), text(&key.id), id(key.account.0), text(&key.name), time(key.created_at)];
        driver.execute_unpaged(&self.put, row).await.map_err(CqlError::from)?;
        Ok(())
    }

    pub(super) async fn revoke(&self, driver: &Driver, account: AccountId, key: &str) -> Result<bool, StoreError> {
        let known = self.of_account(driver, account).await?;
        let Some(known) = known.keys.into_iter().find(|known| known.id == key) else { return Ok(false) };
        driver.execute_unpaged(&self.remove, (known.key_hash,)).await.map_err(CqlError::from)?;
        let values = vec![id(account.0), time(known.created_at), text(key)];
        self.change(driver, account, &self.take, |now| {
            Ok(now.keys.iter().any(|now| now.id == known.id).then(|| values.clone()))
        })
        .await
    }

    /// Does what `decide` gives values for, together with raising the account's revision; tells whether it did.
    async fn change(
        &self,
        driver: &Driver,
        account: AccountId,
        statement: &PreparedStatement,
        decide: impl Fn(&OfAccount) -> Result<Option<Vec<Value>>, StoreError>,
    ) -> Result<bool, StoreError> {
        for tried_count in 1..=TRIES_MAX {
            let known = self.of_account(driver, account).await?;
            let Some(values) = decide(&known)? else { return Ok(false) };
            let (revision, writer) = (known.revision.unwrap_or(0) + 1, Uuid::from_u128(ids::fresh()));
            let write = KeysWrite { keys: self, driver, account, statement, values, revision, writer };
            if carry_out(&write, self.request_max).await? {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE * tried_count).await;
        }
        Err(StoreError::Unavailable("the keys of an account are changed by too many at once".to_owned()))
    }
}

fn key_of(columns: &mut Columns) -> Result<ApiKey, CqlError> {
    Ok(ApiKey {
        id: columns.text()?,
        key_hash: columns.array()?,
        account: AccountId(columns.id()?),
        name: columns.text()?,
        created_at: columns.time()?,
    })
}
