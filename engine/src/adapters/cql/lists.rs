//! Lists: pointers to rows that are kept elsewhere, in the order in which they are asked for.
//!
//! A partition must not grow without end, so a list is cut into buckets of time, and `buckets` says which of a list's
//! buckets hold anything: a walk goes through those and no others.
//!
//! A pointer is a hint and never the truth. It is written before the row that it points to and removed after that row
//! no longer wants it, so a row is never missing from its list; whoever walks looks at the row and passes over pointers
//! that it does not want. What orders the writes to one pointer is the row's version and no clock: it is put at
//! `2 · version + 1` and removed at `2 · version`, so a late removal cannot undo a later putting, and a stray of an
//! older version may be removed by anybody. (Secondary indexes and materialized views were refused: the first ask every
//! node, the second are switched off by default in Cassandra for falling out of step.)

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scylla::client::session::Session;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};

use super::values::{Columns, Name};
use super::{Cluster, CqlError, How};
use crate::adapters::page::Key;

/// A minute: buckets of lists that are worked off.
pub(super) const MINUTE_MS: i64 = 60_000;
/// An hour.
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A day.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Buckets asked for at once.
const BUCKETS_MAX: usize = 1_000;
/// Buckets that are known to be in the index, for a while.
const KNOWN_BUCKETS_MAX: usize = 10_000;
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// An entry of the index is removed only if it was written longer ago than this. Who puts a pointer wrote its bucket at
/// most [`KNOWN_FOR`] before, so the rest is what a write may take and clocks may differ by.
const INDEXED_BEFORE: Duration = Duration::from_secs(600);
/// Sorts after the bytes of every id.
const PAST_EVERY_ID: [u8; 17] = [0xff; 17];
/// Sorts after every text.
const PAST_EVERY_TEXT: &str = "\u{10ffff}";

/// A list's table and columns.
#[derive(Debug)]
pub(super) struct ListSpec {
    pub(super) table: &'static str,
    /// The column that says whose list it is, if there are several.
    pub(super) owner: Option<&'static str>,
    /// The column that orders.
    pub(super) at: &'static str,
    /// The column that names the row.
    pub(super) id: &'static str,
    /// Whether it is a text.
    pub(super) id_is_text: bool,
    /// How much time shares a partition.
    pub(super) bucket_ms: i64,
    /// Rows are put to be taken out again: a bucket that is past and empty leaves the index.
    pub(super) is_worked_off: bool,
}

/// A row's place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// Which of its table's lists.
    pub(super) list: usize,
    pub(super) owner: Option<Name>,
    pub(super) at: i64,
    pub(super) id: Name,
}

/// What a walk found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) at: i64,
    pub(super) id: Name,
    /// The version of the row that wanted it.
    pub(super) version: i64,
}

/// Part of a list.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) owner: Option<Name>,
    pub(super) newest_first: bool,
    /// Where to go on after.
    pub(super) after: Option<Key>,
    /// The first and the last time that are meant.
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    /// All of a list, oldest first.
    pub(super) fn whole(owner: Option<Name>) -> Self {
        Self { owner, newest_first: false, after: None, from: i64::MIN, to: i64::MAX }
    }
}

/// A list.
pub(super) struct List {
    spec: &'static ListSpec,
    put: PreparedStatement,
    remove: PreparedStatement,
    oldest_first: PreparedStatement,
    newest_first: PreparedStatement,
    count: PreparedStatement,
    index: Arc<BucketIndex>,
}

