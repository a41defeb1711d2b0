//! Values as columns: ids are 16 big-endian bytes, times are milliseconds, states are the words they have everywhere
//! else, as in the embedded files.

use scylla::value::{CqlValue, Row};
use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use usher_core::UnixMillis;

use super::CqlError;

/// A column's value; `None` is null.
pub(super) type Value = Option<CqlValue>;

/// What a row is found by, or whose list it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// An id: a blob, ordered as a number.
    Id(u128),
    /// A text, ordered by its bytes.
    Text(String),
}

impl Name {
    /// As a column.
    pub(super) fn value(&self) -> CqlValue {
        match self {
            Self::Id(id) => CqlValue::Blob(id.to_be_bytes().to_vec()),
            Self::Text(text) => CqlValue::Text(text.clone()),
        }
    }

    /// As the tie in a list's key.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Id(id) => id.to_be_bytes().to_vec(),
            Self::Text(text) => text.clone().into_bytes(),
        }
    }

    /// As a word that names a list.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Id(id) => format!("{id:032x}"),
            Self::Text(text) => text.clone(),
        }
    }

    /// Reads one.
    pub(super) fn of(value: &CqlValue) -> Result<Self, CqlError> {
        if let Some(text) = value.as_text() {
            return Ok(Self::Text(text.clone()));
        }
        let id = value.as_blob().and_then(|bytes| <[u8; 16]>::try_from(bytes.as_slice()).ok());
        id.map(|id| Self::Id(u128::from_be_bytes(id))).ok_or_else(|| CqlError::Damaged("an id is none".to_owned()))
    }
}

/// A number as a column.
pub(super) fn number(number: i64) -> Value {
    Some(CqlValue::BigInt(number))
}

/// A time as a column.
pub(super) fn time(at: UnixMillis) -> Value {
    number(at.0)
}

/// An id as a column.
pub(super) fn id(id: u128) -> Value {
    Some(Name::Id(id).value())
}

/// A text as a column.
pub(super) fn text(text: &str) -> Value {
    Some(CqlValue::Text(text.to_owned()))
}

/// Bytes as a column.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    Some(CqlValue::Blob(bytes.to_vec()))
}

/// A state as its word.
pub(super) fn word<T: Serialize>(state: &T) -> Result<String, CqlError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(CqlError::Damaged(format!("{other} is not a word"))),
        Err(error) => Err(CqlError::Damaged(error.to_string())),
    }
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, CqlError> {
    serde_json::to_string(value).map_err(|error| CqlError::Damaged(format!("it cannot be written as JSON: {error}")))
}

/// Reads JSON.
pub(super) fn json_of<T: DeserializeOwned>(text: &str) -> Result<T, CqlError> {
    serde_json::from_str(text).map_err(|error| CqlError::Damaged(error.to_string()))
}

/// Reads a state, or anything else that serde takes from a word.
pub(super) fn word_of<T: DeserializeOwned>(word: &str) -> Result<T, CqlError> {
    let deserializer: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|error| CqlError::Damaged(error.to_string()))
}

/// A row's columns, read one after the other in the order they were selected in.
pub(super) struct Columns {
    values: std::vec::IntoIter<Value>,
}

impl Columns {
    /// Those of a row.
    pub(super) fn of(row: Row) -> Self {
        Self { values: row.columns.into_iter() }
    }

    fn next(&mut self) -> Result<Value, CqlError> {
        self.values.next().ok_or_else(|| CqlError::Damaged("a row has too few columns".to_owned()))
    }

    fn maybe<T>(&mut self, read: impl Fn(&CqlValue) -> Option<T>) -> Result<Option<T>, CqlError> {
        let value = self.next()?;
        let Some(value) = value else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| CqlError::Damaged(format!("{value:?} is of another type")))
    }

    fn present<T>(&mut self, read: impl Fn(&CqlValue) -> Option<T>) -> Result<T, CqlError> {
        self.maybe(read)?.ok_or_else(|| CqlError::Damaged("a column is null".to_owned()))
    }

    pub(super) fn id(&mut self) -> Result<u128, CqlError> {
        self.array().map(u128::from_be_bytes)
    }

    pub(super) fn name(&mut self) -> Result<Name, CqlError> {
        let value = self.present(|value| Some(value.clone()))?;
        Name::of(&value)
    }

    pub(super) fn array<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], CqlError> {
        self.present(|value| value.as_blob()?.as_slice().try_into().ok())
    }

    pub(super) fn maybe_array<const BYTES: usize>(&mut self) -> Result<Option<[u8; BYTES]>, CqlError> {
        self.maybe(|value| value.as_blob()?.as_slice().try_into().ok())
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, CqlError> {
        // An empty blob comes as one, and as null where it was never written.
        Ok(self.maybe(|value| value.as_blob().cloned())?.unwrap_or_default())
    }

    pub(super) fn number(&mut self) -> Result<i64, CqlError> {
        self.present(CqlValue::as_bigint)
    }

    pub(super) fn count<T: TryFrom<i64>>(&mut self) -> Result<T, CqlError> {
        self.present(|value| T::try_from(value.as_bigint()?).ok())
    }

    pub(super) fn time(&mut self) -> Result<UnixMillis, CqlError> {
        self.number().map(UnixMillis)
    }

    pub(super) fn maybe_time(&mut self) -> Result<Option<UnixMillis>, CqlError> {
        Ok(self.maybe(CqlValue::as_bigint)?.map(UnixMillis))
    }

    pub(super) fn flag(&mut self) -> Result<bool, CqlError> {
        self.present(CqlValue::as_boolean)
    }

    pub(super) fn text(&mut self) -> Result<String, CqlError> {
        self.present(|value| value.as_text().cloned())
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, CqlError> {
        self.maybe(|value| value.as_text().cloned())
    }

    pub(super) fn word<T: DeserializeOwned>(&mut self) -> Result<T, CqlError> {
        word_of(&self.text()?)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, CqlError> {
        json_of(&self.text()?)
    }

    pub(super) fn uuid(&mut self) -> Result<uuid::Uuid, CqlError> {
        self.present(CqlValue::as_uuid)
    }
}
