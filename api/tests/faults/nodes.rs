//! Two nodes of one house over a CQL cluster, a bucket and a sandbox that they share: any of them sells, and each of them
//! may be killed, stopped or restarted under the buyers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use usher_core::EventId;
use usher_engine::adapters::cql::journal::{CqlJournal, JournalTimes};
use usher_engine::adapters::cql::{Cluster, ClusterSettings};
use usher_engine::journal::{Entry, Journal};
use usher_loadtest::audit::Payment;

use crate::bucket::with_bucket;
use crate::cassandra::Cassandra;
use crate::cluster::{Turn, in_cluster, node};
use crate::shared_sandbox::{SandboxProcess, free_port};
use crate::support::bucket_server::BucketServer;
use crate::support::crowd::{Audited, Crowd};
use crate::support::server::{Server, ServerSpec};
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

/// By when another node sells what a dead one sold.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(5);
/// By when a node shows what another one sold.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// Who tries to hold seats all the time, to see when nobody can.
const PROBES_COUNT: usize = 3;

/// Everything that the nodes share; ended when dropped.
pub(crate) struct House {
    pub(crate) a: ServerSpec,
    b: ServerSpec,
    keyspace: String,
    address: SocketAddr,
    pub(crate) sandbox: SandboxProcess,
    pub(crate) bucket: BucketServer,
    _folder: TempDir,
    /// Of the cluster that tests take in turn.
    _turn: Option<Turn>,
}

impl House {
    /// Nothing runs yet but what the nodes share.
    async fn prepared(test: &str, keyspace: &str) -> Option<Self> {
        let turn = node(test)?;
        let house = Self::on(turn.cassandra, keyspace, &[]).await?;
        Some(Self { _turn: Some(turn), ..house })
    }

    /// The same on that cluster, with further settings.
    pub(crate) async fn on(cassandra: &Cassandra, keyspace: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let bucket = BucketServer::own()?;
        let folder = tempfile::tempdir().unwrap();
        let (keys, port) = (folder.path().join("keys"), free_port());
        let common = with_bucket(&folder.path().join("a"), &bucket).await;
        let common = common
            .with("USHER__TICKET_STORE__DOWNLOADS", "through")
            .with("USHER__PAYMENTS__URL", &format!("http://127.0.0.1:{port}"));
        let common = settings.iter().fold(common, |common, (key, value)| common.with(key, value));
        let common = in_cluster(common, cassandra, keyspace, &keys);
        let named = |name: &str, data: PathBuf, port: u16| {
            let spec = ServerSpec { log: data.with_extension("log"), data, port, ..common.clone() };
            let url = spec.url();
            spec.with("USHER__NODE__ID", name).with("USHER__NODE__ADDRESS", &url)
        };
        let (a, b) =
            (named("a", folder.path().join("a"), free_port()), named("b", folder.path().join("b"), free_port()));
        // Webhooks come to the node that is asked second, which mostly is not the owner.
        let sandbox = SandboxProcess::start(&folder.path().join("sandbox"), &keys, port, &[&b, &a]);
        let (keyspace, address) = (keyspace.to_owned(), cassandra.addresses()[0]);
        Some(Self { a, b, keyspace, address, sandbox, bucket, _folder: folder, _turn: None })
    }

    pub(crate) async fn both(&self) -> (Server, Server) {
        let ((a, _), (b, _)) = tokio::join!(self.a.start_ready(), self.b.start_ready());
        (a, b)
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        vec![self.a.url(), self.b.url()]
    }

    /// What is in the journal of an event.
    async fn entries(&self, event: &str) -> Vec<Entry> {
        let home = home();
        let settings = ClusterSettings::new(vec![self.address.to_string()], &self.keyspace);
        let cluster = Cluster::connect(&settings, home.handle().clone()).await.unwrap();
        let journal = CqlJournal::open(cluster, JournalTimes::default()).await.unwrap();
        let event: EventId = event.parse().unwrap();
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after_seq = entries.last().map_or(0, |entry| entry.seq);
            let page = journal.read(event, after_seq, 1_000).await.unwrap();
            if page.is_empty() {
                home.shutdown_background();
                return entries;
            }
            entries.extend(page.into_iter().map(|sealed| sealed.entry));
        }
    }
}

