//! What runs in the background of a process. Each loop does what the house's own does, but waits for a change or for
//! the time at which something is due instead of polling: a simulated world rests when nobody has anything to do.

use std::sync::Arc;

use tokio::sync::Notify;
use usher_core::{Phase, UnixMillis};
use usher_engine::catalogue::Store as _;
use usher_engine::clock::Clock;
use usher_engine::jobs::Workers;
use usher_engine::orders::Projector;
use usher_engine::payments::{InboxProcessor, Reconciler};

use super::{EVENT, House};
use crate::executor::Sim;
use crate::stores::Durable;

/// The pause after a follower's step failed.
const PAUSE_US: u64 = 250_000;
/// How long a payment may be silent, and how often silent ones are looked for, as the reconciler has it.
const SILENT_MS: u64 = 60_000;
const RECONCILE_EVERY_US: u64 = 5_000_000;
/// Jobs taken at once.
const JOBS_MAX: u32 = 4;

impl House {
    pub(super) fn follow(
        &self,
        clock: Clock,
        projector: Projector,
        inbox: InboxProcessor,
        reconciler: Reconciler,
        workers: Workers,
    ) {
        let (sim, process, durable) = (&self.sim, self.process + 1, &self.stores.durable);
        sim.spawn(process, 1, project(sim.clone(), projector));
        sim.spawn(process, 2, pay(self.clone(), clock.clone()));
        sim.spawn(process, 3, read_inbox(sim.clone(), clock.clone(), durable.clone(), inbox));
        sim.spawn(process, 4, reconcile(sim.clone(), clock.clone(), durable.clone(), reconciler));
        sim.spawn(process, 5, work(self.clone(), clock, workers));
        sim.spawn(process, 6, wake_running(self.clone()));
    }
}

async fn project(sim: Sim, projector: Projector) {
    while projector.project_all().await.is_err() {
        sim.sleep_us(PAUSE_US).await;
    }
    loop {
        projector.told().await;
        while projector.project_told().await.is_err() {
            sim.sleep_us(PAUSE_US).await;
        }
    }
}

async fn pay(house: House, clock: Clock) {
    let ended = Arc::new(Notify::new());
    loop {
        while let Some(turn) = house.runner.next_turn() {
            let ended = Arc::clone(&ended);
            house.sim.spawn(house.process + 1, 0x7042, async move {
                turn.await;
                ended.notify_one();
            });
        }
        let due = house.runner.next_turn_at();
        tokio::select! {
            biased;
            () = house.runner.rung() => {}
            () = ended.notified() => {}
            () = until(&house.sim, &clock, due) => {}
        }
    }
}

async fn read_inbox(sim: Sim, clock: Clock, durable: Durable, inbox: InboxProcessor) {
    loop {
        let changed = durable.changed.notified();
        let due = durable.webhook_due();
        tokio::select! {
            biased;
            () = until(&sim, &clock, due) => {
                if inbox.drain().await.is_err() {
                    sim.sleep_us(PAUSE_US).await;
                }
            }
            () = changed => {}
        }
    }
}

async fn reconcile(sim: Sim, clock: Clock, durable: Durable, reconciler: Reconciler) {
    while reconciler.sweep().await.is_err() {
        sim.sleep_us(RECONCILE_EVERY_US).await;
    }
    loop {
        let changed = durable.changed.notified();
        let due = durable.silent_since().map(|since| since.plus_ms(SILENT_MS + 1));
        tokio::select! {
            biased;
            () = until(&sim, &clock, due) => {
                // A list that failed is asked for again with the next round.
                let _ = reconciler.ask_about_silent().await;
                sim.sleep_us(RECONCILE_EVERY_US).await;
            }
            () = changed => {}
        }
    }
}

async fn work(house: House, clock: Clock, workers: Workers) {
    loop {
        let changed = house.stores.durable.changed.notified();
        let due = house.stores.durable.job_due();
        tokio::select! {
            biased;
            () = until(&house.sim, &clock, due) => {
                let Ok(jobs) = workers.claim(JOBS_MAX).await else {
                    house.sim.sleep_us(PAUSE_US).await;
                    continue;
                };
                for job in jobs {
                    let (workers, stores) = (workers.clone(), house.stores.clone());
                    house.sim.spawn(house.process + 1, 0x40b, async move {
                        workers.try_once(job, &|job| super::office::perform(stores.clone(), job)).await;
                    });
                }
            }
            () = changed => {}
        }
    }
}

/// Copies to the catalogue how the event stands, whenever it has moved, as the house's schedule does.
async fn wake_running(house: House) {
    loop {
        let phase = house.handle.phase_changed().await;
        let state = super::counter::state_of(phase);
        while house.stores.set_state(EVENT, state).await.is_err() {
            house.sim.sleep_us(PAUSE_US).await;
        }
        // The request that called it off may have ended before it came to this.
        while phase == Phase::Cancelled && house.runner.call_off(EVENT).await.is_err() {
            house.sim.sleep_us(PAUSE_US).await;
        }
    }
}

/// Waits for a time by the process's clock; for ever without one.
async fn until(sim: &Sim, clock: &Clock, due: Option<UnixMillis>) {
    let Some(due) = due else { return std::future::pending().await };
    while let ms @ 1.. = due.ms_since(clock.now()) {
        sim.sleep_us(ms * 1_000).await;
    }
}
