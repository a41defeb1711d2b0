//! One thread, many futures, and a clock that moves only when nobody can go on.
//!
//! The order in which ready futures are polled is rolled from the seed and the future's own name, and so is how long
//! each wait for the outside takes: between any two awaits others may run. A process is a number that its futures
//! carry; when it crashes they are dropped where they stand, and only what the world keeps stays.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use usher_core::UnixMillis;
use usher_engine::clock::Clock;

use crate::dice::{Dice, mixed};
use crate::lock;

/// Whose a future is.
pub(crate) type ProcId = u32;
/// What is no process of ours: buyers, the provider, the network, time.
pub(crate) const WORLD: ProcId = 0;

/// The simulated world's time and its futures; clones share them.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Shared>);

struct Shared {
    seed: u64,
    state: Mutex<State>,
    ready: Arc<Mutex<Vec<usize>>>,
}

struct State {
    now_us: u64,
    timers: BTreeMap<(u64, u64), Waker>,
    spawned: Vec<Spawned>,
    /// The name of the future being polled and how often it has rolled.
    current: (u64, u64),
    doomed: Vec<ProcId>,
    paused: BTreeSet<ProcId>,
    clocks: Vec<(ProcId, Clock, i64)>,
    digest: u64,
    trace: Option<Vec<String>>,
}

struct Spawned {
    name: u64,
    process: ProcId,
    future: BoxFuture<'static, ()>,
}

struct Task {
    name: u64,
    process: ProcId,
    polls_count: u64,
    future: BoxFuture<'static, ()>,
    bell: Arc<Bell>,
}

/// Puts a task among the ready ones, once.
struct Bell {
    task: usize,
    rung: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            lock(&self.ready).push(self.task);
        }
    }
}

impl Sim {
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let state = State {
            now_us: 0,
            timers: BTreeMap::new(),
            spawned: Vec::new(),
            current: (0, 0),
            doomed: Vec::new(),
            paused: BTreeSet::new(),
            clocks: Vec::new(),
            digest: seed,
            trace: traced.then(Vec::new),
        };
        Self(Arc::new(Shared { seed, state: Mutex::new(state), ready: Arc::default() }))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut lock(&self.0.state))
    }

    /// True time since the world began.
    pub(crate) fn now_us(&self) -> u64 {
        self.with(|state| state.now_us)
    }

    /// True time as an instant.
    pub(crate) fn now(&self) -> UnixMillis {
        instant(self.now_us())
    }

    /// Starts a future. Its name decides its rolls; those of one process with equal names differ by their order.
    pub(crate) fn spawn(&self, process: ProcId, name: u64, future: impl Future<Output = ()> + Send + 'static) {
        self.with(|state| {
            state.current.1 += 1;
            let name = mixed(name ^ mixed(u64::from(process)) ^ mixed(state.current.0 ^ state.current.1));
            state.spawned.push(Spawned { name, process, future: Box::pin(future) });
        });
    }

    /// Starts a future of the world whose rolls follow from its name alone.
    pub(crate) fn spawn_named(&self, name: u64, future: impl Future<Output = ()> + Send + 'static) {
        self.with(|state| {
            state.spawned.push(Spawned { name: mixed(name), process: WORLD, future: Box::pin(future) });
        });
    }

    /// Dice of the future that runs, new ones at each call.
    pub(crate) fn dice(&self) -> Dice {
        self.with(|state| {
            state.current.1 += 1;
            Dice::of(&[self.0.seed, state.current.0, state.current.1])
        })
    }

    pub(crate) fn sleep_us(&self, us: u64) -> Sleep {
        Sleep { at_us: self.now_us() + us, sim: self.clone(), armed: None }
    }

    /// About as long as a call within a house takes; now and then much longer.
    pub(crate) async fn travel(&self) {
        let mut dice = self.dice();
        let us = if dice.below(16) == 0 { dice.between(5_000, 60_000) } else { dice.between(50, 3_000) };
        self.sleep_us(us).await;
    }

    /// Ends a process: its futures are dropped before anything else runs.
    pub(crate) fn crash(&self, process: ProcId) {
        self.with(|state| state.doomed.push(process));
    }

    /// Stops a process from running until it is continued; time goes on without it.
    pub(crate) fn pause(&self, process: ProcId, paused: bool) {
        self.with(|state| if paused { state.paused.insert(process) } else { state.paused.remove(&process) });
    }

    /// Carries a process's clock on with true time from now on.
    pub(crate) fn keep_clock(&self, process: ProcId, clock: Clock, offset_ms: i64) {
        self.with(|state| state.clocks.push((process, clock, offset_ms)));
    }

    /// Makes a process's clock leap, as a process would see it that believed the wall clock while it runs.
    pub(crate) fn leap(&self, process: ProcId, by_ms: u64) {
        self.with(|state| {
            for (_, clock, offset_ms) in state.clocks.iter_mut().filter(|(owner, _, _)| *owner == process) {
                *offset_ms = offset_ms.saturating_add_unsigned(by_ms);
                clock.advance(Duration::from_millis(by_ms));
            }
        });
    }

    /// Mixes a number into the history's digest.
    pub(crate) fn note(&self, number: u64) {
        self.with(|state| state.digest = mixed(state.digest ^ number));
    }

    /// Says what happened, if somebody listens.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if !self.with(|state| state.trace.is_some()) {
            return;
        }
        let line = line();
        self.with(|state| {
            let now_us = state.now_us;
            let trace = state.trace.get_or_insert_default();
            trace.push(format!("{:>8}.{:06} {line}", now_us / 1_000_000, now_us % 1_000_000));
        });
    }

    pub(crate) fn digest(&self) -> u64 {
        self.with(|state| state.digest)
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.with(|state| state.trace.as_mut().map(std::mem::take).unwrap_or_default())
    }
}

