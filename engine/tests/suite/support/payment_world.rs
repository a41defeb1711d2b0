//! One order, the real rules of its event, and a provider that keeps Stripe's rules: everything can go wrong between
//! any two steps of the payment process, and all of it is a value that can be cloned.

use std::collections::BTreeSet;
use std::sync::Arc;

use usher_core::plan::generate;
use usher_core::{
    Ask, BuyerId, CancelReason, Command, Currency, EventId, Fact, HoldId, Inventory, Limits, Minor, OrderId,
    OrderState, Phase, PlaceHold, Priced, RefundId, RefundLines, SeatIdx, SeatStatus, TierIdx, UnixMillis,
};
use usher_engine::checkout::process::{self, Provider, Situation, Step};
use usher_engine::orders::RefundRecord;
use usher_engine::payments::{Intent, IntentStatus, PaymentRecord, ProviderRefund, ProviderRefundStatus};

pub(crate) const ORDER: OrderId = OrderId(1);
pub(crate) const TOTAL: Minor = Minor(9_000);
const EVENT: EventId = EventId(9);
const BUYER: BuyerId = BuyerId(2);
const HOLD: HoldId = HoldId(3);
const SEATS: [SeatIdx; 2] = [SeatIdx(0), SeatIdx(1)];
const STEPS_MAX: usize = 24;

/// What can happen, in any order and any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The buyer gives a good card.
    Pay,
    /// The buyer gives a bad one.
    Decline,
    /// The order's process is woken, by whatever, and runs to its end.
    Run,
    /// It is woken and the process ends after so many steps.
    RunCutOff(usize),
    /// The hold's time is up.
    Lapse,
    /// So is the grace after it.
    GraceEnds,
    /// Another buyer takes the seats if they are free.
    OthersTake,
    /// The buyer gives up.
    BuyerCancels,
    /// The organizer refunds a line.
    RefundLine,
    /// The organizer calls the event off.
    CallOff,
    /// From here on the bank refuses the capture.
    CaptureFails,
}

/// All that is true.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    now: UnixMillis,
    payment: Option<PaymentRecord>,
    refunds: Vec<RefundRecord>,
    pub(crate) intent: Option<Intent>,
    pub(crate) returned: Vec<ProviderRefund>,
    keys: BTreeSet<String>,
    capture_fails: bool,
    pub(crate) captures_count: u32,
    pub(crate) confirmations_count: u32,
}

impl World {
    /// An order of two seats that awaits payment.
    pub(crate) fn new() -> Self {
        let layout = Arc::new(generate::hall(1, 2, 6).compile().unwrap());
        let tiers = (0u16..).zip(layout.tiers());
        let prices = tiers.map(|(tier, _)| Priced { tier: TierIdx(tier), price_minor: Minor(4_500) }).collect();
        let mut world = Self {
            inventory: Inventory::new(Arc::clone(&layout)),
            now: UnixMillis(1_000),
            payment: None,
            refunds: Vec::new(),
            intent: None,
            returned: Vec::new(),
            keys: BTreeSet::new(),
            capture_fails: false,
            captures_count: 0,
            confirmations_count: 0,
        };
        let (currency, limits) = (eur(), Limits::default());
        world.ask(&Command::Publish { plan_digest: [7; 32], currency, limits, prices });
        world.ask(&Command::Open);
        world.hold(HOLD, BUYER);
        world.ask(&Command::BeginCheckout { hold: HOLD, buyer: BUYER, order: ORDER });
        assert_eq!(world.state(), OrderState::AwaitingPayment);
        world
    }

    pub(crate) fn state(&self) -> OrderState {
        self.inventory.order(ORDER).unwrap().state
    }

    pub(crate) fn cancel_reason(&self) -> Option<CancelReason> {
        self.inventory.order(ORDER).unwrap().cancel_reason
    }

    pub(crate) fn intent_status(&self) -> Option<IntentStatus> {
        self.intent.as_ref().map(|intent| intent.status)
    }

