//! What a run leaves: a table for eyes and JSON for programs.
//!
//! ```text
//! { "format": "usher.load-report/1", "seed", "rate_per_s", "burst_count", "duration_s", "took_s", "buyers_max",
//!   "server": { "embedded", "urls", "audited_count" }, "event": { "event", "name", "capacity_count" },
//!   "violations": n, "violations_by_code": { code: n },
//!   "contradictions": [{ "code", "detail", "evidence" }],          // at most CONTRADICTIONS_SHOWN_MAX
//!   "totals": { "buyers_count", "holds_count", "conflicts_count", "orders_count", "paid_count", "tickets_count",
//!               "repeats_count", "unknown_count", "captured_minor", "refunded_minor" },
//!   "rates": { "holds_per_s", "paid_per_s" },                      // over took_s
//!   "ends": { how visits ended: n },
//!   "orders": { state, or why cancelled, or "retaken": n },       // all of the event, from the organizer's list
//!   "latency_us": { step: { "count", "mean", "p50", "p90", "p99", "p99_9", "max" } },
//!   "refusals_count", "refusals": { code: n }, "broken_count", "broken": [text],
//!   "schedule_lag_us": { as a step }, "generator_limited", "waited_for_room_count", "settled_in_s", "panics": [text] }
//! ```

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::audit::{Books, Contradiction, Visit};
use crate::buyer::Step;
use crate::drive::{Driven, histogram_us};
use crate::inspect::Found;
use crate::run::Settings;

/// Contradictions that are shown with their evidence; all are counted.
pub const CONTRADICTIONS_SHOWN_MAX: usize = 100;
/// Broken connections that are shown with their reason; all are counted.
const BROKEN_SHOWN_MAX: usize = 20;

/// Whom the crowd came to.
#[derive(Debug, Clone, Serialize)]
pub struct ServerSheet {
    /// It was started for the run.
    pub embedded: bool,
    /// Base URLs.
    pub urls: Vec<String>,
    /// Nodes whose books were read at rest; fewer than there are URLs where some were gone.
    pub audited_count: usize,
}

/// Which event.
#[derive(Debug, Clone, Serialize)]
pub struct EventSheet {
    event: String,
    name: String,
    capacity_count: u64,
}

/// Sums over all visits.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Buyers.
    pub buyers_count: u64,
    /// Holds acknowledged.
    pub holds_count: u64,
    /// Tries to hold where others were faster.
    pub conflicts_count: u64,
    /// Orders acknowledged.
    pub orders_count: u64,
    /// Orders that their buyers saw paid.
    pub paid_count: u64,
    /// Tickets fetched by their buyers.
    pub tickets_count: u64,
    /// Requests repeated under one key and compared.
    pub repeats_count: u64,
    /// Buyers with something whose outcome they do not know.
    pub unknown_count: u64,
    /// What the provider took.
    pub captured_minor: u64,
    /// What the provider gave back.
    pub refunded_minor: u64,
}

/// A second's worth.
#[derive(Debug, Clone, Serialize)]
pub struct Rates {
    /// Holds acknowledged.
    pub holds_per_s: f64,
    /// Orders seen paid.
    pub paid_per_s: f64,
}

/// A distribution, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// On average.
    pub mean: u64,
    /// Half took at most.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// Ninety-nine in a hundred.
    pub p99: u64,
    /// All but one in a thousand.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
}

/// A run's report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    format: &'static str,
    /// The seed: repeats the plan.
    pub seed: u64,
    rate_per_s: f64,
    burst_count: u64,
    duration_s: f64,
    took_s: f64,
    buyers_max: usize,
    server: ServerSheet,
    event: EventSheet,
    /// Contradictions found.
    pub violations: usize,
    violations_by_code: BTreeMap<&'static str, usize>,
    contradictions: Vec<Contradiction>,
    /// Sums.
    pub totals: Totals,
    rates: Rates,
    ends: BTreeMap<&'static str, u64>,
    orders: BTreeMap<String, u64>,
    latency_us: BTreeMap<&'static str, Latency>,
    /// Answers of 429, 503 and 507.
    pub refusals_count: u64,
    refusals: BTreeMap<String, u64>,
    /// Requests whose connection broke.
    pub broken_count: usize,
    broken: Vec<String>,
    schedule_lag_us: Latency,
    generator_limited: bool,
    waited_for_room_count: u64,
    settled_in_s: f64,
    /// Bugs of the load tester.
    pub panics: Vec<String>,
}

