//! The metrics of running events, all on one page.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use super::AskError;
use super::sequencer::Told;

/// Asks by `result`: `decided`, `looked`, a rejection as `rejected`, or the error's name (count).
const ASKS: &str = "usher_asks_total";
/// Asks that hold a permit of some gate (asks).
const GATE_IN_USE: &str = "usher_gate_in_use";
/// How long an append took until it was durable or failed (seconds).
const APPEND_SECONDS: &str = "usher_append_seconds";
/// Appends that failed, by `error` (count).
const APPEND_ERRORS: &str = "usher_append_errors_total";
/// Entries committed (count).
const ENTRIES: &str = "usher_entries_total";
/// Facts committed (count).
const FACTS: &str = "usher_facts_total";
/// Commands in one entry (commands).
const BATCH_COMMANDS: &str = "usher_entry_commands";
/// Events rebuilt from their journal while running, by `reason` (count).
const RELOADS: &str = "usher_event_reloads_total";
/// Commands refused from then on because they made the rules panic (count).
const QUARANTINES: &str = "usher_quarantined_commands_total";
/// How long loading an event took (seconds).
const LOAD_SECONDS: &str = "usher_event_load_seconds";
/// Events loaded (events).
const EVENTS_LOADED: &str = "usher_events_loaded";
/// Snapshots by `result`: `kept`, `failed` (count).
const SNAPSHOTS: &str = "usher_snapshots_total";

/// Histories walked after a start from a snapshot, by `result`: `sound`, `damaged`, or `left` because the event was
/// unloaded (count).
const VERIFICATIONS: &str = "usher_journal_verifications_total";

/// States whose invariants were looked at: each one loaded, each one kept as a snapshot (count).
const INVARIANTS_SAMPLED: &str = "usher_invariant_samples_total";
/// Invariants found broken in those (count). Anything but 0 is a fault in the rules: alert on it.
const INVARIANTS_BROKEN: &str = "usher_broken_invariants_total";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_counter!(ASKS, Unit::Count, "Asks of events by result");
    describe_gauge!(GATE_IN_USE, Unit::Count, "Asks that hold a permit of an event's gate");
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "How long an append took until it was durable or failed");
    describe_counter!(APPEND_ERRORS, Unit::Count, "Appends that failed, by error");
    describe_counter!(ENTRIES, Unit::Count, "Journal entries committed");
    describe_counter!(FACTS, Unit::Count, "Facts committed");
    describe_histogram!(BATCH_COMMANDS, Unit::Count, "Commands in one journal entry");
    describe_counter!(RELOADS, Unit::Count, "Events rebuilt from their journal while running, by reason");
    describe_counter!(QUARANTINES, Unit::Count, "Commands quarantined because they made the rules panic");
    describe_histogram!(LOAD_SECONDS, Unit::Seconds, "How long loading an event took");
    describe_gauge!(EVENTS_LOADED, Unit::Count, "Events loaded");
    describe_counter!(SNAPSHOTS, Unit::Count, "Snapshots by result");
    describe_counter!(INVARIANTS_SAMPLED, Unit::Count, "States whose invariants were looked at");
    describe_counter!(INVARIANTS_BROKEN, Unit::Count, "Invariants found broken in sampled states");
    // There from the start, so that an alert has something to look at.
    counter!(INVARIANTS_BROKEN).absolute(0);
    counter!(QUARANTINES).absolute(0);
    describe_counter!(VERIFICATIONS, Unit::Count, "Histories walked after a start from a snapshot, by result");
}

/// The series of the hot path, looked up once. Made with the registry: install the recorder before.
#[derive(Clone)]
pub(super) struct Series {
    decided: Counter,
    looked: Counter,
    rejected: Counter,
    busy: Counter,
    pub(super) gate_in_use: Gauge,
    append_seconds: Histogram,
    entries: Counter,
    facts: Counter,
    batch_commands: Histogram,
    pub(super) events_loaded: Gauge,
}

impl Series {
    pub(super) fn new() -> Self {
        Self {
            decided: counter!(ASKS, "result" => "decided"),
            looked: counter!(ASKS, "result" => "looked"),
            rejected: counter!(ASKS, "result" => "rejected"),
            busy: counter!(ASKS, "result" => "busy"),
            gate_in_use: gauge!(GATE_IN_USE),
            append_seconds: metrics::histogram!(APPEND_SECONDS),
            entries: counter!(ENTRIES),
            facts: counter!(FACTS),
            batch_commands: metrics::histogram!(BATCH_COMMANDS),
            events_loaded: gauge!(EVENTS_LOADED),
        }
    }

    pub(super) fn asked(&self, outcome: Result<&Told, &AskError>) {
        match outcome {
            Ok(Told::Decided(_)) => self.decided.increment(1),
            Ok(Told::Hold(_) | Told::Order(_)) => self.looked.increment(1),
            Err(AskError::Rejected(_)) => self.rejected.increment(1),
            Err(AskError::Busy { .. }) => self.busy.increment(1),
            Err(AskError::NotApplied) => counter!(ASKS, "result" => "not_applied").increment(1),
            Err(AskError::StorageFull) => counter!(ASKS, "result" => "storage_full").increment(1),
            Err(AskError::OutcomeUnknown) => counter!(ASKS, "result" => "outcome_unknown").increment(1),
            Err(AskError::Quarantined) => counter!(ASKS, "result" => "quarantined").increment(1),
            Err(AskError::Unavailable(_)) => counter!(ASKS, "result" => "unavailable").increment(1),
        }
    }

    pub(super) fn sealed(&self, commands_count: usize) {
        #[expect(clippy::cast_precision_loss, reason = "bounded by the commands of one entry")]
        self.batch_commands.record(commands_count as f64);
    }

    pub(super) fn appended(&self, facts_count: u64, took: Duration) {
        self.append_seconds.record(took.as_secs_f64());
        self.entries.increment(1);
        self.facts.increment(facts_count);
    }

    pub(super) fn append_failed(&self, error: &'static str, took: Duration) {
        self.append_seconds.record(took.as_secs_f64());
        counter!(APPEND_ERRORS, "error" => error).increment(1);
    }
}

pub(super) fn reloading(reason: &'static str) {
    counter!(RELOADS, "reason" => reason).increment(1);
}

pub(super) fn quarantined() {
    counter!(QUARANTINES).increment(1);
}

pub(super) fn loaded(took: Duration) {
    metrics::histogram!(LOAD_SECONDS).record(took.as_secs_f64());
}

pub(super) fn snapshot(result: &'static str) {
    counter!(SNAPSHOTS, "result" => result).increment(1);
}

pub(super) fn verified(result: &'static str) {
    counter!(VERIFICATIONS, "result" => result).increment(1);
}

pub(super) fn sampled(broken_count: usize) {
    counter!(INVARIANTS_SAMPLED).increment(1);
    counter!(INVARIANTS_BROKEN).increment(broken_count as u64);
}
