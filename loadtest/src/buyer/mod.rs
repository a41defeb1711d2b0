//! A buyer at work: looks, holds, checks out, pays, fetches tickets, as the itinerary says, and writes down what they
//! were told.
//!
//! Within a visit each step follows the answer to the one before, as in a browser; between visits nothing waits for
//! anything. The first step's latency counts from the scheduled arrival, every other one's from the answer before it.

mod choose;
mod holding;
mod notes;
mod ordering;
mod paying;
mod tickets;
mod world;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use choose::Availability;
pub(crate) use choose::read_ms;
pub use notes::{End, Notes, Step};
pub(crate) use tickets::fetched;
pub use world::{Live, World};

use crate::audit::{Repeat, Visit};
use crate::client::{Answer, Proof, Request, Tried, persist};
use crate::plan::{Itinerary, Manner, Persona, Stop};

/// The latest that a vanishing buyer vanishes, counted from sending.
const VANISHES_WITHIN_US: u64 = 8_000;

/// Longer answers are seat maps and tickets, which do not tell the time and take time to read.
const TIME_LOOKED_FOR_BYTES: usize = 32_768;

/// What is left of a visit.
#[derive(Debug)]
pub struct Outcome {
    /// For the auditor.
    pub visit: Visit,
    /// For the report.
    pub notes: Notes,
    /// How it ended.
    pub end: End,
}

/// What came back.
enum Heard {
    /// An answer, be it a *no*.
    Answer(Answer),
    /// Nothing one could rely on.
    Nothing { maybe_done: bool },
}

struct Buyer<'w> {
    world: &'w World,
    itinerary: Itinerary,
    base: &'w str,
    proof: Proof,
    visit: Visit,
    notes: Notes,
    /// The latest time of the server that the buyer has seen.
    server_now_ms: i64,
    /// When the step now under way should have begun.
    due: Instant,
    /// Until when the hold was promised.
    hold_lasts_until: Option<Instant>,
    /// When the payment went through.
    paid_since: Instant,
}

/// One visit, from arrival to whatever end.
pub async fn visit(world: &World, itinerary: Itinerary, scheduled: Instant) -> Outcome {
    let number = itinerary.number;
    let email = world.email_of(number);
    let mut buyer = Buyer {
        world,
        base: world.api.base_of(number),
        proof: Proof::None,
        visit: Visit { number, email, ..Visit::default() },
        notes: Notes::default(),
        server_now_ms: i64::MIN,
        due: scheduled,
        hold_lasts_until: None,
        paid_since: scheduled,
        itinerary,
    };
    let end = match buyer.journey().await {
        Ok(end) | Err(end) => end,
    };
    world.live.ended(&buyer.notes);
    Outcome { visit: buyer.visit, notes: buyer.notes, end }
}

impl<'w> Buyer<'w> {
    /// Both sides are ends: the error is one before the itinerary's.
    async fn journey(&mut self) -> Result<End, End> {
        let persona = self.itinerary.persona;
        let free = self.look().await?;
        self.introduce().await?;
        self.hold(free).await?;
        match persona.stop() {
            Stop::Hold => return Ok(End::LeftHold),
            Stop::Release => return self.release().await,
            Stop::Order | Stop::Cancel | Stop::End => {}
        }
        if persona == Persona::PaysLate {
            self.think().await;
            self.extend().await?;
        }
        let payment = self.check_out().await?;
        match persona.stop() {
            Stop::Order => return Ok(End::LeftOrder),
            Stop::Cancel => return self.cancel().await,
            Stop::Hold | Stop::Release | Stop::End => {}
        }
        if persona == Persona::PaysLate {
            self.think().await;
        }
        if let Some(payment) = payment {
            self.pay(&payment).await?;
        }
        let paid = self.wait_until_paid().await?;
        self.fetch_tickets(&paid).await
    }

    /// Sends something that changes nothing, or nothing twice.
    async fn call(&mut self, step: Option<Step>, what: &str, request: &Request) -> Heard {
        let world = self.world;
        let chance = &mut self.itinerary.chance;
        let tried = persist(&world.api, self.base, &self.proof, request, world.patience, chance).await;
        self.judge(step, what, tried)
    }

