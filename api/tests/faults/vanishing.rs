//! Clients who hang up in the middle of a request and repeat it under the same key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::raw::{Wire, hold_of};
use crate::support::server::ServerSpec;
use crate::support::shop::{Shop, Show};
use crate::support::{figure, is_whole};

/// The parts of an answer that must never change.
fn promise(answer: &Value) -> Value {
    json!([answer["hold"], answer["places"], answer["total_minor"], answer["placed_at"], answer["expires_at"]])
}

/// Vanishes at a random moment; what was heard before, if anything.
async fn vanish(to: SocketAddr, request: &[u8], chance: &mut StdRng) -> Option<Value> {
    let mut wire = Wire::open(to).await.unwrap();
    let sent = match chance.random_range(0..3) {
        0 => chance.random_range(0..request.len()),
        _ => request.len(),
    };
    wire.stream.write_all(&request[..sent]).await.unwrap();
    if sent < request.len() {
        return None;
    }
    let patience = Duration::from_micros(chance.random_range(0..4_000));
    let heard = tokio::time::timeout(patience, wire.read()).await;
    heard.ok().and_then(Result::ok).map(|response| promise(&response.json()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_vanishes_and_repeats_under_the_same_key_gets_the_same_answer_every_time() {
    let wanted: u32 = if is_whole() { 10_000 } else { 1_000 };
    let folder = tempfile::tempdir().unwrap();
    let spec = ServerSpec::new(&folder.path().join("data"));
    let (_server, _) = spec.start_ready().await;
    let shop = Shop::open(&spec.url()).await;
    let show = Show { seats_count: 12_000, per_buyer_max: u16::MAX, ..Show::default() };
    let event = shop.on_sale(&show).await;
    let buyer = shop.buyer().await;
    let to: SocketAddr = ([127, 0, 0, 1], spec.port).into();
    let (next, heard_count) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let clients = (0..16_u64).map(|client| {
        let (next, heard_count) = (Arc::clone(&next), Arc::clone(&heard_count));
        let (event, buyer) = (event.clone(), buyer.clone());
        tokio::spawn(async move {
            let mut chance = StdRng::seed_from_u64(client);
            let mut wire = Wire::open(to).await.unwrap();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wanted {
                    break;
                }
                let request = hold_of(&event, &buyer, &format!("vanishing-{number}"), number);
                let heard = vanish(to, &request, &mut chance).await;
                let mut answers = Vec::new();
                for _ in 0..2 {
                    let answer = wire.ask(&request).await.unwrap();
                    assert_eq!(answer.status, 201, "{}", answer.json());
                    answers.push(promise(&answer.json()));
                }
                assert_eq!(answers[0], answers[1]);
                if let Some(heard) = heard {
                    heard_count.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(heard, answers[0]);
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let sales = format!("/api/v1/organizer/events/{event}/sales");
    let sales = shop.until(&sales, Some(&shop.key), |sales| sales["held_count"].is_u64()).await;
    assert_eq!(sales["held_count"], json!(wanted), "each key has one hold");
    let heard = heard_count.load(Ordering::Relaxed);
    figure(&format!(
        "{wanted} of {wanted} clients who vanished and repeated were answered the same ({heard} had heard the first answer)"
    ));
}