impl List {
    pub(super) async fn prepare(
        cluster: &Arc<Cluster>,
        spec: &'static ListSpec,
        index: &Arc<BucketIndex>,
    ) -> Result<Self, CqlError> {
        let ListSpec { table, at, id, .. } = spec;
        let (name, mark) = spec.owner.map_or(Default::default(), |owner| (format!("{owner}, "), "?, "));
        let of_owner = spec.owner.map_or_else(String::new, |owner| format!("{owner} = ? AND "));
        let put = format!(
            "INSERT INTO {table} ({name}bucket, {at}, {id}, version) VALUES ({mark}?, ?, ?, ?) USING TIMESTAMP ?"
        );
        let remove =
            format!("DELETE FROM {table} USING TIMESTAMP ? WHERE {of_owner}bucket = ? AND {at} = ? AND {id} = ?");
        let select = format!("SELECT {at}, {id}, version FROM {table} WHERE {of_owner}bucket = ? AND ({at}, {id})");
        let oldest_first = format!("{select} > (?, ?) LIMIT ?");
        let newest_first = format!("{select} < (?, ?) ORDER BY {at} DESC, {id} DESC LIMIT ?");
        let count = format!("SELECT count(*) FROM {table} WHERE {of_owner}bucket = ?");
        Ok(Self {
            spec,
            put: cluster.prepare(put, How::Write).await?,
            remove: cluster.prepare(remove, How::Write).await?,
            oldest_first: cluster.prepare(oldest_first, How::Read).await?,
            newest_first: cluster.prepare(newest_first, How::Read).await?,
            count: cluster.prepare(count, How::Read).await?,
            index: Arc::clone(index),
        })
    }

    fn bucket(&self, at: i64) -> i64 {
        at.div_euclid(self.spec.bucket_ms)
    }

    fn partition(&self, owner: Option<&Name>, bucket: i64) -> Vec<CqlValue> {
        owner.map(Name::value).into_iter().chain([CqlValue::BigInt(bucket)]).collect()
    }

    /// Puts a pointer that a row of this version wants.
    pub(super) async fn put(&self, session: &Session, pointer: &Pointer, version: i64) -> Result<(), CqlError> {
        let bucket = self.bucket(pointer.at);
        self.index.put(session, self.spec.table, pointer.owner.as_ref(), bucket).await?;
        let mut values = self.partition(pointer.owner.as_ref(), bucket);
        values.extend([CqlValue::BigInt(pointer.at), pointer.id.value(), CqlValue::BigInt(version)]);
        values.push(CqlValue::BigInt(2 * version + 1));
        session.execute_unpaged(&self.put, values).await?;
        Ok(())
    }

    /// Removes a pointer that the row of this version does not want.
    pub(super) async fn remove(&self, session: &Session, pointer: &Pointer, version: i64) -> Result<(), CqlError> {
        let mut values = vec![CqlValue::BigInt(2 * version)];
        values.extend(self.partition(pointer.owner.as_ref(), self.bucket(pointer.at)));
        values.extend([CqlValue::BigInt(pointer.at), pointer.id.value()]);
        session.execute_unpaged(&self.remove, values).await?;
        Ok(())
    }

    /// How many pointers there are, counted no further than `most`.
    pub(super) async fn count(&self, session: &Session, owner: Option<&Name>, most: u64) -> Result<u64, CqlError> {
        let mut total = 0;
        for bucket in self.index.read(session, self.spec.table, owner, false, (i64::MIN, i64::MAX)).await? {
            let answer = session.execute_unpaged(&self.count, self.partition(owner, bucket)).await?;
            let (count,) = answer
                .into_rows_result()?
                .first_row::<(i64,)>()
                .map_err(|error| CqlError::Damaged(error.to_string()))?;
            total += count.unsigned_abs();
            if total >= most {
                return Ok(most);
            }
        }
        Ok(total)
    }

    /// Begins to walk.
    pub(super) fn walk(&self, span: Span) -> Walk<'_> {
        let (mut first, mut last) = (self.bucket(span.from), self.bucket(span.to));
        if let Some(Key { order, .. }) = &span.after {
            if span.newest_first {
                last = last.min(self.bucket(*order))
            } else {
                first = first.max(self.bucket(*order))
            }
        }
        Walk { list: self, span, left: (first, last), buckets: VecDeque::new(), within: None, is_indexed: false }
    }
}

/// A walk through a list. Ends early only when it is dropped.
pub(super) struct Walk<'a> {
    list: &'a List,
    span: Span,
    /// The buckets not read from the index yet.
    left: (i64, i64),
    buckets: VecDeque<i64>,
    /// The bucket under way, the pointer to go on after, and whether it showed any.
    within: Option<(i64, Key, bool)>,
    is_indexed: bool,
}

