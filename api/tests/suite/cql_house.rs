//! A house whose journal is in a CQL cluster, chosen by its settings alone.

#[path = "../../../engine/tests/cassandra/shared.rs"]
mod shared;

use reqwest::{Method, StatusCode};
use serde_json::json;
use usher::config::{CopiesSettings, JournalSettings, Settings};
use usher_engine::clock::Clock;

use crate::command_line::{errors, usher};
use crate::support::TestHouse;

const VISA: &str = "4242424242424242";

/// Changes settings so that the journal is in this keyspace of that cluster.
fn in_keyspace(cql: &shared::Cql, keyspace: &str) -> impl FnOnce(&mut Settings) + use<> {
    let journal = JournalSettings::Cql {
        contact_points: cql.contact_points(),
        keyspace: keyspace.to_owned(),
        replication: CopiesSettings::Count(cql.copies_count()),
        datacenter: None,
        username: None,
        password: None,
    };
    move |settings| settings.journal = journal
}

#[actix_web::test]
async fn a_sale_runs_to_its_end_in_a_cluster_and_over_a_restart() {
    let test = "a_sale_runs_to_its_end_in_a_cluster_and_over_a_restart";
    let Some(cql) = shared::shared(test) else { return };
    let keyspace = format!("usher_http_{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = usher(arguments);
        command
            .env("USHER__STORES__FOLDER", folder.path().join("data"))
            .env("USHER__JOURNAL__KIND", "cql")
            .env("USHER__JOURNAL__CONTACT_POINTS", format!("{:?}", cql.contact_points()))
            .env("USHER__JOURNAL__KEYSPACE", &keyspace)
            .env("USHER__JOURNAL__REPLICATION", cql.copies_count().to_string());
        command.output().unwrap()
    };
    let unmigrated = command(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(unmigrated.status.code(), Some(2), "{}", errors(&unmigrated));
    assert!(errors(&unmigrated).contains("usher migrate"), "{}", errors(&unmigrated));
    let migrated = command(&["migrate"]);
    assert!(migrated.status.success(), "{}", errors(&migrated));

    let house = TestHouse::start_in(folder, Clock::system(), in_keyspace(cql, &keyspace)).await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let buyer = house.buyer().await;
    let asks = json!([{"kind": "best", "quantity": 2}]);
    let (status, hold) = house.hold(&event, &buyer, "hold-key-1", asks.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    let (status, order) = house.checkout(&event, hold["hold"].as_str().unwrap(), &buyer, "order-key-1").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    house.pay(&order["payment"], VISA).await;
    let path = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());
    house.until(&path, Some(&buyer), |order| order["state"] == "paid").await;
    let (status, ready) = house.call(Method::GET, "/readyz", None, None).await;
    assert_eq!((status, &ready["journal"]), (StatusCode::OK, &json!("cql")));

    let folder = house.stop().await;
    let house = TestHouse::start_in(folder, Clock::system(), in_keyspace(cql, &keyspace)).await;
    house.until(&path, Some(&buyer), |order| order["state"] == "paid").await;
    // The same key finds the same hold; nothing was sold twice or forgotten.
    let (status, again) = house.hold(&event, &buyer, "hold-key-1", asks).await;
    assert_eq!((status, &again["hold"]), (StatusCode::CREATED, &hold["hold"]), "{again}");
    let folder = house.stop().await;

    // Without its journal the folder's events would be sold anew.
    let data = folder.path().join("data");
    let embedded = usher(&["serve", "--listen", "127.0.0.1:0"]).env("USHER__STORES__FOLDER", &data).output().unwrap();
    assert_eq!(embedded.status.code(), Some(2));
    assert!(errors(&embedded).contains(&keyspace), "{}", errors(&embedded));
    let backup = usher(&["backup", "--data"]).arg(&data).arg("--to").arg(folder.path().join("copy")).output().unwrap();
    assert!(!backup.status.success() && errors(&backup).contains(&keyspace), "{}", errors(&backup));
}

#[actix_web::test]
async fn a_folder_with_a_journal_of_its_own_takes_no_cluster() {
    let Some(cql) = shared::shared("a_folder_with_a_journal_of_its_own_takes_no_cluster") else { return };
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    house.event_on_sale(&key, 4_500).await;
    let folder = house.stop().await;
    let refused = usher(&["serve", "--listen", "127.0.0.1:0"])
        .env("USHER__STORES__FOLDER", folder.path().join("data"))
        .env("USHER__JOURNAL__KIND", "cql")
        .env("USHER__JOURNAL__CONTACT_POINTS", format!("{:?}", cql.contact_points()))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("its own journal"), "{}", errors(&refused));
}
