//! Rows that are changed by several at once, and the lists they are in.
//!
//! Every write of such a table is conditional on the row's version, which it raises: of two that read the same, one
//! wins and the other looks again. No plain write touches them, because the two kinds take their time from different
//! clocks. A write whose answer is lost is made certain by [`super::conditional`]: the row names its last writer, so one's
//! own is known. The lists follow in the order that [`super::lists`] needs: put the
//! new pointers, write the row, remove the old ones; a crash in between leaves pointers that readers pass over.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use scylla::client::session::Session;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use uuid::Uuid;

use super::conditional::{Conditional, Seen, Try, carry_out};
use super::lists::{BucketIndex, Found, List, ListSpec, Pointer, Span};
use super::values::{Columns, Name, Value};
use super::{Cluster, CqlError, How, is_applied};
use crate::adapters::page::{self, Key};
use crate::ids;
use crate::store::{Page, StoreError};

/// Tries of one change. Each lost one is somebody else's change of the same row.
const TRIES_MAX: u32 = 16;
/// The pause after the first lost try; it grows with each.
const PAUSE: Duration = Duration::from_millis(5);
/// Rows read at once while a list is walked.
const TOGETHER_MAX: usize = 64;
/// Pointers that one page looks at: what it passes over is work too.
const LOOKED_AT_MAX: usize = 2_000;

/// What a table keeps.
pub(super) trait Record: Clone + Send + Sync + 'static {
    const TABLE: &'static str;
    /// The key, then everything else; without `version` and `writer`.
    const COLUMNS: &'static [&'static str];
    /// The lists that its pointers number.
    const LISTS: &'static [&'static ListSpec];
    fn key(&self) -> Name;
    /// In the order of [`Record::COLUMNS`], without the key.
    fn values(&self) -> Result<Vec<Value>, CqlError>;
    /// Reads [`Record::COLUMNS`].
    fn of(columns: &mut Columns) -> Result<Self, CqlError>;
    /// Where it is listed, as it is now.
    fn pointers(&self) -> Vec<Pointer>;
}

/// A row as it was read.
#[derive(Debug, Clone)]
pub(super) struct Stored<T> {
    pub(super) row: T,
    version: i64,
    writer: Uuid,
}

impl<T> Stored<T> {
    /// What it says.
    pub(super) fn into_row(self) -> T {
        self.row
    }
}

/// What a change comes to.
pub(super) enum Change<T> {
    /// Nothing is written.
    Keep,
    /// The row is to be so.
    Put(T),
    /// The row is to be gone.
    Remove,
}

/// The row after a change.
#[derive(Debug)]
pub(super) struct Outcome<T> {
    pub(super) row: Option<T>,
    pub(super) is_changed: bool,
}

/// Rows of a list.
pub(super) struct Looked<T> {
    pub(super) rows: Vec<(Key, Stored<T>)>,
    /// Where to go on, unless the list is at its end.
    pub(super) next: Option<Key>,
}

/// A table of rows that have versions.
pub(super) struct Rows<T> {
    read: PreparedStatement,
    read_serial: PreparedStatement,
    write: PreparedStatement,
    remove: PreparedStatement,
    lists: Vec<List>,
    request_max: Duration,
    record: PhantomData<fn() -> T>,
}

/// One change of a row, by a writer that only this change has.
struct RowWrite<'a, T> {
    rows: &'a Rows<T>,
    session: &'a Session,
    key: &'a Name,
    /// As it is to be; `None` when it is to be gone.
    next: Option<&'a T>,
    version: i64,
    writer: Uuid,
}

impl<T: Record> Conditional for RowWrite<'_, T> {
    async fn send(&self, how: &Try) -> Result<bool, CqlError> {
        let expected = (self.version > 1).then_some(CqlValue::BigInt(self.version - 1));
        let answer = match self.next {
            Some(row) => {
                let mut values = row.values()?;
                values.extend([Some(CqlValue::BigInt(self.version)), Some(CqlValue::Uuid(self.writer))]);
                values.extend([Some(self.key.value()), expected]);
                self.session.execute_unpaged(&how.of(&self.rows.write), values).await?
            }
            None => {
                let remove = how.of(&self.rows.remove);
                self.session.execute_unpaged(&remove, (self.key.value(), expected)).await?
            }
        };
        is_applied(answer)
    }

    async fn look(&self) -> Result<Seen, CqlError> {
        let now = Rows::<T>::select(self.session, &self.rows.read_serial, self.key).await?;
        let now_version = now.as_ref().map_or(0, |stored| stored.version);
        Ok(match now {
            // What is to be gone is, whoever removed it.
            None if self.next.is_none() => Seen::Mine,
            Some(stored) if stored.writer == self.writer => Seen::Mine,
            Some(_) | None if now_version == self.version - 1 => Seen::Free,
            Some(_) if now_version == self.version => Seen::Others,
            Some(_) | None => Seen::Past,
        })
    }
}

