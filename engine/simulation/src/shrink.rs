//! From a failing history to a short one: happenings are left out as long as it still fails in the same way.

use crate::run::{self, Options, Outcome};
use crate::script;

/// Runs that shortening may take: a minute or so.
const RUNS_MAX: usize = 400;

/// A failing seed's shortest history that was found, and what is left of its script in words.
#[must_use]
pub fn shrunk(seed: u64, options: &Options) -> (Outcome, Vec<String>) {
    let mut best = run::seed(seed, options);
    let mut without = options.without.clone();
    let Some(code) = best.violations.first().map(|violation| violation.code) else { return (best, Vec::new()) };
    let mut runs_left = RUNS_MAX;
    let mut chunk = script::of_seed(seed).len().div_ceil(2);
    while chunk > 0 && runs_left > 0 {
        let mut shortened = false;
        let kept: Vec<u64> = remaining(seed, &without);
        for part in kept.chunks(chunk) {
            if runs_left == 0 {
                break;
            }
            runs_left -= 1;
            let shorter: Vec<u64> = without.iter().chain(part).copied().collect();
            let outcome = run::seed(seed, &Options { without: shorter.clone(), ..options.clone() });
            if outcome.violations.iter().any(|violation| violation.code == code) {
                (best, without, shortened) = (outcome, shorter, true);
            }
        }
        if !shortened || chunk > 1 {
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
    }
    let left = script::of_seed(seed).into_iter().filter(|item| !without.contains(&item.index));
    let words = left.map(|item| {
        format!("at {:>4}.{:03} s #{} {:?}", item.at_ms / 1_000, item.at_ms % 1_000, item.index, item.happening)
    });
    (best, words.collect())
}

fn remaining(seed: u64, without: &[u64]) -> Vec<u64> {
    script::of_seed(seed).iter().map(|item| item.index).filter(|index| !without.contains(index)).collect()
}
