//! For the machinery around the server.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;
use tokio::time::timeout;
use usher_engine::adapters::redis::Redis;
use usher_engine::cluster::Member;
use usher_engine::health::Health;

use super::{Answer, ok};
use crate::config::StoresSettings;
use crate::middleware::gate::DRAINING_RETRY_MS;
use crate::middleware::headers::CACHE_POLLED;
use crate::problem::{Problem, kinds};
use crate::state::AppState;

/// How long the cluster may take to say that it is there.
const PROBE_MAX: Duration = Duration::from_millis(1_500);
/// When to look again for a cluster that did not answer.
const CLUSTER_RETRY_MS: u64 = 1_000;

/// The process answers.
pub(crate) async fn healthz() -> Answer {
    ok(&json!({"status": "ok"}))
}

/// The server can do its work: the stores answer, and it is not about to stop. What it can sell without may be down; it
/// is named, and the server is ready all the same.
pub(crate) async fn readyz(state: Data<AppState>) -> Answer {
    if *state.draining.borrow() {
        return Err(Problem::of(&kinds::DRAINING).retry_after_ms(DRAINING_RETRY_MS));
    }
    // Without its journal an event takes no command; what was sold can still be looked at, which is not being ready.
    // Asked first, so that a cluster that hangs is named within the time of one look.
    let in_cluster = matches!(state.settings.stores, StoresSettings::Cql { .. });
    if let Some(cluster) = &state.cluster {
        let failure = match timeout(PROBE_MAX, cluster.probe()).await {
            Ok(answer) => answer.err().map(|error| error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        if let Some(why) = failure {
            tracing::warn!(why, "the cluster does not answer");
            let what = format!("The cluster of the {} does not answer", if in_cluster { "stores" } else { "journal" });
            return Err(Problem::new(&kinds::UNAVAILABLE, what).retry_after_ms(CLUSTER_RETRY_MS));
        }
    }
    state.jobs.counts().await?;
    state.accounts.session([0; 32], state.clock.now()).await?;
    let kind = |in_cluster| if in_cluster { "cql" } else { "sqlite" };
    let (stores, journal) = (kind(in_cluster), kind(state.cluster.is_some()));
    let healths = [Some(state.ticket_files.health()), state.redis.as_ref().map(Redis::health)];
    let down = healths.into_iter().flatten().filter(|health| health.is_down());
    let member = state.events.member();
    let lapsed = member.filter(|member| !member.is_held()).map(|_| "lease");
    let degraded: Vec<&str> = down.map(Health::backend).chain(lapsed).collect();
    let mut sheet = json!({"status": "ready", "stores": stores, "journal": journal, "degraded": degraded});
    if let Some(member) = member {
        sheet["node"] = node_sheet(member);
    }
    ok(&sheet)
}

/// This node among the others. Without its lease it serves all the same; others may take what it owns.
fn node_sheet(member: &Member) -> serde_json::Value {
    let me = member.me();
    let peers: Vec<String> =
        member.alive().into_iter().map(|lease| lease.run.node).filter(|node| *node != me.run.node).collect();
    json!({
        "id": me.run.node,
        "lease": if member.is_held() { "held" } else { "lapsed" },
        "owned_events_count": member.owned().len(),
        "peers": peers,
    })
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(state: Data<AppState>) -> Answer {
    let Some(prometheus) = &state.prometheus else {
        return Err(Problem::new(&kinds::UNAVAILABLE, "This process does not record metrics"));
    };
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(prometheus.render()))
}

/// The public keys that verify tickets, for doors.
#[utoipa::path(get, path = "/keys/tickets.json", tag = "public", responses((status = 200, body = Object)))]
pub(crate) async fn ticket_keys(state: Data<AppState>) -> Answer {
    let keys = state.back_office.keys().public().clone();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", CACHE_POLLED)).json(keys))
}
