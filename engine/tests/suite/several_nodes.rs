//! Several nodes in one process: two registries over one journal, leases in memory, messages that can be cut off.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use usher_core::{Command, EventId, HoldId, SeatIdx, SeatStatus};
use usher_engine::cluster::{
    Events, Forward, ForwardError, LeaseTimes, Member, NodeLease, NodeRun, SeveralParts, decode_request, encode_request,
};
use usher_engine::event::{AskError, OpenError};
use usher_engine::feed::Alone;
use usher_engine::ids;

use crate::support::events::{House, HouseSpec, hold};
use crate::support::memory_journal::MemoryJournal;
use crate::support::memory_leases::MemoryLeases;

const ONE: EventId = EventId(1);
const LASTS: Duration = Duration::from_millis(600);
/// Read replicas of a node at once.
const REPLICAS_MAX: usize = 2;
/// Who come at once.
const CROWD: usize = 50;
/// Far beyond what anything here takes; only a fault gets there.
const IN_TIME: Duration = Duration::from_secs(20);

/// How a node answers the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Nobody listens.
    Dead,
    /// What comes in is done and not answered.
    Mute,
}

type Lines = Arc<Mutex<BTreeMap<String, (Line, Events)>>>;

struct Node {
    house: House,
    events: Events,
    member: Member,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct Cluster {
    journal: Option<Arc<MemoryJournal>>,
    leases: Arc<MemoryLeases>,
    lines: Lines,
}

impl Cluster {
    fn new() -> Self {
        Self { journal: Some(Arc::new(MemoryJournal::new())), ..Self::default() }
    }

    fn journal(&self) -> Arc<MemoryJournal> {
        Arc::clone(self.journal.as_ref().unwrap())
    }

    async fn node(&self, name: &str) -> Node {
        let run = NodeRun { node: name.to_owned(), incarnation: ids::fresh() };
        let me = NodeLease { run, address: name.to_owned() };
        let leases = Arc::clone(&self.leases);
        let member = Member::new(leases, me, LeaseTimes::of(LASTS), Arc::new(|_| {}));
        member.join().await.unwrap();
        let spec = HouseSpec { ownership: Arc::new(member.clone()), ..HouseSpec::default() };
        let house = House::with(self.journal(), spec);
        let parts = SeveralParts {
            member: member.clone(),
            forward: self.forward(),
            feed: Alone::feed(),
            journal: self.journal(),
            plans: Arc::clone(&house.plans),
            runtime: Handle::current(),
            replicas_max: REPLICAS_MAX,
        };
        let events = Events::among(house.registry.clone(), parts);
        self.lines.lock().unwrap().insert(name.to_owned(), (Line::Open, events.clone()));
        let runs = events.clone();
        let running = tokio::spawn(async move { runs.run().await });
        Node { house, events, member, running }
    }

    /// Through bytes, as between processes.
    fn forward(&self) -> Forward {
        let lines = Arc::clone(&self.lines);
        Arc::new(move |to, event, request| {
            let lines = Arc::clone(&lines);
            async move {
                let (line, events) = lines.lock().unwrap().get(&to.address).cloned().unwrap();
                if line == Line::Dead {
                    return Err(ForwardError::NotSent("nobody listens".to_owned()));
                }
                let request = decode_request(&encode_request(&request).unwrap()).unwrap();
                let reply = events.serve_peer(event, request).await;
                if line == Line::Mute { Err(ForwardError::Unanswered("silence".to_owned())) } else { Ok(reply) }
            }
            .boxed()
        })
    }

    fn set_line(&self, name: &str, line: Line) {
        self.lines.lock().unwrap().get_mut(name).unwrap().0 = line;
    }
}

impl Node {
    /// As after SIGSTOP: it renews nothing, sees nothing and answers nobody.
    fn stop(&self, cluster: &Cluster) {
        self.running.abort();
        cluster.set_line(&self.member.me().run.node, Line::Dead);
    }

