//! Everything around the houses: the street that leads to them, what is durable, who starts them again.

use std::sync::{Arc, Mutex};

use usher_core::plan::{Layout, generate};

use crate::audit::Audit;
use crate::dice::Dice;
use crate::executor::{ProcId, Sim, WORLD};
use crate::faults::{Faults, Hit};
use crate::house::{House, HouseSpec};
use crate::lock;
use crate::planted::Bug;
use crate::rows::Rows;
use crate::stores::Durable;
use crate::stripe::Stripe;

/// The world outside of the houses; clones share it.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) seed: u64,
    pub(crate) sim: Sim,
    pub(crate) faults: Faults,
    pub(crate) audit: Audit,
    pub(crate) rows: Rows,
    pub(crate) durable: Durable,
    pub(crate) stripe: Stripe,
    pub(crate) layout: Arc<Layout>,
    pub(crate) bug: Option<Bug>,
    street: Arc<Mutex<Street>>,
}

#[derive(Default)]
struct Street {
    houses: Vec<House>,
    processes_count: ProcId,
    wall_offset_ms: i64,
    clustered: bool,
}

impl Outside {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, traced: bool) -> Self {
        let sim = Sim::new(seed, traced);
        let layout = Arc::new(generate::small().compile().expect("a generated plan is valid"));
        let audit = Audit::new(sim.clone(), &layout);
        let faults = Faults::default();
        let clustered = Dice::of(&[seed, 0xc105]).chance(50);
        Self {
            seed,
            rows: Rows::new(audit.clone(), bug),
            durable: Durable::default(),
            stripe: Stripe::new(sim.clone(), audit.clone(), faults.clone(), bug == Some(Bug::CaptureAtOnce)),
            faults,
            layout,
            bug,
            street: Arc::new(Mutex::new(Street { clustered, ..Street::default() })),
            sim,
            audit,
        }
    }

    /// Starts a house with the wall clock as it is now, unless there is one. An owner whose lease is over is none.
    pub(crate) fn open_house(&self) {
        let spec = {
            let mut street = lock(&self.street);
            if street.houses.iter().any(|house| !house.handle.is_retired()) {
                return;
            }
            // Even numbers are the followers of the house before them.
            street.processes_count += 2;
            let process = street.processes_count - 1;
            HouseSpec { process, offset_ms: street.wall_offset_ms, clustered: street.clustered }
        };
        self.sim.trace(|| format!("P{} starts, its clock is {} ms off", spec.process, spec.offset_ms));
        let house = House::start(self, &spec);
        lock(&self.street).houses.push(house);
    }

    /// One of the houses that are open.
    pub(crate) fn pick(&self, dice: &mut Dice) -> Option<House> {
        let street = lock(&self.street);
        let houses = street.houses.as_slice();
        if houses.is_empty() {
            return None;
        }
        let at = usize::try_from(dice.below(houses.len() as u64)).unwrap_or(0);
        houses.get(at).cloned()
    }

    /// The house that has the followers: the last one that was started.
    pub(crate) fn latest(&self) -> Option<House> {
        lock(&self.street).houses.last().cloned()
    }

    pub(crate) fn set_wall(&self, offset_ms: i64) {
        let (before_ms, running) = {
            let mut street = lock(&self.street);
            let before_ms = std::mem::replace(&mut street.wall_offset_ms, offset_ms);
            (before_ms, street.houses.iter().map(|house| house.process).collect::<Vec<_>>())
        };
        if self.bug == Some(Bug::BelieveWallClock) && offset_ms > before_ms {
            for process in running {
                self.sim.leap(process, offset_ms.abs_diff(before_ms));
            }
        }
    }

    fn remove(&self, process: ProcId) {
        lock(&self.street).houses.retain(|house| house.process != process);
    }

    /// Starts a house again whenever the last one has ended.
    pub(crate) async fn keep_open(self) {
        loop {
            for process in self.faults.crashed().await {
                self.remove(process);
                let mut dice = self.sim.dice();
                let long = dice.chance(10);
                let us = if long { dice.between(30_000_000, 300_000_000) } else { dice.between(50_000, 5_000_000) };
                let outside = self.clone();
                self.sim.spawn(WORLD, 0x09e4, async move {
                    outside.sim.sleep_us(us).await;
                    outside.open_house();
                });
            }
        }
    }

    /// Ends the house as SIGKILL does.
    pub(crate) fn kill(&self) {
        if let Some(house) = self.latest() {
            self.sim.trace(|| format!("P{} is killed", house.process));
            self.faults.count(Hit::Other("a process was killed"));
            self.faults.end(&self.sim, house.process);
        }
    }

    /// Stops the house in good order; another starts.
    pub(crate) async fn restart(&self) {
        let Some(house) = self.latest() else { return };
        self.sim.trace(|| format!("P{} drains", house.process));
        house.handle.drain().await;
        self.faults.count(Hit::Other("a process drained"));
        self.faults.end(&self.sim, house.process);
    }

    /// The owner stops running, another takes the event over, and then the old one goes on as if nothing had been.
    pub(crate) async fn rival(&self, lease_ms: u64, together_ms: u64) {
        let Some(old) = self.latest() else { return };
        self.sim.trace(|| format!("P{} stands still", old.process));
        old.handle.retire();
        self.sim.pause(old.process, true);
        // Its followers belong to the lease, which is over.
        self.sim.crash(old.process + 1);
        self.sim.sleep_us(lease_ms * 1_000).await;
        self.open_house();
        self.sim.sleep_us(together_ms * 500).await;
        self.sim.trace(|| format!("P{} goes on", old.process));
        self.faults.count(Hit::Other("an old owner went on"));
        self.sim.pause(old.process, false);
        self.sim.sleep_us(together_ms * 500).await;
        self.faults.end(&self.sim, old.process);
    }
}
