//! The machine's clock leaps and runs while holds are out: they end by elapsed time all the same.
//!
//! The wall clock of the server's process is bent with libfaketime, which leaves the monotonic clock alone, as NTP and
//! operators do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};
use crate::support::{figure, skipped};

/// How long holds last here.
const HOLD_MS: u64 = 4_000;
/// How much earlier than that none may end.
const EARLY_MAX: Duration = Duration::from_secs(1);
/// How much later all have ended, on a machine that is busy with other things.
const LATE_MAX: Duration = Duration::from_secs(20);
/// Where Debian puts it, for each architecture.
const LIBRARIES: &str = "/usr/lib";

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir(LIBRARIES).ok()?;
    let paths = folders.filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")));
    paths.into_iter().find(|path| path.exists())
}

/// A server whose wall clock goes as the file says.
fn bent(data: &Path, library: &Path, file: &Path) -> ServerSpec {
    ServerSpec::new(data)
        .with("LD_PRELOAD", &library.display().to_string())
        .with("FAKETIME_TIMESTAMP_FILE", &file.display().to_string())
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("DONT_FAKE_MONOTONIC", "1")
}

/// The server's wall clock as its responses tell it, in seconds.
async fn wall_of(shop: &Shop) -> i64 {
    let answer = shop.http.get(format!("{}/healthz", shop.url)).send().await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap().to_owned();
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date).unwrap();
    date.as_second()
}

fn wall_here() -> i64 {
    jiff::Timestamp::now().as_second()
}

async fn held_count(shop: &Shop, event: &str) -> u64 {
    let path = format!("/api/v1/organizer/events/{event}/sales");
    let sales = shop.until(&path, Some(&shop.key), |sales| sales["held_count"].is_u64()).await;
    sales["held_count"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_end_by_elapsed_time_whatever_the_wall_clock_does() {
    let Some(library) = library() else { return skipped("libfaketime is not installed: a wrong wall clock") };
    for (name, bend) in [("two hours forward", "+2h"), ("a day back", "-1d"), ("60 times too fast", "+0 x60")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time");
        std::fs::write(&file, "+0\n").unwrap();
        let (server, _) = bent(&folder.path().join("data"), &library, &file).start_ready().await;
        let shop = Shop::open(&server.url).await;
        let event = shop.on_sale(&Show { hold_ms: HOLD_MS, ..Show::default() }).await;
        let buyer = shop.buyer().await;
        let asks = json!([{"kind": "best", "quantity": 2}]);
        let before = Instant::now();
        let (status, hold) = shop.hold(&event, &buyer, "a-hold-key", asks).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{hold}");
        let after = Instant::now();
        std::fs::write(&file, format!("{bend}\n")).unwrap();

        let certain = Duration::from_millis(HOLD_MS) - EARLY_MAX;
        // The date of responses is read twice a second.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let apart_s = wall_of(&shop).await.abs_diff(wall_here());
        assert!(apart_s >= 5, "{name}: the server's wall clock is not bent: {apart_s} s");
        let path = format!("/api/v1/events/{event}/holds/{}", hold["hold"].as_str().unwrap());
        while before.elapsed() < certain {
            let (status, sheet) = shop.try_call(Method::GET, &path, Some(&buyer), None, None).await.unwrap();
            let early = before.elapsed();
            assert!(status == StatusCode::OK || early >= certain, "{name}: ended after {early:?}: {sheet}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while held_count(&shop, &event).await > 0 {
            assert!(after.elapsed() < Duration::from_millis(HOLD_MS) + LATE_MAX, "{name}: a hold is stuck");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ended_after = before.elapsed();
        figure(&format!("wall clock {name}: a hold of {HOLD_MS} ms ended after {ended_after:?}"));
        // Money and tickets go on too.
        let (buyer, order) = shop.buy(&event, "after-the-leap", 1).await;
        let paid: Value = shop.until_paid(&order, &buyer).await;
        assert_eq!(paid["state"], "paid");
    }
}
