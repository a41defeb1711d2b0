//! Sending buyers when the schedule says, whatever the server does, and no more at once than the cap.
//!
//! A buyer for whom the cap has no room waits, and the wait counts in their latency. How late the generator itself was
//! is measured apart: when it is, the run says so, for then its figures are about the generator.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::audit::{Ledger, Visit};
use crate::buyer::{Outcome, World, visit};
use crate::plan::{Arrivals, Itinerary, Persona};

/// When the generator counts as too slow: one in a hundred buyers started so much later than scheduled, in microseconds.
pub const LAG_P99_MAX_US: u64 = 10_000;

/// The longest time that is told from longer ones, in microseconds: ten minutes.
const TOOK_MAX_US: u64 = 600_000_000;

/// An empty histogram of times up to ten minutes, right to a thousandth.
///
/// # Panics
/// Never: the bounds are fixed.
#[must_use]
pub fn histogram_us() -> Histogram<u64> {
    Histogram::new_with_bounds(1, TOOK_MAX_US, 3).expect("the bounds are in order")
}

/// How many come, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// For everything that is chance.
    pub seed: u64,
    /// Buyers a second on average.
    pub rate_per_s: f64,
    /// Buyers at once, at the start.
    pub burst_count: u64,
    /// How long they come.
    pub duration: Duration,
    /// Everybody behaves like that; by the personas' weights unless told.
    pub only: Option<Persona>,
    /// Buyers under way at once.
    pub buyers_max: usize,
}

/// What came of a crowd.
#[derive(Debug)]
pub struct Driven {
    /// One for each buyer, in the order they ended.
    pub outcomes: Vec<Outcome>,
    /// How late buyers were started, in microseconds.
    pub lag_us: Histogram<u64>,
    /// Buyers who waited because the cap had no room.
    pub waited_count: u64,
    /// From the first arrival to the last end.
    pub took: Duration,
    /// Buyers whose task panicked: bugs of the load tester.
    pub panics: Vec<String>,
}

struct Visited {
    lag: Duration,
    waited: bool,
    outcome: Outcome,
}

/// Sends the crowd and waits for the last of it.
pub async fn drive(world: &Arc<World>, crowd: Crowd) -> Driven {
    let mut driven = Driven {
        outcomes: Vec::new(),
        lag_us: histogram_us(),
        waited_count: 0,
        took: Duration::ZERO,
        panics: Vec::new(),
    };
    let room = Arc::new(Semaphore::new(crowd.buyers_max));
    let (has_seats, has_areas) = (world.seats_count > 0, !world.areas.is_empty());
    let mut visits = JoinSet::new();
    let began = Instant::now();
    let arrivals = Arrivals::new(crowd.seed, crowd.rate_per_s, crowd.duration, crowd.burst_count);
    for (number, at) in (0_u64..).zip(arrivals) {
        let scheduled = began + at;
        if scheduled > Instant::now() {
            tokio::time::sleep_until(scheduled.into()).await;
        }
        let mut itinerary = Itinerary::of(crowd.seed, number, has_seats, has_areas);
        itinerary.persona = crowd.only.unwrap_or(itinerary.persona);
        visits.spawn(Box::pin(arrive(Arc::clone(world), Arc::clone(&room), itinerary, scheduled)));
        while let Some(done) = visits.try_join_next() {
            driven.take(done);
        }
    }
    while let Some(done) = visits.join_next().await {
        driven.take(done);
    }
    driven.took = began.elapsed();
    driven
}

async fn arrive(world: Arc<World>, room: Arc<Semaphore>, itinerary: Itinerary, scheduled: Instant) -> Visited {
    let lag = scheduled.elapsed();
    world.live.arrived_count.fetch_add(1, Ordering::Relaxed);
    let waited = room.available_permits() == 0;
    // Nobody closes it.
    let _place = room.acquire().await;
    Visited { lag, waited, outcome: visit(&world, itinerary, scheduled).await }
}

impl Driven {
    fn take(&mut self, done: Result<Visited, JoinError>) {
        match done {
            Ok(Visited { lag, waited, outcome }) => {
                self.lag_us.saturating_record(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX));
                self.waited_count += u64::from(waited);
                self.outcomes.push(outcome);
            }
            Err(error) => self.panics.push(error.to_string()),
        }
    }

    /// What the buyers were told, for the auditor.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut visits: Vec<Visit> = self.outcomes.iter().map(|outcome| outcome.visit.clone()).collect();
        visits.sort_by_key(|visit| visit.number);
        Ledger { visits }
    }

    /// The generator, not the server, was late.
    #[must_use]
    pub fn generator_limited(&self) -> bool {
        self.lag_us.value_at_quantile(0.99) > LAG_P99_MAX_US
    }
}
