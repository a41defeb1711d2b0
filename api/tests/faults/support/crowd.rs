//! Buyers who keep coming while the server dies and returns, and the audit of what they were told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use usher_loadtest::audit::{Books, Ledger, Visit, audit, unsettled};
use usher_loadtest::buyer::{Live, World, visit};
use usher_loadtest::client::{Api, Patience};
use usher_loadtest::inspect::Inspector;
use usher_loadtest::plan::Itinerary;

use super::shop::Shop;

/// How long buyers wait for a server that is gone.
const GONE_MAX: Duration = Duration::from_secs(60);
/// How long a sale may take to come to rest after the last fault: a lost wake-up is found after a minute.
const REST_WITHIN: Duration = Duration::from_secs(180);

/// A crowd around one event: so many buyers at once, each followed by the next.
pub(crate) struct Crowd {
    world: Arc<World>,
    inspector: Inspector,
    seed: u64,
    stopping: Arc<AtomicBool>,
    next_number: Arc<AtomicU64>,
    visits: Arc<Mutex<Vec<Visit>>>,
    buyers: JoinSet<()>,
}

impl Crowd {
    /// Looks at the event; nobody comes yet.
    pub(crate) async fn before(shop: &Shop, event: &str, seed: u64) -> Self {
        Self::at(shop, vec![shop.url.clone()], event, seed).await
    }

    /// The same at several nodes; nobody comes yet.
    pub(crate) async fn at(shop: &Shop, urls: Vec<String>, event: &str, seed: u64) -> Self {
        let api = Api::new(urls).unwrap();
        let inspector = Inspector::with_key(api.clone(), shop.key.clone());
        let found = inspector.find_event(Some(event)).await.unwrap();
        let (seats_count, areas) = inspector.places(&found).await.unwrap();
        let world = World {
            api,
            patience: Patience { gone_max: GONE_MAX },
            event: found.event,
            seats_count,
            plan_digest: found.plan_digest,
            areas,
            thinks_ms: 50..500,
            run_tag: format!("seed-{seed}"),
            live: Live::default(),
        };
        let (stopping, next_number) = (Arc::default(), Arc::default());
        let (world, visits, buyers) = (Arc::new(world), Arc::default(), JoinSet::new());
        Self { world, inspector, seed, stopping, next_number, visits, buyers }
    }

    /// Lets that many come at once.
    pub(crate) fn come(&mut self, at_once: usize) {
        for _ in 0..at_once {
            let (world, stopping) = (Arc::clone(&self.world), Arc::clone(&self.stopping));
            let (next_number, visits) = (Arc::clone(&self.next_number), Arc::clone(&self.visits));
            let seed = self.seed;
            self.buyers.spawn(async move {
                while !stopping.load(Ordering::Acquire) {
                    let number = next_number.fetch_add(1, Ordering::AcqRel);
                    let itinerary = Itinerary::of(seed, number, world.seats_count > 0, !world.areas.is_empty());
                    let outcome = Box::pin(visit(&world, itinerary, Instant::now())).await;
                    visits.lock().unwrap().push(outcome.visit);
                }
            });
        }
    }

    /// Nobody comes any more; waits for those who are there, and until the sale rests. Gives what contradicts what.
    pub(crate) async fn leave_and_audit(mut self) -> Audited {
        self.stopping.store(true, Ordering::Release);
        while let Some(ended) = self.buyers.join_next().await {
            ended.unwrap();
        }
        let mut visits = std::mem::take(&mut *self.visits.lock().unwrap());
        visits.sort_by_key(|visit| visit.number);
        let mut ledger = Ledger { visits };
        let began = Instant::now();
        loop {
            let books = self.inspector.books(&self.world, true).await.unwrap();
            let late_count = self.inspector.fetch_late_tickets(&mut ledger).await.unwrap();
            let mut waits = unsettled(&ledger, &books);
            if late_count > 0 {
                waits.push(format!("{late_count} tickets being prepared"));
            }
            if waits.is_empty() || began.elapsed() > REST_WITHIN {
                let mut contradictions: Vec<String> =
                    audit(&ledger, &books).iter().map(|found| format!("{found:?}")).collect();
                contradictions.extend(waits.into_iter().map(|wait| format!("does not come to rest: {wait}")));
                return Audited { ledger, books, contradictions, inspector: self.inspector, world: self.world };
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// What the audit found.
pub(crate) struct Audited {
    pub(crate) ledger: Ledger,
    pub(crate) books: Books,
    pub(crate) contradictions: Vec<String>,
    inspector: Inspector,
    world: Arc<World>,
}

impl Audited {
    /// Reads the books again, of a server that has started anew: what is replayed is what was there.
    pub(crate) async fn assert_same_after_replay(&self) {
        let again = self.inspector.books(&self.world, true).await.unwrap();
        assert_eq!(again.seats, self.books.seats);
        assert_eq!(again.areas, self.books.areas);
        assert_eq!(again.counts, self.books.counts);
        assert_eq!(again.orders.len(), self.books.orders.len());
    }

    pub(crate) fn orders_told_count(&self) -> usize {
        self.ledger.visits.iter().filter(|visit| visit.order.is_some()).count()
    }
}
