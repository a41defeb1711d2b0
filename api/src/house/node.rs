//! This house among others: its lease, and the way to the other nodes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use sha2::Sha256;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use usher_core::EventId;
use usher_engine::adapters::cql::CqlLeases;
use usher_engine::checkout::Runner;
use usher_engine::clock::Clock;
use usher_engine::cluster::{
    Forward, ForwardError, LeaseTimes, Member, NodeLease, NodeRun, OnMoved, Reply, encode_request,
};
use usher_engine::event::{AskError, Request};
use usher_engine::ids;
use usher_engine::orders::Projector;

use super::journal::wait;
use super::parts::PayerLater;
use super::stores::Kept;
use crate::access::seal::{NODE, SEAL, Sealed, TIME};
use crate::config::{Fault, NodeSettings};
use crate::problem::kinds;
use crate::state::NodeKey;

/// How long another node may take to let a connection in: it is near, or it is gone.
const CONNECT_MAX: Duration = Duration::from_millis(500);
/// How long it may take to answer. An event that does not know what became of a command says so before.
const ANSWER_MAX: Duration = Duration::from_millis(1_950);
/// Idle connections are dropped before the other side does it.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// After an event changed hands: what its owner before still projected is in the views by then.
const WOKEN_AFTER: Duration = Duration::from_secs(3);
/// Events whose orders are gone through at the same time: a node may inherit thousands at once.
const WAKES_AT_ONCE_MAX: usize = 8;

/// This node's place among the others.
pub(super) struct Among {
    pub(super) member: Member,
    /// What nodes prove themselves to each other with.
    pub(super) key: NodeKey,
}

/// Takes this node's place among the others; `None` when it is the only one. Blocks; meant for the start of a program.
pub(super) fn join(
    settings: &NodeSettings,
    kept: &Kept,
    house_key: Option<&[u8; 32]>,
    (projector, payer_later): (&Projector, &PayerLater),
    home: &Handle,
) -> Result<Option<Among>, Fault> {
    let fault = |what: String| Fault { key: "node".to_owned(), what };
    // Without the house's key the house does not open anyway.
    let Some(house_key) = house_key.filter(|_| settings.is_one_of_several()) else { return Ok(None) };
    let key = key_of(house_key);
    let (projector, payer_later, runtime) = (projector.clone(), payer_later.clone(), home.clone());
    let turns = Arc::new(Semaphore::new(WAKES_AT_ONCE_MAX));
    let on_moved: OnMoved = Arc::new(move |event| {
        projector.let_go(event);
        if let Some(payer) = payer_later.get() {
            let turns = Arc::clone(&turns);
            runtime.spawn(async move { wake_owed(&payer, event, &turns).await });
        }
    });
    let Some(cluster) = kept.cluster.clone() else {
        return Err(fault("several nodes need their stores in a cluster".to_owned()));
    };
    let run = NodeRun { node: settings.id.clone(), incarnation: ids::fresh() };
    let me = NodeLease { run, address: settings.address.trim_end_matches('/').to_owned() };
    let times = LeaseTimes::of(settings.lease.0);
    wait(home, async move {
        let leases = CqlLeases::open(&cluster).await.map_err(|error| fault(error.to_string()))?;
        let member = Member::new(Arc::new(leases), me, times, on_moved);
        member.join().await.map_err(|error| fault(error.to_string()))?;
        Ok(Some(Among { member, key }))
    })
}

/// Wakes what the owner before may have heard of and left.
async fn wake_owed(payer: &Runner, event: EventId, turns: &Semaphore) {
    tokio::time::sleep(WOKEN_AFTER).await;
    // The semaphore is never closed.
    let _turn = turns.acquire().await;
    match payer.wake_owed(event).await {
        Ok(0) => {}
        Ok(orders_count) => tracing::info!(%event, orders_count, "orders that the owner before left are gone on with"),
        Err(error) => tracing::warn!(%event, %error, "orders that the owner before left wait for the reconciler"),
    }
}

/// The key that nodes prove themselves to each other with.
fn key_of(house_key: &[u8; 32]) -> NodeKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(house_key).expect("HMAC takes keys of any length");
    mac.update(b"usher node key 1");
    NodeKey(mac.finalize().into_bytes().into())
}

