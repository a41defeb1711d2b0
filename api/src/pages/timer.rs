//! The time that is left for places that are held: shown on every page between choosing and paying (WCAG 2.2.1).

use super::when;
use crate::desk::buyer::HoldSheet;
use crate::timestamp::Timestamp;

/// How long the places are still held, and the way to keep them longer.
pub(super) struct Timer {
    /// What ends then.
    pub(super) words: &'static str,
    pub(super) ends: String,
    pub(super) expires_at: Timestamp,
    pub(super) server_now: Timestamp,
    /// What to say when the time is up.
    pub(super) over: &'static str,
    /// Where the form to keep them sends; none once they cannot be kept longer, or for who is not their buyer.
    pub(super) keep: Option<String>,
}

impl Timer {
    pub(super) fn of(hold: &HoldSheet, time_zone: &str, words: &'static str, over: &'static str) -> Self {
        let can_keep = hold.expires_at < hold.extendable_until;
        Self {
            keep: can_keep.then(|| format!("/events/{}/holds/{}/keep", hold.event, hold.hold)),
            ..Self::until(hold.expires_at, hold.server_now, time_zone, words, over)
        }
    }

    /// For who cannot keep the places longer.
    pub(super) fn until(
        expires_at: Timestamp,
        server_now: Timestamp,
        time_zone: &str,
        words: &'static str,
        over: &'static str,
    ) -> Self {
        Self { words, ends: when(expires_at, time_zone), expires_at, server_now, over, keep: None }
    }
}
