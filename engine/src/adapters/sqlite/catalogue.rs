//! Events and plans in `store.db`.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use usher_core::{EventId, OrganizerId, UnixMillis};

use super::columns::{id, id_of, json, json_of, time_of, word, word_of};
use super::database::Database;
use super::failure::taken;
use super::page::{Key, List, after, page, rows_asked, rows_count};
use crate::catalogue::{EventRecord, EventState, PublicFilter, Store};
use crate::store::{Page, StoreError};

/// [`Store`] over SQLite.
pub(super) struct SqliteCatalogue {
    pub(super) database: Arc<Database>,
}

const INSERT: &str = "INSERT INTO events (event, organizer, organizer_name, revision, state, name, description, venue,
    starts_at, time_zone, currency, opens_at, closes_at, limits, prices, plan_digest, created_at, updated_at, search)
    VALUES (:event, :organizer, :organizer_name, :revision, :state, :name, :description, :venue,
    :starts_at, :time_zone, :currency, :opens_at, :closes_at, :limits, :prices, :plan_digest, :created_at, :updated_at,
    :search)";

/// The state is the journal's and is left alone; `:state` is bound by name so that both statements take the same row.
const REPLACE: &str = "UPDATE events SET organizer = :organizer, organizer_name = :organizer_name,
    revision = :revision, name = :name, description = :description, venue = :venue, starts_at = :starts_at,
    time_zone = :time_zone, currency = :currency, opens_at = :opens_at, closes_at = :closes_at, limits = :limits,
    prices = :prices, plan_digest = :plan_digest, created_at = :created_at, updated_at = :updated_at, search = :search
    WHERE event = :event AND revision = :revision - 1 AND :state IS NOT NULL";

/// `?1` and `?2` are the key to start after, `?3` and `?4` the time range, `?5` the text, `?6` the count.
const LIST_PUBLIC: &str = "SELECT * FROM events WHERE state <> 'draft' AND (starts_at, event) > (?1, ?2)
    AND starts_at >= ?3 AND starts_at < ?4 AND (?5 = '' OR instr(search, ?5) > 0)
    ORDER BY starts_at, event LIMIT ?6";

const LIST_OF_ORGANIZER: &str = "SELECT * FROM events WHERE organizer = ?1 AND (created_at, event) < (?2, ?3)
    ORDER BY created_at DESC, event DESC LIMIT ?4";

const DUE: &str = "SELECT * FROM (
    SELECT *, opens_at AS due_at FROM events WHERE state = 'announced' AND opens_at <= ?1
    UNION ALL
    SELECT *, closes_at AS due_at FROM events WHERE state IN ('on_sale', 'paused', 'sold_out') AND closes_at <= ?1
    ) ORDER BY due_at, event LIMIT ?2";

/// Sorts after the bytes of every id.
const PAST_EVERY_ID: [u8; 17] = [0xff; 17];

#[async_trait]
impl Store for SqliteCatalogue {
    async fn create(&self, event: EventRecord) -> Result<(), StoreError> {
        self.database
            .write(move |conn| put(conn, INSERT, &event)?.map_err(taken("the event is there already")).map(drop))
            .await
    }

