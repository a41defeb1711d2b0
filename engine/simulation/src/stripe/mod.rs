//! The payment provider: it keeps Stripe's rules and its own time, whatever happens on the way to it and back.
//!
//! Manual capture, one saved answer for each idempotency key (a *no* included), refunds never past what was captured,
//! webhooks for every change. What the network does to calls is the gateway's, what it does to webhooks the postman's.

mod gateway;
mod intents;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use usher_core::{Minor, OrderId, RefundId};
use usher_engine::payments::{GatewayError, Intent, IntentStatus, ProviderRefund, ProviderRefundStatus};

use crate::audit::Audit;
use crate::executor::{Sim, WORLD};
use crate::faults::{Faults, Hit};
use crate::lock;

pub(crate) use gateway::SimGateway;

/// What a buyer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    Good,
    Declined,
    /// Asks who the buyer is, and the buyer answers.
    Secure,
    /// Asks, and the buyer fails.
    SecureFails,
    /// Asks, and the buyer walks away.
    SecureNever,
    /// At work for a while, then good.
    Slow,
    /// Authorized, and then the bank refuses to pay.
    CaptureFails,
}

/// What becomes of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundFate {
    /// Under way for minutes, then paid out.
    Slow,
    /// Under way for minutes, then not.
    FailsLater,
    /// Fails at once.
    Fails,
}

/// What becomes of an authorization without our doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twist {
    /// It is given up, as time does after a week.
    Expires,
    /// Somebody captures it at the provider's own desk.
    CapturedPastUs,
}

/// A webhook to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) order: OrderId,
    pub(crate) body: String,
}

struct SimIntent {
    intent: Intent,
    order: OrderId,
    capture_fails: bool,
    refunds: Vec<ProviderRefund>,
}

#[derive(Debug, Clone)]
enum Saved {
    Intent(Result<Intent, GatewayError>),
    Refund(Result<ProviderRefund, GatewayError>),
}

#[derive(Default)]
struct State {
    intents: BTreeMap<String, SimIntent>,
    saved: BTreeMap<String, (String, Saved)>,
    webhooks: BTreeMap<String, (&'static str, OrderId)>,
    outbox: VecDeque<Webhook>,
    refund_fates: VecDeque<RefundFate>,
    twists: VecDeque<Twist>,
    failed_refunds: Vec<RefundId>,
    ids_count: u64,
}

/// The provider; clones share it.
#[derive(Clone)]
pub(crate) struct Stripe {
    sim: Sim,
    audit: Audit,
    faults: Faults,
    state: Arc<Mutex<State>>,
    /// Rung when a webhook is to be delivered.
    pub(crate) posted: Arc<Notify>,
    /// Takes the money with the authorization, as an account without manual capture would.
    automatic_capture: bool,
}

impl Stripe {
    pub(crate) fn new(sim: Sim, audit: Audit, faults: Faults, automatic_capture: bool) -> Self {
        Self { sim, audit, faults, state: Arc::default(), posted: Arc::default(), automatic_capture }
    }

    pub(crate) fn next_webhook(&self) -> Option<Webhook> {
        lock(&self.state).outbox.pop_front()
    }

    /// What a webhook was about.
    pub(crate) fn webhook(&self, id: &str) -> Option<(&'static str, OrderId)> {
        lock(&self.state).webhooks.get(id).copied()
    }

    pub(crate) fn arm_refund(&self, fate: RefundFate) {
        lock(&self.state).refund_fates.push_back(fate);
    }

    pub(crate) fn arm_twist(&self, twist: Twist) {
        lock(&self.state).twists.push_back(twist);
    }

    pub(crate) fn calm(&self) {
        let mut state = lock(&self.state);
        state.refund_fates.clear();
        state.twists.clear();
    }

    fn now_s(&self) -> i64 {
        self.sim.now().0.div_euclid(1_000)
    }

    fn emit(&self, state: &mut State, kind: &'static str, order: OrderId, object: &str) {
        state.ids_count += 1;
        let id = format!("evt_{:06}", state.ids_count);
        let created_s = self.now_s();
        let body = format!(
            r#"{{"id":"{id}","object":"event","type":"{kind}","livemode":false,"created":{created_s},"data":{{"object":{object}}}}}"#
        );
        state.webhooks.insert(id.clone(), (kind, order));
        state.outbox.push_back(Webhook { id, kind, order, body });
        self.posted.notify_one();
    }