impl Report {
    /// Sums a run up.
    #[must_use]
    pub fn new(
        settings: &Settings,
        server: ServerSheet,
        found: &Found,
        driven: Driven,
        books: &Books,
        mut contradictions: Vec<Contradiction>,
        settled_in: Duration,
    ) -> Self {
        let took_s = driven.took.as_secs_f64();
        let totals = totals(&driven, books);
        let mut violations_by_code: BTreeMap<&'static str, usize> = BTreeMap::new();
        for contradiction in &contradictions {
            *violations_by_code.entry(contradiction.code.name()).or_default() += 1;
        }
        let violations = contradictions.len();
        contradictions.truncate(CONTRADICTIONS_SHOWN_MAX);
        let mut refusals: BTreeMap<String, u64> = BTreeMap::new();
        let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
        for outcome in &driven.outcomes {
            *ends.entry(outcome.end.name()).or_default() += 1;
            for (code, count) in &outcome.notes.refusals {
                *refusals.entry(code.clone()).or_default() += count;
            }
        }
        let broken = || driven.outcomes.iter().flat_map(|outcome| &outcome.notes.broken);
        let event =
            EventSheet { event: found.event.clone(), name: found.name.clone(), capacity_count: found.capacity_count };
        Self {
            format: "usher.load-report/1",
            seed: settings.crowd.seed,
            rate_per_s: settings.crowd.rate_per_s,
            burst_count: settings.crowd.burst_count,
            duration_s: settings.crowd.duration.as_secs_f64(),
            took_s,
            buyers_max: settings.crowd.buyers_max,
            server,
            event,
            violations,
            violations_by_code,
            contradictions,
            rates: Rates {
                holds_per_s: per_s(totals.holds_count, took_s),
                paid_per_s: per_s(totals.paid_count, took_s),
            },
            totals,
            ends,
            orders: orders_of(books),
            latency_us: latencies(&driven),
            refusals_count: refusals.values().sum(),
            refusals,
            broken_count: broken().count(),
            broken: broken().take(BROKEN_SHOWN_MAX).cloned().collect(),
            schedule_lag_us: Latency::of(&driven.lag_us),
            generator_limited: driven.generator_limited(),
            waited_for_room_count: driven.waited_count,
            settled_in_s: settled_in.as_secs_f64(),
            panics: driven.panics,
        }
    }

    /// Why the run failed although nothing contradicts anything; `None` when it did not.
    #[must_use]
    pub fn failure(&self, expect_restarts: bool) -> Option<String> {
        if let Some(panic) = self.panics.first() {
            return Some(format!("the load tester has a bug: {panic}"));
        }
        let why = self.broken.first().filter(|_| !expect_restarts)?;
        Some(format!("{} connections broke though no restart was expected, such as {why}", self.broken_count))
    }
}

impl Latency {
    /// The figures of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of recorded times")]
        let mean = histogram.mean() as u64;
        Self {
            count: histogram.len(),
            mean,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: histogram.max(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for eyes")]
fn per_s(count: u64, took_s: f64) -> f64 {
    if took_s > 0.0 { (count as f64 / took_s * 10.0).round() / 10.0 } else { 0.0 }
}

fn totals(driven: &Driven, books: &Books) -> Totals {
    let mut totals = Totals {
        buyers_count: driven.outcomes.len() as u64,
        captured_minor: books.money.iter().map(|row| row.captured_minor).sum(),
        refunded_minor: books.money.iter().map(|row| row.refunded_minor).sum(),
        ..Totals::default()
    };
    for outcome in &driven.outcomes {
        let notes = &outcome.notes;
        totals.holds_count += notes.holds_count;
        totals.conflicts_count += notes.conflicts_count;
        totals.orders_count += notes.orders_count;
        totals.paid_count += notes.paid_count;
        totals.tickets_count += notes.tickets_count;
        totals.repeats_count += outcome.visit.repeats.len() as u64;
        totals.unknown_count += u64::from(has_unknown(&outcome.visit));
    }
    totals
}

/// Orders by where they stand, cancelled ones by their reason; beside that, those whose places were taken again.
fn orders_of(books: &Books) -> BTreeMap<String, u64> {
    let mut orders: BTreeMap<String, u64> = BTreeMap::new();
    for order in &books.orders {
        let reason = order.cancel_reason.as_deref().map(|reason| format!("cancelled_{reason}"));
        *orders.entry(reason.unwrap_or_else(|| order.state.name().to_owned())).or_default() += 1;
        if order.retaken {
            *orders.entry("retaken".to_owned()).or_default() += 1;
        }
    }
    orders
}

fn has_unknown(visit: &Visit) -> bool {
    let payment = visit.order.as_ref().map(|order| order.payment);
    visit.unknown_order || visit.unknown_places_count > 0 || payment == Some(crate::audit::Payment::Unknown)
}

fn latencies(driven: &Driven) -> BTreeMap<&'static str, Latency> {
    let mut histograms: BTreeMap<Step, Histogram<u64>> = BTreeMap::new();
    for (step, took_us) in driven.outcomes.iter().flat_map(|outcome| &outcome.notes.timings) {
        let histogram = histograms.entry(*step).or_insert_with(histogram_us);
        histogram.saturating_record(*took_us);
    }
    histograms.iter().map(|(step, histogram)| (step.name(), Latency::of(histogram))).collect()
}