    async fn seat(&self, seat: u32) -> SeatStatus {
        self.events.view(ONE).await.unwrap().seat_status(SeatIdx(seat)).unwrap()
    }
}

async fn on_sale(node: &Node) {
    node.events.ask(ONE, node.house.publish()).await.unwrap();
    node.events.ask(ONE, Command::Open).await.unwrap();
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < IN_TIME, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_sells_and_shows_at_once_what_was_sold_through_it() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    assert_eq!(a.member.owned(), [ONE]);
    assert_eq!(b.seat(5).await, SeatStatus::Available);
    let decided = b.events.ask(ONE, hold(5)).await.unwrap();
    assert!(b.events.view(ONE).await.unwrap().seq >= decided.seq);
    assert_eq!((b.seat(5).await, a.seat(5).await), (SeatStatus::Held, SeatStatus::Held));
    let looked = b.events.look_hold(ONE, HoldId(5)).await.unwrap();
    assert_eq!(looked.found.unwrap().hold, HoldId(5));
    a.events.ask(ONE, hold(6)).await.unwrap();
    until("the other node shows it by itself", async || b.seat(6).await == SeatStatus::Held).await;
    assert!(b.member.owned().is_empty());
    assert_eq!(cluster.journal().take_overs_count(), 1, "nobody took it from its owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nodes_that_are_asked_at_once_one_owns_the_event() {
    let cluster = Cluster::new();
    let nodes = [cluster.node("a").await, cluster.node("b").await, cluster.node("c").await];
    nodes[0].events.ask(ONE, nodes[0].house.publish()).await.unwrap();
    nodes[0].events.unload(ONE).await;
    assert!(nodes[0].member.owned().is_empty(), "what is unloaded is nobody's");
    let asks = (0u32..30).map(|n| {
        let events = nodes[n as usize % 3].events.clone();
        tokio::spawn(async move { events.ask(ONE, Command::BlockSeats { seats: vec![SeatIdx(n)] }).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        ask.await.unwrap().unwrap();
    }
    assert_eq!(nodes.iter().map(|node| node.member.owned().len()).sum::<usize>(), 1);
    assert_eq!(cluster.leases.claims_count(), 2, "one before it was unloaded, one after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_owners_events_go_on_elsewhere_although_nobody_asks() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.events.ask(ONE, hold(1)).await.unwrap();
    let mut watched = b.events.subscribe(ONE).await.unwrap();
    a.stop(&cluster);
    until("the survivor takes the event", async || b.member.owned() == [ONE]).await;
    until("the event runs there", async || !b.events.statuses().is_empty()).await;
    assert_eq!(b.seat(1).await, SeatStatus::Held, "nothing is lost");
    b.events.ask(ONE, hold(2)).await.unwrap();
    let seen = watched.wait_for(|view| view.seat_status(SeatIdx(2)) == Some(SeatStatus::Held));
    assert!(tokio::time::timeout(IN_TIME, seen).await.is_ok(), "who watched before goes on watching");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_while_the_owner_is_dying_is_served_by_the_next_one() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    a.stop(&cluster);
    // Its lease stands for a while, and lasts for less than an ask waits.
    b.events.ask(ONE, hold(2)).await.unwrap();
    assert_eq!(b.member.owned(), [ONE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_owner_steps_down_when_it_is_asked_and_hands_on() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.stop(&cluster);
    until("the survivor takes the event", async || b.member.owned() == [ONE]).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    let epoch = cluster.journal().entries(ONE).last().unwrap().entry.epoch;
    // It woke up and believes to own the event still.
    assert_eq!(a.member.owned(), [ONE]);
    let asked = a.events.ask(ONE, hold(2)).await;
    assert!(matches!(asked, Ok(_) | Err(AskError::NotApplied)), "{asked:?}");
    until("it knows", async || a.member.owned().is_empty()).await;
    a.events.ask(ONE, hold(2)).await.unwrap();
    assert!(b.events.look_hold(ONE, HoldId(2)).await.unwrap().found.is_some());
    let entries = cluster.journal().entries(ONE);
    assert!(entries.iter().skip_while(|sealed| sealed.entry.epoch != epoch).all(|sealed| sealed.entry.epoch == epoch));
    until("the old owner reads as the others do", async || a.seat(2).await == SeatStatus::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_owner_that_returns_gives_up_what_others_took_without_being_asked() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.stop(&cluster);
    until("the survivor takes the event", async || b.member.owned() == [ONE]).await;
    cluster.set_line("a", Line::Open);
    let again = a.events.clone();
    let running = tokio::spawn(async move { again.run().await });
    until("it steps down", async || a.member.owned().is_empty() && a.events.statuses().is_empty()).await;
    b.events.ask(ONE, hold(3)).await.unwrap();
    until("it reads from the journal now", async || a.seat(3).await == SeatStatus::Held).await;
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_away_and_has_its_lease_again_says_nothing_from_old_memory() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.stop(&cluster);
    until("the survivor takes the event", async || b.member.owned() == [ONE]).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    // The first thing after it woke up, before it has looked at anything else.
    a.member.renew().await;
    assert!(a.member.is_held() && a.member.owned() == [ONE]);
    let looked = a.events.look_hold(ONE, HoldId(1)).await.unwrap();
    assert!(looked.found.is_some(), "the new owner's hold is told to be unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leases_were_away_for_all_nobody_takes_anything_from_anybody() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    cluster.leases.set_away(true);
    until("both leases lapse", async || !a.member.is_held() && !b.member.is_held()).await;
    a.events.ask(ONE, hold(2)).await.unwrap();
    cluster.leases.set_away(false);
    until("both are back", async || a.member.is_held() && b.member.is_held()).await;
    tokio::time::sleep(LASTS).await;
    b.events.ask(ONE, hold(3)).await.unwrap();
    assert_eq!((a.member.owned(), b.member.owned().len()), (vec![ONE], 0));
    assert_eq!(cluster.journal().take_overs_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_hands_its_events_over_and_serves_on() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.events.ask(ONE, hold(1)).await.unwrap();
    let (leaving, from_a, from_b) = (a.events.clone(), a.events.clone(), b.events.clone());
    let leaves = tokio::spawn(async move { leaving.hand_over().await });
    let asks = (10u32..40).map(|n| {
        let events = if n % 2 == 0 { from_a.clone() } else { from_b.clone() };
        tokio::spawn(async move { events.ask(ONE, hold(n)).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        ask.await.unwrap().unwrap();
    }
    leaves.await.unwrap();
    until("another takes the event", async || a.member.owned().is_empty() && b.member.owned() == [ONE]).await;
    a.events.ask(ONE, hold(2)).await.unwrap();
    assert_eq!((a.seat(2).await, b.seat(1).await), (SeatStatus::Held, SeatStatus::Held));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leaving_node_owned_is_taken_although_nobody_asks() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    a.events.hand_over().await;
    until("another takes the event", async || b.member.owned() == [ONE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_sent_and_not_answered_is_told_as_unknown_and_repeats_well() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    cluster.set_line("a", Line::Mute);
    assert_eq!(b.events.ask(ONE, hold(2)).await, Err(AskError::OutcomeUnknown));
    cluster.set_line("a", Line::Open);
    let first = a.events.look_hold(ONE, HoldId(2)).await.unwrap().found.unwrap();
    b.events.ask(ONE, hold(2)).await.unwrap();
    assert_eq!(b.events.look_hold(ONE, HoldId(2)).await.unwrap().found, Some(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_of_one_name_are_not_both_let_in() {
    let cluster = Cluster::new();
    let _first = cluster.node("a").await;
    let run = NodeRun { node: "a".to_owned(), incarnation: ids::fresh() };
    let second = NodeLease { run, address: "other".to_owned() };
    let leases = Arc::clone(&cluster.leases);
    let second = Member::new(leases, second, LeaseTimes::of(LASTS), Arc::new(|_| {}));
    let refused = second.join().await.unwrap_err().to_string();
    assert!(refused.contains("\"a\"") && refused.contains("running"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_asks_for_anothers_event_looks_up_its_owner_once() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    cluster.leases.set_look_takes(LASTS / 2);
    let before = cluster.leases.looks_count();
    let asks = (0..CROWD).map(|n| {
        let events = b.events.clone();
        tokio::spawn(async move { events.ask(ONE, hold(u32::try_from(n).unwrap())).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        ask.await.unwrap().unwrap();
    }
    let looks = cluster.leases.looks_count() - before;
    assert!((1..CROWD / 5).contains(&looks), "{looks} looks: who comes late makes one more, not each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_reads_anothers_event_reads_it_once_and_is_told_once_that_it_cannot_be_read() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    for damaged in [true, false] {
        let journal = cluster.journal();
        journal.set_readable(false);
        let before = journal.follows_count();
        let reads = (0..CROWD).map(|_| {
            let events = b.events.clone();
            tokio::spawn(async move { events.view(ONE).await.map(|view| view.seat_status(SeatIdx(1))) })
        });
        let reads: Vec<_> = reads.collect();
        until("somebody begins to read", async || journal.follows_count() > before).await;
        // Those who come before and after the others have begun to wait are told the same.
        tokio::time::sleep(LASTS / 4).await;
        journal.damage(ONE, damaged);
        journal.set_readable(true);
        for read in reads {
            match read.await.unwrap() {
                Ok(seat) => assert_eq!((damaged, seat), (false, Some(SeatStatus::Held))),
                Err(error) => assert!(damaged && matches!(error, OpenError::Refused(_)), "{error}"),
            }
        }
        let follows = journal.follows_count() - before;
        assert!((1..CROWD / 5).contains(&follows), "{follows} times read for {CROWD} readers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_of_others_than_there_are_replicas_are_read_unless_each_is_watched() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let events: Vec<EventId> = (1..=REPLICAS_MAX as u128 * 2).map(EventId).collect();
    for event in &events {
        a.events.ask(*event, a.house.publish()).await.unwrap();
    }
    for event in events.iter().chain(&events) {
        assert_eq!(b.events.view(*event).await.unwrap().seq, 1);
    }
    let mut watched = Vec::new();
    for event in &events[..REPLICAS_MAX] {
        watched.push(b.events.subscribe(*event).await.unwrap());
    }
    let refused = b.events.view(events[REPLICAS_MAX]).await.map(|view| view.seq);
    assert_eq!(refused, Err(OpenError::TooMany));
    watched.clear();
    let mut last = Err(OpenError::TooMany);
    until("nobody watches any more", async || {
        last = b.events.view(events[REPLICAS_MAX]).await.map(|view| view.seq);
        last.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_a_replica_that_dies_is_shown_what_comes_by_another() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    on_sale(&a).await;
    b.events.ask(ONE, hold(1)).await.unwrap();
    let mut watched = b.events.subscribe(ONE).await.unwrap();
    cluster.journal().panic_at_next_read();
    a.events.ask(ONE, hold(2)).await.unwrap();
    let seen = watched.wait_for(|view| view.seat_status(SeatIdx(2)) == Some(SeatStatus::Held));
    assert!(tokio::time::timeout(IN_TIME, seen).await.is_ok(), "it stands still");
    assert_eq!(b.seat(2).await, SeatStatus::Held);
}
