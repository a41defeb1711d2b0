//! The clock of one process: wall time read once at start, then carried on by the monotonic clock.
//!
//! A wall clock that an operator or NTP steps would end holds early or keep them for ever; elapsed time does not step.
//! Tests set the time by hand.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use usher_core::UnixMillis;

/// Where the shell takes the time from; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Monotonic { wall_at_start_ms: i64, start: Instant },
    Manual(Arc<watch::Sender<UnixMillis>>),
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
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match &self.0 {
            Source::Monotonic { wall_at_start_ms, start } => {
                let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                UnixMillis(*wall_at_start_ms).plus_ms(elapsed_ms)
            }
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Moves a manual clock on; a system clock moves by itself and ignores it.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            now.send_modify(|now| *now = now.plus_ms(by_ms));
        }
    }

    /// Waits until the time has come; on a manual clock until it is advanced that far.
    pub async fn sleep_until(&self, at: UnixMillis) {
        match &self.0 {
            Source::Monotonic { .. } => {
                // Timers may fire a little early: only the clock says what time it is.
                while let ms @ 1.. = at.ms_since(self.now()) {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
            }
            Source::Manual(now) => {
                // The sender lives in this clock, so the channel cannot close.
                let _ = now.subscribe().wait_for(|now| *now >= at).await;
            }
        }
    }
}