/// When simulated worlds begin.
const START_MS: i64 = 1_800_000_000_000;

/// True time as an instant.
pub(crate) fn instant(now_us: u64) -> UnixMillis {
    UnixMillis(START_MS).plus_ms(now_us / 1_000)
}

/// Waits for a time.
pub(crate) struct Sleep {
    at_us: u64,
    sim: Sim,
    armed: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let tie = self.sim.dice().next();
        let (at_us, armed) = (self.at_us, self.armed);
        let armed = self.sim.with(|state| {
            if state.now_us >= at_us {
                return None;
            }
            let key = armed.unwrap_or((at_us, tie));
            state.timers.insert(key, cx.waker().clone());
            Some(key)
        });
        self.armed = armed;
        if armed.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.armed {
            self.sim.with(|state| state.timers.remove(&key));
        }
    }
}

/// Polls the futures of a world.
pub(crate) struct Executor {
    sim: Sim,
    tasks: Vec<Option<Task>>,
    steps_count: u64,
}

/// The world does not come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restless;

impl Executor {
    pub(crate) fn new(sim: Sim) -> Self {
        Self { sim, tasks: Vec::new(), steps_count: 0 }
    }

    pub(crate) fn steps_count(&self) -> u64 {
        self.steps_count
    }

    /// Runs until nothing can happen any more, at most `steps_max` polls.
    pub(crate) fn run_until_rest(&mut self, steps_max: u64) -> Result<(), Restless> {
        for _ in 0..steps_max {
            self.take_spawned();
            let Some(index) = self.choose() else {
                if self.advance() {
                    continue;
                }
                return Ok(());
            };
            self.poll(index);
            self.bury_doomed();
        }
        Err(Restless)
    }

    /// Drops everything; futures hold the world and the world holds them.
    pub(crate) fn end(&mut self) {
        for index in 0..self.tasks.len() {
            self.tasks[index] = None;
        }
        self.take_spawned();
        self.tasks.clear();
        self.sim.with(|state| state.clocks.clear());
    }

    fn take_spawned(&mut self) {
        for Spawned { name, process, future } in self.sim.with(|state| std::mem::take(&mut state.spawned)) {
            let task = self.tasks.iter().position(Option::is_none).unwrap_or(self.tasks.len());
            let bell = Arc::new(Bell { task, rung: AtomicBool::new(false), ready: Arc::clone(&self.sim.0.ready) });
            let entry = Some(Task { name, process, polls_count: 0, future, bell: Arc::clone(&bell) });
            match self.tasks.get_mut(task) {
                Some(free) => *free = entry,
                None => self.tasks.push(entry),
            }
            bell.wake();
        }
    }

    /// One of the ready futures, by a roll; those of paused processes stay where they are.
    fn choose(&self) -> Option<usize> {
        let mut ready = lock(&self.sim.0.ready);
        let paused = self.sim.with(|state| state.paused.clone());
        ready.retain(|index| self.tasks[*index].is_some());
        let candidates = ready.iter().enumerate().filter_map(|(position, index)| {
            let task = self.tasks[*index].as_ref()?;
            (!paused.contains(&task.process)).then(|| (mixed(task.name ^ mixed(task.polls_count)), position))
        });
        let (_, position) = candidates.min()?;
        Some(ready.swap_remove(position))
    }

    fn poll(&mut self, index: usize) {
        let Some(task) = self.tasks[index].as_mut() else { return };
        task.bell.rung.store(false, Ordering::Relaxed);
        task.polls_count += 1;
        self.steps_count += 1;
        // Each poll has rolls of its own, so that how often others ran does not matter.
        let name = mixed(task.name ^ task.polls_count);
        self.sim.with(|state| {
            state.current = (name, 0);
            state.digest = mixed(state.digest ^ name ^ state.now_us);
        });
        let waker = Waker::from(Arc::clone(&task.bell));
        let done = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if done {
            self.tasks[index] = None;
        }
    }

    fn bury_doomed(&mut self) {
        let doomed = self.sim.with(|state| {
            let doomed = std::mem::take(&mut state.doomed);
            if !doomed.is_empty() {
                state.clocks.retain(|(process, _, _)| !doomed.contains(process));
                state.paused.retain(|process| !doomed.contains(process));
            }
            doomed
        });
        if doomed.is_empty() {
            return;
        }
        self.take_spawned();
        for index in 0..self.tasks.len() {
            if self.tasks[index].as_ref().is_some_and(|task| doomed.contains(&task.process)) {
                self.tasks[index] = None;
            }
        }
    }

    /// Moves time to the next timer; tells whether there was one.
    fn advance(&self) -> bool {
        let wakers = self.sim.with(|state| {
            let (at_us, _) = *state.timers.first_key_value()?.0;
            state.now_us = state.now_us.max(at_us);
            let later = state.timers.split_off(&(state.now_us + 1, 0));
            let now_ms = instant(state.now_us).0;
            for (_, clock, offset_ms) in &state.clocks {
                let due = UnixMillis(now_ms.saturating_add(*offset_ms));
                let behind_ms = due.ms_since(clock.now());
                if behind_ms > 0 {
                    clock.advance(Duration::from_millis(behind_ms));
                }
            }
            Some(std::mem::replace(&mut state.timers, later))
        });
        let Some(wakers) = wakers else { return false };
        for waker in wakers.into_values() {
            waker.wake();
        }
        true
    }
}
