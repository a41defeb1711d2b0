//! Many seeds at once, what they hit in all, and how it is told.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::faults::{CALLS, Hit, Moment, OPS, Op, READS, Trouble, WRITES};
use crate::lock;
use crate::planted::Planted;
use crate::run::{self, Options, Outcome};

/// From so many seeds on every kind of fault must have been hit.
pub const SEEDS_FOR_ALL_HITS: u64 = 5_000;
/// Failing seeds after which a run ends.
const FAILURES_MAX: usize = 5;

/// What is said of a seed that nothing else can have said.
const OTHERS: [&str; 42] = [
    "a buyer clicked twice",
    "a buyer walked away",
    "a card came when the payment was over",
    "a client hung up",
    "a payment was captured past us",
    "a process drained",
    "a process was killed",
    "an authorization expired",
    "an event went down",
    "an old owner stepped down",
    "an old owner went on",
    "card: 3-D Secure failed",
    "card: 3-D Secure never answered",
    "card: 3-D Secure passed",
    "card: declined",
    "card: good",
    "card: slow",
    "card: the capture fails",
    "nobody was there",
    "organizer: block",
    "organizer: call off",
    "organizer: close",
    "organizer: pause",
    "organizer: prices",
    "organizer: refund of a line",
    "organizer: refund of an order",
    "reload: fenced",
    "reload: loading failed",
    "reload: not written",
    "reload: outcome unknown",
    "reload: storage full",
    "reload: tried again",
    "several commands shared an entry",
    "the gate was full",
    "wall clock: ahead",
    "wall clock: behind",
    "wall clock: right again",
    "webhook: days late",
    "webhook: late",
    "webhook: lost",
    "webhook: not taken",
    "webhook: repeated",
];

/// What many seeds came to.
#[derive(Debug)]
pub struct Summary {
    /// Seeds that ran.
    pub seeds_count: u64,
    /// Of all seeds.
    pub steps_count: u64,
    /// Of all seeds.
    pub entries_count: u64,
    /// How long it took.
    pub took: Duration,
    /// Seeds with violations, at most a few.
    pub failed: Vec<Outcome>,
    hits: BTreeMap<Hit, u64>,
}

/// Runs seeds on all cores.
#[must_use]
pub fn seeds(range: Range<u64>, options: &Options) -> Summary {
    let started = Instant::now();
    let (next, enough) = (AtomicU64::new(range.start), AtomicBool::new(false));
    let total = Mutex::new(Summary {
        seeds_count: 0,
        steps_count: 0,
        entries_count: 0,
        took: Duration::ZERO,
        failed: Vec::new(),
        hits: BTreeMap::new(),
    });
    let threads_count = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads_count {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= range.end {
                        return;
                    }
                    let outcome = run::seed(seed, options);
                    let mut total = lock(&total);
                    total.add(outcome);
                    enough.store(total.failed.len() >= FAILURES_MAX, Ordering::Relaxed);
                }
            });
        }
    });
    let mut summary = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.took = started.elapsed();
    summary.failed.sort_by_key(|outcome| outcome.seed);
    summary
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.seeds_count += 1;
        self.steps_count += outcome.steps_count;
        self.entries_count += outcome.entries_count;
        for (hit, count) in &outcome.hits {
            *self.hits.entry(*hit).or_default() += count;
        }
        if !outcome.violations.is_empty() {
            self.failed.push(outcome);
        }
    }

    /// Kinds of fault that were never hit.
    #[must_use]
    pub fn never_hit(&self) -> Vec<String> {
        let calls = expected_calls().into_iter().map(|(op, trouble)| Hit::Call(op, trouble));
        let crashes = OPS.iter().flat_map(|op| [Moment::Before, Moment::After].map(|moment| Hit::Crash(*op, moment)));
        let others = OTHERS.iter().map(|name| Hit::Other(name));
        let never = calls.chain(crashes).chain(others).filter(|hit| !self.hits.contains_key(hit));
        never.map(|hit| format!("{hit:?}")).collect()
    }

    /// Everything in words.
    #[must_use]
    pub fn told(&self) -> String {
        let mut text = String::new();
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = self.seeds_count as f64 / seconds.max(0.001);
        let mut say = |line: String| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{line}");
        };
        say(format!(
            "{} seeds in {seconds:.1} s ({per_second:.0} seeds/s), {} steps, {} journal entries",
            self.seeds_count, self.steps_count, self.entries_count
        ));
        let crashes: Vec<(&Hit, &u64)> = self.hits.iter().filter(|(hit, _)| matches!(hit, Hit::Crash(..))).collect();
        let all: u64 = crashes.iter().map(|(_, count)| **count).sum();
        let rarest = crashes.iter().min_by_key(|(_, count)| **count);
        say(format!(
            "crashes: {all} at {} of {} boundaries; the rarest: {}",
            crashes.len(),
            OPS.len() * 2,
            rarest.map_or("none".to_owned(), |(hit, count)| format!("{hit:?} {count}"))
        ));
        for (name, ops) in [
            ("journal append", &[Op::Append][..]),
            ("provider calls", &CALLS[..]),
            ("store writes", &WRITES[..]),
            ("store and journal reads", &READS[..]),
        ] {
            say(format!("{name}: {}", self.by_trouble(ops)));
        }
        for (hit, count) in &self.hits {
            if let Hit::Other(name) = hit {
                say(format!("{name}: {count}"));
            }
        }
        text
    }

    fn by_trouble(&self, ops: &[Op]) -> String {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (hit, count) in &self.hits {
            if let Hit::Call(op, trouble) = hit
                && ops.contains(op)
            {
                *counts.entry(format!("{trouble:?}")).or_default() += count;
            }
        }
        counts.into_iter().map(|(trouble, count)| format!("{trouble} {count}")).collect::<Vec<_>>().join(", ")
    }
}

fn expected_calls() -> Vec<(Op, Trouble)> {
    let append = [
        Trouble::Fails,
        Trouble::AnswerLost,
        Trouble::Swallowed,
        Trouble::Late,
        Trouble::Slow,
        Trouble::Full,
        Trouble::Stolen,
    ];
    let call = [Trouble::Fails, Trouble::AnswerLost, Trouble::Swallowed, Trouble::Late, Trouble::Slow];
    let write = [Trouble::Fails, Trouble::AnswerLost, Trouble::Slow, Trouble::Full];
    let read = [Trouble::Fails, Trouble::Slow];
    let mut expected: Vec<(Op, Trouble)> = append.iter().map(|trouble| (Op::Append, *trouble)).collect();
    expected.extend(CALLS.iter().flat_map(|op| call.map(|trouble| (*op, trouble))));
    expected.extend(WRITES.iter().flat_map(|op| write.map(|trouble| (*op, trouble))));
    expected.extend(READS.iter().flat_map(|op| read.map(|trouble| (*op, trouble))));
    expected
}

/// Runs a planted bug until it is found; the seed and the code that found it.
#[must_use]
pub fn hunt(planted: &Planted) -> Option<(u64, &'static str)> {
    let options = Options { bug: Some(planted.bug), ..Options::default() };
    (0..planted.seeds_max).find_map(|seed| {
        let outcome = run::seed(seed, &options);
        let found = outcome.violations.iter().find(|violation| planted.codes.contains(&violation.code));
        found.map(|violation| (seed, violation.code))
    })
}