fn home() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The same organizer at another node.
fn at(shop: &Shop, spec: &ServerSpec) -> Shop {
    Shop { url: spec.url(), ..shop.clone() }
}

async fn ready_sheet(shop: &Shop) -> Value {
    let (status, ready) = shop.try_call(Method::GET, "/readyz", None, None, None).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{ready}");
    ready["node"].clone()
}

async fn metric(shop: &Shop, name: &str) -> f64 {
    let all = shop.http.get(format!("{}/metrics", shop.url)).send().await.unwrap().text().await.unwrap();
    let of_name = all.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Buyers who hold one seat after the other, and note when they could.
struct Probes {
    held_at: Arc<Mutex<Vec<Instant>>>,
    stopping: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Probes {
    fn of(shop: &Shop, event: &str) -> Self {
        let (held_at, stopping) = (Arc::new(Mutex::new(vec![Instant::now()])), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for probe in 0..PROBES_COUNT {
            let (held_at, stopping) = (Arc::clone(&held_at), Arc::clone(&stopping));
            let (shop, event) = (shop.clone(), event.to_owned());
            tasks.spawn(async move {
                let buyer = shop.buyer().await;
                let mut number = 0;
                while !stopping.load(Ordering::Acquire) {
                    number += 1;
                    let asks = json!([{"kind": "best", "quantity": 1}]);
                    let key = format!("probe-{probe}-{number}");
                    if let Ok((StatusCode::CREATED, _)) = shop.hold(&event, &buyer, &key, asks).await {
                        held_at.lock().unwrap().push(Instant::now());
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        Self { held_at, stopping, tasks }
    }

    /// Waits until a hold succeeds that began after now.
    async fn hold_again(&self, within: Duration) {
        let began = Instant::now();
        // Two of each probe: the second was asked after the first was answered.
        let later = || self.held_at.lock().unwrap().iter().filter(|at| **at > began).count();
        while later() <= PROBES_COUNT {
            assert!(began.elapsed() < within, "nobody can hold a seat since {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The longest time in which nobody could.
    async fn longest_gap(mut self) -> Duration {
        self.stopping.store(true, Ordering::Release);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let held_at = self.held_at.lock().unwrap();
        held_at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

fn show() -> Show {
    Show { seats_count: 4_000, per_buyer_max: 1_000, ..Show::default() }
}

fn assert_sound(audited: &Audited) {
    assert!(audited.contradictions.is_empty(), "{:#?}", audited.contradictions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_sells_and_the_other_shows_it() {
    let Some(house) = House::prepared("any_node_sells_and_the_other_shows_it", "usher_two_nodes").await else { return };
    let (_a, _b) = house.both().await;
    let shop_a = Shop::open(&house.a.url()).await;
    let shop_b = at(&shop_a, &house.b);
    let event = shop_a.on_sale(&Show { seats_count: 100, ..Show::default() }).await;
    let sees_peer = |ready: &Value| ready["node"]["peers"] == json!(["a"]);
    let sheet = shop_b.until("/readyz", None, sees_peer).await["node"].clone();
    assert_eq!((&sheet["id"], &sheet["lease"]), (&json!("b"), &json!("held")));
    assert_eq!(ready_sheet(&shop_a).await["owned_events_count"], json!(1));

    let seats = format!("/api/v1/events/{event}/availability");
    let sees = async |shop: &Shop| {
        let (status, sheet) = shop.try_call(Method::GET, &seats, None, None, None).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{sheet}");
        sheet["available_count"].as_u64().unwrap()
    };
    let all = sees(&shop_b).await;
    let bought = Instant::now();
    let (buyer, order) = shop_b.buy(&event, "at-the-other-node", 2).await;
    while sees(&shop_b).await != all - 2 {
        assert!(bought.elapsed() < SHOWN_WITHIN * 3, "who bought here does not see it here");
    }
    let took = bought.elapsed();
    shop_a.until_paid(&order, &buyer).await;
    shop_b.until_paid(&order, &buyer).await;
    assert!(metric(&shop_b, "usher_forwarded_asks_total").await > 0.0, "it was not the owner");

    // The owner sells; the other shows it within a second.
    let one = shop_a.buyer().await;
    let asks = json!([{"kind": "best", "quantity": 3}]);
    let (status, hold) = shop_a.hold(&event, &one, "at-the-owner", asks).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    let held = Instant::now();
    while sees(&shop_b).await != all - 5 {
        assert!(held.elapsed() < SHOWN_WITHIN * 3, "the other node does not show it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let shown_after = held.elapsed();
    // The session and the key of one node are good at the other, and so is a page.
    let mine = shop_b.organize(Method::GET, "/events", None).await;
    assert_eq!(mine["data"][0]["event"], json!(event), "{mine}");
    let page = shop_b.http.get(format!("{}/events/{event}/seats", shop_b.url)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    // To everybody else there is nothing where nodes talk.
    let path = format!("/internal/v1/events/{event}/ask");
    let (status, _) = shop_a.try_call(Method::POST, &path, Some(&shop_a.key), None, Some(&json!({}))).await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
    figure(&format!(
        "two nodes: bought at the one that is not the owner in {} ms, shown there at once; what the owner sold was shown \
         by the other after {} ms",
        took.as_millis(),
        shown_after.as_millis()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_killed_under_a_crowd_is_followed_by_another_node() {
    let test = "an_owner_killed_under_a_crowd_is_followed_by_another_node";
    let Some(house) = House::prepared(test, "usher_killed_owner").await else { return };
    let (a, b) = house.both().await;
    let shop = Shop::open(&house.a.url()).await;
    let (sold, probed) = (shop.on_sale(&show()).await, shop.on_sale(&show()).await);
    let seed = u64::from(std::process::id());
    figure(&format!("nodes seed {seed}"));
    let mut crowd = Crowd::at(&shop, house.urls(), &sold, seed).await;
    crowd.come(6);
    // The first owner is the one that was asked to open the sales, and then the one that is left.
    let mut nodes = [(&house.a, Some(a)), (&house.b, Some(b))];
    let (rounds, mut gaps) = (if is_whole() { 10 } else { 1 }, Vec::new());
    for owner in (0..2).cycle().take(rounds) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let survivor = at(&shop, nodes[1 - owner].0);
        let probes = Probes::of(&survivor, &probed);
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        nodes[owner].1.take().unwrap().kill();
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        gaps.push(probes.longest_gap().await);
        let alone = |ready: &Value| ready["node"]["peers"] == json!([]) && ready["node"]["lease"] == json!("held");
        survivor.until("/readyz", None, alone).await;
        let (again, _) = nodes[owner].0.start_ready().await;
        nodes[owner].1 = Some(again);
    }
    let audited = crowd.leave_and_audit().await;
    assert_sound(&audited);
    let longest = gaps.iter().max().copied().unwrap_or_default();
    figure(&format!(
        "an owner killed under 6 buyers, {rounds} times: the longest gap between holds {:.2} s (each: {gaps:.1?}), {} \
         orders, 0 violations",
        longest.as_secs_f64(),
        audited.orders_told_count()
    ));
    assert!(longest <= TAKEN_OVER_WITHIN, "taken over after {longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_stopped_past_its_lease_commits_nothing_more_and_steps_down() {
    let test = "an_owner_stopped_past_its_lease_commits_nothing_more_and_steps_down";
    let Some(house) = House::prepared(test, "usher_stopped_owner").await else { return };
    let (a, b) = house.both().await;
    let shop = Shop::open(&house.a.url()).await;
    let event = shop.on_sale(&show()).await;
    let nodes = [(&house.a, a), (&house.b, b)];
    let (rounds, mut acknowledged_count) = (if is_whole() { 20 } else { 2 }, 0);
    for (round, owner) in (0..2).cycle().take(rounds).enumerate() {
        let (old, new) = (at(&shop, nodes[owner].0), at(&shop, nodes[1 - owner].0));
        let probes = Probes::of(&old, &event);
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        nodes[owner].1.signal("STOP");
        drop(probes);
        let probes = Probes::of(&new, &event);
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        let taken_over = house.entries(&event).await;
        let epoch = taken_over.last().unwrap().epoch;
        nodes[owner].1.signal("CONT");
        // It wakes in the belief that the event is its own, and is asked at once.
        let buyer = old.buyer().await;
        let began = Instant::now();
        loop {
            let asks = json!([{"kind": "best", "quantity": 1}]);
            let (status, answer) = old.hold(&event, &buyer, &format!("after-it-woke-{round}"), asks).await.unwrap();
            if status == StatusCode::CREATED {
                break;
            }
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
            assert!(began.elapsed() < TAKEN_OVER_WITHIN, "it neither steps down nor hands on: {answer}");
        }
        let owns_nothing = |ready: &Value| ready["node"]["owned_events_count"] == json!(0);
        old.until("/readyz", None, owns_nothing).await;
        probes.longest_gap().await;
        let entries = house.entries(&event).await;
        let after = entries.iter().skip(taken_over.len());
        assert!(after.clone().all(|entry| entry.epoch >= epoch), "an old epoch committed");
        acknowledged_count += after.count();
    }
    let entries = house.entries(&event).await;
    assert!(entries.windows(2).all(|pair| pair[0].epoch <= pair[1].epoch));
    figure(&format!(
        "an owner stopped past its lease and continued, {rounds} times: {acknowledged_count} entries by the new owner, 0 by \
         the old epoch, which stepped down each time"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_restarted_one_after_the_other_fail_no_purchase() {
    let Some(house) = House::prepared("nodes_restarted_one_after_the_other_fail_no_purchase", "usher_rolling").await
    else {
        return;
    };
    let (a, b) = house.both().await;
    let shop = Shop::open(&house.a.url()).await;
    let (sold, probed) = (shop.on_sale(&show()).await, shop.on_sale(&show()).await);
    let seed = u64::from(std::process::id());
    figure(&format!("nodes seed {seed}"));
    let mut crowd = Crowd::at(&shop, house.urls(), &sold, seed).await;
    crowd.come(6);
    let mut nodes = [(&house.a, Some(a)), (&house.b, Some(b))];
    let (rounds, mut gaps) = (if is_whole() { 10 } else { 2 }, Vec::new());
    for restarted in (0..2).cycle().take(rounds) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let probes = Probes::of(&at(&shop, nodes[1 - restarted].0), &probed);
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        let server = nodes[restarted].1.take().unwrap();
        let status = tokio::task::block_in_place(|| server.terminate());
        assert!(status.success(), "{status}");
        probes.hold_again(TAKEN_OVER_WITHIN * 4).await;
        gaps.push(probes.longest_gap().await);
        let (again, _) = nodes[restarted].0.start_ready().await;
        nodes[restarted].1 = Some(again);
    }
    let audited = crowd.leave_and_audit().await;
    assert_sound(&audited);
    // Whoever wanted a thing was told what came of it.
    let untold: Vec<u64> = audited
        .ledger
        .visits
        .iter()
        .filter(|visit| {
            let unpaid = |payment| matches!(payment, Payment::Unknown);
            visit.unknown_order || visit.order.as_ref().is_some_and(|order| unpaid(order.payment))
        })
        .map(|visit| visit.number)
        .collect();
    assert!(untold.is_empty(), "buyers {untold:?} were never told");
    let longest = gaps.iter().max().copied().unwrap_or_default();
    figure(&format!(
        "{rounds} restarts of two nodes in turn under 6 buyers: {} orders, 0 violations, 0 purchases failed; the longest \
         gap between holds {:.2} s",
        audited.orders_told_count(),
        longest.as_secs_f64()
    ));
}