impl<T: Record> Rows<T> {
    pub(super) async fn prepare(cluster: &Arc<Cluster>, index: &Arc<BucketIndex>) -> Result<Self, CqlError> {
        let (table, columns) = (T::TABLE, T::COLUMNS.join(", "));
        let key = T::COLUMNS.first().copied().unwrap_or_default();
        let set: String = T::COLUMNS.iter().skip(1).map(|column| format!("{column} = ?, ")).collect();
        let select = format!("SELECT {columns}, version, writer FROM {table} WHERE {key} = ?");
        let update = format!("UPDATE {table} SET {set}version = ?, writer = ? WHERE {key} = ? IF version = ?");
        let delete = format!("DELETE FROM {table} WHERE {key} = ? IF version = ?");
        let mut lists = Vec::new();
        for spec in T::LISTS {
            lists.push(List::prepare(cluster, spec, index).await?);
        }
        Ok(Self {
            read: cluster.prepare(select.as_str(), How::Read).await?,
            read_serial: cluster.prepare(select, How::ReadSerial).await?,
            write: cluster.prepare(update, How::Conditional).await?,
            remove: cluster.prepare(delete, How::Conditional).await?,
            lists,
            request_max: cluster.request_max(),
            record: PhantomData,
        })
    }

    /// The row, as a quorum knows it.
    pub(super) async fn read(&self, session: &Session, key: &Name) -> Result<Option<Stored<T>>, CqlError> {
        Self::select(session, &self.read, key).await
    }

    /// The rows of several keys, in their order; those that are not there are left out.
    pub(super) async fn read_all(&self, session: &Session, keys: &[Name]) -> Result<Vec<T>, CqlError> {
        let mut rows = Vec::new();
        for some in keys.chunks(TOGETHER_MAX) {
            let found = try_join_all(some.iter().map(|key| self.read(session, key))).await?;
            rows.extend(found.into_iter().flatten().map(|stored| stored.row));
        }
        Ok(rows)
    }

    async fn select(session: &Session, select: &PreparedStatement, key: &Name) -> Result<Option<Stored<T>>, CqlError> {
        let answer = session.execute_unpaged(select, (key.value(),)).await?.into_rows_result()?;
        let Some(row) = answer.maybe_first_row::<Row>()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        let in_table = |error: CqlError| CqlError::Damaged(format!("table {}: {error}", T::TABLE));
        let row = T::of(&mut columns).map_err(in_table)?;
        Ok(Some(Stored { row, version: columns.number()?, writer: columns.uuid()? }))
    }

    /// Changes the row to what `decide` makes of it. Asked again, with the row as it is then, when another was quicker.
    ///
    /// # Errors
    /// What `decide` says; the cluster does not answer, and whether the row was changed is unknown.
    pub(super) async fn change(
        &self,
        session: &Session,
        key: &Name,
        decide: impl Fn(Option<&T>) -> Result<Change<T>, StoreError>,
    ) -> Result<Outcome<T>, StoreError> {
        let current = self.read(session, key).await?;
        self.change_from(session, key, current, decide).await
    }

