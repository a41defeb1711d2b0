//! What the server survives: killed at every fail point and at random, on a failing disk, under a wrong clock, under
//! ten times its capacity. The server is a process of its own, built with the feature `fail-points`.
//!
//! A sample runs by default; with `USHER_FAULTS=whole` everything does, in a release build: `./test faults`.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod backup;
mod bucket;
#[path = "../../../engine/tests/cassandra/mod.rs"]
mod cassandra;
mod clock;
mod cluster;
#[path = "../../../engine/tests/cassandra/control.rs"]
#[expect(dead_code, reason = "a node is paused here, and none is killed")]
mod control;
mod crash;
mod disk;
mod fail_points;
mod foreign_bugs;
mod full_stack;
mod long_journal;
mod nodes;
mod overload;
mod redis;
mod rude;
mod shared_sandbox;
mod support;
mod vanishing;
mod webhooks;
