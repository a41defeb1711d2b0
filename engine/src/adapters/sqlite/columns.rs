//! Values as columns: ids are 16 big-endian bytes, so that their order in the file is their order as numbers.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// An id as it is stored.
pub(super) fn id(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// Reads an id.
pub(super) fn id_of(row: &Row<'_>, column: &str) -> rusqlite::Result<u128> {
    row.get(column).map(u128::from_be_bytes)
}

/// Reads an id that may be absent.
pub(super) fn maybe_id_of(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<u128>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(u128::from_be_bytes))
}

/// Reads a column as text and parses it.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        let what = format!("{column} is {text:?}");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(FromSqlError::Other(what.into())))
    })
}

/// Reads a column that holds JSON.
pub(super) fn json_of<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

/// A value as a JSON column.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(format!("it cannot be written as JSON: {error}")))
}