    fn emit_intent(&self, state: &mut State, kind: &'static str, intent: &str) {
        let Some(order) = state.intents.get(intent).map(|known| known.order) else { return };
        self.emit(state, kind, order, &format!(r#"{{"id":"{intent}","object":"payment_intent"}}"#));
    }

    fn emit_refund(&self, state: &mut State, kind: &'static str, intent: &str, refund: &str) {
        let Some(order) = state.intents.get(intent).map(|known| known.order) else { return };
        let object = format!(r#"{{"id":"{refund}","object":"refund","payment_intent":"{intent}"}}"#);
        self.emit(state, kind, order, &object);
    }

    /// Moves an intent that a buyer or time acts on; `false` when it is past that.
    fn move_on(&self, intent: &str, from: &[IntentStatus], act: impl FnOnce(&mut SimIntent) -> &'static str) -> bool {
        let mut state = lock(&self.state);
        let Some(known) = state.intents.get_mut(intent).filter(|known| from.contains(&known.intent.status)) else {
            return false;
        };
        let kind = act(known);
        let (order, status) = (known.order, known.intent.status);
        let (amount, capturable) = (known.intent.amount_minor.0, known.intent.capturable_minor.0);
        self.emit_intent(&mut state, kind, intent);
        drop(state);
        self.sim.trace(|| format!("provider: {intent} of {order} is {status:?}"));
        if capturable > 0 {
            self.audit.authorized(order, amount);
        }
        true
    }

    /// A buyer gives a card; whether the provider took it.
    pub(crate) fn confirm(&self, intent: &str, card: Card) -> bool {
        let from = [IntentStatus::RequiresPaymentMethod];
        match card {
            Card::Good => self.authorize(intent, &from, false),
            Card::CaptureFails => self.authorize(intent, &from, true),
            Card::Declined => self.decline(intent, &from),
            Card::Secure | Card::SecureFails | Card::SecureNever => self.move_on(intent, &from, |known| {
                known.intent.status = IntentStatus::RequiresAction;
                "payment_intent.requires_action"
            }),
            Card::Slow => self.move_on(intent, &from, |known| {
                known.intent.status = IntentStatus::Processing;
                "payment_intent.processing"
            }),
        }
    }

    /// The buyer's bank has spoken, or the provider is done with its work.
    pub(crate) fn finish(&self, intent: &str, approved: bool) -> bool {
        let from = [IntentStatus::RequiresAction, IntentStatus::Processing];
        if approved { self.authorize(intent, &from, false) } else { self.decline(intent, &from) }
    }

    fn authorize(&self, intent: &str, from: &[IntentStatus], capture_fails: bool) -> bool {
        let moved = self.move_on(intent, from, |known| {
            known.intent.status = IntentStatus::RequiresCapture;
            known.intent.capturable_minor = known.intent.amount_minor;
            known.capture_fails = capture_fails;
            "payment_intent.amount_capturable_updated"
        });
        if moved && self.automatic_capture {
            self.capture_alone(intent, "automatic");
        }
        let twist = if moved { lock(&self.state).twists.pop_front() } else { None };
        if let Some(twist) = twist {
            self.twist(intent, twist);
        }
        moved
    }

    fn decline(&self, intent: &str, from: &[IntentStatus]) -> bool {
        let order = lock(&self.state).intents.get(intent).map(|known| known.order);
        let now_s = self.now_s();
        if let (Some(order), Ok(attempt)) = (order, u32::try_from(now_s)) {
            self.audit.declined(order, attempt);
        }
        self.move_on(intent, from, |known| {
            known.intent.status = IntentStatus::RequiresPaymentMethod;
            "payment_intent.payment_failed"
        })
    }

    /// Takes what is authorized, asked by nobody of ours; a refusal leaves it as it is.
    fn capture_alone(&self, intent: &str, who: &str) -> bool {
        let amount = lock(&self.state).intents.get(intent).map_or(Minor(0), |known| known.intent.amount_minor);
        self.capture(intent, amount, &format!("{who}:{intent}")).is_ok()
    }

    fn twist(&self, intent: &str, twist: Twist) {
        let (stripe, intent) = (self.clone(), intent.to_owned());
        let us = self.sim.dice().between(1_000, 3_000_000);
        self.sim.spawn(WORLD, 0x7415, async move {
            stripe.sim.sleep_us(us).await;
            let happened = match twist {
                Twist::Expires => stripe.cancel(&intent).is_ok(),
                Twist::CapturedPastUs => {
                    stripe.expect_past_us(&intent);
                    stripe.capture_alone(&intent, "desk")
                }
            };
            if happened {
                stripe.faults.count(Hit::Other(match twist {
                    Twist::Expires => "an authorization expired",
                    Twist::CapturedPastUs => "a payment was captured past us",
                }));
            }
        });
    }

    fn expect_past_us(&self, intent: &str) {
        let order = lock(&self.state).intents.get(intent).map(|known| known.order);
        if let Some(order) = order {
            self.audit.captured_past_us(order);
        }
    }

    /// Ends a refund that was under way.
    fn finish_refund(&self, intent: &str, id: &str, status: ProviderRefundStatus) {
        let mut state = lock(&self.state);
        let Some(known) = state.intents.get_mut(intent) else { return };
        let order = known.order;
        let Some(refund) = known.refunds.iter_mut().find(|refund| refund.id == id) else { return };
        refund.status = status;
        let (mine, amount) = (refund.refund, refund.amount_minor.0);
        self.emit_refund(&mut state, "refund.updated", intent, id);
        drop(state);
        self.audit.sent_back(order, id, mine, amount, status);
    }
}
