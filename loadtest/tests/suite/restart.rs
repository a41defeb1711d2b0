//! Buyers, ledger and auditor over a server that is killed in the middle of the sale and comes back.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use usher_loadtest::audit::audit;
use usher_loadtest::client::{Api, Patience};
use usher_loadtest::drive::{Crowd, drive};
use usher_loadtest::inspect::Inspector;
use usher_loadtest::run::{settle, world_of};
use usher_loadtest::server::{Server, find_binary};

/// Long enough for a start without optimization on a busy machine.
const GONE_MAX: Duration = Duration::from_secs(60);

/// How long the server is away: some buyers arrive every second.
const DOWN: Duration = Duration::from_millis(700);

/// Jobs that died with the server are taken again when their lease ends.
const LEASE: [(&str, &str); 1] = [("USHER__JOBS__LEASE", "5s")];

/// The port must be the same after the restart, so it is picked before the first start.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_kill_in_the_middle_of_the_sale_contradicts_nothing_that_buyers_were_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (binary, folder, address) = (find_binary(None).unwrap(), tempfile::tempdir().unwrap(), free_address());
        let server = Server::start(&binary, folder.path(), address, &LEASE).await.unwrap();
        let api = Api::new(vec![server.demo.url.clone()]).unwrap();
        let inspector = Inspector::with_key(api.clone(), server.demo.api_key.clone());
        let found = inspector.find_event(None).await.unwrap();
        let world = Arc::new(world_of(&inspector, &found, 1, Patience { gone_max: GONE_MAX }).await.unwrap());
        let duration = Duration::from_secs(8);
        let crowd = Crowd { seed: 1, rate_per_s: 15.0, burst_count: 10, duration, only: None, buyers_max: 500 };
        let buyers = tokio::spawn({
            let world = Arc::clone(&world);
            async move { drive(&world, crowd).await }
        });
        while world.live.paid_count.load(Ordering::Relaxed) < 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.kill().unwrap();
        // A start takes milliseconds: without a pause no buyer may happen to ask meanwhile.
        tokio::time::sleep(DOWN).await;
        let server = Server::start(&binary, folder.path(), address, &LEASE).await.unwrap();
        let driven = buyers.await.unwrap();
        assert!(driven.panics.is_empty(), "{:?}", driven.panics);
        let broken = driven.outcomes.iter().map(|outcome| outcome.notes.broken.len()).sum::<usize>();
        assert!(broken > 0, "the kill came too late to be noticed");

        // The demo makes a new key at each start.
        let inspector = Inspector::with_key(api, server.demo.api_key.clone());
        let mut ledger = driven.ledger();
        let within = Duration::from_secs(120);
        let (books, mut contradictions) = settle(&inspector, &world, &mut ledger, true, within, |_| {}).await.unwrap();
        contradictions.extend(audit(&ledger, &books));
        assert!(contradictions.is_empty(), "{contradictions:#?}");
        server.stop().unwrap();
    });
}