    /// Captured and not sent back.
    pub(crate) fn kept_minor(&self) -> u64 {
        let returned: u64 = self.returned.iter().map(|refund| refund.amount_minor.0).sum();
        self.intent.as_ref().map_or(0, |intent| intent.received_minor.0) - returned
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        self.now = self.now.plus_ms(1);
        match happening {
            Happening::Pay => self.use_card(IntentStatus::RequiresCapture),
            Happening::Decline => self.use_card(IntentStatus::RequiresPaymentMethod),
            Happening::Run => self.run(STEPS_MAX),
            Happening::RunCutOff(steps_max) => self.run(steps_max),
            Happening::Lapse => {
                let order = self.inventory.order(ORDER).unwrap();
                self.now = self.now.max(order.expires_at);
                self.ask(&Command::ExpireDue { holds_max: 100 });
            }
            Happening::GraceEnds => {
                let grace_ms = self.inventory.limits().payment_grace_ms;
                self.now = self.now.plus_ms(grace_ms);
                self.ask(&Command::ExpireDue { holds_max: 100 });
            }
            Happening::OthersTake => self.hold(HoldId(77), BuyerId(78)),
            Happening::BuyerCancels => {
                self.ask(&Command::CancelOrder { order: ORDER, buyer: Some(BUYER), reason: CancelReason::Buyer });
            }
            Happening::RefundLine => {
                self.ask(&Command::Refund { order: ORDER, refund: RefundId(5), lines: RefundLines::Lines(vec![1]) });
            }
            Happening::CallOff => self.ask(&Command::CancelEvent),
            Happening::CaptureFails => self.capture_fails = true,
        }
        assert_eq!(self.inventory.broken_invariants(), Vec::<String>::new());
    }

    /// What must be so when nothing is under way any more.
    pub(crate) fn check_at_rest(&self, story: &[Happening]) {
        let order = self.inventory.order(ORDER).unwrap();
        let status = self.intent_status();
        let refunded: u64 = order.refunded_lines.iter().map(|line| order.lines[usize::from(*line)].price_minor.0).sum();
        let has_seats = SEATS.iter().all(|seat| self.inventory.seat_status(*seat) == SeatStatus::Sold);
        match order.state {
            OrderState::AwaitingPayment => {
                assert!(!order.lapsed, "a lapsed order was left alone: {story:?}");
                assert_eq!((status, self.kept_minor()), (Some(IntentStatus::RequiresPaymentMethod), 0), "{story:?}");
            }
            OrderState::Confirmed => panic!("authorized and neither captured nor reversed: {story:?}"),
            OrderState::Paid => {
                assert_eq!(self.kept_minor(), TOTAL.0 - refunded, "{story:?}");
                assert!(has_seats || refunded > 0, "paid without seats: {story:?}");
                assert_ne!(self.inventory.phase(), Phase::Cancelled, "{story:?}");
            }
            OrderState::Refunded => assert_eq!((self.kept_minor(), refunded), (0, TOTAL.0), "{story:?}"),
            OrderState::Cancelled => {
                assert_eq!(self.kept_minor(), 0, "charged without a seat: {story:?}");
                let over = matches!(status, None | Some(IntentStatus::Canceled | IntentStatus::Succeeded));
                assert!(over, "an authorization was left standing: {story:?}");
            }
        }
        assert!(self.refunds.iter().all(|refund| refund.paid), "a refund was left unpaid: {story:?}");
        assert!(self.captures_count <= 1 && self.confirmations_count <= 1, "{story:?}");
    }

    fn run(&mut self, steps_max: usize) {
        let (mut provider, mut capture_refused) = (None, false);
        for _ in 0..steps_max {
            let order = self.inventory.order(ORDER).unwrap();
            let step = process::next(&Situation {
                order: &order,
                event_cancelled: self.inventory.phase() == Phase::Cancelled,
                refunds: &self.refunds,
                payment: self.payment.as_ref(),
                provider: provider.as_ref(),
                capture_refused,
                now: self.now,
            });
            match step {
                Step::Wait | Step::LookAgainAt(_) => return,
                Step::Settled => {
                    if let Some(payment) = &mut self.payment {
                        payment.settled = true;
                    }
                    return;
                }
                Step::CreateIntent => self.create_intent(),
                Step::AskProvider => provider = Some(Provider { intent: self.found_intent(), refunds: None }),
                Step::ListRefunds => {
                    provider = Some(Provider { intent: self.found_intent(), refunds: Some(self.returned.clone()) });
                }
                Step::CancelIntent => {
                    self.cancel_intent();
                    provider = None;
                }
                Step::Capture { amount_minor } => {
                    capture_refused |= !self.capture(amount_minor);
                    provider = None;
                }
                Step::PayRefund { refund, amount_minor, key } => {
                    self.send_back(amount_minor, Some(refund), key);
                    provider = None;
                }
                Step::ReturnCharge { amount_minor, key } => {
                    self.send_back(amount_minor, None, key);
                    provider = None;
                }
                Step::Confirm { authorized_minor } => {
                    self.ask(&Command::ConfirmOrder { order: ORDER, authorized_minor })
                }
                Step::RecordCapture { captured_minor } => {
                    self.ask(&Command::RecordCapture { order: ORDER, captured_minor });
                }
                Step::RecordCaptureFailure => self.ask(&Command::RecordCaptureFailure { order: ORDER }),
                Step::CancelOrder { reason } => self.ask(&Command::CancelOrder { order: ORDER, buyer: None, reason }),
                Step::BeginRefund { refund } => {
                    self.ask(&Command::Refund { order: ORDER, refund, lines: RefundLines::All });
                }
                Step::RecordRefundPaid { refund } => self.ask(&Command::RecordRefundPaid { order: ORDER, refund }),
            }
        }
        assert!(steps_max < STEPS_MAX, "the process makes no headway");
    }

