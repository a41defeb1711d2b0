//! `simulate`: many seeded on-sales under faults, audited.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use usher_simulation::planted;
use usher_simulation::report::{self, SEEDS_FOR_ALL_HITS};
use usher_simulation::run::Options;

/// Runs seeded on-sales under every fault there is and audits them. Exits 1 on a violation, on a kind of fault that was
/// never hit, and on a planted bug that was not found.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs this seed alone and, when it fails, shortens its history.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints the history, with --seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Hunts the deliberate bugs instead.
    #[arg(long)]
    planted: bool,
    /// Runs so many appends through the protocol of a clustered journal instead, by two owners in turn.
    #[arg(long)]
    appends: Option<u64>,
    /// How often the event changes hands meanwhile, with --appends.
    #[arg(long, default_value_t = 1_000)]
    take_overs: u64,
}

/// Answers that are lost, of a hundred.
const PERCENT_UNCERTAIN: u64 = 5;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The rules' panics are caught and judged; their words are part of the history.
    std::panic::set_hook(Box::new(|_| {}));
    let passed = match (arguments.planted, arguments.appends, arguments.seed) {
        (true, _, _) => hunt_all(),
        (false, Some(appends), _) => run_protocol(arguments.from, appends, arguments.take_overs),
        (false, None, Some(seed)) => run_one(seed, arguments.trace),
        (false, None, None) => run_many(arguments.from, arguments.seeds),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    // Who closed the pipe does not want to hear it.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

fn run_many(from: u64, count: u64) -> bool {
    let summary = report::seeds(from..from.saturating_add(count), &Options::default());
    say(&summary.told());
    for outcome in &summary.failed {
        say(&format!("seed {} FAILED; see it again with: simulate --seed {}", outcome.seed, outcome.seed));
        for violation in &outcome.violations {
            say(&format!("  {} at {} us: {}", violation.code, violation.at_us, violation.what));
        }
    }
    let never = summary.never_hit();
    let lacking = !never.is_empty() && count >= SEEDS_FOR_ALL_HITS && summary.failed.is_empty();
    if lacking {
        say(&format!("never hit, so never tested: {}", never.join(", ")));
    }
    summary.failed.is_empty() && !lacking
}

fn run_one(seed: u64, traced: bool) -> bool {
    let options = Options { traced, ..Options::default() };
    let outcome = usher_simulation::run::seed(seed, &options);
    for line in &outcome.trace {
        say(line);
    }
    say(&format!(
        "seed {seed}: {} steps, {} entries, history {:016x}",
        outcome.steps_count, outcome.entries_count, outcome.digest
    ));
    if outcome.violations.is_empty() {
        return true;
    }
    for violation in &outcome.violations {
        say(&format!("  {} at {} us: {}", violation.code, violation.at_us, violation.what));
    }
    let (shortest, words) = usher_simulation::shrunk(seed, &options);
    say(&format!("the shortest history found that fails so, {} happenings:", words.len()));
    words.iter().for_each(|line| say(&format!("  {line}")));
    if traced {
        say("which goes:");
        shortest.trace.iter().for_each(|line| say(line));
    }
    for violation in &shortest.violations {
        say(&format!("  {} at {} us: {}", violation.code, violation.at_us, violation.what));
    }
    false
}

fn run_protocol(seed: u64, appends: u64, take_overs: u64) -> bool {
    let figures = usher_simulation::contend(seed, appends, take_overs, PERCENT_UNCERTAIN);
    say(&figures.to_string());
    figures.contradictions.iter().for_each(|line| say(line));
    figures.contradictions.is_empty()
}

fn hunt_all() -> bool {
    let mut missed = 0;
    for planted in planted::ALL {
        match report::hunt(&planted) {
            Some((seed, code)) => say(&format!("found  {:?} at seed {seed} by {code}: {}", planted.bug, planted.what)),
            None => {
                missed += 1;
                say(&format!("MISSED {:?} in {} seeds: {}", planted.bug, planted.seeds_max, planted.what));
            }
        }
    }
    say(&format!("{} of {} planted bugs found", planted::ALL.len() - missed, planted::ALL.len()));
    missed == 0
}
