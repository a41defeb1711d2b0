//! Failing syncs, torn writes and a full disk, under the real server on its real files.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::server::{Server, ServerSpec};
use crate::support::shim::{SmallDisk, broken};
use crate::support::shop::{GOOD_CARD, Shop, Show};
use crate::support::{figure, is_whole, skipped};

/// Holds that are tried in one run.
const HOLDS_COUNT: u32 = 60;
/// Holds that are tried together, so that they share a commit.
const TOGETHER: usize = 6;

/// What a buyer was told of one hold.
#[derive(Debug)]
struct Asked {
    buyer: String,
    key: String,
    told: Told,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Acknowledged.
    Held(String),
    /// Certainly not done.
    NotDone(String),
    /// Perhaps done.
    Unknown,
}

/// A folder with an event on sale, made once and copied for each run.
struct Prepared {
    folder: tempfile::TempDir,
    shop: Shop,
    event: String,
}

impl Prepared {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = ServerSpec::new(&folder.path().join("data"));
        let (server, _) = spec.start_ready().await;
        let shop = Shop::open(&server.url).await;
        let event = shop.on_sale(&Show { seats_count: 1_000, ..Show::default() }).await;
        server.terminate();
        Self { folder, shop, event }
    }

    /// A copy, and a server on it that is not started.
    fn copy(&self, to: &Path) -> (ServerSpec, Shop) {
        let data = to.join("data");
        copy_folder(&self.folder.path().join("data"), &data);
        let spec = ServerSpec::new(&data);
        let shop = Shop { url: spec.url(), ..self.shop.clone() };
        (spec, shop)
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn told(answer: Result<(StatusCode, Value), reqwest::Error>) -> Told {
    let Ok((status, body)) = answer else { return Told::Unknown };
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    match (status.as_u16(), code.as_str()) {
        (201, _) => Told::Held(body["hold"].as_str().unwrap().to_owned()),
        (503, "not_applied" | "storage_full" | "busy") => Told::NotDone(code),
        (503, _) => Told::Unknown,
        _ => panic!("an answer that cannot be: {status} {body}"),
    }
}

/// Buyers made before the disk breaks.
async fn buyers(shop: &Shop) -> Vec<String> {
    let mut buyers = Vec::new();
    for _ in 0..HOLDS_COUNT {
        buyers.push(shop.buyer().await);
    }
    buyers
}

/// Everybody tries to hold one seat, some together, once.
async fn everybody_holds(shop: &Shop, event: &str, buyers: &[String], at_once: usize) -> Vec<Asked> {
    let mut all = Vec::new();
    for together in buyers.chunks(at_once) {
        let asks = together.iter().enumerate().map(|(position, buyer)| async move {
            let key = format!("hold-key-{position}");
            let answer = shop.hold(event, buyer, &key, json!([{"kind": "best", "quantity": 1}])).await;
            Asked { buyer: buyer.clone(), key, told: told(answer) }
        });
        all.extend(futures_util::future::join_all(asks).await);
    }
    all
}

/// What was acknowledged is there, what was refused is not, and the rest is one or the other; then everybody repeats
/// under their key and has exactly one hold.
async fn check(shop: &Shop, event: &str, asked: &[Asked]) {
    let availability = format!("/api/v1/organizer/events/{event}/sales");
    for held in asked {
        let Told::Held(hold) = &held.told else { continue };
        let path = format!("/api/v1/events/{event}/holds/{hold}");
        let (status, sheet) = shop.try_call(Method::GET, &path, Some(&held.buyer), None, None).await.unwrap();
        assert_eq!(status, StatusCode::OK, "an acknowledged hold is lost: {sheet}");
    }
    let held_count = asked.iter().filter(|asked| matches!(asked.told, Told::Held(_))).count() as u64;
    let unknown_count = asked.iter().filter(|asked| asked.told == Told::Unknown).count() as u64;
    let sales = shop.until(&availability, Some(&shop.key), |sales| sales["held_count"].is_u64()).await;
    let there = sales["held_count"].as_u64().unwrap();
    assert!(
        (held_count..=held_count + unknown_count).contains(&there),
        "{there} held, {held_count} acknowledged, {unknown_count} unknown"
    );
    for again in asked {
        let asks = json!([{"kind": "best", "quantity": 1}]);
        let (status, sheet) = shop.hold(event, &again.buyer, &again.key, asks).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{sheet}");
        if let Told::Held(hold) = &again.told {
            assert_eq!(sheet["hold"], json!(hold));
        }
    }
    let all = |sales: &Value| sales["held_count"] == json!(asked.len());
    shop.until(&availability, Some(&shop.key), all).await;
}

/// Runs a sale on a disk that breaks at the `nth` call; tells what became of it.
async fn break_at(prepared: &Prepared, kind: &str, file: &str, nth: u32) -> Option<(Vec<Asked>, bool)> {
    let folder = tempfile::tempdir().unwrap();
    let (spec, shop) = prepared.copy(folder.path());
    let arm = folder.path().join("armed");
    let breaking = broken(&spec, &format!("{kind}:{nth}"), file, &arm)?;
    let (mut server, _) = breaking.start_ready().await;
    let buyers = buyers(&shop).await;
    std::fs::write(&arm, "").unwrap();
    // One by one there are more writes to tear.
    let at_once = if kind == "torn" { 1 } else { TOGETHER };
    let asked = everybody_holds(&shop, &prepared.event, &buyers, at_once).await;
    std::fs::remove_file(&arm).unwrap();
    // A process that is ending takes a moment to have ended.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let died = server.ended().is_some();
    if !died {
        // The very process that met the fault goes on, and tells the truth.
        check(&shop, &prepared.event, &asked).await;
    }
    server.kill();
    let (_server, _): (Server, Duration) = spec.start_ready().await;
    if died {
        check(&shop, &prepared.event, &asked).await;
    } else {
        let kept = asked.iter().filter(|asked| matches!(asked.told, Told::Held(_)));
        for held in kept {
            let Told::Held(hold) = &held.told else { continue };
            let path = format!("/api/v1/events/{}/holds/{hold}", prepared.event);
            let (status, _) = shop.try_call(Method::GET, &path, Some(&held.buyer), None, None).await.unwrap();
            assert_eq!(status, StatusCode::OK);
        }
    }
    Some((asked, died))
}

fn indexes(last: u32, sample: &[u32]) -> Vec<u32> {
    if is_whole() { (1..=last).collect() } else { sample.to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_never_makes_a_false_yes_or_a_false_no() {
    let prepared = Prepared::new().await;
    let (mut runs, mut met, mut acknowledged) = (0, 0, 0);
    for nth in indexes(50, &[1, 2, 3, 7]) {
        let Some((asked, died)) = break_at(&prepared, "sync", "journal.db", nth).await else {
            return skipped("no C compiler: failing syncs");
        };
        assert!(!died, "a failing sync ended the process");
        runs += 1;
        met += u32::from(asked.iter().any(|asked| !matches!(asked.told, Told::Held(_))));
        acknowledged += asked.iter().filter(|asked| matches!(asked.told, Told::Held(_))).count();
    }
    figure(&format!(
        "{runs} runs with one failing sync of the journal each: {acknowledged} of {} holds acknowledged, 0 lost, 0 false \
         refusals; in {met} runs somebody was told to repeat",
        runs * HOLDS_COUNT
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_write_loses_no_acknowledged_hold() {
    let prepared = Prepared::new().await;
    let (mut runs, mut deaths) = (0, 0);
    for nth in indexes(200, &[1, 2, 5, 14, 33]) {
        let Some((_, died)) = break_at(&prepared, "torn", "journal.db", nth).await else {
            return skipped("no C compiler: torn writes");
        };
        runs += 1;
        deaths += u32::from(died);
    }
    assert!(deaths >= runs / 2, "the shim hardly ever tore: {deaths} of {runs}");
    figure(&format!("{runs} runs with the n-th write of the journal torn, {deaths} deaths, 0 acknowledged holds lost"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_the_sale_goes_on_by_itself_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(24) else { return skipped("mounting is not permitted: a full disk") };
    let prepared = Prepared::new().await;
    let (mut spec, shop) = prepared.copy(disk.path());
    spec.log = prepared.folder.path().join("elsewhere.log");
    let (server, _) = spec.start_ready().await;
    let event = prepared.event.as_str();
    let first = shop.buyer().await;
    let asks = json!([{"kind": "best", "quantity": 1}]);
    let (_, hold) = shop.hold(event, &first, "before-it-is-full", asks.clone()).await.unwrap();
    let path = format!("/api/v1/events/{event}/holds/{}", hold["hold"].as_str().unwrap());

    let mut slowest = Duration::ZERO;
    let rounds = if is_whole() { 10 } else { 2 };
    for round in 0..rounds {
        let mut asked = Vec::new();
        let filler = disk.fill();
        // The log may have room left from before; what fits is acknowledged, and that is no fault.
        let mut refused = 0;
        while refused < 40 {
            let buyer = shop.buyer().await;
            let key = format!("hold-{round}-{}", asked.len());
            let said = shop.hold(event, &buyer, &key, asks.clone()).await;
            let words = format!("{said:?}");
            let answer = told(said);
            match &answer {
                Told::NotDone(code) => {
                    assert_eq!(code, "storage_full");
                    refused += 1;
                }
                Told::Held(_) => {}
                Told::Unknown => panic!("a full disk is certain: {words} {}", spec.log_end()),
            }
            asked.push(Asked { buyer, key, told: answer });
        }
        // Reading goes on, and a repeat of what is durable is told so.
        for (path, token) in [("/api/v1/events", None), ("/readyz", None), (path.as_str(), Some(first.as_str()))] {
            let (status, answer) = shop.try_call(Method::GET, path, token, None, None).await.unwrap();
            assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        }
        let (status, again) = shop.hold(event, &first, "before-it-is-full", asks.clone()).await.unwrap();
        assert_eq!((status, &again["hold"]), (StatusCode::CREATED, &hold["hold"]));
        std::fs::remove_file(filler).unwrap();
        let since = Instant::now();
        let last = asked.last().unwrap();
        loop {
            let answer = told(shop.hold(event, &last.buyer, &last.key, asks.clone()).await);
            if matches!(answer, Told::Held(_)) {
                break;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "it does not sell again: {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        slowest = slowest.max(since.elapsed());
        for held in &asked {
            let Told::Held(hold) = &held.told else { continue };
            let path = format!("/api/v1/events/{event}/holds/{hold}");
            let (status, _) = shop.try_call(Method::GET, &path, Some(&held.buyer), None, None).await.unwrap();
            assert_eq!(status, StatusCode::OK, "an acknowledged hold is lost");
        }
    }
    figure(&format!("{rounds} times a full disk: selling again {slowest:?} at the latest after there is room"));
    assert!(server.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_costs_the_log_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = ServerSpec::new(&folder.path().join("data")).with("USHER__LOG__LEVEL", "debug");
    spec.log = "/dev/full".into();
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&server.url).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "unlogged-key", 2).await;
    shop.until_paid(&order, &buyer).await;
    let metrics = reqwest::get(format!("{}/metrics", shop.url)).await.unwrap().text().await.unwrap();
    let panics = metrics.lines().find(|line| line.starts_with("usher_http_panics_total"));
    assert!(panics.is_none_or(|line| line.ends_with(" 0")), "{panics:?}");
    assert!(server.terminate().success());
}

/// Who bought, the provider's side and the webhooks are in a file of their own, synced apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_of_the_store_that_fails_loses_no_order_and_nobodys_name() {
    let prepared = Prepared::new().await;
    let mut refused_count = 0;
    let indexes = indexes(20, &[1, 4]);
    for nth in &indexes {
        let folder = tempfile::tempdir().unwrap();
        let (spec, shop) = prepared.copy(folder.path());
        let arm = folder.path().join("armed");
        let Some(breaking) = broken(&spec, &format!("sync:{nth}"), "store.db", &arm) else {
            return skipped("no C compiler: failing syncs of the store");
        };
        let (server, _) = breaking.start_ready().await;
        let buyers = buyers(&shop).await;
        let holds = everybody_holds(&shop, &prepared.event, &buyers[..12], TOGETHER).await;
        std::fs::write(&arm, "").unwrap();
        let mut orders = Vec::new();
        for asked in &holds {
            let Told::Held(hold) = &asked.told else { panic!("the journal's disk is fine: {asked:?}") };
            let order = loop {
                let (status, answer) = shop.checkout(&prepared.event, hold, &asked.buyer, &asked.key).await.unwrap();
                match status.as_u16() {
                    201 => break answer,
                    503 => refused_count += 1,
                    _ => panic!("an answer that cannot be: {status} {answer}"),
                }
            };
            assert!(shop.pay(&order["payment"], GOOD_CARD).await.unwrap());
            orders.push((asked.buyer.as_str(), order));
        }
        for (buyer, order) in &orders[..6] {
            shop.until_paid(order, buyer).await;
        }
        server.kill();
        let (_server, _) = spec.start_ready().await;
        for (buyer, order) in &orders {
            let paid = shop.until_paid(order, buyer).await;
            assert_eq!((&paid["name"], &paid["email"]), (&json!("Ada Lovelace"), &json!("ada@example.org")));
        }
    }
    figure(&format!(
        "{} runs with one failing sync of the store each: 12 orders paid in each, {refused_count} checkouts told to repeat, \
         0 lost",
        indexes.len()
    ));
}
