//! What SQLite's errors mean for a caller: certainly not done, no room, or unknown.

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Why a database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Nothing was changed.
    #[error("{0}")]
    NotDone(String),
    /// Nothing was changed, because the disk is full.
    #[error("storage is full")]
    Full,
    /// The commit failed in a way that may have left it on the disk.
    #[error("{0}")]
    Unknown(String),
}

/// Errors before a commit: the transaction is rolled back, so nothing was changed.
impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Self::Full
        } else {
            Self::NotDone(error.to_string())
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotDone(what) | Failure::Unknown(what) => Self::Unavailable(what),
            Failure::Full => Self::Full,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let unreadable = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Conflict("a rule of the store forbids it"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(_) | None if unreadable => Self::Damaged(error.to_string()),
            Some(_) | None => Failure::from(error).into(),
        }
    }
}

/// Whether a unique index or primary key refused the row.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_extended_error_code(),
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
    )
}

/// Turns a refusal by a unique index or primary key into a conflict with these words.
pub(super) fn taken(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| if is_taken(&error) { StoreError::Conflict(what) } else { error.into() }
}