    /// Sends something that changes something, in the buyer's own manner.
    async fn change(&mut self, step: Step, what: &'static str, request: &Request) -> Heard {
        match self.itinerary.persona.manner() {
            Manner::Once => self.call(Some(step), what, request).await,
            Manner::Twice => {
                let (mut first_chance, mut second_chance) = (self.fork(), self.fork());
                let world = self.world;
                let (first, second) = tokio::join!(
                    persist(&world.api, self.base, &self.proof, request, world.patience, &mut first_chance),
                    persist(&world.api, self.base, &self.proof, request, world.patience, &mut second_chance),
                );
                self.note_repeat(what, first.answer.as_ref(), second.answer.as_ref(), false);
                let succeeded = |tried: &Tried<'_>| tried.answer.as_ref().is_some_and(Answer::is_success);
                let (told, other) = if succeeded(&first) { (first, second) } else { (second, first) };
                let maybe_done = other.maybe_done && other.answer.is_none();
                self.judge(None, what, other);
                match self.judge(Some(step), what, told) {
                    Heard::Nothing { maybe_done: this } => Heard::Nothing { maybe_done: this || maybe_done },
                    heard @ Heard::Answer(_) => heard,
                }
            }
            Manner::DroppedThenRepeated => {
                let vanishes_after = Duration::from_micros(self.itinerary.chance.random_range(0..VANISHES_WITHIN_US));
                let sent = self.world.api.send(self.base, &self.proof, request);
                let dropped = tokio::time::timeout(vanishes_after, sent).await;
                let heard_all_the_same = dropped.ok().and_then(Result::ok).filter(Answer::is_success);
                self.due = Instant::now();
                let (mut first_chance, mut second_chance) = (self.fork(), self.fork());
                let world = self.world;
                let first =
                    persist(&world.api, self.base, &self.proof, request, world.patience, &mut first_chance).await;
                let answer = first.answer.clone();
                self.note_repeat(what, heard_all_the_same.as_ref(), answer.as_ref(), true);
                let heard = self.judge(Some(step), what, first);
                let second =
                    persist(&world.api, self.base, &self.proof, request, world.patience, &mut second_chance).await;
                self.note_repeat(what, answer.as_ref(), second.answer.as_ref(), true);
                self.judge(None, what, second);
                self.due = Instant::now();
                heard
            }
        }
    }

    fn note_repeat(&mut self, what: &'static str, first: Option<&Answer>, second: Option<&Answer>, ordered: bool) {
        if let (Some(first), Some(second)) = (first, second) {
            let bases = self.world.api.bases();
            self.visit.repeats.push(Repeat { what, first: first.given(bases), second: second.given(bases), ordered });
        }
    }

    /// Takes in what came of a request.
    fn judge(&mut self, step: Option<Step>, what: &str, tried: Tried<'w>) -> Heard {
        let Tried { base, answer, maybe_done, refusals, refusals_took, broken } = tried;
        self.base = base;
        self.notes.refused(refusals, refusals_took);
        self.notes.broken(what, broken);
        let heard = match answer {
            Some(answer) if answer.status >= 500 => {
                self.visit.faults.push(answer.fault(what));
                Heard::Nothing { maybe_done: true }
            }
            Some(answer) => {
                if let Some(step) = step.filter(|_| answer.is_success()) {
                    self.notes.took(step, self.due.elapsed());
                }
                self.see_time(&answer);
                Heard::Answer(answer)
            }
            None => Heard::Nothing { maybe_done },
        };
        if step.is_some() {
            self.due = Instant::now();
        }
        heard
    }

    fn see_time(&mut self, answer: &Answer) {
        if answer.bytes.len() > TIME_LOOKED_FOR_BYTES {
            return;
        }
        if let Some(now_ms) = read_ms(&answer.json()["server_now"]) {
            self.server_now_ms = self.server_now_ms.max(now_ms);
        }
    }

    /// An answer that a correct server cannot give: for the auditor.
    fn unexpected(&mut self, what: &str, answer: &Answer) -> End {
        self.visit.faults.push(answer.fault(what));
        End::Surprised
    }

    /// Chance of its own for a request that runs beside another.
    fn fork(&mut self) -> StdRng {
        StdRng::seed_from_u64(self.itinerary.chance.random())
    }
}
