//! The project's habits, as far as they can be read off its files.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;

/// Lines of a file of code. A longer one wants to be two.
const FILE_LINES_MAX: usize = 450;
/// Lines of a module's documentation. What needs more belongs into ARCHITECTURE.md.
const MODULE_DOC_LINES_MAX: usize = 25;
/// What the core must never stand on.
const NOT_IN_THE_CORE: [&str; 9] =
    ["tokio", "actix", "rand", "getrandom", "jiff", "chrono", "time", "rusqlite", "reqwest"];
/// Other ways to do what rustls with ring does here.
const OTHER_TLS: [&str; 4] = ["openssl-sys", "aws-lc-sys", "native-tls", "boring-sys"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files under git, with their text; those that are not text are left out.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "git lists no files here");
    let names = String::from_utf8(listed.stdout).unwrap();
    let meant = |name: &&str| endings.iter().any(|ending| name.ends_with(ending)) && root().join(name).is_file();
    let files: Vec<_> = names.split('\0').filter(meant).map(|name| (name.to_owned(), read(name))).collect();
    assert!(!files.is_empty(), "no files end with {endings:?}");
    files
}

/// Fails with everything that is wrong, not with the first of it.
fn assert_none(what: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

#[test]
fn no_file_of_code_is_long() {
    let long = files(&[".rs", ".js", ".mjs", ".css", ".sql", ".cql"]).into_iter().filter_map(|(name, text)| {
        let lines_count = text.lines().count();
        (lines_count > FILE_LINES_MAX).then(|| format!("{name}: {lines_count} lines"))
    });
    assert_none("files longer than they may be", long.collect());
}

#[test]
fn every_module_says_in_a_few_lines_what_it_is() {
    let faults = files(&[".rs"]).into_iter().filter_map(|(name, text)| {
        let doc_lines_count = text.lines().take_while(|line| line.starts_with("//!")).count();
        match doc_lines_count {
            0 => Some(format!("{name}: the first line is no module documentation")),
            1..=MODULE_DOC_LINES_MAX => None,
            _ => Some(format!("{name}: {doc_lines_count} lines of module documentation")),
        }
    });
    assert_none("modules", faults.collect());
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_switched_off() {
    // Put together here, so that this file does not find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("], ["#[ig", "nore"]].map(|w| w.concat());
    let faults = files(&[".rs", ".js", ".mjs", ".html", ".css", ".toml", ".sql", "test"]).into_iter().flat_map(
        |(name, text)| {
            let found: Vec<_> = text
                .lines()
                .enumerate()
                .filter(|(_, line)| words.iter().any(|word| line.contains(word.as_str())))
                .map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim()))
                .collect();
            found
        },
    );
    assert_none("left to do", faults.collect());
}

#[test]
fn the_core_stands_on_nothing_that_does_io_or_tells_the_time() {
    let manifest: toml::Table = read("engine/core/Cargo.toml").parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let faults = NOT_IN_THE_CORE.iter().filter(|name| dependencies.keys().any(|key| key.starts_with(*name)));
    assert_none("the core depends on", faults.map(ToString::to_string).collect());
    let bans = read("engine/core/clippy.toml");
    for banned in ["std::time::Instant", "std::time::SystemTime", "std::collections::HashMap", "std::thread::spawn"] {
        assert!(bans.contains(banned), "engine/core/clippy.toml no longer bans {banned}");
    }
}

#[test]
fn dependencies_point_from_the_api_to_the_core_and_never_back() {
    let depends = |package: &str| -> Vec<String> {
        let manifest: toml::Table = read(format!("{package}/Cargo.toml")).parse().unwrap();
        let names =
            manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys());
        names.filter(|name| name.starts_with("usher")).cloned().collect()
    };
    assert_eq!(depends("engine/core"), Vec::<String>::new());
    assert_eq!(depends("engine"), ["usher-core"]);
    assert_eq!(depends("engine/simulation"), ["usher-core", "usher-engine"]);
    assert_eq!(depends("loadtest"), Vec::<String>::new(), "the load tester speaks HTTP only");
}

