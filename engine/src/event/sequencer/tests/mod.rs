//! The sequencer under a scripted journal: no threads, no clock, every output looked at.

mod faults;
mod flow;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use usher_core::plan::{Layout, generate};
use usher_core::{
    Ask, BuyerId, Command, Currency, Fact, HoldId, Inventory, Limits, Minor, PlaceHold, Priced, Rejection, SeatIdx,
    TierIdx, UnixMillis,
};

use super::*;
use crate::event::Standing;
use crate::event::load::{Doubt, LoadError, Loaded};

const EVENT: EventId = EventId(1);
const DIGEST: [u8; 32] = [7; 32];
/// The hold whose placing makes [`fragile_rules`] panic.
const POISON: HoldId = HoldId(666);

type Outcome = Result<Told, AskError>;

/// A sequencer, what came out of it, and the journal that its appends go to when the test says so.
struct Stage {
    sequencer: Sequencer<u32>,
    layout: Arc<Layout>,
    at: UnixMillis,
    journal: Vec<SealedEntry>,
    epoch: u64,
    replies: BTreeMap<u32, Outcome>,
    appends: VecDeque<SealedEntry>,
    views: Vec<View>,
    snapshots: Vec<SnapshotDue>,
    reloads: VecDeque<(ReloadReason, u64, Option<Doubt>)>,
    standing: Option<Standing>,
    flush_asked: bool,
    resume: Option<Tenure>,
    wake_at: Option<UnixMillis>,
}

impl Stage {
    /// An event on sale with 2,000 seats and an empty mailbox.
    fn on_sale(rules: Rules) -> Self {
        let mut stage = Self::draft(rules);
        stage.ask(1, publish(&stage.layout, DIGEST));
        stage.ask(2, Command::Open);
        stage.settle();
        assert!(stage.replies.values().all(Result::is_ok), "{:?}", stage.replies);
        stage.replies.clear();
        stage
    }

    fn draft(rules: Rules) -> Self {
        let layout = Arc::new(generate::hall(2, 25, 40).compile().unwrap());
        let mut stage = Self {
            sequencer: Sequencer::new(EVENT, rules),
            layout,
            at: UnixMillis(1_000_000),
            journal: Vec::new(),
            epoch: 0,
            replies: BTreeMap::new(),
            appends: VecDeque::new(),
            views: Vec::new(),
            snapshots: Vec::new(),
            reloads: VecDeque::new(),
            standing: None,
            resume: None,
            flush_asked: false,
            wake_at: None,
        };
        stage.load(None);
        stage
    }

