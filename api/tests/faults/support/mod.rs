//! A server as a child process, and a buyer who is told everything.

#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
#[path = "../../../../engine/tests/suite/support/bucket_server.rs"]
pub(crate) mod bucket_server;
pub(crate) mod crowd;
pub(crate) mod raw;
#[expect(dead_code, reason = "shared by three binaries, and none needs all of it")]
#[path = "../../../../engine/tests/suite/support/redis_server.rs"]
pub(crate) mod redis_server;
pub(crate) mod refunds;
pub(crate) mod server;
#[path = "../../../../engine/tests/suite/support/servers.rs"]
pub(crate) mod servers;
pub(crate) mod shim;
pub(crate) mod shop;

/// Whether everything is to run, and not only a sample.
pub(crate) fn is_whole() -> bool {
    std::env::var("USHER_FAULTS").is_ok_and(|value| value == "whole")
}

/// Prints a measured figure.
#[expect(clippy::print_stdout, reason = "figures are what these tests are run for")]
pub(crate) fn figure(line: &str) {
    println!("FIGURE: {line}");
}

/// Says loudly that something cannot be tested here. `./test` runs where it can.
pub(crate) fn skipped(what: &str) {
    assert!(std::env::var("USHER_FAULTS").is_err(), "{what} cannot be tested here");
    figure(&format!("SKIPPED: {what}"));
}
