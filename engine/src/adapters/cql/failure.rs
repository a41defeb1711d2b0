//! What a cluster's errors mean for a caller.
//!
//! The driver's errors say much about the way a request went and nothing that can be relied on about whether it was
//! carried out. So there is one kind for all of them, *unavailable*; who wrote conditionally looks at the row.

use scylla::deserialize::TypeCheckError;
use scylla::errors::{
    ExecutionError, IntoRowsResultError, MaybeFirstRowError, NewSessionError, PrepareError, RowsError,
};

use crate::journal::JournalError;
use crate::store::StoreError;

/// The cluster did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CqlError {
    /// The settings cannot be.
    #[error("{0}")]
    Settings(String),
    /// It cannot be reached, or did not answer; whether a write happened is unknown.
    #[error("{0}")]
    Unavailable(String),
    /// So many calls wait for it that this one was not begun; nothing was sent.
    #[error("too many calls of the cluster are under way")]
    Crowded,
    /// What it holds is not what this program put there.
    #[error("{0}")]
    Damaged(String),
    /// The keyspace is of another version than this program.
    #[error("{0}")]
    Schema(String),
}

macro_rules! unavailable {
    ($($error:ty),+) => {$(
        impl From<$error> for CqlError {
            fn from(error: $error) -> Self {
                Self::Unavailable(error.to_string())
            }
        }
    )+};
}

macro_rules! damaged {
    ($($error:ty),+) => {$(
        impl From<$error> for CqlError {
            fn from(error: $error) -> Self {
                Self::Damaged(error.to_string())
            }
        }
    )+};
}

unavailable!(ExecutionError, NewSessionError, PrepareError);
// A column of another type, or no rows where a statement has some: the table is not ours.
damaged!(IntoRowsResultError, MaybeFirstRowError, RowsError, TypeCheckError, scylla::deserialize::DeserializationError);

impl From<CqlError> for StoreError {
    fn from(error: CqlError) -> Self {
        match error {
            CqlError::Damaged(what) => Self::Damaged(what),
            CqlError::Crowded => Self::Unavailable(error.to_string()),
            CqlError::Unavailable(what) | CqlError::Settings(what) | CqlError::Schema(what) => Self::Unavailable(what),
        }
    }
}

impl From<CqlError> for JournalError {
    fn from(error: CqlError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
