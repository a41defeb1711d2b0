//! Whose turn is it? Orders that wait for a run of their payment process, each at most once.
//!
//! A wake-up during a run leads to one more run; any number of wake-ups before a run lead to one. It knows no clock.

use std::collections::{BTreeSet, HashMap, VecDeque};

use usher_core::{EventId, OrderId, UnixMillis};

/// Orders that may wait at once: 100,000 take about 20 MB. More are left to the reconciler.
pub(super) const WAITING_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Running { again: bool },
    Later(UnixMillis),
}

#[derive(Debug)]
struct Entry {
    event: EventId,
    state: State,
    failures_count: u32,
}

/// The orders that wait.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: HashMap<OrderId, Entry>,
    ready: VecDeque<OrderId>,
    later: BTreeSet<(UnixMillis, OrderId)>,
}

impl Schedule {
    /// Asks for a run; tells whether there was room.
    pub(super) fn wake(&mut self, event: EventId, order: OrderId) -> bool {
        let Some(entry) = self.entries.get_mut(&order) else {
            if self.entries.len() >= WAITING_MAX {
                return false;
            }
            self.entries.insert(order, Entry { event, state: State::Ready, failures_count: 0 });
            self.ready.push_back(order);
            return true;
        };
        match entry.state {
            State::Ready | State::Running { again: true } => {}
            State::Running { again: false } => entry.state = State::Running { again: true },
            State::Later(at) => {
                self.later.remove(&(at, order));
                entry.state = State::Ready;
                self.ready.push_back(order);
            }
        }
        true
    }

    /// Asks for a run at a time, unless one is to come before.
    pub(super) fn wake_at(&mut self, event: EventId, order: OrderId, at: UnixMillis) {
        if !self.entries.contains_key(&order) && self.entries.len() < WAITING_MAX {
            self.entries.insert(order, Entry { event, state: State::Later(at), failures_count: 0 });
            self.later.insert((at, order));
        }
    }

    /// The next order to run, if one is ready or due.
    pub(super) fn next(&mut self, now: UnixMillis) -> Option<(EventId, OrderId)> {
        while let Some((at, order)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, order));
            if let Some(entry) = self.entries.get_mut(&order) {
                entry.state = State::Ready;
                self.ready.push_back(order);
            }
        }
        let order = self.ready.pop_front()?;
        let entry = self.entries.get_mut(&order)?;
        entry.state = State::Running { again: false };
        Some((entry.event, order))
    }

    /// A run ended well; `look_again_at` asks for another one.
    pub(super) fn done(&mut self, order: OrderId, look_again_at: Option<UnixMillis>) {
        let Some(entry) = self.entries.get_mut(&order) else { return };
        entry.failures_count = 0;
        match (entry.state, look_again_at) {
            (State::Running { again: true }, _) => {
                entry.state = State::Ready;
                self.ready.push_back(order);
            }
            (State::Running { again: false } | State::Ready | State::Later(_), Some(at)) => self.put_off(order, at),
            (State::Running { again: false } | State::Ready | State::Later(_), None) => {
                self.entries.remove(&order);
            }
        }
    }

    /// A run failed; another comes after `pause_ms` of the number of failures in a row.
    pub(super) fn failed(&mut self, order: OrderId, now: UnixMillis, pause_ms: impl FnOnce(u32) -> u64) {
        let Some(entry) = self.entries.get_mut(&order) else { return };
        entry.failures_count += 1;
        let at = now.plus_ms(pause_ms(entry.failures_count));
        self.put_off(order, at);
    }

    /// When the next order that waits for its time is due; `None` too while one is ready.
    pub(super) fn next_due(&self) -> Option<UnixMillis> {
        self.later.first().map(|(at, _)| *at)
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.entries.len()
    }

    fn put_off(&mut self, order: OrderId, at: UnixMillis) {
        let Some(entry) = self.entries.get_mut(&order) else { return };
        entry.state = State::Later(at);
        self.later.insert((at, order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventId = EventId(1);
    const A: OrderId = OrderId(1);
    const B: OrderId = OrderId(2);

    #[test]
    fn many_wake_ups_before_a_run_make_one_run() {
        let mut schedule = Schedule::default();
        for order in [A, B, A, A] {
            assert!(schedule.wake(EVENT, order));
        }
        assert_eq!(schedule.next(UnixMillis(0)), Some((EVENT, A)));
        assert_eq!(schedule.next(UnixMillis(0)), Some((EVENT, B)));
        assert_eq!(schedule.next(UnixMillis(0)), None);
    }

    #[test]
    fn a_wake_up_during_a_run_makes_one_more_and_never_a_second_at_once() {
        let mut schedule = Schedule::default();
        schedule.wake(EVENT, A);
        schedule.next(UnixMillis(0));
        schedule.wake(EVENT, A);
        schedule.wake(EVENT, A);
        assert_eq!(schedule.next(UnixMillis(0)), None, "it still runs");
        schedule.done(A, Some(UnixMillis(99)));
        assert_eq!(schedule.next(UnixMillis(0)), Some((EVENT, A)));
        schedule.done(A, None);
        assert_eq!((schedule.next(UnixMillis(0)), schedule.waiting_count()), (None, 0));
    }

    #[test]
    fn an_order_that_is_put_off_runs_when_it_is_due_or_woken() {
        let mut schedule = Schedule::default();
        schedule.wake(EVENT, A);
        schedule.next(UnixMillis(0));
        schedule.done(A, Some(UnixMillis(50)));
        assert_eq!((schedule.next(UnixMillis(49)), schedule.next_due()), (None, Some(UnixMillis(50))));
        assert_eq!(schedule.next(UnixMillis(50)), Some((EVENT, A)));
        schedule.done(A, Some(UnixMillis(90)));
        schedule.wake(EVENT, A);
        assert_eq!((schedule.next(UnixMillis(60)), schedule.next_due()), (Some((EVENT, A)), None));
    }

    #[test]
    fn failures_in_a_row_are_counted_until_a_run_succeeds() {
        let mut schedule = Schedule::default();
        schedule.wake(EVENT, A);
        for expected in [1, 2, 3] {
            let now = schedule.next_due().unwrap_or(UnixMillis(0));
            schedule.next(now).unwrap();
            schedule.failed(A, now, |failures| {
                assert_eq!(failures, expected);
                10
            });
        }
        let now = schedule.next_due().unwrap();
        schedule.next(now).unwrap();
        schedule.done(A, Some(now));
        schedule.next(now).unwrap();
        schedule.failed(A, now, |failures| {
            assert_eq!(failures, 1);
            10
        });
    }

    #[test]
    fn past_its_ceiling_a_wake_up_is_refused() {
        let mut schedule = Schedule::default();
        for order in 0..WAITING_MAX as u128 {
            assert!(schedule.wake(EVENT, OrderId(order)));
        }
        assert!(!schedule.wake(EVENT, OrderId(u128::MAX)));
        assert!(schedule.wake(EVENT, A), "one that waits already is welcome");
    }
}
