//! What every store can answer besides its data.

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row to be created is there already, or the revision to be replaced has moved on.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// A list was asked to go on from a cursor that it never gave out.
    #[error("the cursor is not one of this list")]
    BadCursor,
    /// The disk or the server is full; reading goes on.
    #[error("storage is full")]
    Full,
    /// The world failed; whether a write happened is unknown.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be understood.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

/// The most rows any list answers at once.
pub const PAGE_ROWS_MAX: u32 = 200;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most the asked-for number of rows, at most [`PAGE_ROWS_MAX`].
    pub rows: Vec<T>,
    /// Where the next page starts; `None` at the end. Opaque to clients.
    pub next_cursor: Option<String>,
}
