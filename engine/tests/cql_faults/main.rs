//! What the CQL journal and stores survive: nodes that die and hang, answers that are lost, owners that do not know they were
//! succeeded. Three Cassandra nodes of its own, started once; the tests take turns on them.
//!
//! A sample runs by default; with `USHER_FAULTS=whole` everything does: `./test faults`.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

#[path = "../cassandra/mod.rs"]
mod cassandra;
#[path = "../cassandra/control.rs"]
mod control;
#[path = "../suite/support/events.rs"]
#[expect(dead_code, reason = "the suite uses more of it")]
mod events;
mod lost_answers;
mod nodes;
mod store_writes;
mod store_writes_cut_off;
mod support;
mod take_overs;
