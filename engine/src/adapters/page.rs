//! Keyset pages: a cursor is the key of the last row shown, so that a list stays right while rows come and go.
//!
//! A cursor names its list; one of another list is refused rather than misread.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::{PAGE_ROWS_MAX, Page, StoreError};

/// The key of a list's row: a number that orders, and a text that tells equals apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// What the list is ordered by.
    pub(super) order: i64,
    /// Unique among equals.
    pub(super) tie: Vec<u8>,
}

/// Which list a cursor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    PublicEvents = 1,
    EventsOfOrganizer = 2,
    OrdersOfEvent = 3,
    OrdersOfBuyer = 4,
    Jobs = 5,
    Webhooks = 6,
    Acts = 7,
    ActsOfEvent = 8,
}

/// The key that a cursor holds; `None` at the beginning.
pub(super) fn after(list: List, cursor: Option<&str>) -> Result<Option<Key>, StoreError> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    let (&kind, key) = bytes.split_first().ok_or(StoreError::BadCursor)?;
    let (order, tie) = key.split_first_chunk().ok_or(StoreError::BadCursor)?;
    if kind != list as u8 {
        return Err(StoreError::BadCursor);
    }
    Ok(Some(Key { order: i64::from_be_bytes(*order), tie: tie.to_vec() }))
}

/// How many rows a page shows.
pub(super) fn rows_count(rows_max: u32) -> usize {
    rows_max.clamp(1, PAGE_ROWS_MAX) as usize
}

/// How many rows to ask for: one more than is shown tells whether there is a next page.
pub(super) fn rows_asked(rows_max: u32) -> i64 {
    i64::from(rows_max.clamp(1, PAGE_ROWS_MAX)) + 1
}

/// Where a list goes on after this row.
pub(super) fn cursor(list: List, key: &Key) -> String {
    URL_SAFE_NO_PAD.encode([&[list as u8][..], &key.order.to_be_bytes(), &key.tie].concat())
}

/// The page of up to [`rows_asked`] rows.
pub(super) fn page<T>(list: List, mut rows: Vec<T>, rows_max: u32, key: impl Fn(&T) -> Key) -> Page<T> {
    let shown = rows_count(rows_max);
    let more = rows.len() > shown;
    rows.truncate(shown);
    let next_cursor = rows.last().filter(|_| more).map(|last| cursor(list, &key(last)));
    Page { rows, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(row: &u8) -> Key {
        Key { order: i64::from(*row), tie: vec![*row] }
    }

    #[test]
    fn a_cursor_leads_to_the_row_after_the_last_one_shown() {
        let first = page(List::Jobs, vec![1, 2, 3], 2, key);
        assert_eq!(first.rows, [1, 2]);
        assert_eq!(after(List::Jobs, first.next_cursor.as_deref()).unwrap(), Some(key(&2)));
        assert_eq!(page(List::Jobs, vec![3], 2, key).next_cursor, None);
    }

    #[test]
    fn a_cursor_of_another_list_or_of_nobody_is_refused() {
        let cursor = page(List::Jobs, vec![1, 2], 1, key).next_cursor;
        for (list, cursor) in [
            (List::Webhooks, cursor.as_deref()),
            (List::Jobs, Some("")),
            (List::Jobs, Some("%%")),
            (List::Jobs, Some("AQ")),
        ] {
            assert!(matches!(after(list, cursor), Err(StoreError::BadCursor)));
        }
    }

    #[test]
    fn a_page_is_never_empty_and_never_longer_than_the_limit() {
        assert_eq!(rows_asked(0), 2);
        assert_eq!(rows_asked(u32::MAX), i64::from(PAGE_ROWS_MAX) + 1);
    }
}
