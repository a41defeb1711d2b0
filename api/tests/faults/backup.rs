//! A data folder copied while it sells, put back elsewhere, and started there.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};

fn usher(arguments: &[&str], folders: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(arguments).env_clear();
    for (flag, folder) in folders {
        command.arg(flag).arg(folder);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Buys until told to stop; gives what was paid and in hand.
async fn keep_buying(shop: Shop, event: String, name: u64, stop: Arc<AtomicBool>) -> Vec<(String, Value)> {
    let mut bought = Vec::new();
    for number in 0_u64.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let (buyer, order) = shop.buy(&event, &format!("buyer-{name}-{number}"), 1).await;
        let paid = shop.until_paid(&order, &buyer).await;
        bought.push((buyer, paid));
    }
    bought
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_during_a_sale_is_restored_whole_and_sells_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, restored) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("restored"));
    let spec = ServerSpec::new(&data);
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&server.url).await;
    let event = shop.on_sale(&Show { seats_count: 2_000, ..Show::default() }).await;
    let mut before = Vec::new();
    for number in 0..5 {
        let (buyer, order) = shop.buy(&event, &format!("before-{number}"), 2).await;
        before.push((buyer.clone(), shop.until_paid(&order, &buyer).await));
    }

    let stop = Arc::new(AtomicBool::new(false));
    let buying: Vec<_> =
        (0..4).map(|name| tokio::spawn(keep_buying(shop.clone(), event.clone(), name, Arc::clone(&stop)))).collect();
    let output = tokio::task::block_in_place(|| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        usher(&["backup"], &[("--data", &data), ("--to", &copy)])
    });
    assert!(output.status.success(), "{}", said(&output));
    stop.store(true, Ordering::Release);
    for buyer in buying {
        buyer.await.unwrap();
    }

    // Both refuse to overwrite.
    let again = usher(&["backup"], &[("--data", &data), ("--to", &copy)]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    let over = usher(&["restore"], &[("--from", &copy), ("--data", &data)]);
    assert_eq!(over.status.code(), Some(2), "{}", said(&over));
    drop(server);

    let output = usher(&["restore"], &[("--from", &copy), ("--data", &restored)]);
    assert!(output.status.success(), "{}", said(&output));
    let spec = ServerSpec::new(&restored);
    let (server, _) = spec.start_ready().await;
    let shop = Shop { url: server.url.clone(), ..shop };
    for (buyer, paid) in &before {
        let now = shop.until_paid(paid, buyer).await;
        assert_eq!(now["lines"], paid["lines"]);
        let ticket = now["lines"][0]["ticket"].as_str().unwrap();
        let path = format!("/api/v1/orders/{}/tickets/{ticket}", now["order"].as_str().unwrap());
        let (status, _) = shop.try_call(Method::GET, &path, Some(buyer), None, None).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    // What was under way at that moment comes to an end: captured money is the price of the seats that are sold.
    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let settled = shop
        .until(&sales, Some(&shop.key), |sales| {
            let sold = sales["sold_count"].as_u64().unwrap();
            sold >= 10 && sales["captured_minor"].as_u64() == Some(sold * 2_500)
        })
        .await;
    let ledger: Value =
        shop.http.get(format!("{}/sandbox/ledger", shop.url)).send().await.unwrap().json().await.unwrap();
    let rows = ledger["data"].as_array().unwrap();
    let captured: u64 = rows.iter().map(|row| row["captured_minor"].as_u64().unwrap()).sum();
    assert_eq!(Some(captured), settled["captured_minor"].as_u64(), "{ledger}");
    // And it sells on.
    let (buyer, order) = shop.buy(&event, "after-the-restore", 1).await;
    shop.until_paid(&order, &buyer).await;
}

#[tokio::test]
async fn a_backup_that_was_changed_is_refused_and_a_damaged_journal_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let spec = ServerSpec::new(&data);
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&server.url).await;
    let event = shop.on_sale(&Show::default()).await;
    let buyer = shop.buyer().await;
    let asks = json!([{"kind": "best", "quantity": 1}]);
    let (status, _) = shop.hold(&event, &buyer, "one-hold", asks).await.unwrap();
    assert_eq!(status, StatusCode::CREATED);
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    assert!(usher(&["backup"], &[("--data", &data), ("--to", &good)]).status.success());
    server.terminate();

    let store = good.join("store.db");
    let mut bytes = std::fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&store, bytes).unwrap();
    let target = folder.path().join("target");
    let output = usher(&["restore"], &[("--from", &good), ("--data", &target)]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("store.db") && !target.exists(), "{}", said(&output));

    let journal = Connection::open(data.join("journal.db")).unwrap();
    journal.execute("UPDATE entries SET bytes = x'0101ff' WHERE seq = 2", []).unwrap();
    drop(journal);
    let output = usher(&["backup"], &[("--data", &data), ("--to", &bad)]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(&format!("DAMAGED, will refuse to run: {event}")), "{}", said(&output));
    let output = usher(&["restore"], &[("--from", &bad), ("--data", &target)]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(target.join("journal.db").exists());
}
