//! Trying elsewhere: the second try of a conditional write goes to another node than the first.
//!
//! The driver picks among the replicas by chance, so it would send one try in three again to the node that hangs. A
//! node is left out only while one write lasts: why a try failed is not known, and the next write starts anew.

use std::sync::{Mutex, PoisonError};

use scylla::cluster::{ClusterState, NodeRef};
use scylla::policies::load_balancing::{DefaultPolicy, FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::Shard;
use uuid::Uuid;

/// The driver's own order, with nodes that were tried at its end.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    order: DefaultPolicy,
    /// At most one per try.
    tried: Mutex<Vec<Uuid>>,
}

impl Elsewhere {
    fn was_tried(&self, node: NodeRef<'_>) -> bool {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).contains(&node.host_id)
    }
}

impl LoadBalancingPolicy for Elsewhere {
    fn pick<'a>(
        &'a self,
        request: &'a RoutingInfo<'_>,
        cluster: &'a ClusterState,
    ) -> Option<(NodeRef<'a>, Option<Shard>)> {
        let first = self.order.pick(request, cluster);
        let chosen = match first {
            Some((node, _)) if !self.was_tried(node) => first,
            Some(_) | None => self.order.fallback(request, cluster).find(|(node, _)| !self.was_tried(node)).or(first),
        };
        if let Some((node, _)) = chosen {
            self.tried.lock().unwrap_or_else(PoisonError::into_inner).push(node.host_id);
        }
        chosen
    }

    fn fallback<'a>(&'a self, request: &'a RoutingInfo<'_>, cluster: &'a ClusterState) -> FallbackPlan<'a> {
        let (tried, fresh): (Vec<_>, Vec<_>) =
            self.order.fallback(request, cluster).partition(|(node, _)| self.was_tried(node));
        Box::new(fresh.into_iter().chain(tried))
    }

    fn name(&self) -> String {
        "Elsewhere".to_owned()
    }
}
