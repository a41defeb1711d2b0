//! Whether something outside the house works: what its calls and a regular look at it have told lately.
//!
//! Only for what the sale can do without for a while. What is in trouble is not asked again until a look finds it well,
//! so that a server that swallows requests costs its callers nothing; nothing here decides whether seats are sold. One
//! failed call says little, and taking every single one for trouble was refused: a server that restarts drops a few.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Unit, describe_gauge, gauge};

/// Whether something outside the house works, by `backend`: 1 or 0.
pub const BACKEND_UP: &str = "usher_backend_up";

/// So many failed calls in a row are trouble.
const FAILURES_MAX: u32 = 3;

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_gauge!(BACKEND_UP, Unit::Count, "Whether something outside the house works");
}

/// How one back end is doing; clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    backend: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    failures_count: u32,
    trouble: Option<String>,
}

impl Health {
    /// Of a back end that is well until somebody says otherwise.
    #[must_use]
    pub fn of(backend: &'static str) -> Self {
        gauge!(BACKEND_UP, "backend" => backend).set(1.0);
        Self { backend, state: Arc::default() }
    }

    /// Its name, as in the metric.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// What is wrong, while something is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// Whether it had better not be asked now.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.is_some()
    }

    /// A call or a look went well.
    pub fn went_well(&self) {
        // The metric is set under the lock, so that it never tells of an older state.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *state).trouble.is_some() {
            tracing::info!(backend = self.backend, "a back end works again");
            gauge!(BACKEND_UP, "backend" => self.backend).set(1.0);
        }
    }

    /// A call failed.
    pub fn call_failed(&self, why: &str) {
        self.failed(why, 1);
    }

    /// A look failed: that is trouble at once.
    pub fn look_failed(&self, why: &str) {
        self.failed(why, FAILURES_MAX);
    }

    fn failed(&self, why: &str, weight: u32) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures_count = state.failures_count.saturating_add(weight);
        if state.failures_count >= FAILURES_MAX && state.trouble.replace(why.to_owned()).is_none() {
            tracing::warn!(backend = self.backend, why, "a back end does not work");
            gauge!(BACKEND_UP, "backend" => self.backend).set(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failed_calls_in_a_row_are_trouble_and_one_that_went_well_ends_it() {
        let health = Health::of("bucket");
        for _ in 0..2 {
            health.call_failed("no answer");
        }
        health.went_well();
        for _ in 0..2 {
            health.call_failed("no answer");
        }
        assert!(!health.is_down());
        health.call_failed("still none");
        assert_eq!(health.trouble().as_deref(), Some("still none"));
        health.went_well();
        assert_eq!(health.trouble(), None);
    }

    #[test]
    fn one_failed_look_is_trouble() {
        let health = Health::of("bucket");
        health.look_failed("no answer");
        assert!(health.is_down());
    }
}
