//! How often an event may be rebuilt before it is left alone.

use std::collections::VecDeque;

use usher_core::UnixMillis;

/// Restarts within [`RESTART_WINDOW_MS`]; one more and the event goes down.
pub const RESTARTS_MAX: usize = 5;
/// The window that restarts are counted in.
pub const RESTART_WINDOW_MS: u64 = 60_000;
/// The pause before the second restart in a window; each further one doubles it.
const BACK_OFF_MIN_MS: u64 = 50;

/// Counts restarts.
#[derive(Debug, Clone, Default)]
pub(in crate::event) struct Budget {
    spent: VecDeque<UnixMillis>,
}

impl Budget {
    /// Takes one restart; tells how long to wait before it, or `None` when none is left.
    pub(in crate::event) fn spend(&mut self, at: UnixMillis) -> Option<u64> {
        while self.spent.front().is_some_and(|first| at.ms_since(*first) >= RESTART_WINDOW_MS) {
            self.spent.pop_front();
        }
        let spent_count = self.spent.len();
        if spent_count >= RESTARTS_MAX {
            return None;
        }
        self.spent.push_back(at);
        Some(if spent_count == 0 { 0 } else { BACK_OFF_MIN_MS << (spent_count - 1) })
    }

    /// Gives one restart back: the cause lies outside and has had time to go away.
    pub(super) fn ease(&mut self) {
        self.spent.pop_front();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.spent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_double_until_nothing_is_left_and_time_gives_restarts_back() {
        let mut budget = Budget::default();
        let pauses: Vec<_> = (0..6).map(|ms| budget.spend(UnixMillis(ms))).collect();
        assert_eq!(pauses, [Some(0), Some(50), Some(100), Some(200), Some(400), None]);
        assert_eq!(budget.spend(UnixMillis(60_000)), Some(400));
        assert_eq!(budget.spend(UnixMillis(60_000)), None);
        budget.ease();
        assert!(budget.spend(UnixMillis(60_000)).is_some());
        assert_eq!(budget.spend(UnixMillis(200_000)), Some(0));
    }
}
