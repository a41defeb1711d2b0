//! What follows from who is alive: whose an event is, who is gone, and who comes first to take over. Pure.

use sha2::{Digest, Sha256};
use usher_core::EventId;

use super::{NodeLease, NodeRun};

/// Whose an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// This node's.
    Mine,
    /// Nobody's: its row is empty, or names a run whose lease is over.
    Free,
    /// Another node's.
    Theirs(&'a NodeLease),
}

/// Whose an event is whose row names `owner`.
#[must_use]
pub fn whose<'a>(owner: Option<&NodeRun>, me: &NodeRun, alive: &'a [NodeLease]) -> Whose<'a> {
    match owner {
        None => Whose::Free,
        Some(owner) if owner == me => Whose::Mine,
        Some(owner) => alive.iter().find(|lease| lease.run == *owner).map_or(Whose::Free, Whose::Theirs),
    }
}

/// The runs that were alive and are not any more, without `me`.
#[must_use]
pub fn gone(before: &[NodeLease], now: &[NodeLease], me: &NodeRun) -> Vec<NodeRun> {
    let is_there = |run: &NodeRun| now.iter().any(|lease| lease.run == *run);
    before.iter().map(|lease| &lease.run).filter(|run| *run != me && !is_there(run)).cloned().collect()
}

/// The place of `me` in the line of those who may take an event over: 0 takes it at once, the others wait and look
/// whether somebody did. By rendezvous hashing, so that a dead node's events are spread over all who are left.
#[must_use]
pub fn rank(event: EventId, me: &NodeRun, alive: &[NodeLease]) -> usize {
    let mine = weight(event, me);
    alive.iter().filter(|lease| lease.run != *me && weight(event, &lease.run) > mine).count()
}

fn weight(event: EventId, run: &NodeRun) -> [u8; 32] {
    let hash = Sha256::new().chain_update(event.0.to_be_bytes()).chain_update(run.incarnation.to_be_bytes());
    hash.chain_update(&run.node).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(node: &str, incarnation: u128) -> NodeRun {
        NodeRun { node: node.to_owned(), incarnation }
    }

    fn alive(runs: &[NodeRun]) -> Vec<NodeLease> {
        runs.iter().map(|run| NodeLease { run: run.clone(), address: String::new() }).collect()
    }

    #[test]
    fn an_event_is_free_when_its_owner_is_gone_or_has_started_anew() {
        let (me, other, restarted) = (run("a", 1), run("b", 2), run("b", 3));
        let sees = alive(&[me.clone(), restarted.clone()]);
        assert_eq!(whose(None, &me, &sees), Whose::Free);
        assert_eq!(whose(Some(&me), &me, &sees), Whose::Mine);
        assert_eq!(whose(Some(&other), &me, &sees), Whose::Free);
        assert_eq!(whose(Some(&restarted), &me, &sees), Whose::Theirs(&sees[1]));
        assert_eq!(whose(Some(&me), &me, &[]), Whose::Mine, "the row names me, whatever became of my lease");
    }

    #[test]
    fn who_is_gone_is_everybody_who_was_there_but_me() {
        let (me, other, third) = (run("a", 1), run("b", 2), run("c", 3));
        let before = alive(&[me.clone(), other.clone(), third.clone()]);
        assert_eq!(gone(&before, &alive(&[third]), &me), [other]);
    }

    #[test]
    fn a_dead_nodes_events_are_spread_over_the_others_and_each_has_one_first() {
        let runs = [run("a", 1), run("b", 2), run("c", 3)];
        let sees = alive(&runs);
        let mut firsts = [0; 3];
        for event in (0..300).map(EventId) {
            let mut ranks: Vec<usize> = runs.iter().map(|run| rank(event, run, &sees)).collect();
            firsts[ranks.iter().position(|rank| *rank == 0).unwrap()] += 1;
            ranks.sort_unstable();
            assert_eq!(ranks, [0, 1, 2]);
        }
        assert!(firsts.iter().all(|count| *count > 50), "{firsts:?}");
    }
}
