//! The desk: what people do here, once, for the JSON API and the pages alike.
//!
//! A function takes the state, who asks, and what is asked; it loads, authorizes with the object, acts, and returns a
//! typed sheet or a [`Problem`](crate::problem::Problem). Nothing here knows HTTP or HTML. Sheets serialize as the
//! API shows them.

pub mod buyer;
pub mod operator;
pub mod organizer;

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, kinds};

/// Rows of a list when the request does not say.
pub const LIST_ROWS_DEFAULT: u32 = 50;

/// A list as the API shows it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Listed<T> {
    /// Rows.
    pub data: Vec<T>,
    /// Where the next page starts; absent at the end.
    pub next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// The number of rows to read.
    #[must_use]
    pub fn rows_max(&self) -> u32 {
        self.limit.unwrap_or(LIST_ROWS_DEFAULT).clamp(1, usher_engine::store::PAGE_ROWS_MAX)
    }
}

/// The client's own name for a request, so that a repeat is recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The shortest key, in characters.
    pub const CHARS_MIN: usize = 8;
    /// The longest key, in characters.
    pub const CHARS_MAX: usize = 128;

    /// A key of visible ASCII characters.
    ///
    /// # Errors
    /// It is too short, too long, or has other characters.
    pub fn new(key: &str) -> Result<Self, Problem> {
        let fits = (Self::CHARS_MIN..=Self::CHARS_MAX).contains(&key.len());
        if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(Problem::of(&kinds::IDEMPOTENCY_KEY_REQUIRED))
        }
    }

    /// A new random key, for forms.
    #[must_use]
    pub fn fresh() -> Self {
        Self(format!("{:032x}", usher_engine::ids::fresh()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as bytes, to derive ids from.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