    async fn event(&self, event: EventId) -> Result<Option<EventRecord>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT * FROM events WHERE event = ?1")?;
                Ok(select.query_row([id(event.0)], event_of).optional()?)
            })
            .await
    }

    async fn replace(&self, revision: u64, event: EventRecord) -> Result<(), StoreError> {
        if revision.checked_add(1) != Some(event.revision) {
            return Err(StoreError::Conflict("a replaced event must carry the next revision"));
        }
        self.database
            .write(move |conn| match put(conn, REPLACE, &event)?? {
                0 => Err(StoreError::Conflict("the event has been changed meanwhile")),
                _ => Ok(()),
            })
            .await
    }

    async fn set_state(&self, event: EventId, state: EventState) -> Result<(), StoreError> {
        let state = word(&state)?;
        self.database
            .write(move |conn| {
                let changed = conn
                    .prepare_cached("UPDATE events SET state = ?2 WHERE event = ?1")?
                    .execute(params![id(event.0), state])?;
                if changed == 0 { Err(StoreError::Conflict("there is no such event")) } else { Ok(()) }
            })
            .await
    }

    async fn delete_draft(&self, event: EventId) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                let deleted = conn
                    .prepare_cached("DELETE FROM events WHERE event = ?1 AND state = 'draft'")?
                    .execute([id(event.0)])?;
                if deleted == 0 { Err(StoreError::Conflict("there is no such draft")) } else { Ok(()) }
            })
            .await
    }

    async fn list_public(
        &self,
        filter: &PublicFilter,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        let list = List::PublicEvents;
        let start = after(list, cursor)?.unwrap_or(Key { order: i64::MIN, tie: Vec::new() });
        let from = filter.from.map_or(i64::MIN, |from| from.0);
        let to = filter.to.map_or(i64::MAX, |to| to.0);
        let text = filter.text.as_deref().unwrap_or_default().trim().to_lowercase();
        self.database
            .read(move |conn| {
                let bounds = params![start.order, start.tie, from, to, text, rows_asked(rows_max)];
                let rows = events(conn, LIST_PUBLIC, bounds)?;
                Ok(page(list, rows, rows_max, |event| key(event, event.starts_at)))
            })
            .await
    }

    async fn list_of_organizer(
        &self,
        organizer: OrganizerId,
        cursor: Option<&str>,
        rows_max: u32,
    ) -> Result<Page<EventRecord>, StoreError> {
        let list = List::EventsOfOrganizer;
        let start = after(list, cursor)?.unwrap_or(Key { order: i64::MAX, tie: PAST_EVERY_ID.to_vec() });
        self.database
            .read(move |conn| {
                let bounds = params![id(organizer.0), start.order, start.tie, rows_asked(rows_max)];
                let rows = events(conn, LIST_OF_ORGANIZER, bounds)?;
                Ok(page(list, rows, rows_max, |event| key(event, event.created_at)))
            })
            .await
    }

    async fn due(&self, now: UnixMillis, rows_max: u32) -> Result<Vec<EventRecord>, StoreError> {
        self.database.read(move |conn| Ok(events(conn, DUE, params![now.0, rows_count(rows_max)])?)).await
    }

    async fn put_plan(&self, digest: [u8; 32], json: Vec<u8>) -> Result<(), StoreError> {
        self.database
            .write(move |conn| {
                conn.prepare_cached(
                    "INSERT INTO plans (digest, json) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
                )?
                .execute(params![digest, json])?;
                Ok(())
            })
            .await
    }

    async fn plan(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database
            .read(move |conn| {
                let mut select = conn.prepare_cached("SELECT json FROM plans WHERE digest = ?1")?;
                Ok(select.query_row([digest], |row| row.get("json")).optional()?)
            })
            .await
    }
}

fn key(event: &EventRecord, order: UnixMillis) -> Key {
    Key { order: order.0, tie: id(event.id.0).to_vec() }
}

fn events(conn: &Connection, sql: &str, bounds: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<EventRecord>> {
    conn.prepare_cached(sql)?.query_map(bounds, event_of)?.collect()
}

/// Runs a statement that takes every column of an event; the inner result is the statement's own.
fn put(conn: &Connection, sql: &str, event: &EventRecord) -> Result<rusqlite::Result<usize>, StoreError> {
    let row = named_params! {
        ":event": id(event.id.0),
        ":organizer": id(event.organizer.0),
        ":organizer_name": event.organizer_name,
        ":revision": event.revision,
        ":state": word(&event.state)?,
        ":name": event.name,
        ":description": event.description,
        ":venue": event.venue,
        ":starts_at": event.starts_at.0,
        ":time_zone": event.time_zone,
        ":currency": event.currency.as_str(),
        ":opens_at": event.opens_at.map(|at| at.0),
        ":closes_at": event.closes_at.map(|at| at.0),
        ":limits": json(&event.limits)?,
        ":prices": json(&event.prices)?,
        ":plan_digest": event.plan_digest,
        ":created_at": event.created_at.0,
        ":updated_at": event.updated_at.0,
        ":search": format!("{}\n{}", event.name, event.venue).to_lowercase(),
    };
    Ok(conn.prepare_cached(sql)?.execute(row))
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    Ok(EventRecord {
        id: EventId(id_of(row, "event")?),
        organizer: OrganizerId(id_of(row, "organizer")?),
        organizer_name: row.get("organizer_name")?,
        revision: row.get("revision")?,
        state: word_of(row, "state")?,
        name: row.get("name")?,
        description: row.get("description")?,
        venue: row.get("venue")?,
        starts_at: time_of(row, "starts_at")?,
        time_zone: row.get("time_zone")?,
        currency: word_of(row, "currency")?,
        opens_at: row.get::<_, Option<i64>>("opens_at")?.map(UnixMillis),
        closes_at: row.get::<_, Option<i64>>("closes_at")?.map(UnixMillis),
        limits: json_of(row, "limits")?,
        prices: json_of(row, "prices")?,
        plan_digest: row.get("plan_digest")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
    })
}
