//! Who comes to the house: buyers, the organizer, and the network that brings webhooks. They are of the world, so they
//! outlive every process, and what they were told is what the auditor holds the house to.

mod buyer;
mod organizer;
mod postman;

pub(crate) use buyer::{buy, order_id, probe};
pub(crate) use organizer::{open_sale, organize, reopen, sells};
pub(crate) use postman::{Fates, deliver};

use crate::dice::Dice;
use crate::faults::Hit;
use crate::house::{Failed, House};
use crate::world::Outside;
use usher_core::Rejection;

/// Somebody with some patience.
pub(crate) struct Client {
    pub(crate) outside: Outside,
    pub(crate) dice: Dice,
    pub(crate) tries: u32,
    /// Drops the connection in the middle of the next request.
    pub(crate) hangs_up: bool,
}

impl Client {
    /// Repeats a request under the same key until there is an answer; `Err(None)` when patience ends.
    pub(crate) async fn insist<T, F>(&mut self, make: impl Fn(House) -> F) -> Result<T, Option<Rejection>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failed>> + Send + 'static,
    {
        for _ in 0..self.tries {
            let name = self.dice.next();
            let Some(house) = self.outside.pick(&mut self.dice) else {
                self.outside.faults.count(Hit::Other("nobody was there"));
                let us = self.dice.between(500_000, 3_000_000);
                self.outside.sim.sleep_us(us).await;
                continue;
            };
            let work = make(house.clone());
            let outcome = if std::mem::take(&mut self.hangs_up) {
                self.outside.faults.count(Hit::Other("a client hung up"));
                let cut_us = self.dice.between(10, 8_000);
                let sim = self.outside.sim.clone();
                let cut = async move {
                    tokio::select! {
                        biased;
                        outcome = work => outcome,
                        () = sim.sleep_us(cut_us) => Err(Failed::Again),
                    }
                };
                house.request(name, cut).await
            } else {
                house.request(name, work).await
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(Failed::No(rejection)) => return Err(Some(rejection)),
                Err(Failed::Again) => {}
            }
            let us = self.dice.between(50_000, 2_000_000);
            self.outside.sim.sleep_us(us).await;
        }
        Err(None)
    }

    pub(crate) async fn wait_ms(&self, ms: u64) {
        self.outside.sim.sleep_us(ms * 1_000).await;
    }
}