impl Walk<'_> {
    /// The next pointers, at most `most`; none at the end.
    pub(super) async fn next(&mut self, session: &Session, most: usize) -> Result<Vec<Found>, CqlError> {
        loop {
            let Some((bucket, after, showed)) = self.bucket(session).await? else { return Ok(Vec::new()) };
            let found = self.read(session, bucket, &after, most).await?;
            if found.len() < most {
                self.within = None;
                if found.is_empty() && !showed && self.is_full_look(&after) && bucket < self.list.bucket(self.span.to) {
                    self.list.index.drained(session, self.list.spec, self.span.owner.as_ref(), bucket).await?;
                }
            } else if let Some(last) = found.last() {
                self.within = Some((bucket, Key { order: last.at, tie: last.id.bytes() }, true));
            }
            let meant = |found: &Found| found.at >= self.span.from && found.at <= self.span.to;
            let is_past = found.last().is_some_and(|last| {
                if self.span.newest_first { last.at < self.span.from } else { last.at > self.span.to }
            });
            let found: Vec<Found> = found.into_iter().filter(meant).collect();
            if is_past {
                self.within = None;
                self.buckets.clear();
                self.left = (1, 0);
            }
            if !found.is_empty() || is_past {
                return Ok(found);
            }
        }
    }

    /// Whether the bucket was looked at from its beginning.
    fn is_full_look(&self, after: &Key) -> bool {
        self.list.spec.is_worked_off && !self.span.newest_first && after.order == i64::MIN
    }

    /// The bucket to read, and where in it.
    async fn bucket(&mut self, session: &Session) -> Result<Option<(i64, Key, bool)>, CqlError> {
        if let Some(within) = self.within.take() {
            return Ok(Some(within));
        }
        if self.buckets.is_empty() && self.left.0 <= self.left.1 {
            let (table, owner) = (self.list.spec.table, self.span.owner.as_ref());
            let buckets = self.list.index.read(session, table, owner, self.span.newest_first, self.left).await?;
            self.left = match buckets.last() {
                Some(last) if buckets.len() == BUCKETS_MAX && self.span.newest_first => (self.left.0, last - 1),
                Some(last) if buckets.len() == BUCKETS_MAX => (last + 1, self.left.1),
                Some(_) | None => (1, 0),
            };
            self.buckets = buckets.into();
        }
        let Some(bucket) = self.buckets.pop_front() else { return Ok(None) };
        // The first bucket of all is the one that a cursor leads into.
        let after = if std::mem::replace(&mut self.is_indexed, true) { None } else { self.span.after.clone() };
        Ok(Some((bucket, after.unwrap_or_else(|| self.start()), false)))
    }

    /// Before everything that is meant, in the direction of the walk.
    fn start(&self) -> Key {
        match (self.span.newest_first, self.list.spec.id_is_text) {
            (false, _) => Key { order: self.span.from, tie: Vec::new() },
            (true, true) => Key { order: self.span.to, tie: PAST_EVERY_TEXT.into() },
            (true, false) => Key { order: self.span.to, tie: PAST_EVERY_ID.to_vec() },
        }
    }

    async fn read(&self, session: &Session, bucket: i64, after: &Key, most: usize) -> Result<Vec<Found>, CqlError> {
        let tie = if self.list.spec.id_is_text {
            let tie = String::from_utf8(after.tie.clone());
            CqlValue::Text(tie.map_err(|_| CqlError::Damaged("a key is no text".to_owned()))?)
        } else {
            CqlValue::Blob(after.tie.clone())
        };
        let mut values = self.list.partition(self.span.owner.as_ref(), bucket);
        values.extend([CqlValue::BigInt(after.order), tie, CqlValue::Int(i32::try_from(most).unwrap_or(i32::MAX))]);
        let select = if self.span.newest_first { &self.list.newest_first } else { &self.list.oldest_first };
        let answer = session.execute_unpaged(select, values).await?.into_rows_result()?;
        let mut found = Vec::new();
        for row in answer.rows::<Row>()? {
            let mut columns = Columns::of(row?);
            found.push(Found { at: columns.number()?, id: columns.name()?, version: columns.number()? });
        }
        Ok(found)
    }
}

