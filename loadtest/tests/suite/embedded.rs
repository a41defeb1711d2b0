//! The program as one runs it. Needs the server's binary, which Cargo does not build for another package's test: the
//! `test` script builds it first.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use usher_loadtest::server::find_binary;

fn load(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher-loadtest")).arg("run").args(arguments).output().unwrap()
}

#[test]
fn a_short_sale_on_a_server_of_its_own_is_clean() {
    // Says how to build it when it is missing.
    let server = find_binary(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("out.json");
    let arguments = ["--embedded", "--server-bin", server.to_str().unwrap(), "--seed", "1", "--json"];
    let rest = [json.to_str().unwrap(), "--duration", "3s", "--rate", "15", "--burst", "10"];
    let output = load(&[arguments.as_slice(), &rest].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["violations"], 0, "{said}");
    for figure in ["holds_count", "orders_count", "paid_count", "tickets_count", "repeats_count", "captured_minor"] {
        assert!(report["totals"][figure].as_u64().unwrap() > 0, "{figure} {said}");
    }
    assert!(report["latency_us"]["hold"]["p99_9"].as_u64().unwrap() > 0, "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told_in_one_line() {
    let output = load(&["--embedded", "--server-bin", "/no/such/usher"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("/no/such/usher"), "{said}");
    assert!(find_binary(Some(Path::new("/no/such/usher"))).is_err());
}

#[test]
fn a_bad_argument_ends_with_2() {
    assert_eq!(load(&["--embedded", "--rate", "-5"]).status.code(), Some(2));
    assert_eq!(load(&["--target", "http://127.0.0.1:1"]).status.code(), Some(2), "who may see the orders is missing");
}
