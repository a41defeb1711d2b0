//! The gate: how many asks an event takes at once, and when the rest should come back.
//!
//! Mailboxes of actors bound nothing (each sender has a free slot), so the permit is the bound: it travels with the ask
//! and is dropped with the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The shortest time a refused caller is told to wait.
pub(super) const RETRY_AFTER_MIN_MS: u64 = 20;
/// The longest.
pub(super) const RETRY_AFTER_MAX_MS: u64 = 5_000;
/// Asks a second, assumed until it is measured.
const DRAIN_PER_S_ASSUMED: u64 = 2_000;
/// The rate is measured over stretches at least this long …
const METER_MIN: Duration = Duration::from_millis(50);
/// … and a stretch longer than this was no rush and tells nothing.
const METER_MAX: Duration = Duration::from_secs(2);

/// One event's gate.
pub(super) struct Gate {
    permits: Arc<Semaphore>,
    permits_max: u64,
    drain_per_s: AtomicU64,
    refused_count: AtomicU64,
    in_use: Gauge,
}

/// The right to be decided.
pub(super) struct Permit {
    _permit: OwnedSemaphorePermit,
    in_use: Gauge,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_use.decrement(1.0);
    }
}

/// No way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many are inside.
    Full { retry_after_ms: u64 },
    /// The event is being unloaded.
    Closed,
}

impl Gate {
    pub(super) fn new(permits: usize, in_use: Gauge) -> Self {
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            permits_max: permits as u64,
            drain_per_s: AtomicU64::new(DRAIN_PER_S_ASSUMED),
            refused_count: AtomicU64::new(0),
            in_use,
        }
    }

    pub(super) fn enter(&self) -> Result<Permit, Refusal> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => {
                self.in_use.increment(1.0);
                Ok(Permit { _permit: permit, in_use: self.in_use.clone() })
            }
            Err(TryAcquireError::Closed) => Err(Refusal::Closed),
            Err(TryAcquireError::NoPermits) => Err(Refusal::Full { retry_after_ms: self.retry_after_ms() }),
        }
    }

    /// Each refused caller stands behind those refused before, so that they do not all come back at once.
    fn retry_after_ms(&self) -> u64 {
        let before_count = self.permits_max + self.refused_count.fetch_add(1, Ordering::Relaxed);
        let per_s = self.drain_per_s.load(Ordering::Relaxed).max(1);
        (before_count.saturating_mul(1_000) / per_s).clamp(RETRY_AFTER_MIN_MS, RETRY_AFTER_MAX_MS)
    }

    pub(super) fn is_unused(&self) -> bool {
        self.permits.available_permits() as u64 == self.permits_max
    }

    pub(super) fn close(&self) {
        self.permits.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    fn drained(&self, count: u64, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let now_per_s = count.saturating_mul(1_000) / took_ms;
        let before_per_s = self.drain_per_s.load(Ordering::Relaxed);
        self.drain_per_s.store((before_per_s.saturating_mul(3).saturating_add(now_per_s)) / 4, Ordering::Relaxed);
        // Those who were refused in this stretch have been given a time; who comes now starts a new line.
        self.refused_count.store(0, Ordering::Relaxed);
    }
}

/// Measures how fast answers leave; the actor keeps it.
pub(super) struct DrainMeter {
    since: Instant,
    count: u64,
}

impl DrainMeter {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    pub(super) fn answered(&mut self, gate: &Gate) {
        self.count += 1;
        let took = self.since.elapsed();
        if took < METER_MIN {
            return;
        }
        if took <= METER_MAX {
            gate.drained(self.count, took);
        }
        (self.since, self.count) = (Instant::now(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gate_tells_each_later_caller_to_come_later() {
        let gate = Gate::new(2, Gauge::noop());
        let inside = [gate.enter(), gate.enter()];
        assert!(inside.iter().all(Result::is_ok));
        gate.drained(10, Duration::from_secs(1));
        gate.drain_per_s.store(10, Ordering::Relaxed);
        let waits: Vec<_> = (0..3).map(|_| gate.enter().err()).collect();
        let full = |retry_after_ms| Some(Refusal::Full { retry_after_ms });
        assert_eq!(waits, [full(200), full(300), full(400)]);
        drop(inside);
        assert!(gate.enter().is_ok());
        assert!(gate.is_unused());
    }

    #[test]
    fn a_closed_gate_lets_nobody_in_and_those_inside_finish() {
        let gate = Gate::new(2, Gauge::noop());
        let inside = gate.enter();
        gate.close();
        assert_eq!(gate.enter().err(), Some(Refusal::Closed));
        assert!(!gate.is_unused());
        drop(inside);
        assert!(gate.is_unused());
    }
}
