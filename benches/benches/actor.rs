//! Durable holds per second through the actor with SQLite: 1, 64 and 512 callers who each ask again as soon as they are
//! answered. Each hold takes one named seat of a hall of 50,000 and counts when its entry is synced to the disk.
//!
//! With one caller the number is one over the time of a sync; with many it shows what group commit makes of the same
//! disk. An event whose seats are used up is cancelled and unloaded outside the measured time.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use usher_core::plan::{Layout, generate};
use usher_core::{
    Ask, BuyerId, Command, EventId, HoldId, Limits as SaleLimits, Minor, PlaceHold, Priced, SeatIdx, TierIdx,
};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::clock::Clock;
use usher_engine::event::{Handle, Limits, Parts, Plan, Registry, Rules, Sole};

const DIGEST: [u8; 32] = [7; 32];
const SEATS: u32 = 50_000;

/// A registry over one folder, and the events used so far.
struct House {
    registry: Registry,
    layout: Arc<Layout>,
    events_count: AtomicU64,
}

impl House {
    fn over(kept: &Folder) -> Self {
        let layout = Arc::new(generate::hall(10, 100, 50).compile().expect("the hall is valid"));
        let plan = Plan { layout: Arc::clone(&layout), digest: DIGEST };
        let parts = Parts {
            journal: Arc::clone(&kept.journal),
            plans: Arc::new(move |_| Box::pin(std::future::ready(Ok(plan.clone())))),
            clock: Clock::system(),
            on_committed: Arc::new(|_, _| {}),
            ownership: Arc::new(Sole),
            rules: Rules::default(),
            limits: Limits { idle_ms: 0, gate_permits: 1_024, ..Limits::default() },
        };
        let registry = Registry::new(parts).expect("threads can be started");
        Self { registry, layout, events_count: AtomicU64::new(0) }
    }

    async fn on_sale(&self) -> Handle {
        let event = EventId(self.events_count.fetch_add(1, Ordering::Relaxed).into());
        let handle = self.registry.handle(event).await.expect("the event opens");
        let tiers = (0u16..).zip(self.layout.tiers());
        let prices = tiers.map(|(tier, _)| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) }).collect();
        let currency = "EUR".parse().expect("three capital letters");
        let publish = Command::Publish { plan_digest: DIGEST, currency, limits: SaleLimits::default(), prices };
        for command in [publish, Command::Open] {
            handle.ask(command).await.expect("a draft can be put on sale");
        }
        handle
    }

    /// Places so many holds by so many callers; the time without that of opening and ending events.
    async fn holds(&self, holds_count: u64, callers_count: u32) -> Duration {
        let mut took = Duration::ZERO;
        let mut left = holds_count;
        while left > 0 {
            let here = u32::try_from(left.min(SEATS.into())).expect("at most all seats");
            let handle = self.on_sale().await;
            let started = Instant::now();
            let next = Arc::new(AtomicU32::new(0));
            let mut callers = JoinSet::new();
            for _ in 0..callers_count {
                callers.spawn(caller(handle.clone(), Arc::clone(&next), here));
            }
            callers.join_all().await;
            took += started.elapsed();
            left -= u64::from(here);
            handle.ask(Command::CancelEvent).await.expect("an event can be called off");
            drop(handle);
            self.registry.sweep().await;
        }
        took
    }
}

async fn caller(handle: Handle, next: Arc<AtomicU32>, seats_count: u32) {
    loop {
        let seat = next.fetch_add(1, Ordering::Relaxed);
        if seat >= seats_count {
            return;
        }
        let place = PlaceHold {
            hold: HoldId(seat.into()),
            buyer: BuyerId(seat.into()),
            asks: vec![Ask::Seats(vec![SeatIdx(seat)])],
            seed: 0,
        };
        black_box(handle.ask(Command::PlaceHold(place)).await.expect("the seat is free and the gate is wide"));
    }
}

fn durable_holds(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let kept = Folder::open(folder.path()).expect("the folder opens");
    let house = House::over(&kept);
    let mut group = criterion.benchmark_group("durable_holds");
    group.throughput(Throughput::Elements(1));
    for callers_count in [1, 64, 512] {
        group.bench_function(format!("{callers_count}_in_flight"), |bencher| {
            bencher.to_async(&runtime).iter_custom(|holds_count| house.holds(holds_count, callers_count));
        });
    }
    group.finish();
    runtime.block_on(house.registry.drain());
}

criterion_group!(benches, durable_holds);
criterion_main!(benches);
