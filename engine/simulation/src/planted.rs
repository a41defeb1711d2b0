//! Deliberate bugs, one for each invariant and rule of a protocol, to show that the auditor can fail.
//!
//! Each is a wrong wire in this package, or rules that lie; the house's own code is as it is. A bug must be found
//! within its number of seeds, by one of the codes that name what it breaks.

use usher_core::{Ask, Command, Fact, HoldLine, Inventory, Place, PlaceHold, Rejection, SeatStatus, UnixMillis};
use usher_engine::event::Rules;

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An append is taken for done when it is sent.
    AnswerBeforeDurable,
    /// Readers see an entry when it is sent.
    PublishBeforeDurable,
    /// An append that was certainly refused is taken for done.
    TrustRefusedAppend,
    /// An append of unknown outcome is taken for not done.
    DropUnknown,
    /// The journal takes entries of old owners, and the last write wins.
    SkipFence,
    /// The journal takes entries of old owners and gives them the next free number.
    StoreNumbersEntries,
    /// The money is taken together with the authorization.
    CaptureAtOnce,
    /// The timer that ends holds is never set.
    ForgetExpiry,
    /// A webhook is marked as acted on before it is.
    DedupBeforeEffect,
    /// The projector's checkpoint moves before its jobs are kept.
    CheckpointBeforeJobs,
    /// A refund whose call failed is taken for paid.
    BelieveRefund,
    /// A repeated call to the provider carries another idempotency key.
    NewKeyPerRetry,
    /// A process follows the wall clock while it runs.
    BelieveWallClock,
    /// One held place too few is shown.
    CountOffByOne,
    /// A hold of standing places gets one more than was asked for.
    OnePlaceTooMany,
    /// Who asks for a seat gets it from whoever holds it.
    StealLiveHold,
    /// An order is confirmed when its checkout begins.
    SellUnauthorized,
    /// A snapshot lacks what its number says it contains.
    SnapshotLies,
    /// The place in the gate of whoever got a *no* is lost.
    LeakPermit,
}

/// What is known of a bug beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// Which.
    pub bug: Bug,
    /// What it breaks, in words.
    pub what: &'static str,
    /// One of these must be found …
    pub codes: &'static [&'static str],
    /// … within so many seeds, counted from 0.
    pub seeds_max: u64,
}

const fn planted(bug: Bug, what: &'static str, codes: &'static [&'static str], seeds_max: u64) -> Planted {
    Planted { bug, what, codes, seeds_max }
}

/// Every bug.
pub const ALL: [Planted; 19] = [
    planted(Bug::AnswerBeforeDurable, "answers leave before their entry is durable", &["I2-told-early"], 5),
    planted(Bug::PublishBeforeDurable, "readers see an entry before it is durable", &["I2-shown-early"], 5),
    planted(Bug::TrustRefusedAppend, "an append that was refused is acknowledged", &["I2-told-early", "I2-lost"], 50),
    planted(Bug::DropUnknown, "an entry that landed unseen is called not applied", &["I2-false-no"], 50),
    planted(Bug::SkipFence, "an old owner overwrites the new one's entries", &["P-fence", "I2-overwritten"], 100),
    planted(Bug::StoreNumbersEntries, "two owners sell the same seat", &["I1-place-twice"], 200),
    planted(Bug::CaptureAtOnce, "a card is charged before the seats are sold", &["I4-charged-unsold"], 10),
    planted(Bug::ForgetExpiry, "holds never end by themselves", &["I6-hold-stuck", "I6-order-stuck"], 10),
    planted(Bug::DedupBeforeEffect, "a webhook is marked before it is acted on", &["P-webhook-done-early"], 20),
    planted(
        Bug::CheckpointBeforeJobs,
        "a crash loses tickets and letters",
        &["I2-ticket-missing", "I2-letter-missing"],
        200,
    ),
    planted(Bug::BelieveRefund, "a refund that failed is called paid", &["I4-refund-unpaid"], 200),
    planted(Bug::NewKeyPerRetry, "a repeated call is done twice", &["I4-second-intent", "I4-refunded-twice"], 100),
    planted(Bug::BelieveWallClock, "holds end when the wall clock leaps", &["I2-ended-early"], 100),
    planted(Bug::CountOffByOne, "the places shown do not sum to the capacity", &["I5-view"], 5),
    planted(Bug::OnePlaceTooMany, "a buyer gets a place that nobody asked for", &["I3-not-as-asked"], 10),
    planted(Bug::StealLiveHold, "a held seat is given to another", &["I2-ended-early"], 10),
    planted(Bug::SellUnauthorized, "seats are sold that nobody pays for", &["I3-unauthorized"], 5),
    planted(Bug::SnapshotLies, "the state after a restart is not the journal's", &["I5-view", "I7-replay"], 100),
    planted(Bug::LeakPermit, "after some refusals nobody gets in any more", &["I6-cannot-buy"], 50),
];

/// The rules, or rules with a bug in them.
pub(crate) fn rules(bug: Option<Bug>) -> Rules {
    match bug {
        Some(Bug::OnePlaceTooMany) => Rules::with_decide(one_place_too_many),
        Some(Bug::StealLiveHold) => Rules::with_decide(steal_live_hold),
        Some(Bug::SellUnauthorized) => Rules::with_decide(sell_unauthorized),
        Some(_) | None => Rules::default(),
    }
}

fn one_place_too_many(inventory: &Inventory, at: UnixMillis, command: &Command) -> Result<Vec<Fact>, Rejection> {
    let mut facts = inventory.decide(at, command)?;
    if let Some(Fact::HoldPlaced { lines, .. }) = facts.last_mut() {
        let standing = lines.iter().find_map(|line| match line.place {
            Place::Ga(area) => Some((area, *line)),
            Place::Seat(_) => None,
        });
        if let Some((area, line)) = standing {
            let wanted = lines.iter().filter(|line| line.place == Place::Ga(area)).count();
            if usize::try_from(inventory.area_free(area)).is_ok_and(|free| free > wanted) {
                lines.push(HoldLine { ..line });
            }
        }
    }
    Ok(facts)
}

fn steal_live_hold(inventory: &Inventory, at: UnixMillis, command: &Command) -> Result<Vec<Fact>, Rejection> {
    let refused = match inventory.decide(at, command) {
        Err(Rejection::SeatsTaken { seats }) => seats,
        decided => return decided,
    };
    let Command::PlaceHold(PlaceHold { asks, .. }) = command else { return inventory.decide(at, command) };
    let held = refused.iter().all(|seat| inventory.seat_status(*seat) == SeatStatus::Held);
    if !held || asks.iter().any(|ask| !matches!(ask, Ask::Seats(_))) {
        return Err(Rejection::SeatsTaken { seats: refused });
    }
    // In a day every hold is overdue: the rules themselves then end those in the way.
    let mut facts = inventory.decide(at.plus_ms(24 * 3_600_000), command)?;
    for fact in &mut facts {
        if let Fact::HoldPlaced { placed_at, expires_at, .. } = fact {
            (*placed_at, *expires_at) = (at, at.plus_ms(inventory.limits().hold_ms));
        }
    }
    Ok(facts)
}

fn sell_unauthorized(inventory: &Inventory, at: UnixMillis, command: &Command) -> Result<Vec<Fact>, Rejection> {
    let mut facts = inventory.decide(at, command)?;
    if let [Fact::CheckoutBegun { order, .. }] = facts.as_slice() {
        facts.push(Fact::OrderConfirmed { order: *order, confirmed_at: at, retaken: false });
    }
    Ok(facts)
}
