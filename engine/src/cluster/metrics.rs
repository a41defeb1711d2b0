//! The metrics of a node among others, all on one page.

use metrics::{Unit, describe_counter, describe_gauge};

/// Events that this node owns (count).
pub const OWNED_EVENTS: &str = "usher_owned_events";
/// Nodes alive as this one sees them, itself included (count).
pub const NODES_ALIVE: &str = "usher_nodes_alive";
/// Whether this node's lease is held (0 or 1).
pub const LEASE_HELD: &str = "usher_node_lease_held";
/// Times that this node's lease had lapsed when it was renewed (count).
pub const LEASE_LAPSES: &str = "usher_node_lease_lapses_total";
/// Asks handed to another node (count), by `result`: `told`, `refused`, `not_owner`, `not_sent`, `unanswered`, `full`.
pub const FORWARDED: &str = "usher_forwarded_asks_total";
/// Events claimed whose owner was gone (count).
pub const TAKE_OVERS: &str = "usher_event_take_overs_total";
/// Events lost to another node while they ran here (count).
pub const STEP_DOWNS: &str = "usher_event_step_downs_total";
/// Read replicas of events that other nodes own (count).
pub const REPLICAS: &str = "usher_read_replicas";

/// Tells the recorder what the series mean.
pub fn describe() {
    describe_gauge!(OWNED_EVENTS, Unit::Count, "Events that this node owns");
    describe_gauge!(NODES_ALIVE, Unit::Count, "Nodes alive as this one sees them");
    describe_gauge!(LEASE_HELD, Unit::Count, "Whether this node's lease is held");
    describe_counter!(LEASE_LAPSES, Unit::Count, "Times that this node's lease had lapsed");
    describe_counter!(FORWARDED, Unit::Count, "Asks handed to another node, by result");
    describe_counter!(TAKE_OVERS, Unit::Count, "Events claimed whose owner was gone");
    describe_counter!(STEP_DOWNS, Unit::Count, "Events lost to another node while they ran here");
    describe_gauge!(REPLICAS, Unit::Count, "Read replicas of events that other nodes own");
}
