//! Everything in a CQL cluster: a server that loses its data folder finds all of it again, and one whose cluster hangs
//! says so, to everybody and soon.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bucket::{ticket_path, with_bucket};
use crate::cassandra::{Cassandra, jars, skip};
use crate::support::bucket_server::BucketServer;
use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

const PRICE_MINOR: u64 = 2_500;
/// By when everybody is told that the cluster does not answer.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// By when it sells again after the cluster has gone on.
const SELLING_WITHIN: Duration = Duration::from_secs(5);

/// A node for one test at a time, since a test may stop it.
pub(crate) struct Turn {
    pub(crate) cassandra: &'static Cassandra,
    _turn: MutexGuard<'static, ()>,
}

pub(crate) fn node(test: &str) -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    static NODE: OnceLock<Option<Cassandra>> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let node = NODE.get_or_init(|| jars().map(|jars| Cassandra::start(&jars, 1)));
    if node.is_none() {
        skip(test);
    }
    Some(Turn { cassandra: node.as_ref()?, _turn: turn })
}

/// A server with stores and journal in a keyspace of their own, which is migrated.
pub(crate) fn in_cluster(spec: ServerSpec, cassandra: &Cassandra, keyspace: &str, keys: &Path) -> ServerSpec {
    let contact_points: Vec<String> = cassandra.addresses().iter().map(ToString::to_string).collect();
    let spec = spec
        .with("USHER__STORES__KIND", "cql")
        .with("USHER__JOURNAL__KIND", "cql")
        .with("USHER__JOURNAL__CONTACT_POINTS", &format!("{contact_points:?}"))
        .with("USHER__JOURNAL__KEYSPACE", keyspace)
        .with("USHER__JOURNAL__REPLICATION", &contact_points.len().min(3).to_string())
        .with("USHER__KEYS__FOLDER", &keys.display().to_string())
        .with("USHER__JOBS__LEASE", "10s");
    let migrated = spec.command(&["migrate"]).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    spec
}

