//! How soon a server sells again after a crash when its journal is long.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::json;
use usher_core::{BuyerId, Fact, HoldId, HoldLine, Minor, Place, SeatIdx, UnixMillis};
use usher_engine::journal::{Entry, SealedEntry};

use crate::support::server::{Server, ServerSpec};
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

/// Rows of the long journal.
const ROWS_COUNT: u64 = 100_000;
/// What the promise is; asserted only in the whole run, on a machine that does nothing else.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// What is asserted everywhere.
const READY_WITHIN_ANYWHERE: Duration = Duration::from_secs(30);

/// Lengthens the journal of the only event, as holds placed and given back would, one entry each.
fn lengthen(data: &Path) {
    let mut conn = Connection::open(data.join("journal.db")).unwrap();
    type Head = ([u8; 16], u64, u64, [u8; 32]);
    let (event, epoch, seq, mut hash): Head = conn
        .query_row("SELECT event, epoch, head_seq, head_hash FROM heads", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let transaction = conn.transaction().unwrap();
    let mut insert = transaction.prepare("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)").unwrap();
    let last = seq + ROWS_COUNT;
    for seq in seq + 1..=last {
        let number = u128::from(seq / 2 + 1_000_000);
        let placed_at = UnixMillis(1_800_000_000_000);
        let fact = if seq % 2 == 0 {
            let seat = SeatIdx(u32::try_from(number % 1_000).unwrap());
            let line = HoldLine { place: Place::Seat(seat), price_minor: Minor(2_500) };
            Fact::HoldPlaced {
                hold: HoldId(number),
                buyer: BuyerId(number),
                placed_at,
                expires_at: placed_at.plus_ms(480_000),
                asks_digest: 1,
                lines: vec![line],
            }
        } else if seq == last - ROWS_COUNT + 1 {
            // Nothing to give back yet.
            Fact::Paused
        } else {
            Fact::HoldReleased { hold: HoldId(number) }
        };
        let facts = if fact == Fact::Paused { vec![Fact::Paused, Fact::Resumed] } else { vec![fact] };
        let sealed = SealedEntry::seal(Entry { seq, epoch, at: placed_at, facts }, hash);
        insert.execute(params![event, seq, epoch, sealed.prev_hash, sealed.hash, sealed.bytes]).unwrap();
        hash = sealed.hash;
    }
    drop(insert);
    transaction.execute("UPDATE heads SET head_seq = ?1, head_hash = ?2", params![last, hash]).unwrap();
    transaction.commit().unwrap();
}

/// Starts the server and holds a place at once; tells how long it took until it was ready and until it had sold.
async fn sells_again(spec: &ServerSpec, shop: &Shop, event: &str, key: &str) -> (Server, Duration, Duration) {
    let began = Instant::now();
    let (server, ready) = spec.start_ready().await;
    let buyer = shop.buyer().await;
    let (status, hold) = shop.hold(event, &buyer, key, json!([{"kind": "best", "quantity": 1}])).await.unwrap();
    assert_eq!(status, 201, "{hold}");
    (server, ready, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_a_journal_of_a_hundred_thousand_rows_sells_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let spec = ServerSpec::new(&data);
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 5_000, ..Show::default() }).await;
    server.terminate();
    lengthen(&data);
    // The first start also projects all of it; what follows is what a crash meets.
    let (server, ..) = sells_again(&spec, &shop, &event, "the-first-one").await;
    let projected = Instant::now();
    while checkpoint(&data) < ROWS_COUNT && projected.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.kill();
    let (server, ready, sold) = sells_again(&spec, &shop, &event, "with-a-snapshot").await;
    server.kill();
    Connection::open(data.join("journal.db")).unwrap().execute("DELETE FROM snapshots", []).unwrap();
    let (_server, ready_bare, sold_bare) = sells_again(&spec, &shop, &event, "without-snapshot").await;
    figure(&format!(
        "{ROWS_COUNT} journal rows after SIGKILL: ready {ready:?}, first hold {sold:?}; without any snapshot ready \
         {ready_bare:?}, first hold {sold_bare:?}"
    ));
    let within = if is_whole() { READY_WITHIN } else { READY_WITHIN_ANYWHERE };
    assert!(sold.max(sold_bare) < within);
}

fn checkpoint(data: &Path) -> u64 {
    let conn = Connection::open(data.join("views.db")).unwrap();
    conn.query_row("SELECT max(seq) FROM checkpoints", [], |row| row.get(0)).unwrap_or(0)
}
