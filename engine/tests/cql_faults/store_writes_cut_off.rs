//! Changes of several statements that are cut off before any one of them: what had happened is finished by the next who
//! looks, what had not is as if it had never been begun, and no list shows what is not there.

use std::time::{Duration, Instant};

use usher_core::{BuyerId, EventId, HoldId, Minor, OrderId, OrderState, TicketId, UnixMillis};
use usher_engine::adapters::cql::Cluster;
use usher_engine::ids;
use usher_engine::jobs::{Job, JobState};
use usher_engine::orders::{HeldRecord, OrderRecord, ViewChanges};
use usher_engine::stores::Stores;

use crate::store_writes::stores;
use crate::support::proxy::Trouble;
use crate::support::{Nodes, nodes, run};

/// More statements than any change here has.
const STATEMENTS_MAX: i64 = 40;
/// How long connections that were broken may take to be there again.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn what_is_cut_off_at_any_statement_is_whole_or_never_was() {
    let Some(nodes) = nodes("what_is_cut_off_at_any_statement_is_whole_or_never_was") else { return };
    run(cut_off(nodes));
}

async fn cut_off(nodes: Nodes) {
    let trouble = Trouble::new(0, 0);
    let (_, straight) = stores(&nodes.settings().await).await;
    let (cluster, troubled) = stores(&nodes.behind(&trouble).await).await;
    let mut cuts = Vec::new();
    for after in 0.. {
        assert!(after < STATEMENTS_MAX, "a step of the views does not end");
        connected(&cluster).await;
        if !step(&troubled, &straight, &trouble, after).await {
            cuts.push(after);
            break;
        }
    }
    for after in 0.. {
        assert!(after < STATEMENTS_MAX, "enqueuing a job does not end");
        connected(&cluster).await;
        if !job(&troubled, &straight, &trouble, after).await {
            cuts.push(after);
            break;
        }
    }
    assert!(cuts.iter().all(|count| *count >= 3), "the cuts were to fall between statements: {cuts:?}");
    eprintln!(
        "cut off before each of {} statements of a step and {} of a job: all whole or not there",
        cuts[0], cuts[1]
    );
}

/// Waits until the troubled connections are there again.
async fn connected(cluster: &std::sync::Arc<Cluster>) {
    let began = Instant::now();
    while cluster.probe().await.is_err() {
        assert!(began.elapsed() < CONNECTED_WITHIN, "the driver does not connect again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One step after another of a fresh event, the second cut off; whether the cut was met.
async fn step(troubled: &Stores, straight: &Stores, trouble: &Trouble, after: i64) -> bool {
    let (event, buyer) = (EventId(ids::fresh()), BuyerId(ids::fresh()));
    let changes = || {
        let (order, hold) = (OrderId(ids::fresh()), HoldId(ids::fresh()));
        let held = HeldRecord { hold, buyer, expires_at: UnixMillis(9_000), lines: Vec::new(), order: Some(order) };
        ViewChanges {
            put_holds: vec![held],
            put_orders: vec![order_of(order, event, buyer, hold)],
            put_tickets: vec![(TicketId(ids::fresh()), order, 0)],
            ..ViewChanges::default()
        }
    };
    let (first, second) = (changes(), changes());
    assert_eq!(troubled.views.checkpoint(event).await.unwrap(), 0);
    troubled.views.apply(event, 1, first.clone()).await.unwrap();
    trouble.wall_after(after);
    let told = troubled.views.apply(event, 2, second.clone()).await;
    let is_met = trouble.lift_wall();
    assert!(is_met || told.is_ok(), "{told:?}");
    // The next projector asks where the views end, which finishes what had happened.
    let checkpoint = straight.views.checkpoint(event).await.unwrap();
    assert!(told.is_err() || checkpoint == 2, "a step was said to be taken, cut off after {after}");
    let is_there = checkpoint == 2;
    assert_eq!(shown(straight, event, buyer, &second).await, [is_there; 5], "cut off after {after} statements");
    if !is_there {
        straight.views.apply(event, 2, second.clone()).await.unwrap();
    }
    assert_eq!(shown(straight, event, buyer, &second).await, [true; 5]);
    assert_eq!(shown(straight, event, buyer, &first).await, [true; 5]);
    is_met
}

/// Whether hold, order, ticket and both of the order's lists show a step.
async fn shown(stores: &Stores, event: EventId, buyer: BuyerId, step: &ViewChanges) -> [bool; 5] {
    let (held, order) = (&step.put_holds[0], &step.put_orders[0]);
    let views = &stores.views;
    let of_event = views.orders_of_event(event, None, None, 50).await.unwrap().rows;
    let of_buyer = views.orders_of_buyer(buyer, None, 50).await.unwrap().rows;
    [
        views.holds(event, &[held.hold]).await.unwrap() == [held.clone()],
        views.orders(&[order.order]).await.unwrap() == [order.clone()],
        views.ticket(step.put_tickets[0].0).await.unwrap() == Some((order.order, 0)),
        of_event.contains(order),
        of_buyer.contains(order),
    ]
}

fn order_of(order: OrderId, event: EventId, buyer: BuyerId, hold: HoldId) -> OrderRecord {
    OrderRecord {
        order,
        event,
        buyer,
        hold,
        state: OrderState::AwaitingPayment,
        cancel_reason: None,
        lapsed: false,
        retaken: false,
        failed_payments_count: 0,
        lines: Vec::new(),
        refunds: Vec::new(),
        total_minor: Minor(100),
        currency: "EUR".parse().unwrap(),
        begun_at: UnixMillis(1_800_000_000_000),
        expires_at: UnixMillis(1_800_000_600_000),
        confirmed_at: None,
        paid_at: None,
    }
}

/// A job that is enqueued and cut off: listed and due exactly if it is there. Whether the cut was met.
async fn job(troubled: &Stores, straight: &Stores, trouble: &Trouble, after: i64) -> bool {
    let id = format!("cut_{:x}", ids::fresh());
    let job = Job {
        id: id.clone(),
        kind: "k".to_owned(),
        payload: "{}".to_owned(),
        state: JobState::Ready,
        failures_count: 0,
        last_error: None,
        // Minutes of its own: whether a bucket is known already changes how many statements there are.
        run_at: UnixMillis(3_000_000_000_000 + after * 600_000),
        created_at: UnixMillis(3_000_000_000_000 + after * 600_000),
    };
    trouble.wall_after(after);
    let told = troubled.jobs.enqueue(vec![job.clone()]).await;
    let is_met = trouble.lift_wall();
    let is_there = straight.jobs.job(&id).await.unwrap().is_some();
    assert!(told.is_err() || is_there, "a job was said to be enqueued, cut off after {after}");
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = straight.jobs.list(JobState::Ready, cursor.as_deref(), 200).await.unwrap();
        listed.extend(page.rows.into_iter().map(|job| job.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed.contains(&id), is_there, "cut off after {after} statements");
    if !is_there {
        straight.jobs.enqueue(vec![job.clone()]).await.unwrap();
    }
    let leased_until = UnixMillis(job.run_at.0 + 60_000);
    let claimed = straight.jobs.claim(job.run_at, leased_until, 200).await.unwrap();
    assert!(claimed.iter().any(|claimed| claimed.id == id), "cut off after {after}: it is never done");
    for claimed in claimed {
        straight.jobs.complete(&claimed.id).await.unwrap();
    }
    is_met
}
