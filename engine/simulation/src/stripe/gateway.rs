//! A house's way to the provider: calls are lost on the way there, on the way back, or arrive when nobody waits.

use async_trait::async_trait;
use usher_core::{Minor, RefundId};
use usher_engine::payments::{Gateway, GatewayError, Intent, NewIntent, ProviderRefund, ProviderRefundStatus};

use super::Stripe;
use crate::executor::WORLD;
use crate::faults::{Line, Op, Trouble};
use crate::planted::Bug;

/// Attempts of one call, as the real gateway makes them.
const ATTEMPTS_MAX: u32 = 2;

/// A process's gateway.
pub(crate) struct SimGateway {
    pub(crate) line: Line,
    pub(crate) stripe: Stripe,
    pub(crate) bug: Option<Bug>,
}

impl SimGateway {
    /// One call with its attempts; `call` is given the key of the attempt.
    async fn call<T: Send + 'static>(
        &self,
        op: Op,
        key: &str,
        call: impl Fn(&Stripe, &str) -> Result<T, GatewayError> + Clone + Send + Sync + 'static,
    ) -> Result<T, GatewayError> {
        let mut maybe_done = None;
        let mut attempt = 1;
        loop {
            let key = match self.bug {
                Some(Bug::NewKeyPerRetry) if attempt > 1 => format!("{key}:try{attempt}"),
                Some(_) | None => key.to_owned(),
            };
            let error = match self.attempt(op, key, call.clone()).await {
                Ok(done) => return Ok(done),
                Err(error @ GatewayError::Refused { .. }) => return Err(error),
                Err(error @ (GatewayError::NotDone(_) | GatewayError::Unknown(_))) => error,
            };
            if let GatewayError::Unknown(_) = &error {
                maybe_done = Some(error.clone());
            }
            if attempt == ATTEMPTS_MAX {
                return Err(maybe_done.unwrap_or(error));
            }
            attempt += 1;
            self.line.sim.sleep_us(150_000).await;
        }
    }

    async fn attempt<T: Send + 'static>(
        &self,
        op: Op,
        key: String,
        call: impl Fn(&Stripe, &str) -> Result<T, GatewayError> + Send + Sync + 'static,
    ) -> Result<T, GatewayError> {
        let unknown = || Err(GatewayError::Unknown("no answer".to_owned()));
        let trouble = self.line.out(op).await;
        let outcome = match trouble {
            None | Some(Trouble::Slow | Trouble::Stolen | Trouble::Full) => call(&self.stripe, &key),
            Some(Trouble::Fails) => Err(GatewayError::NotDone("no connection".to_owned())),
            Some(Trouble::Swallowed) => unknown(),
            Some(Trouble::AnswerLost) => {
                let _ = call(&self.stripe, &key);
                unknown()
            }
            Some(Trouble::Late) => {
                let (stripe, sim) = (self.stripe.clone(), self.line.sim.clone());
                let us = sim.dice().between(100_000, 30_000_000);
                self.line.sim.spawn(WORLD, 0x1a7ec, async move {
                    sim.sleep_us(us).await;
                    let done = call(&stripe, &key).is_ok();
                    sim.trace(|| format!("a late {op:?} reaches the provider: {done}"));
                });
                unknown()
            }
        };
        self.line.home(op).await;
        outcome
    }
}

#[async_trait]
impl Gateway for SimGateway {
    fn livemode(&self) -> bool {
        false
    }

    async fn create_intent(&self, new: NewIntent, key: &str) -> Result<Intent, GatewayError> {
        self.call(Op::CreateIntent, key, move |stripe, key| stripe.create(new, key)).await
    }

    async fn intent(&self, intent: &str) -> Result<Intent, GatewayError> {
        let intent = intent.to_owned();
        self.call(Op::RetrieveIntent, "", move |stripe, _| stripe.retrieve(&intent)).await
    }

    async fn cancel_intent(&self, intent: &str) -> Result<Intent, GatewayError> {
        let intent = intent.to_owned();
        self.call(Op::CancelIntent, "", move |stripe, _| stripe.cancel(&intent)).await
    }

    async fn capture(&self, intent: &str, amount_minor: Minor, key: &str) -> Result<Intent, GatewayError> {
        let intent = intent.to_owned();
        self.call(Op::Capture, key, move |stripe, key| stripe.capture(&intent, amount_minor, key)).await
    }

    async fn refund(
        &self,
        intent: &str,
        amount_minor: Minor,
        refund: Option<RefundId>,
        key: &str,
    ) -> Result<ProviderRefund, GatewayError> {
        let intent = intent.to_owned();
        let sent =
            self.call(Op::Refund, key, move |stripe, key| stripe.refund(&intent, amount_minor, refund, key)).await;
        match (self.bug, sent) {
            (Some(Bug::BelieveRefund), Err(GatewayError::NotDone(_) | GatewayError::Unknown(_))) => {
                let status = ProviderRefundStatus::Succeeded;
                Ok(ProviderRefund { id: "re_hoped_for".to_owned(), refund, amount_minor, status })
            }
            (_, sent) => sent,
        }
    }

    async fn refunds(&self, intent: &str) -> Result<Vec<ProviderRefund>, GatewayError> {
        let intent = intent.to_owned();
        self.call(Op::ListRefunds, "", move |stripe, _| stripe.refunds(&intent)).await
    }
}
