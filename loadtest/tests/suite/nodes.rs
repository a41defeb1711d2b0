//! A crowd that comes to several addresses of one house.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Output};

use usher_loadtest::server::{Server, find_binary};

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn load(targets: &str, server: &Server, more: &[&str]) -> Output {
    let organizer = &server.demo.organizer;
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher-loadtest"));
    command.args(["run", "--target", targets, "--organizer-email", &organizer.email]);
    command.args(["--organizer-password", &organizer.password, "--seed", "7", "--duration", "3s", "--rate", "10"]);
    command.args(more).output().unwrap()
}

#[test]
fn buyers_of_a_node_that_is_gone_go_to_another_and_houses_that_differ_are_told_apart() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (binary, folder) = (find_binary(None).unwrap(), tempfile::tempdir().unwrap());
    let start = |name: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        runtime.block_on(Server::start(&binary, &folder, free_address(), &[])).unwrap()
    };
    let server = start("one");
    let (url, gone) = (server.demo.url.clone(), format!("http://{}", free_address()));

    let passed_over = load(&format!("{gone},{url}"), &server, &["--expect-restarts"]);
    let said = String::from_utf8_lossy(&passed_over.stdout).into_owned();
    assert!(passed_over.status.success(), "{said}{}", String::from_utf8_lossy(&passed_over.stderr));

    let one_house = load(&format!("{url},{}", url.replace("127.0.0.1", "localhost")), &server, &[]);
    let said = String::from_utf8_lossy(&one_house.stdout).into_owned();
    assert!(one_house.status.success(), "{said}{}", String::from_utf8_lossy(&one_house.stderr));

    // Two houses that know nothing of each other: whoever comes to the second finds another event, or none.
    let stranger = start("two");
    let two_houses = load(&format!("{url},{}", stranger.demo.url), &server, &[]);
    assert!(!two_houses.status.success(), "{}", String::from_utf8_lossy(&two_houses.stdout));
}