#[test]
fn there_is_one_tls_stack() {
    let lock = read("Cargo.lock");
    let faults = OTHER_TLS.iter().filter(|name| lock.contains(&format!("name = \"{name}\"\n")));
    assert_none("other TLS stacks", faults.map(ToString::to_string).collect());
}

#[test]
fn every_dependency_may_be_used_in_a_work_under_mit() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Not offline: a fresh machine has built nothing for other systems, and their packages are judged too.
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let told = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let faults = metadata["packages"].as_array().unwrap().iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or_default();
        let is_copyleft = |licence: &str| ["GPL", "SSPL", "BUSL"].iter().any(|word| licence.contains(word));
        let mut choices = licence.split(" OR ").flat_map(|part| part.split('/'));
        let refused = licence.is_empty() && package["license_file"].is_null() || choices.all(is_copyleft);
        refused.then(|| format!("{} {}: {licence:?}", package["name"], package["version"]))
    });
    assert_none("licences", faults.collect());
}

#[test]
fn the_readme_names_every_command_and_no_other() {
    let readme = read("README.md");
    let cli = usher::cli::Cli::command();
    let commands: Vec<&str> =
        cli.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "help").collect();
    let unnamed = commands.iter().filter(|name| !readme.contains(&format!("`usher {name}")));
    assert_none("commands that README.md does not name", unnamed.map(ToString::to_string).collect());
    let named = readme
        .split("`usher ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
    let unknown = named.filter(|name| !commands.contains(name));
    assert_none("commands that README.md names and nobody knows", unknown.map(str::to_owned).collect());
    assert!(readme.contains("cargo run --release -- demo") && readme.contains("./test"));
}

#[test]
fn every_path_that_the_documents_name_is_there() {
    let faults =
        ["README.md", "ARCHITECTURE.md", "schema/README.md", "benches/README.md"].into_iter().flat_map(|document| {
            let text = read(document);
            let folder = Path::new(document).parent().unwrap().to_owned();
            let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
            let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
            let broken = links.filter(|link| !root().join(&folder).join(link).exists());
            broken.map(|link| format!("{document}: {link}")).collect::<Vec<_>>()
        });
    assert_none("links to nothing", faults.collect());
}

#[test]
fn every_metric_is_described_where_it_is_named() {
    let named = files(&["metrics.rs"]).into_iter().flat_map(|(name, text)| {
        let constants = text.lines().filter(|line| line.contains(": &str = \"usher_"));
        let constants = constants.filter_map(|line| line.split("const ").nth(1)?.split(':').next());
        let undescribed = constants.filter(|constant| {
            let flat: String = text.split_whitespace().collect();
            !["counter", "gauge", "histogram"]
                .iter()
                .any(|kind| flat.contains(&format!("describe_{kind}!({constant},")))
        });
        undescribed.map(|constant| format!("{name}: {constant}")).collect::<Vec<_>>()
    });
    assert_none("metrics without a description", named.collect());
}

#[test]
fn every_kind_of_fact_has_a_stored_sample() {
    let source = read("engine/core/src/fact.rs");
    let body = source.split("pub enum Fact {").nth(1).unwrap();
    let kinds = body
        .lines()
        .take_while(|line| *line != "}")
        .filter(|line| line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase());
    let kinds: Vec<&str> = kinds.filter_map(|line| line.trim().split([' ', ',', '{']).next()).collect();
    assert!(kinds.len() >= 20, "the facts could not be read: {kinds:?}");
    let samples = read("engine/tests/suite/journal_samples.rs");
    let missing = kinds.iter().filter(|kind| !samples.contains(&format!("Fact::{kind}")));
    assert_none("facts without a sample", missing.map(ToString::to_string).collect());
}
