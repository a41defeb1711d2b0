//! Values as columns: ids are 16 big-endian bytes, so that their order in the file is their order as numbers; states
//! are the words they have everywhere else.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use usher_core::UnixMillis;

use crate::store::StoreError;

/// An id as it is stored.
pub(super) fn id(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// Reads an id.
pub(super) fn id_of(row: &Row<'_>, column: &str) -> rusqlite::Result<u128> {
    row.get(column).map(u128::from_be_bytes)
}

/// Reads a time.
pub(super) fn time_of(row: &Row<'_>, column: &str) -> rusqlite::Result<UnixMillis> {
    row.get(column).map(UnixMillis)
}

/// A state as its word.
pub(super) fn word<T: Serialize>(state: &T) -> Result<String, StoreError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::Damaged(format!("{other} is not a word"))),
        Err(error) => Err(StoreError::Damaged(error.to_string())),
    }
}

/// Reads a state, or anything else that serde takes from a word.
pub(super) fn word_of<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    let deserializer: StrDeserializer<'_, serde::de::value::Error> = word.as_str().into_deserializer();
    T::deserialize(deserializer).map_err(|error| unreadable(column, &error.to_string()))
}

/// A value as a JSON column.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(format!("it cannot be written as JSON: {error}")))
}

/// Reads a column that holds JSON.
pub(super) fn json_of<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, &error.to_string()))
}

fn unreadable(column: &str, what: &str) -> rusqlite::Error {
    let what = format!("column {column}: {what}");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(FromSqlError::Other(what.into())))
}