/// The way to other nodes.
pub(super) fn forward(from: &Member, key: &NodeKey, clock: &Clock, runtime: &Handle) -> Result<Forward, Fault> {
    let client = Client::builder()
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .map_err(|error| Fault { key: "node".to_owned(), what: error.to_string() })?;
    let wire = Arc::new(Wire { client, node: from.me().run.node.clone(), key: key.clone(), clock: clock.clone() });
    let runtime = runtime.clone();
    Ok(Arc::new(move |to, event, request| {
        let wire = Arc::clone(&wire);
        // Connections live on the house's threads, and a caller that goes away cuts no request in half.
        let sent = runtime.spawn(async move { wire.send(&to, event, &request).await });
        async move { sent.await.unwrap_or_else(|error| Err(ForwardError::Unanswered(error.to_string()))) }.boxed()
    }))
}

struct Wire {
    client: Client,
    node: String,
    key: NodeKey,
    clock: Clock,
}

impl Wire {
    async fn send(&self, to: &NodeLease, event: EventId, request: &Request) -> Result<Reply, ForwardError> {
        let body = encode_request(request).map_err(|error| ForwardError::NotSent(error.to_string()))?;
        let path = format!("/internal/v1/events/{event}/ask");
        let at = self.clock.now();
        let seal = Sealed { method: "POST", path: &path, node: &self.node, at, body: &body }.seal(&self.key.0);
        let sent = self.client.post(format!("{}{path}", to.address));
        let sent = sent.header(NODE, &self.node).header(TIME, at.0).header(SEAL, seal).body(body).send().await;
        let answer = sent.map_err(|error| {
            // A connection that never was carried nothing.
            let is_unsent = error.is_connect();
            let what = error.without_url().to_string();
            if is_unsent { ForwardError::NotSent(what) } else { ForwardError::Unanswered(what) }
        })?;
        match answer.status() {
            StatusCode::OK => {}
            // Only what stood before the handler says so, for its deadline is past ours: nothing was asked.
            StatusCode::NOT_FOUND => {
                tracing::error!(
                    node = to.run.node,
                    "another node does not know this one: do they share a folder of keys?"
                );
                return Err(ForwardError::NotSent("not known there".to_owned()));
            }
            StatusCode::SERVICE_UNAVAILABLE => return turned_away(answer).await,
            StatusCode::PAYLOAD_TOO_LARGE => return Err(ForwardError::NotSent("the command is too long".to_owned())),
            other => return Err(ForwardError::Unanswered(format!("answered {other}"))),
        }
        let bytes = answer.bytes().await.map_err(|error| ForwardError::Unanswered(error.without_url().to_string()))?;
        Reply::decode(&bytes).map_err(|error| ForwardError::Unanswered(error.to_string()))
    }
}

/// What a node says that let nothing in. That it is full, whoever asked is told at once: waiting here would only make the
/// crowd larger.
async fn turned_away(answer: Response) -> Result<Reply, ForwardError> {
    let retry_after_s = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let said = answer.json::<Turned>().await.map_or_else(|_| String::new(), |said| said.code);
    match retry_after_s {
        Some(after_s) if said == kinds::BUSY.code => {
            Ok(Reply::Refused(AskError::Busy { retry_after_ms: after_s.saturating_mul(1_000) }))
        }
        Some(_) | None => Err(ForwardError::NotSent(format!("turned away: {said}"))),
    }
}

/// What matters of the problem.
#[derive(Deserialize)]
struct Turned {
    code: String,
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpServer, web};
    use usher_core::HoldId;

    use super::*;
    use crate::problem::{Kind, Problem};

    /// What becomes of a request to a node that turns everything away with that.
    async fn turned_away_with(kind: &'static Kind) -> Result<Reply, ForwardError> {
        let turn_away = move || async move { Err::<&str, _>(Problem::of(kind).retry_after_ms(3_000)) };
        let server = HttpServer::new(move || App::new().default_service(web::to(turn_away))).workers(1);
        let server = server.bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let wire = Wire { client: Client::new(), node: "a".to_owned(), key: key_of(&[1; 32]), clock: Clock::system() };
        let to = NodeLease { run: NodeRun { node: "b".to_owned(), incarnation: 1 }, address };
        let reply = wire.send(&to, EventId(1), &Request::LookHold(HoldId(1))).await;
        handle.stop(false).await;
        reply
    }

    #[actix_web::test]
    async fn a_full_node_is_told_to_the_buyer_and_one_that_cannot_is_tried_again() {
        let full = turned_away_with(&kinds::BUSY).await;
        assert_eq!(full.ok(), Some(Reply::Refused(AskError::Busy { retry_after_ms: 3_000 })));
        let unable = turned_away_with(&kinds::UNAVAILABLE).await;
        assert!(matches!(&unable, Err(ForwardError::NotSent(why)) if why.contains("unavailable")), "{unable:?}");
    }
}
