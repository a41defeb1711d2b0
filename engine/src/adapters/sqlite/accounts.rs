//! Accounts, sessions and API keys in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use usher_core::{AccountId, OrganizerId, UnixMillis};

use super::columns::{id, id_of, time_of, word, word_of};
use super::database::Database;
use super::failure::taken;
use crate::accounts::{API_KEYS_MAX, Account, ApiKey, Session, Store};
use crate::store::{PAGE_ROWS_MAX, StoreError};

/// [`Store`] over SQLite.
pub(super) struct SqliteAccounts {
    pub(super) database: Arc<Database>,
}

#[async_trait]
impl Store for SqliteAccounts {
    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        let role = word(&account.role)?;
        let insert = "INSERT INTO accounts (account, email, password_hash, role, organizer, organizer_name, created_at)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.database
            .write(move |conn| {
                let Account { id: account, email, password_hash, organizer, organizer_name, created_at, .. } = account;
                let row =
                    params![id(account.0), email, password_hash, role, id(organizer.0), organizer_name, created_at.0];
                conn.prepare_cached(insert)?.execute(row).map_err(taken("the e-mail address is taken"))?;
                Ok(())
            })
            .await
    }

    async fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        let email = email.to_owned();
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM accounts WHERE email = ?1")?;
                Ok(select.query_row([email], account_of).optional()?)
            })
            .await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM accounts WHERE account = ?1")?;
                Ok(select.query_row([id(account.0)], account_of).optional()?)
            })
            .await
    }

    async fn set_password_hash(&self, account: AccountId, password_hash: String) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                let changed = conn
                    .prepare_cached("UPDATE accounts SET password_hash = ?2 WHERE account = ?1")?
                    .execute(params![id(account.0), password_hash])?;
                if changed == 0 { Err(StoreError::Conflict("there is no such account")) } else { Ok(()) }
            })
            .await
    }

    async fn create_session(&self, session: Session) -> Result<(), StoreError> {
        let insert = "INSERT INTO sessions (token_hash, account, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
        self.database
            .write(move |conn| {
                let Session { token_hash, account, created_at, expires_at } = session;
                conn.prepare_cached(insert)?
                    .execute(params![token_hash, id(account.0), created_at.0, expires_at.0])
                    .map_err(taken("the session is there already"))?;
                Ok(())
            })
            .await
    }

    async fn session(&self, token_hash: [u8; 32], now: UnixMillis) -> Result<Option<Session>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select =
                    conn.prepare_cached("SELECT * FROM sessions WHERE token_hash = ?1 AND expires_at > ?2")?;
                Ok(select.query_row(params![token_hash, now.0], session_of).optional()?)
            })
            .await
    }

    async fn revoke_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                conn.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?.execute([token_hash])?;
                Ok(())
            })
            .await
    }

    async fn sweep_sessions(&self, now: UnixMillis) -> Result<u32, StoreError> {
        let delete = "DELETE FROM sessions WHERE token_hash IN
                      (SELECT token_hash FROM sessions WHERE expires_at <= ?1 LIMIT ?2)";
        self.database
            .write(move |conn| {
                let swept = conn.prepare_cached(delete)?.execute(params![now.0, PAGE_ROWS_MAX])?;
                Ok(u32::try_from(swept).unwrap_or(PAGE_ROWS_MAX))
            })
            .await
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        let insert = "INSERT INTO api_keys (api_key, key_hash, account, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.database
            .write(move |conn| {
                let ApiKey { id: api_key, key_hash, account, name, created_at } = key;
                let count: u32 = conn
                    .prepare_cached("SELECT count(*) FROM api_keys WHERE account = ?1")?
                    .query_row([id(account.0)], |row| row.get(0))?;
                if count >= API_KEYS_MAX {
                    return Err(StoreError::Conflict("the account has as many API keys as it may have"));
                }
                conn.prepare_cached(insert)?
                    .execute(params![api_key, key_hash, id(account.0), name, created_at.0])
                    .map_err(taken("the API key is there already"))?;
                Ok(())
            })
            .await
    }

    async fn api_key(&self, key_hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM api_keys WHERE key_hash = ?1")?;
                Ok(select.query_row([key_hash], api_key_of).optional()?)
            })
            .await
    }

    async fn api_keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        let select = "SELECT * FROM api_keys WHERE account = ?1 ORDER BY created_at, api_key LIMIT ?2";
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached(select)?;
                let keys = select.query_map(params![id(account.0), API_KEYS_MAX], api_key_of)?;
                Ok(keys.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn revoke_api_key(&self, account: AccountId, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.database
            .write(move |conn| {
                let removed = conn
                    .prepare_cached("DELETE FROM api_keys WHERE account = ?1 AND api_key = ?2")?
                    .execute(params![id(account.0), key])?;
                Ok(removed > 0)
            })
            .await
    }
}

fn account_of(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(id_of(row, "account")?),
        email: row.get("email")?,
        password_hash: row.get("password_hash")?,
        role: word_of(row, "role")?,
        organizer: OrganizerId(id_of(row, "organizer")?),
        organizer_name: row.get("organizer_name")?,
        created_at: time_of(row, "created_at")?,
    })
}

fn session_of(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        token_hash: row.get("token_hash")?,
        account: AccountId(id_of(row, "account")?),
        created_at: time_of(row, "created_at")?,
        expires_at: time_of(row, "expires_at")?,
    })
}

fn api_key_of(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get("api_key")?,
        key_hash: row.get("key_hash")?,
        account: AccountId(id_of(row, "account")?),
        name: row.get("name")?,
        created_at: time_of(row, "created_at")?,
    })
}
