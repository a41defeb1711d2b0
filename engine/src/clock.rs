//! The clock of one process: wall time read once at start, then carried on by the monotonic clock.
//!
//! A wall clock that an operator or NTP steps would end holds early or keep them for ever; elapsed time does not step.
//! Tests set the time by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use usher_core::UnixMillis;

/// Where the shell takes the time from; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Monotonic { wall_at_start_ms: i64, start: Instant },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let wall_at_start_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self(Source::Monotonic { wall_at_start_ms, start: Instant::now() })
    }

    /// A clock that stands still until [`Clock::advance`].
    #[must_use]
    pub fn manual(start: UnixMillis) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match &self.0 {
            Source::Monotonic { wall_at_start_ms, start } => {
                let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                UnixMillis(*wall_at_start_ms).plus_ms(elapsed_ms)
            }
            Source::Manual(now) => UnixMillis(now.load(Ordering::Acquire)),
        }
    }

    /// Moves a manual clock on; a system clock moves by itself and ignores it.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::AcqRel);
        }
    }
}
