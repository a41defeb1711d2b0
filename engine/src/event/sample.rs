//! Invariants, sampled where it is cheap: of every state that is loaded and of every state that is kept as a snapshot.
//!
//! Tests hold the invariants against every step; here a copy that exists anyway is looked at, off the event's thread.
//! A broken one is told and changes nothing: what was acknowledged stands, and only a person can judge what is wrong.

use usher_core::{EventId, Inventory};

use super::metrics as names;
use super::sequencer::guarded;

/// Broken invariants of one sample that are logged; the counter has them all.
const TOLD_MAX: usize = 8;

/// Counts what is broken in a state. It takes time in proportion to the places: not on an event's thread.
pub(super) fn sample(event: EventId, seq: u64, inventory: &Inventory) {
    // A panic here is a broken invariant too: the indexes point nowhere.
    let broken = guarded(|| inventory.broken_invariants()).unwrap_or_else(|panicked| vec![panicked.to_string()]);
    note(event, seq, &broken);
}

fn note(event: EventId, seq: u64, broken: &[String]) {
    names::sampled(broken.len());
    for what in broken.iter().take(TOLD_MAX) {
        tracing::error!(%event, seq, broken_count = broken.len(), what, "an invariant is broken");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use usher_core::plan::generate;

    use super::*;

    /// Counts, and nothing else.
    #[derive(Default)]
    struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Counts {
        fn of(&self, name: &str) -> u64 {
            self.0.lock().unwrap().get(name).map_or(0, |count| count.load(Ordering::Relaxed))
        }
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let mut counts = self.0.lock().unwrap();
            Counter::from_arc(Arc::clone(counts.entry(key.name().to_owned()).or_default()))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn a_sample_counts_what_is_broken_and_nothing_of_a_whole_state() {
        let counts = Counts::default();
        metrics::with_local_recorder(&counts, || {
            let inventory = Inventory::new(Arc::new(generate::hall(2, 25, 40).compile().unwrap()));
            sample(EventId(1), 0, &inventory);
            assert_eq!(counts.of("usher_broken_invariants_total"), 0);
            note(EventId(1), 7, &["seat-once: a seat is in two claims".to_owned(), "due-claim: none".to_owned()]);
        });
        assert_eq!(counts.of("usher_invariant_samples_total"), 2);
        assert_eq!(counts.of("usher_broken_invariants_total"), 2);
    }
}
