//! The sandbox's memory: everything is written through to one SQLite file, so that a restart forgets nothing.
//!
//! `synchronous=NORMAL`: a power cut may cost the last steps, which is what a sandbox may lose. Nothing is kept in
//! memory beside it, so its size is the disk's matter.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::state::{SandboxIntent, SandboxRefund};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS intents (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS refunds (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, intent TEXT NOT NULL, json TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS refunds_by_intent ON refunds (intent, seq);
    CREATE TABLE IF NOT EXISTS answers (
        key TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
        created_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, tries INTEGER NOT NULL, created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (due_at);
";

/// How long an answer is kept for its idempotency key. Stripe keeps them for at least a day.
const ANSWER_KEPT_MS: i64 = 72 * 3_600_000;

/// An answer kept for its key.
pub(super) struct SavedAnswer {
    pub(super) fingerprint: [u8; 32],
    pub(super) status: u16,
    pub(super) body: String,
}

/// A webhook that waits to be sent.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) seq: i64,
    pub(super) body: String,
    pub(super) tries_count: u32,
    pub(super) created_at: i64,
}

/// The file.
pub(super) struct SandboxStore(Mutex<Connection>);

impl SandboxStore {
    pub(super) fn open(path: &Path, now_ms: i64) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        connection.execute("DELETE FROM answers WHERE created_at < ?1", [now_ms.saturating_sub(ANSWER_KEPT_MS)])?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Does `act` as one transaction, alone.
    pub(super) fn transact<T>(
        &self,
        act: impl FnOnce(&Tables<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, rusqlite::Error> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let outcome = act(&Tables(&transaction))?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// The tables within a transaction.
pub(super) struct Tables<'a>(&'a Transaction<'a>);

impl Tables<'_> {
    pub(super) fn intent(&self, id: &str) -> Result<Option<SandboxIntent>, rusqlite::Error> {
        let mut select = self.0.prepare_cached("SELECT json FROM intents WHERE id = ?1")?;
        select.query_row([id], |row| decoded(&row.get::<_, String>(0)?)).optional()
    }

    pub(super) fn put_intent(&self, intent: &SandboxIntent) -> Result<(), rusqlite::Error> {
        let sql = "INSERT INTO intents (id, json) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET json = excluded.json";
        self.0.prepare_cached(sql)?.execute(params![intent.id, encoded(intent)?])?;
        Ok(())
    }

    /// Intents after `after`, oldest first, with their places in line.
    pub(super) fn intents(&self, after: i64, rows_max: u32) -> Result<Vec<(i64, SandboxIntent)>, rusqlite::Error> {
        let mut select = self.0.prepare_cached("SELECT seq, json FROM intents WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let rows =
            select.query_map(params![after, rows_max], |row| Ok((row.get(0)?, decoded(&row.get::<_, String>(1)?)?)))?;
        rows.collect()
    }

    pub(super) fn put_refund(&self, refund: &SandboxRefund) -> Result<(), rusqlite::Error> {
        let sql = "INSERT INTO refunds (id, intent, json) VALUES (?1, ?2, ?3)";
        self.0.prepare_cached(sql)?.execute(params![refund.id, refund.intent, encoded(refund)?])?;
        Ok(())
    }

    pub(super) fn refund(&self, id: &str) -> Result<Option<SandboxRefund>, rusqlite::Error> {
        let mut select = self.0.prepare_cached("SELECT json FROM refunds WHERE id = ?1")?;
        select.query_row([id], |row| decoded(&row.get::<_, String>(0)?)).optional()
    }

    /// Lets every waiting webhook wait until `due_at`.
    pub(super) fn postpone_deliveries(&self, due_at: i64) -> Result<(), rusqlite::Error> {
        self.0.execute("UPDATE deliveries SET due_at = max(due_at, ?1)", params![due_at]).map(drop)
    }

    /// Refunds of an intent, latest first.
    pub(super) fn refunds(&self, intent: &str, rows_max: u32) -> Result<Vec<SandboxRefund>, rusqlite::Error> {
        let sql = "SELECT json FROM refunds WHERE intent = ?1 ORDER BY seq DESC LIMIT ?2";
        let mut select = self.0.prepare_cached(sql)?;
        let rows = select.query_map(params![intent, rows_max], |row| decoded(&row.get::<_, String>(0)?))?;
        rows.collect()
    }

    pub(super) fn saved(&self, key: &str) -> Result<Option<SavedAnswer>, rusqlite::Error> {
        let mut select = self.0.prepare_cached("SELECT fingerprint, status, body FROM answers WHERE key = ?1")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(SavedAnswer { fingerprint: row.get(0)?, status: row.get(1)?, body: row.get(2)? })
        };
        select.query_row([key], read).optional()
    }

    pub(super) fn save(&self, key: &str, answer: &SavedAnswer, now_ms: i64) -> Result<(), rusqlite::Error> {
        let sql = "INSERT INTO answers (key, fingerprint, status, body, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.0.prepare_cached(sql)?;
        insert.execute(params![key, answer.fingerprint, answer.status, answer.body, now_ms])?;
        Ok(())
    }

    pub(super) fn push_delivery(&self, body: &str, now_ms: i64, due_at: i64) -> Result<(), rusqlite::Error> {
        let sql = "INSERT INTO deliveries (body, tries, created_at, due_at) VALUES (?1, 0, ?2, ?3)";
        self.0.prepare_cached(sql)?.execute(params![body, now_ms, due_at])?;
        Ok(())
    }

    /// Webhooks that are due, at most `rows_max`.
    pub(super) fn due(&self, now_ms: i64, latest_first: bool, rows_max: u32) -> Result<Vec<Delivery>, rusqlite::Error> {
        let order = if latest_first { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT seq, body, tries, created_at FROM deliveries WHERE due_at <= ?1 ORDER BY seq {order} LIMIT ?2"
        );
        let mut select = self.0.prepare_cached(&sql)?;
        let rows = select.query_map(params![now_ms, rows_max], |row| {
            Ok(Delivery { seq: row.get(0)?, body: row.get(1)?, tries_count: row.get(2)?, created_at: row.get(3)? })
        })?;
        rows.collect()
    }

    pub(super) fn next_due(&self) -> Result<Option<i64>, rusqlite::Error> {
        self.0.prepare_cached("SELECT min(due_at) FROM deliveries")?.query_row([], |row| row.get(0))
    }

    pub(super) fn drop_delivery(&self, seq: i64) -> Result<(), rusqlite::Error> {
        self.0.prepare_cached("DELETE FROM deliveries WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    pub(super) fn put_off_delivery(&self, seq: i64, due_at: i64) -> Result<(), rusqlite::Error> {
        let sql = "UPDATE deliveries SET tries = tries + 1, due_at = ?2 WHERE seq = ?1";
        self.0.prepare_cached(sql)?.execute(params![seq, due_at])?;
        Ok(())
    }
}

fn encoded<T: serde::Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn decoded<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, rusqlite::Error> {
    let damaged = |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    serde_json::from_str(json).map_err(damaged)
}
