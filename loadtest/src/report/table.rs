//! The report as a table.

use std::fmt::{self, Display, Formatter};

use super::{Latency, Report};
use crate::buyer::Step;

/// Contradictions that the table shows.
const SHOWN_MAX: usize = 10;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({} places), seed {}, {} buyers/s for {} s, burst {}",
            self.event.name, self.event.capacity_count, self.seed, self.rate_per_s, self.duration_s, self.burst_count
        )?;
        writeln!(
            f,
            "\n{:<16}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "step, ms", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for step in Step::ALL {
            if let Some(latency) = self.latency_us.get(step.name()) {
                row(f, step.name(), latency)?;
            }
        }
        row(f, "schedule_lag", &self.schedule_lag_us)?;
        self.sums(f)?;
        self.verdict(f)
    }
}

impl Report {
    fn sums(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        writeln!(
            f,
            "\n{} buyers in {:.1} s: {} holds ({}/s), {} taken by others, {} orders, {} paid ({}/s), {} tickets fetched",
            totals.buyers_count,
            self.took_s,
            totals.holds_count,
            self.rates.holds_per_s,
            totals.conflicts_count,
            totals.orders_count,
            totals.paid_count,
            self.rates.paid_per_s,
            totals.tickets_count
        )?;
        let list = |figures: Vec<String>| if figures.is_empty() { "none".to_owned() } else { figures.join(", ") };
        let ends = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        writeln!(f, "ended: {}", list(ends))?;
        let orders = self.orders.iter().map(|(state, count)| format!("{count} {state}")).collect();
        writeln!(f, "orders: {}", list(orders))?;
        let refusals = self.refusals.iter().map(|(code, count)| format!("{count} {code}")).collect();
        writeln!(f, "refusals: {}; broken connections: {}", list(refusals), self.broken_count)?;
        writeln!(
            f,
            "{} answers compared under one key, {} buyers with an unknown outcome, {} waited for room; at rest after {:.1} s",
            totals.repeats_count, totals.unknown_count, self.waited_for_room_count, self.settled_in_s
        )?;
        if self.generator_limited {
            writeln!(f, "GENERATOR-LIMITED: buyers were started late; these latencies are not the server's alone")?;
        }
        Ok(())
    }

    fn verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (audited, nodes) = (self.server.audited_count, self.server.urls.len());
        if audited < nodes {
            writeln!(f, "only {audited} of {nodes} nodes answered at rest: nothing is known of what the others say")?;
        }
        if self.violations == 0 {
            return write!(f, "audit: no contradiction");
        }
        let by_code: Vec<String> =
            self.violations_by_code.iter().map(|(code, count)| format!("{count} {code}")).collect();
        writeln!(f, "audit: {} CONTRADICTIONS: {}", self.violations, by_code.join(", "))?;
        for contradiction in self.contradictions.iter().take(SHOWN_MAX) {
            let (code, detail) = (contradiction.code.name(), &contradiction.detail);
            writeln!(f, "  {code}: {detail}: {}", contradiction.evidence)?;
        }
        write!(f, "repeat the plan with --seed {}", self.seed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for eyes")]
fn row(f: &mut Formatter<'_>, name: &str, latency: &Latency) -> fmt::Result {
    write!(f, "{name:<16}{:>9}", latency.count)?;
    for us in [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max] {
        write!(f, "{:>10.1}", us as f64 / 1_000.0)?;
    }
    writeln!(f)
}
