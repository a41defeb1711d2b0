//! The simulator itself: its histories repeat, and its auditor finds what is planted.

use usher_simulation::planted::{self, Bug};
use usher_simulation::report;
use usher_simulation::run::{self, Options};

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..20 {
        let traced = Options { traced: true, ..Options::default() };
        let (one, other) = (run::seed(seed, &traced), run::seed(seed, &traced));
        assert_eq!((one.digest, one.steps_count), (other.digest, other.steps_count), "seed {seed}");
        assert_eq!(one.trace, other.trace, "seed {seed}");
        let untraced = run::seed(seed, &Options::default());
        assert_eq!(one.digest, untraced.digest, "seed {seed}: to be watched changes nothing");
    }
}

#[test]
fn different_seeds_are_different_histories() {
    let digests: std::collections::BTreeSet<u64> =
        (0..20).map(|seed| run::seed(seed, &Options::default()).digest).collect();
    assert_eq!(digests.len(), 20);
}

#[test]
fn a_run_of_seeds_finds_nothing_wrong() {
    let summary = report::seeds(0..60, &Options::default());
    let failed: Vec<_> = summary.failed.iter().map(|outcome| (outcome.seed, &outcome.violations)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(summary.seeds_count, 60);
    assert!(summary.entries_count > 60 * 10, "{} entries: nothing happens in these worlds", summary.entries_count);
}

#[test]
fn a_planted_bug_is_found_and_its_history_made_short() {
    let planted = planted::ALL.iter().find(|planted| planted.bug == Bug::TrustRefusedAppend).unwrap();
    let (seed, code) = report::hunt(planted).expect("the auditor finds it");
    let options = Options { bug: Some(planted.bug), ..Options::default() };
    let (shortest, words) = usher_simulation::shrunk(seed, &options);
    assert!(shortest.violations.iter().any(|violation| violation.code == code), "{:?}", shortest.violations);
    assert!(words.len() <= 6, "one refused append and somebody who asks would do: {words:#?}");
}

#[test]
fn every_planted_bug_names_what_it_breaks_once() {
    for (position, planted) in planted::ALL.iter().enumerate() {
        assert!(!planted.codes.is_empty() && planted.seeds_max > 0);
        assert!(planted::ALL[..position].iter().all(|earlier| earlier.bug != planted.bug), "{:?}", planted.bug);
    }
    let broken: std::collections::BTreeSet<&str> =
        planted::ALL.iter().flat_map(|planted| planted.codes).map(|code| &code[..2]).collect();
    assert_eq!(broken.into_iter().collect::<Vec<_>>(), ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "P-"]);
}

#[test]
fn two_owners_over_rows_that_lose_answers_contradict_nobody() {
    let figures = usher_simulation::contend(7, 20_000, 2_000, 5);
    assert_eq!(figures.contradictions, Vec::<String>::new());
    assert!(figures.appends_count >= 20_000 && figures.take_overs_count >= 2_000);
    let each = [figures.ends, figures.writes_lost].concat();
    assert!(each.iter().all(|count| *count > 0), "{figures:?}");
    assert!(figures.late_refused_count > 0 && figures.refused_for_mine_count > 0 && figures.reads_failed_count > 0);
}