async fn pdf(shop: &Shop, path: &str, buyer: &str) -> Vec<u8> {
    let answer = shop.http.get(format!("{}{path}", shop.url)).bearer_auth(buyer).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let pdf = answer.bytes().await.unwrap().to_vec();
    assert!(pdf.starts_with(b"%PDF"));
    pdf
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loses_its_folder_finds_everything_in_the_cluster() {
    let Some(turn) = node("a_server_that_loses_its_folder_finds_everything_in_the_cluster") else { return };
    let Some(bucket) = BucketServer::own() else { return };
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let spec = with_bucket(&folder.path().join("data"), &bucket).await;
    let spec = spec.with("USHER__TICKET_STORE__DOWNLOADS", "through");
    let mut spec = in_cluster(spec, turn.cassandra, "usher_lost_folder", &keys);
    let (server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show { seats_count: 40, price_minor: PRICE_MINOR, ..Show::default() }).await;
    let (buyer, order) = shop.buy(&event, "before-the-loss", 2).await;
    let paid = shop.until_paid(&order, &buyer).await;
    let path = ticket_path(&paid, 0);
    let ticket = pdf(&shop, &path, &buyer).await;
    let seats = format!("/api/v1/events/{event}/availability");
    let (_, availability) = shop.try_call(Method::GET, &seats, None, None, None).await.unwrap();
    server.kill();

    spec.data = folder.path().join("another");
    assert!(!spec.data.exists());
    let (server, _) = spec.start_ready().await;
    // The account by its password, its key, its event and what was sold of it.
    let form = json!({"email": "o@example.org", "password": "correct horse"});
    let login = shop.http.post(format!("{}/api/v1/sessions", shop.url)).json(&form).send().await.unwrap();
    assert!(login.status().is_success(), "{}", login.status());
    let mine = shop.organize(Method::GET, "/events", None).await;
    assert_eq!(mine["data"][0]["event"], json!(event), "{mine}");
    let sales = shop.organize(Method::GET, &format!("/events/{event}/sales"), None).await;
    assert_eq!((&sales["sold_count"], &sales["captured_minor"]), (&json!(2), &json!(2 * PRICE_MINOR)));
    // The order and its tickets, by what its buyer has in hand.
    let found = shop.until_paid(&order, &buyer).await;
    assert_eq!(found["lines"], paid["lines"]);
    assert!(pdf(&shop, &path, &buyer).await == ticket, "another ticket");
    let (_, now) = shop.try_call(Method::GET, &seats, None, None, None).await.unwrap();
    assert_eq!((&now["seats"], &now["phase"]), (&availability["seats"], &availability["phase"]));
    // And it goes on: the next buyer gets other seats, and their tickets.
    let (other, next) = shop.buy(&event, "after-the-loss", 10).await;
    let next = shop.until_paid(&next, &other).await;
    assert_eq!(next["lines"].as_array().unwrap().len(), 10, "{next}");
    let (_, ready) = shop.try_call(Method::GET, "/readyz", None, None, None).await.unwrap();
    assert_eq!((&ready["stores"], &ready["journal"], &ready["degraded"]), (&json!("cql"), &json!("cql"), &json!([])));

    let refused = |arguments: &[&str], by: &str| {
        let told = spec.command(arguments).output().unwrap();
        assert!(!told.status.success(), "{arguments:?}");
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains(by), "{arguments:?}: {told}");
    };
    let (data, copy) = (spec.data.display().to_string(), folder.path().join("copy").display().to_string());
    refused(&["serve", "--listen", "127.0.0.1:0"], "in use by another process");
    refused(&["backup", "--data", &data, "--to", &copy], "nodetool snapshot");
    refused(&["rebuild-views"], "--nobody-serves");
    // Accounts are made beside a server that serves.
    let account = ["create-account", "--email", "admin@example.org", "--organizer", "House", "--admin"];
    let mut account = spec.command(&account);
    let mut account = account.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    account.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    assert!(account.wait().unwrap().success());
    server.terminate();
    let rebuilt = spec.command(&["rebuild-views", "--nobody-serves"]).output().unwrap();
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let (_server, _) = spec.start_ready().await;
    let sales = shop.organize(Method::GET, &format!("/events/{event}/sales"), None).await;
    assert_eq!(sales["sold_count"], json!(12));
    let form = json!({"email": "admin@example.org", "password": "correct horse"});
    let login = shop.http.post(format!("{}/api/v1/sessions", shop.url)).json(&form).send().await.unwrap();
    assert!(login.status().is_success(), "{}", login.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_cluster_hangs_everybody_is_told_within_two_seconds() {
    let Some(turn) = node("while_the_cluster_hangs_everybody_is_told_within_two_seconds") else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = ServerSpec::new(&folder.path().join("data"));
    let spec = in_cluster(spec, turn.cassandra, "usher_hung", &folder.path().join("keys"));
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let event = shop.on_sale(&Show::default()).await;
    let (buyer, order) = shop.buy(&event, "before-it-hangs", 1).await;
    shop.until_paid(&order, &buyer).await;
    let order = format!("/api/v1/orders/{}", order["order"].as_str().unwrap());

    turn.cassandra.pause(0);
    let hung = Instant::now();
    let spell = Duration::from_secs(if is_whole() { 30 } else { 8 });
    let (mut told_count, mut longest) = (0, Duration::ZERO);
    while hung.elapsed() < spell {
        let looks = [order.clone(), format!("/events/{event}"), "/api/v1/organizer/events".to_owned()];
        let holds = (0..20).map(|number| told_of_hold(&shop, &event, format!("hung-{told_count}-{number}")));
        let looks = looks.map(|path| told_of_look(&shop, path));
        let ready = told(shop.http.get(format!("{}/readyz", shop.url)));
        let (holds, looks, ready) =
            tokio::join!(futures_util::future::join_all(holds), futures_util::future::join_all(looks), ready);
        assert!(ready.detail.contains("the stores does not answer"), "{}", ready.detail);
        for told in holds.into_iter().chain(looks).chain([ready]) {
            longest = longest.max(told.took);
            told_count += 1;
        }
    }
    turn.cassandra.resume(0);
    let resumed = Instant::now();
    let mut number = 0;
    loop {
        number += 1;
        let asks = json!([{"kind": "best", "quantity": 1}]);
        let buyer = shop.buyer().await;
        let (status, answer) = shop.hold(&event, &buyer, &format!("resumed-{number}"), asks).await.unwrap();
        if status == StatusCode::CREATED {
            break;
        }
        assert!(resumed.elapsed() < SELLING_WITHIN, "it does not sell again: {status} {answer}");
    }
    let selling_after = resumed.elapsed();
    assert!(longest <= TOLD_WITHIN, "somebody waited {longest:?}");
    shop.until("/readyz", None, |ready| ready["status"] == "ready").await;
    let (buyer, order) = shop.buy(&event, "after-it-hung", 2).await;
    shop.until(&format!("/api/v1/orders/{}", order["order"].as_str().unwrap()), Some(&buyer), |order| {
        order["state"] == "paid"
    })
    .await;
    figure(&format!(
        "stores and journal hung for {spell:?}: {told_count} of {told_count} told 503 with Retry-After, the last after \
         {:.2} s; selling again {:.2} s after it went on",
        longest.as_secs_f64(),
        selling_after.as_secs_f64()
    ));
}

/// What somebody was told, and after how long.
struct Told {
    took: Duration,
    detail: String,
}

async fn told_of_hold(shop: &Shop, event: &str, key: String) -> Told {
    let buyer = shop.buyer().await;
    let path = format!("{}/api/v1/events/{event}/holds", shop.url);
    let asks = json!({"asks": [{"kind": "best", "quantity": 1}]});
    told(shop.http.post(path).bearer_auth(buyer).header("Idempotency-Key", key).json(&asks)).await
}

async fn told_of_look(shop: &Shop, path: String) -> Told {
    told(shop.http.get(format!("{}{path}", shop.url)).bearer_auth(&shop.key)).await
}

/// Sends it; the answer must be a 503 that says when to come back.
async fn told(request: reqwest::RequestBuilder) -> Told {
    let asked = Instant::now();
    let answer = request.send().await.unwrap();
    let (took, status, url) = (asked.elapsed(), answer.status(), answer.url().path().to_owned());
    let comes_back = answer.headers().get("retry-after").is_some();
    let text = answer.text().await.unwrap();
    assert_eq!((status, comes_back), (StatusCode::SERVICE_UNAVAILABLE, true), "{url}: {text}");
    let problem: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Told { took, detail: problem["detail"].as_str().unwrap_or_default().to_owned() }
}