    fn feed(&mut self, input: Input<u32>) {
        let mut out = Vec::new();
        self.sequencer.handle(self.at, input, &mut out);
        for output in out {
            match output {
                Output::FlushSoon => self.flush_asked = true,
                Output::Append { sealed, .. } => self.appends.push_back(sealed),
                Output::Reply { token, outcome } => {
                    assert!(self.replies.insert(token, outcome).is_none(), "{token} is answered twice");
                }
                Output::Publish(view) => self.views.push(view),
                Output::Snapshot(due) => self.snapshots.push(*due),
                Output::Reload { reason, after_ms, doubt, resume } => {
                    self.reloads.push_back((reason, after_ms, doubt));
                    self.resume = resume;
                }
                Output::Stands(standing) => self.standing = Some(standing),
                Output::Quarantined { .. } => {}
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
        assert!(self.appends.len() <= 1, "two entries are on their way");
    }

    fn ask(&mut self, token: u32, command: Command) {
        self.feed(Input::Arrived { token, request: Request::Command(command) });
    }

    /// The mailbox is drained.
    fn flush(&mut self) {
        if std::mem::take(&mut self.flush_asked) {
            self.feed(Input::Flush);
        }
    }

    /// The entry on its way lands.
    fn land(&mut self) {
        let sealed = self.appends.pop_front().expect("an entry is on its way");
        let seq = sealed.entry.seq;
        self.journal.push(sealed);
        self.feed(Input::Appended { seq, outcome: Ok(()) });
    }

    /// The entry on its way does not come back well; `landed` says whether it is in the journal all the same.
    fn fail(&mut self, error: AppendError, landed: bool) {
        let sealed = self.appends.pop_front().expect("an entry is on its way");
        let seq = sealed.entry.seq;
        if landed {
            self.journal.push(sealed);
        }
        self.feed(Input::Appended { seq, outcome: Err(error) });
    }

    /// Carries out the reload that was asked for.
    fn reload(&mut self) -> (ReloadReason, u64) {
        let (reason, after_ms, doubt) = self.reloads.pop_front().expect("a reload was asked for");
        (self.flush_asked, self.wake_at) = (false, None);
        self.load(doubt);
        (reason, after_ms)
    }

    fn load(&mut self, doubt: Option<Doubt>) {
        // Going on under the right that stands changes nothing; taking over raises the epoch.
        if self.resume.take().is_none() {
            self.epoch += 1;
        }
        let mut inventory = Inventory::new(Arc::clone(&self.layout));
        for fact in self.journal.iter().flat_map(|sealed| &sealed.entry.facts) {
            inventory.evolve(fact);
        }
        let (head_seq, head_hash) = self.journal.last().map_or((0, [0; 32]), |last| (last.entry.seq, last.hash));
        let landed = |doubt: Doubt| self.journal.iter().any(|sealed| sealed.hash == doubt.hash);
        let loaded = Loaded {
            inventory,
            plan_digest: DIGEST,
            tenure: Tenure { epoch: self.epoch, head_seq, head_hash },
            snapshot_seq: 0,
            doubt_landed: doubt.is_some_and(landed),
        };
        self.feed(Input::Loaded(Box::new(loaded)));
    }

    /// Lets everything run to its end.
    fn settle(&mut self) {
        while self.flush_asked || !self.appends.is_empty() || !self.reloads.is_empty() {
            self.flush();
            if !self.appends.is_empty() {
                self.land();
            }
            if !self.reloads.is_empty() {
                self.reload();
            }
        }
        assert!(self.sequencer.is_quiet());
    }

    fn holds_in_journal(&self) -> usize {
        let facts = self.journal.iter().flat_map(|sealed| &sealed.entry.facts);
        facts.filter(|fact| matches!(fact, Fact::HoldPlaced { .. })).count()
    }
}

fn publish(layout: &Layout, plan_digest: [u8; 32]) -> Command {
    let tiers = (0u16..).zip(layout.tiers());
    let prices = tiers.map(|(tier, _)| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) });
    Command::Publish {
        plan_digest,
        currency: "EUR".parse::<Currency>().unwrap(),
        limits: Limits::default(),
        prices: prices.collect(),
    }
}

/// Buyer `n` wants seat `n`.
fn hold(n: u32) -> Command {
    hold_seat(n, n)
}

fn hold_seat(n: u32, seat: u32) -> Command {
    let asks = vec![Ask::Seats(vec![SeatIdx(seat)])];
    Command::PlaceHold(PlaceHold { hold: HoldId(n.into()), buyer: BuyerId(n.into()), asks, seed: 0 })
}

/// The rules, but placing [`POISON`] panics.
fn fragile_rules() -> Rules {
    Rules::with_decide(|inventory, at, command| {
        let is_poison = matches!(command, Command::PlaceHold(place) if place.hold == POISON);
        assert!(!is_poison, "poison");
        inventory.decide(at, command)
    })
}

fn seq_of(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Ok(Told::Decided(decided)) => Some(decided.seq),
        Ok(Told::Hold(looked)) => Some(looked.seq),
        Ok(Told::Order(looked)) => Some(looked.seq),
        Err(_) => None,
    }
}

fn is_taken(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Err(AskError::Rejected(Rejection::SeatsTaken { .. }))))
}
