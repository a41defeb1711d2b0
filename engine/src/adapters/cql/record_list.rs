//! Pages of records: a list points to rows that hold one JSON record each.

use futures_util::future::try_join_all;
use scylla::client::session::Session as Driver;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::Row;
use serde::de::DeserializeOwned;

use super::CqlError;
use super::lists::{List, Span};
use super::values::{Columns, Value};
use crate::adapters::page::{self, Key};
use crate::store::{Page, StoreError};

/// Records read at once.
const TOGETHER_MAX: usize = 64;
/// Records that one page looks at.
const LOOKED_AT_MAX: usize = 2_000;

/// A list and what it points to.
pub(super) struct RecordList<'a, T> {
    pub(super) list: &'a List,
    pub(super) kind: page::List,
    pub(super) read: &'a PreparedStatement,
    /// A record's place in the list.
    pub(super) key: fn(&T) -> Key,
}

impl<T: DeserializeOwned> RecordList<'_, T> {
    /// The records that are meant. A page may be short and have a cursor.
    pub(super) async fn page(
        &self,
        driver: &Driver,
        span: Span,
        rows_max: u32,
        is_meant: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let shown = page::rows_count(rows_max);
        let mut walk = self.list.walk(span);
        let (mut rows, mut looked_at_count) = (Vec::new(), 0);
        loop {
            let found = walk.next(driver, (shown + 1).min(TOGETHER_MAX)).await?;
            let last = found.last().map(|last| Key { order: last.at, tie: last.id.bytes() });
            looked_at_count += found.len();
            let keys = found.iter().map(|found| vec![Some(found.id.value())]).collect();
            let read: Vec<T> = records(driver, self.read, keys).await?;
            rows.extend(read.into_iter().filter(&is_meant));
            let Some(last) = last.filter(|_| rows.len() <= shown) else {
                return Ok(page::page(self.kind, rows, rows_max, self.key));
            };
            if looked_at_count >= LOOKED_AT_MAX {
                return Ok(Page { rows, next_cursor: Some(page::cursor(self.kind, &last)) });
            }
        }
    }
}

/// The records with these keys, in their order; those that are not there are left out.
pub(super) async fn records<T: DeserializeOwned>(
    driver: &Driver,
    read: &PreparedStatement,
    keys: Vec<Vec<Value>>,
) -> Result<Vec<T>, CqlError> {
    let mut found = Vec::new();
    for some in keys.chunks(TOGETHER_MAX) {
        let answers = try_join_all(some.iter().map(|key| driver.execute_unpaged(read, key))).await?;
        for answer in answers {
            if let Some(row) = answer.into_rows_result()?.maybe_first_row::<Row>()? {
                found.push(Columns::of(row).json()?);
            }
        }
    }
    Ok(found)
}
