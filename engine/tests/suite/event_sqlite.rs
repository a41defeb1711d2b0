//! Events over SQLite: what was acknowledged is there, whatever happens to the process.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;
use usher_core::{Command, EventId, HoldId, OrderId, OrderState};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::event::{AskError, Standing};

use crate::support::events::{House, ask_all, hold};

const ONE: EventId = EventId(1);
const TWO: EventId = EventId(2);

fn house_in(folder: &Path) -> House {
    House::over(Folder::open(folder).unwrap().journal)
}

/// The files as a crash at this moment would leave them.
fn crashed(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("journal.db") && file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_hold_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_in(folder.path());
    let handle = house.on_sale(ONE).await;
    assert!(ask_all(&handle, (0..300).map(hold)).await.iter().all(Result::is_ok));
    let before = handle.view();
    let copy = crashed(folder.path());
    let house = house_in(copy.path());
    let handle = house.registry.handle(ONE).await.unwrap();
    let after = handle.view();
    assert_eq!((after.seq, after.counts), (before.seq, before.counts));
    assert_eq!(after.availability, before.availability);
    for n in 0..300 {
        assert!(handle.look_hold(HoldId(n)).await.unwrap().found.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_runs_to_its_end_over_a_drain_and_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_in(folder.path());
    let handle = house.on_sale(ONE).await;
    let buyer = usher_core::BuyerId(1);
    let order = OrderId(1);
    handle.ask(hold(1)).await.unwrap();
    handle.ask(Command::BeginCheckout { hold: HoldId(1), buyer, order }).await.unwrap();
    drop(handle);
    house.registry.drain().await;
    drop(house);
    // After a drain nothing holds the folder: it opens at once.
    let house = house_in(folder.path());
    let total_minor = usher_core::Minor(4_500);
    for command in [
        Command::ConfirmOrder { order, authorized_minor: total_minor },
        Command::RecordCapture { order, captured_minor: total_minor },
    ] {
        house.registry.ask(ONE, command).await.unwrap();
    }
    let looked = house.registry.look_order(ONE, order).await.unwrap();
    assert_eq!(looked.found.map(|order| order.state), Some(OrderState::Paid));
    assert_eq!(house.registry.view(ONE).await.unwrap().counts.sold_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_middle_refuses_its_event_by_name_and_the_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_in(folder.path());
    for event in [ONE, TWO] {
        let handle = house.on_sale(event).await;
        for n in 0..5 {
            handle.ask(hold(n)).await.unwrap();
        }
    }
    let copy = crashed(folder.path());
    let damage = "UPDATE entries SET bytes = x'0101ff' WHERE event = ?1 AND seq = 4";
    let journal = Connection::open(copy.path().join("journal.db")).unwrap();
    assert_eq!(journal.execute(damage, [ONE.0.to_be_bytes()]).unwrap(), 1);
    drop(journal);
    let house = house_in(copy.path());
    let refused = house.registry.ask(ONE, hold(9)).await;
    assert!(matches!(&refused, Err(AskError::Unavailable(why)) if why.contains("damaged at entry 4")), "{refused:?}");
    assert!(house.registry.ask(TWO, hold(9)).await.is_ok());
    let standings: Vec<_> = house.registry.statuses().into_iter().map(|status| status.standing).collect();
    assert!(matches!(standings[0], Standing::Down { needs_operator: true, .. }));
    assert_eq!(standings[1], Standing::Running);
}