    /// As [`Rows::change`], of a row that was read already.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn change_from(
        &self,
        session: &Session,
        key: &Name,
        mut current: Option<Stored<T>>,
        decide: impl Fn(Option<&T>) -> Result<Change<T>, StoreError>,
    ) -> Result<Outcome<T>, StoreError> {
        for tried_count in 1..=TRIES_MAX {
            let next = match decide(current.as_ref().map(|stored| &stored.row))? {
                Change::Keep => return Ok(Outcome { row: current.map(|stored| stored.row), is_changed: false }),
                Change::Put(row) => Some(row),
                Change::Remove => None,
            };
            let writer = Uuid::from_u128(ids::fresh());
            let old = current.as_ref().map_or_else(Vec::new, |stored| stored.row.pointers());
            let new = next.as_ref().map_or_else(Vec::new, Record::pointers);
            let version = current.as_ref().map_or(0, |stored| stored.version) + 1;
            let added = new.iter().filter(|pointer| !old.contains(pointer));
            try_join_all(added.map(|pointer| self.put_pointer(session, pointer, version))).await?;
            let write = RowWrite { rows: self, session, key, next: next.as_ref(), version, writer };
            if carry_out(&write, self.request_max).await? {
                let removed = old.iter().filter(|pointer| !new.contains(pointer));
                self.remove_pointers(session, removed, version).await;
                return Ok(Outcome { row: next, is_changed: true });
            }
            tokio::time::sleep(PAUSE * tried_count).await;
            current = Self::select(session, &self.read_serial, key).await?;
        }
        Err(StoreError::Unavailable(format!("a row of {} is changed by too many at once", T::TABLE)))
    }

    async fn put_pointer(&self, session: &Session, pointer: &Pointer, version: i64) -> Result<(), CqlError> {
        match self.lists.get(pointer.list) {
            Some(list) => list.put(session, pointer, version).await,
            None => Ok(()),
        }
    }

    /// The row does not want them any more. What cannot be removed now is passed over by readers and removed by them.
    async fn remove_pointers(&self, session: &Session, pointers: impl Iterator<Item = &Pointer>, version: i64) {
        let removals = pointers
            .filter_map(|pointer| self.lists.get(pointer.list).map(|list| list.remove(session, pointer, version)));
        if let Err(error) = try_join_all(removals).await {
            tracing::debug!(%error, table = T::TABLE, "a pointer that no row wants stays for a while");
        }
    }

    /// A list.
    ///
    /// # Errors
    /// There is none of that number.
    pub(super) fn list(&self, list: usize) -> Result<&List, CqlError> {
        self.lists.get(list).ok_or_else(|| CqlError::Damaged(format!("table {} has no list {list}", T::TABLE)))
    }

    /// Walks a list and gives the rows that `keep` wants, at most `rows_max`.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(super) async fn look(
        &self,
        session: &Session,
        list: usize,
        span: Span,
        rows_max: usize,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Looked<T>, CqlError> {
        let owner = span.owner.clone();
        let mut walk = self.list(list)?.walk(span);
        let (mut rows, mut looked_at_count) = (Vec::new(), 0);
        loop {
            // One row more than is wanted tells whether there is a next page.
            let found = walk.next(session, (rows_max + 1).min(TOGETHER_MAX)).await?;
            let Some(last) = found.last() else { return Ok(Looked { rows, next: None }) };
            let last = Key { order: last.at, tie: last.id.bytes() };
            looked_at_count += found.len();
            let stored = try_join_all(found.iter().map(|found| self.read(session, &found.id))).await?;
            for (found, stored) in found.into_iter().zip(stored) {
                let pointer = Pointer { list, owner: owner.clone(), at: found.at, id: found.id.clone() };
                match stored {
                    Some(stored) if stored.row.pointers().contains(&pointer) => {
                        if keep(&stored.row) {
                            rows.push((Key { order: found.at, tie: found.id.bytes() }, stored));
                        }
                    }
                    stored => {
                        self.pass_over(session, &pointer, &found, stored.map_or(0, |stored| stored.version)).await
                    }
                }
            }
            if rows.len() > rows_max {
                rows.truncate(rows_max);
                let next = rows.last().map(|(key, _)| key.clone());
                return Ok(Looked { rows, next });
            }
            if looked_at_count >= LOOKED_AT_MAX {
                return Ok(Looked { rows, next: Some(last) });
            }
        }
    }

    /// A pointer of this or an earlier version that the row does not want is nobody's: whoever wants it later puts it
    /// anew, under a later version. One of a later version may be a change that is under way.
    async fn pass_over(&self, session: &Session, pointer: &Pointer, found: &Found, version: i64) {
        if version >= found.version {
            self.remove_pointers(session, std::iter::once(pointer), version + 1).await;
        }
    }

    /// A page of a list.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(super) async fn page(
        &self,
        session: &Session,
        (number, list): (usize, page::List),
        span: Span,
        rows_max: u32,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let Looked { rows, next } = self.look(session, number, span, page::rows_count(rows_max), keep).await?;
        let rows = rows.into_iter().map(|(_, stored)| stored.row).collect();
        Ok(Page { rows, next_cursor: next.map(|key| page::cursor(list, &key)) })
    }
}
