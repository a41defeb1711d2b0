//! Answers that are lost after the server has carried out what they are to, and requests that it never saw.

use std::time::Instant;

use crate::support::owner::{Owner, Told};
use crate::support::proxy::Trouble;
use crate::support::{Nodes, journal, nodes, run, whole};

/// Events that are appended to at once.
const EVENTS_COUNT: u64 = 16;
/// Of a thousand appends, so many have no answer, or not in time.
const TROUBLED_PER_MILLE: u64 = 50;
const SEED: u64 = 1;

#[test]
fn a_lost_answer_is_neither_a_yes_nor_a_no() {
    let Some(nodes) = nodes("a_lost_answer_is_neither_a_yes_nor_a_no") else { return };
    let appends_count = if whole() { 10_000 } else { 1_000 };
    run(lose_answers(nodes, appends_count / EVENTS_COUNT));
}

async fn lose_answers(nodes: Nodes, each_count: u64) {
    let settings = nodes.settings().await;
    let trouble = Trouble::new(SEED, TROUBLED_PER_MILLE);
    let troubled = nodes.behind(&trouble).await;
    let (troubled, straight) = (journal(&troubled).await, journal(&settings).await);
    let started = Instant::now();
    let owners = futures_util::future::join_all((0..EVENTS_COUNT).map(|_| async {
        let mut owner = Owner::of_new_event(&troubled).await;
        while owner.told.acknowledged_count < each_count {
            // What it is told is what the audit is about, whatever it is.
            let _ = owner.append().await;
        }
        owner
    }));
    let owners = owners.await;
    let took = started.elapsed();
    let mut told = Told::default();
    for owner in &owners {
        owner.audit(&straight).await;
        told.add(&owner.told);
    }
    let met = trouble.met();
    assert!(met.iter().all(|(_, count)| *count > 0), "every kind of trouble was to be met: {met:?}");
    eprintln!(
        "lost answers (seed {SEED}): {} appends acknowledged in {took:.1?}, {} unknown ({} of them had landed), {} \
         certainly not written; p50 {} ms, p99 {} ms; {met:?}; 0 false yes, 0 false no",
        told.acknowledged_count,
        told.unknown_count,
        told.unknown_landed_count,
        told.not_written_count,
        told.percentile_ms(50),
        told.percentile_ms(99),
    );
}
