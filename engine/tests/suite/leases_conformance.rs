//! What every store of leases must do; nodes in memory and in a CQL cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use usher_core::EventId;
use usher_engine::adapters::cql::CqlLeases;
use usher_engine::cluster::{Leases, NodeLease, NodeRun, Renewal};
use usher_engine::ids;

use crate::support::cql::shared_cluster;
use crate::support::memory_leases::MemoryLeases;

const LASTS: Duration = Duration::from_secs(60);
/// The shortest that all stores know.
const SHORT: Duration = Duration::from_secs(1);
/// How long a lease that is not renewed may be seen beyond its time; generous for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn memory_keeps_every_rule_of_leases() {
    every_lease_store(&MemoryLeases::default()).await;
}

#[tokio::test]
async fn cql_keeps_every_rule_of_leases() {
    let Some(cluster) = shared_cluster("cql_keeps_every_rule_of_leases").await else { return };
    every_lease_store(&CqlLeases::open(&cluster).await.unwrap()).await;
}

async fn every_lease_store(leases: &dyn Leases) {
    a_name_is_one_runs_until_it_leaves(leases).await;
    a_lease_that_is_not_renewed_ends(leases).await;
    an_event_is_claimed_from_whom_its_row_names_and_from_nobody_else(leases).await;
    of_many_who_claim_at_once_one_gets_it(leases).await;
    what_a_run_owned_is_listed_until_it_lets_go_or_longer(leases).await;
}

/// A node of a name that nothing else in the store has.
fn node(name: &str) -> NodeLease {
    let run = NodeRun { node: format!("{name}-{:x}", ids::fresh()), incarnation: ids::fresh() };
    NodeLease { address: format!("http://{name}"), run }
}

fn next_run(of: &NodeLease) -> NodeLease {
    NodeLease { run: NodeRun { incarnation: ids::fresh(), ..of.run.clone() }, address: "http://elsewhere".to_owned() }
}

fn event() -> EventId {
    EventId(ids::fresh())
}

async fn is_alive(leases: &dyn Leases, lease: &NodeLease) -> bool {
    leases.alive().await.unwrap().contains(lease)
}

async fn a_name_is_one_runs_until_it_leaves(leases: &dyn Leases) {
    let (a, b) = (node("a"), node("b"));
    let anew = next_run(&a);
    for lease in [&a, &b] {
        assert_eq!(leases.renew(lease, LASTS).await.unwrap(), Renewal::HeldAnew);
    }
    for lease in [&a, &b, &a] {
        assert_eq!(leases.renew(lease, LASTS).await.unwrap(), Renewal::Held);
    }
    assert_eq!(leases.renew(&anew, LASTS).await.unwrap(), Renewal::Taken(a.clone()));
    assert!(is_alive(leases, &a).await && is_alive(leases, &b).await && !is_alive(leases, &anew).await);
    leases.leave(&a.run).await.unwrap();
    assert!(!is_alive(leases, &a).await && is_alive(leases, &b).await);
    assert_eq!(leases.renew(&anew, LASTS).await.unwrap(), Renewal::HeldAnew);
    leases.leave(&a.run).await.unwrap();
    assert!(is_alive(leases, &anew).await, "a run that is over ends no other");
    for lease in [&anew, &b] {
        leases.leave(&lease.run).await.unwrap();
    }
}

async fn a_lease_that_is_not_renewed_ends(leases: &dyn Leases) {
    let a = node("a");
    let anew = next_run(&a);
    leases.renew(&a, SHORT).await.unwrap();
    let began = Instant::now();
    while leases.renew(&anew, SHORT).await.unwrap() != Renewal::HeldAnew {
        assert!(began.elapsed() < ENDS_WITHIN, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_alive(leases, &a).await);
    while is_alive(leases, &anew).await {
        assert!(began.elapsed() < ENDS_WITHIN, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn an_event_is_claimed_from_whom_its_row_names_and_from_nobody_else(leases: &dyn Leases) {
    let (event, a, b) = (event(), node("a").run, node("b").run);
    let a_anew = NodeRun { incarnation: ids::fresh(), ..a.clone() };
    assert_eq!(leases.owner(event).await.unwrap(), None);
    assert!(!leases.claim(event, &b, Some(&a)).await.unwrap(), "nobody is no owner");
    assert!(leases.claim(event, &a, None).await.unwrap());
    assert!(!leases.claim(event, &b, None).await.unwrap());
    assert!(!leases.claim(event, &b, Some(&a_anew)).await.unwrap(), "another run is another owner");
    assert_eq!(leases.owner(event).await.unwrap(), Some(a.clone()));
    assert!(leases.claim(event, &b, Some(&a)).await.unwrap());
    leases.release(event, &a, false).await.unwrap();
    assert_eq!(leases.owner(event).await.unwrap(), Some(b.clone()), "it is not a's to give up");
    leases.release(event, &b, false).await.unwrap();
    assert_eq!(leases.owner(event).await.unwrap(), None);
    assert!(leases.claim(event, &a_anew, None).await.unwrap());
}

async fn of_many_who_claim_at_once_one_gets_it(leases: &dyn Leases) {
    let event = event();
    let runs: Vec<NodeRun> = (0..8).map(|_| node("many").run).collect();
    let claims = runs.iter().map(|run| async move { (run, leases.claim(event, run, None).await) });
    let outcomes = futures_util::future::join_all(claims).await;
    let winners: Vec<_> =
        outcomes.iter().filter(|(_, claimed)| matches!(claimed, Ok(true))).map(|(run, _)| *run).collect();
    let owner = leases.owner(event).await.unwrap();
    assert!(winners.len() <= 1, "{winners:?}");
    // Who was told nothing may have won as well, but then nobody else did.
    if let Some(winner) = winners.first() {
        assert_eq!(owner.as_ref(), Some(*winner));
    }
}

async fn what_a_run_owned_is_listed_until_it_lets_go_or_longer(leases: &dyn Leases) {
    let (a, one, two, three) = (node("a").run, event(), event(), event());
    for event in [one, two, three] {
        assert!(leases.claim(event, &a, None).await.unwrap());
    }
    let listed = async || leases.listed(&a.node).await.unwrap().into_iter().collect::<BTreeSet<_>>();
    let those = |events: &[EventId]| events.iter().map(|event| (a.clone(), *event)).collect::<BTreeSet<_>>();
    assert_eq!(listed().await, those(&[one, two, three]));
    leases.release(one, &a, false).await.unwrap();
    leases.release(two, &a, true).await.unwrap();
    assert_eq!(listed().await, those(&[two, three]), "who leaves tells what he had");
    leases.unlist(&a, two).await.unwrap();
    assert_eq!(listed().await, those(&[three]));
    assert_eq!(leases.owner(three).await.unwrap(), Some(a.clone()));
}
