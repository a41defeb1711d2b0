//! Work in the background that never ends. A panic in it is told and counted, and it begins anew.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use metrics::counter;
use tokio::runtime::Handle;

use crate::metrics as names;

/// Before work that panicked begins anew.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `begin` makes, again and again should it panic; over when it ends by itself. What it is about, and whoever
/// waits for it, must bear that a round of it is cut off.
pub(super) fn run<F>(runtime: &Handle, task: &'static str, begin: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.spawn(async move {
        while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
            counter!(names::BACKGROUND_PANICS).increment(1);
            tracing::error!(task, "work in the background panicked, beginning anew");
            tokio::time::sleep(PAUSE).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_begins_anew_until_it_ends_by_itself() {
        let (begun, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Notify::new()));
        let (counts, ends) = (Arc::clone(&begun), Arc::clone(&ended));
        run(&Handle::current(), "test", move || {
            let (round, ends) = (counts.fetch_add(1, Ordering::SeqCst), Arc::clone(&ends));
            async move {
                assert!(round >= 2, "a panic that belongs to this test");
                ends.notify_one();
            }
        });
        ended.notified().await;
        tokio::time::sleep(PAUSE + PAUSE / 2).await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