    fn ask(&mut self, command: &Command) {
        for fact in self.inventory.decide(self.now, command).unwrap_or_default() {
            self.inventory.evolve(&fact);
            if let Fact::OrderConfirmed { .. } = fact {
                self.confirmations_count += 1;
            } else if let Fact::RefundBegun { refund, lines, amount_minor, .. } = fact {
                self.refunds.push(RefundRecord { refund, lines, amount_minor, paid: false });
            } else if let Fact::RefundPaid { refund, .. } = fact {
                self.refunds.iter_mut().filter(|known| known.refund == refund).for_each(|known| known.paid = true);
            }
        }
    }

    fn hold(&mut self, hold: HoldId, buyer: BuyerId) {
        self.ask(&Command::PlaceHold(PlaceHold { hold, buyer, asks: vec![Ask::Seats(SEATS.to_vec())], seed: 0 }));
    }

    fn found_intent(&self) -> Intent {
        self.intent.clone().unwrap()
    }

    fn create_intent(&mut self) {
        let intent = self.intent.get_or_insert_with(|| Intent {
            id: "pi_1".to_owned(),
            client_secret: "secret".to_owned(),
            status: IntentStatus::RequiresPaymentMethod,
            amount_minor: TOTAL,
            capturable_minor: Minor(0),
            received_minor: Minor(0),
            currency: eur(),
            livemode: false,
            order: Some(ORDER),
            event: Some(EVENT),
        });
        self.payment.get_or_insert_with(|| PaymentRecord {
            order: ORDER,
            event: EVENT,
            intent: intent.id.clone(),
            client_secret: intent.client_secret.clone(),
            amount_minor: intent.amount_minor,
            currency: intent.currency,
            settled: false,
            created_at: self.now,
            checked_at: self.now,
        });
    }

    fn use_card(&mut self, status: IntentStatus) {
        let Some(intent) = self.intent.as_mut().filter(|i| i.status == IntentStatus::RequiresPaymentMethod) else {
            return;
        };
        intent.status = status;
        intent.capturable_minor = if status == IntentStatus::RequiresCapture { TOTAL } else { Minor(0) };
    }

    fn cancel_intent(&mut self) {
        let intent = self.intent.as_mut().unwrap();
        if !matches!(intent.status, IntentStatus::Canceled | IntentStatus::Succeeded) {
            (intent.status, intent.capturable_minor) = (IntentStatus::Canceled, Minor(0));
        }
    }

    fn capture(&mut self, amount_minor: Minor) -> bool {
        let intent = self.intent.as_mut().unwrap();
        let possible = intent.status == IntentStatus::RequiresCapture && amount_minor <= intent.capturable_minor;
        if !possible || self.capture_fails {
            return false;
        }
        (intent.status, intent.received_minor, intent.capturable_minor) =
            (IntentStatus::Succeeded, amount_minor, Minor(0));
        self.captures_count += 1;
        true
    }

    fn send_back(&mut self, amount_minor: Minor, refund: Option<RefundId>, key: String) {
        if self.keys.insert(key) {
            assert!(amount_minor.0 <= self.kept_minor(), "the provider refuses to send back more than it has");
            let id = format!("re_{}", self.returned.len());
            self.returned.push(ProviderRefund { id, refund, amount_minor, status: ProviderRefundStatus::Succeeded });
        }
    }
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}