/// Which buckets of which lists hold anything.
pub(super) struct BucketIndex {
    put: PreparedStatement,
    remove: PreparedStatement,
    oldest_first: PreparedStatement,
    newest_first: PreparedStatement,
    known: Mutex<Known>,
}

/// A list, whose it is, and one of its buckets.
type Entry = (&'static str, Option<Name>, i64);

struct Known {
    buckets: HashSet<Entry>,
    since: Instant,
}

impl BucketIndex {
    pub(super) async fn prepare(cluster: &Arc<Cluster>) -> Result<Arc<Self>, CqlError> {
        let select = "SELECT bucket FROM buckets WHERE list = ? AND owner = ? AND bucket >= ? AND bucket <= ?";
        Ok(Arc::new(Self {
            put: cluster
                .prepare("INSERT INTO buckets (list, owner, bucket) VALUES (?, ?, ?) USING TIMESTAMP ?", How::Write)
                .await?,
            remove: cluster
                .prepare(
                    "DELETE FROM buckets USING TIMESTAMP ? WHERE list = ? AND owner = ? AND bucket = ?",
                    How::Write,
                )
                .await?,
            oldest_first: cluster.prepare(format!("{select} LIMIT {BUCKETS_MAX}"), How::Read).await?,
            newest_first: cluster
                .prepare(format!("{select} ORDER BY bucket DESC LIMIT {BUCKETS_MAX}"), How::Read)
                .await?,
            known: Mutex::new(Known { buckets: HashSet::new(), since: Instant::now() }),
        }))
    }

    /// Makes a bucket known, before anything is put into it.
    pub(super) async fn put(
        &self,
        session: &Session,
        list: &'static str,
        owner: Option<&Name>,
        bucket: i64,
    ) -> Result<(), CqlError> {
        let entry = (list, owner.cloned(), bucket);
        if self.with_known(|known| known.contains(&entry)) {
            return Ok(());
        }
        let owner = owner.map(Name::word).unwrap_or_default();
        session.execute_unpaged(&self.put, (list, owner, bucket, micros_ago(Duration::ZERO))).await?;
        self.with_known(|known| known.insert(entry));
        Ok(())
    }

    async fn read(
        &self,
        session: &Session,
        list: &str,
        owner: Option<&Name>,
        newest_first: bool,
        (first, last): (i64, i64),
    ) -> Result<Vec<i64>, CqlError> {
        let select = if newest_first { &self.newest_first } else { &self.oldest_first };
        let owner = owner.map(Name::word).unwrap_or_default();
        let answer = session.execute_unpaged(select, (list, owner, first, last)).await?.into_rows_result()?;
        let buckets = answer.rows::<(i64,)>()?.map(|row| row.map(|(bucket,)| bucket));
        Ok(buckets.collect::<Result<_, _>>()?)
    }

    /// Forgets a bucket that was empty, unless somebody made it known a short while ago.
    async fn drained(
        &self,
        session: &Session,
        spec: &'static ListSpec,
        owner: Option<&Name>,
        bucket: i64,
    ) -> Result<(), CqlError> {
        let owner = owner.map(Name::word).unwrap_or_default();
        session.execute_unpaged(&self.remove, (micros_ago(INDEXED_BEFORE), spec.table, owner, bucket)).await?;
        Ok(())
    }

    fn with_known<T>(&self, act: impl FnOnce(&mut HashSet<Entry>) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.since.elapsed() > KNOWN_FOR || known.buckets.len() >= KNOWN_BUCKETS_MAX {
            *known = Known { buckets: HashSet::new(), since: Instant::now() };
        }
        act(&mut known.buckets)
    }
}

/// The machine's time as the server stamps writes.
fn micros_ago(ago: Duration) -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.saturating_sub(ago).as_micros()).unwrap_or(i64::MAX)
}
