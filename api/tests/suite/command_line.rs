//! The program as an operator runs it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn usher(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(arguments).env_clear();
    command
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn bad_settings_are_told_all_at_once_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usher.toml");
    std::fs::write(&file, "[server]\nworkers_count = 0\ndeadline = 'soon'\n[maill]\nkind = 'smtp'\n").unwrap();
    for arguments in [["config", "check"].as_slice(), &["config", "print"], &["serve"], &["migrate"]] {
        let output = usher(arguments).arg("--config").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        for key in ["server.workers_count", "server.deadline", "maill.kind"] {
            assert!(errors(&output).contains(key), "{arguments:?}: {}", errors(&output));
        }
    }
    let output = usher(&["config", "check", "--config", "/no/such/file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_taken_port_and_an_unusable_folder_are_both_told() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("a-file");
    std::fs::write(&in_the_way, "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = usher(&["demo", "--listen", &listen, "--data"]).arg(in_the_way.join("data")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    let lines: Vec<String> = errors(&output).lines().map(str::to_owned).collect();
    assert!(lines.iter().any(|line| line.contains("server.listen") && line.contains(&listen)), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("stores.folder")), "{lines:?}");
}

#[test]
fn what_is_wrong_outside_is_told_with_what_is_wrong_in_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("a-file");
    std::fs::write(&in_the_way, "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let file = folder.path().join("usher.toml");
    let data = in_the_way.join("data").display().to_string();
    let text =
        format!("[server]\ndeadline = 'soon'\nlisten = '{listen}'\n[stores]\nkind = 'sqlite'\nfolder = '{data}'\n");
    std::fs::write(&file, text).unwrap();
    let told = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        errors(&output)
    };
    let of_serve = told(usher(&["serve", "--config"]).arg(&file));
    for key in ["server.deadline", "server.listen", "stores.folder"] {
        assert!(of_serve.contains(key), "{key}: {of_serve}");
    }
    let of_demo = told(usher(&["demo", "--listen", "nonsense", "--data"]).arg(&data));
    for key in ["server.listen", "stores.folder"] {
        assert!(of_demo.contains(key), "{key}: {of_demo}");
    }
    assert!(!of_demo.contains("cannot listen"), "no address was given that could be tried: {of_demo}");
    let fine = folder.path().join("fine");
    told(usher(&["demo", "--listen", "nonsense", "--data"]).arg(&fine));
    assert!(!fine.exists(), "a start that fails leaves no folder behind");
}

#[test]
fn settings_print_as_they_take_effect_and_secrets_do_not() {
    let output = usher(&["config", "print"])
        .env("USHER__PAYMENTS__KIND", "stripe")
        .env("USHER__PAYMENTS__SECRET_KEY", "sk_test_hush")
        .env("USHER__PAYMENTS__PUBLISHABLE_KEY", "pk_test_1")
        .env("USHER__PAYMENTS__WEBHOOK_SECRETS", "[\"whsec_hush\"]")
        .env("USHER__SERVER__DEADLINE", "90s")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(printed.contains("deadline = \"90s\""), "{printed}");
    assert!(printed.contains("(secret)") && !printed.contains("hush"), "{printed}");
}

/// Starts the demo and reads where it is.
/// `NAME: value` of one service's environment and of what all nodes have in common.
fn compose_environment(service: &str) -> Vec<(String, String)> {
    let file = include_str!("../../../config/compose.yaml");
    let part = |heading: &str| file.split_once(heading).unwrap().1.split("\n\n").next().unwrap();
    let lines = [part("\nx-node: &node\n"), part(&format!("\n  {service}:\n"))];
    let named = lines.into_iter().flat_map(str::lines).filter_map(|line| line.trim().split_once(": "));
    let ours = named.filter(|(name, _)| name.starts_with("USHER__"));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_nodes_of_the_compose_file_have_settings_without_a_fault_and_names_of_their_own() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/compose/usher.toml");
    let mut names = Vec::new();
    for service in ["usher-a", "usher-b"] {
        let environment = compose_environment(service);
        let value = |name: &str| environment.iter().find(|(known, _)| known == name).unwrap().1.clone();
        names.push(value("USHER__NODE__ID"));
        assert_eq!(value("USHER__NODE__ADDRESS"), format!("http://{service}:8080"));
        let checked = usher(&["config", "check", "--config", config]).envs(environment).output().unwrap();
        assert!(checked.status.success(), "{service}: {}", errors(&checked));
    }
    assert_ne!(names[0], names[1]);
}

pub(crate) fn demo(data: &Path) -> (Child, Value) {
    let arguments = ["demo", "--json", "--listen", "127.0.0.1:0", "--data"];
    let mut child = usher(&arguments).arg(data).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Asks it to stop, as a supervisor does.
pub(crate) fn terminate(mut child: Child) {
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[actix_web::test]
async fn the_demo_seeds_once_keeps_its_data_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let events = async |said: &Value| -> Value {
        let url = format!("{}/api/v1/events", said["url"].as_str().unwrap());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    };
    let (first, said) = demo(folder.path());
    let there = events(&said).await;
    let states: Vec<_> = there["data"].as_array().unwrap().iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, ["on_sale", "on_sale", "on_sale", "announced"]);
    let login = reqwest::Client::new().post(format!("{}/api/v1/sessions", said["url"].as_str().unwrap()));
    assert_eq!(login.json(&said["organizer"]).send().await.unwrap().status().as_u16(), 201);
    terminate(first);
    let (second, said) = demo(folder.path());
    assert_eq!(events(&said).await, there);
    let mine = format!("{}/api/v1/organizer/events", said["url"].as_str().unwrap());
    let mine = reqwest::Client::new().get(mine).bearer_auth(said["api_key"].as_str().unwrap()).send().await.unwrap();
    let mine: Value = mine.json().await.unwrap();
    let arena = mine["data"].as_array().unwrap().iter().find(|event| event["capacity_count"] == 14_000);
    assert!(arena.is_some(), "{mine}");
    terminate(second);
}

#[actix_web::test]
async fn a_server_that_is_told_to_stop_says_so_and_refuses_new_work_before_it_shuts_its_door() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--json", "--listen", "127.0.0.1:0", "--data"];
    let mut command = usher(&arguments);
    // Far longer than the test looks: a second signal ends it.
    let mut child =
        command.arg(folder.path()).env("USHER__SERVER__UNREADY", "60s").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let url = said["url"].as_str().unwrap().to_owned();
    let http = reqwest::Client::new();
    let look = async |path: &str| http.get(format!("{url}{path}")).send().await.unwrap();
    assert_eq!(look("/readyz").await.status().as_u16(), 200);
    let signal = |child: &Child| {
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    };
    signal(&child);
    let unready = loop {
        let answer = look("/readyz").await;
        if answer.status() != reqwest::StatusCode::OK {
            break answer;
        }
    };
    let refused = http.post(format!("{url}/api/v1/buyers")).send().await.unwrap();
    for answer in [unready, refused] {
        assert_eq!(answer.status().as_u16(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "draining");
    }
    assert_eq!(look("/api/v1/events").await.status().as_u16(), 200, "the door is open, and looking is no work");
    assert_eq!(look("/healthz").await.status().as_u16(), 200);
    signal(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
