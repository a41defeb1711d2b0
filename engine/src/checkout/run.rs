//! One run of an order's payment process: carries out steps until there is nothing to do for now.

use usher_core::{Command, EventId, Minor, OrderId, OrderState, OrderView, RefundId, RefundLines, UnixMillis};

use super::desk::Looked;
use super::process::{self, Provider, Situation, Step};
use super::runner::{PaymentError, Shared};
use crate::event::AskError;
use crate::fail_point;
use crate::orders::{OrderRecord, RefundRecord};
use crate::payments::{GatewayError, Intent, NewIntent, PaymentRecord, ProviderRefund, metrics as names};

/// Steps of one run. The longest useful one, a webhook that confirms, captures and records, takes four and two looks.
const RUN_STEPS_MAX: usize = 24;

/// Why an order's payment is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A webhook, a fact or a request.
    Told,
    /// Nobody said anything for a while.
    Silence,
}

/// What is true of an order right now.
struct Truth {
    order: OrderView,
    event_cancelled: bool,
    refunds: Vec<RefundRecord>,
    payment: Option<PaymentRecord>,
    record: Option<OrderRecord>,
}

/// What a step leads to.
enum Flow {
    Again,
    End { look_again_at: Option<UnixMillis> },
}

pub(super) struct Run<'a> {
    shared: &'a Shared,
    event: EventId,
    order: OrderId,
    cause: Cause,
    provider: Option<Provider>,
    capture_refused: bool,
    /// The last step that got a *no*. The same one twice means that the rules contradict each other.
    denied: Option<Step>,
    drift_counted: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(shared: &'a Shared, event: EventId, order: OrderId, cause: Cause) -> Self {
        let (provider, denied) = (None, None);
        Self { shared, event, order, cause, provider, capture_refused: false, denied, drift_counted: false }
    }

    /// Runs until there is nothing to do for now; tells when to come back without being woken.
    pub(super) async fn until_rest(mut self) -> Result<Option<UnixMillis>, PaymentError> {
        for _ in 0..RUN_STEPS_MAX {
            let Some(truth) = self.truth().await? else { return Err(PaymentError::UnknownOrder(self.order)) };
            let step = process::next(&Situation {
                order: &truth.order,
                event_cancelled: truth.event_cancelled,
                refunds: &truth.refunds,
                payment: truth.payment.as_ref(),
                provider: self.provider.as_ref(),
                capture_refused: self.capture_refused,
                now: self.shared.parts.clock.now(),
            });
            self.count_drift(&step);
            let outcome = self.carry_out(&step, &truth).await;
            let result = match &outcome {
                Ok(_) if self.denied.as_ref() == Some(&step) => "denied",
                Ok(_) => "done",
                Err(_) => "failed",
            };
            metrics::counter!(names::PAYMENT_STEPS, "step" => step.name(), "result" => result).increment(1);
            match outcome? {
                Flow::Again => {}
                Flow::End { look_again_at } => return Ok(look_again_at),
            }
        }
        Err(PaymentError::NoHeadway(self.order))
    }

    async fn truth(&self) -> Result<Option<Truth>, PaymentError> {
        let parts = &self.shared.parts;
        let Looked { order, event_cancelled } = (parts.desk.look)(self.event, self.order).await?;
        let Some(order) = order else { return Ok(None) };
        let payment = parts.payments.payment(self.order).await?;
        let needs_record = match order.state {
            OrderState::AwaitingPayment => payment.is_none(),
            OrderState::Confirmed | OrderState::Cancelled => false,
            OrderState::Paid | OrderState::Refunded => true,
        };
        let mut record = None;
        if needs_record {
            record = parts.views.orders(&[self.order]).await?.into_iter().next();
        }
        let refunds = record.as_ref().map(|record: &OrderRecord| record.refunds.clone()).unwrap_or_default();
        Ok(Some(Truth { order, event_cancelled, refunds, payment, record }))
    }

    async fn carry_out(&mut self, step: &Step, truth: &Truth) -> Result<Flow, PaymentError> {
        match step {
            Step::Wait => self.rest(truth, false, None).await,
            Step::Settled => self.rest(truth, true, None).await,
            Step::LookAgainAt(at) => self.rest(truth, false, Some(*at)).await,
            Step::CreateIntent => self.create_intent(truth).await,
            Step::AskProvider => {
                let intent = self.shared.parts.gateway.intent(intent_id(truth)?).await?;
                self.provider = Some(Provider { intent, refunds: None });
                Ok(Flow::Again)
            }
            Step::ListRefunds => {
                let listed = self.shared.parts.gateway.refunds(intent_id(truth)?).await?;
                if let Some(provider) = &mut self.provider {
                    provider.refunds = Some(listed);
                }
                Ok(Flow::Again)
            }
            Step::CancelIntent => {
                fail_point!("cancel.before");
                let answer = self.shared.parts.gateway.cancel_intent(intent_id(truth)?).await;
                fail_point!("cancel.made");
                self.intent_moved(step, answer)
            }
            Step::Capture { amount_minor } => {
                let key = format!("{}:capture:1", self.order);
                fail_point!("capture.before");
                let answer = self.shared.parts.gateway.capture(intent_id(truth)?, *amount_minor, &key).await;
                fail_point!("capture.made");
                self.capture_refused |= matches!(answer, Err(GatewayError::Refused { .. }));
                self.intent_moved(step, answer)
            }
            Step::PayRefund { refund, amount_minor, key } => {
                self.send_back(truth, *amount_minor, Some(*refund), key).await
            }
            Step::ReturnCharge { amount_minor, key } => {
                tracing::error!(order = %self.order, amount_minor = amount_minor.0, "returning a charge that has no sale");
                self.send_back(truth, *amount_minor, None, key).await
            }
            Step::Confirm { .. }
            | Step::RecordCapture { .. }
            | Step::RecordCaptureFailure
            | Step::CancelOrder { .. }
            | Step::BeginRefund { .. }
            | Step::RecordRefundPaid { .. } => self.ask(step).await,
        }
    }

    /// Notes that the payment was looked at and how it stands.
    async fn rest(
        &self,
        truth: &Truth,
        settled: bool,
        look_again_at: Option<UnixMillis>,
    ) -> Result<Flow, PaymentError> {
        if truth.payment.as_ref().is_some_and(|payment| !(payment.settled && settled)) {
            fail_point!("payment.before_rest");
            let now = self.shared.parts.clock.now();
            self.shared.parts.payments.checked(self.order, now, settled).await?;
        }
        Ok(Flow::End { look_again_at })
    }

    async fn create_intent(&mut self, truth: &Truth) -> Result<Flow, PaymentError> {
        // The views name the currency; they know the order before they wake us, or soon.
        let Some(record) = &truth.record else { return Ok(Flow::End { look_again_at: None }) };
        let new = NewIntent {
            order: self.order,
            event: self.event,
            amount_minor: truth.order.total_minor,
            currency: record.currency,
        };
        self.shared.ensure_payment(new).await?;
        Ok(Flow::Again)
    }

    /// Takes an intent's new state, or a *no* after which it has to be looked at again.
    fn intent_moved(&mut self, step: &Step, answer: Result<Intent, GatewayError>) -> Result<Flow, PaymentError> {
        match answer {
            Ok(intent) => {
                let refunds = self.provider.take().and_then(|provider| provider.refunds);
                self.provider = Some(Provider { intent, refunds });
                Ok(Flow::Again)
            }
            Err(error @ GatewayError::Refused { .. }) => {
                tracing::warn!(order = %self.order, step = step.name(), %error, "the provider said no");
                self.provider = None;
                self.deny(step, error.into())
            }
            Err(error @ (GatewayError::NotDone(_) | GatewayError::Unknown(_))) => Err(error.into()),
        }
    }

    async fn send_back(
        &mut self,
        truth: &Truth,
        amount_minor: Minor,
        refund: Option<RefundId>,
        key: &str,
    ) -> Result<Flow, PaymentError> {
        // From here on the payment is unsettled, so that the reconciler finds it if we do not come back.
        self.shared.parts.payments.reopen(self.order).await?;
        let intent = intent_id(truth)?;
        fail_point!("refund.before");
        let sent: ProviderRefund = self.shared.parts.gateway.refund(intent, amount_minor, refund, key).await?;
        fail_point!("refund.made");
        if let Some(listed) = self.provider.as_mut().and_then(|provider| provider.refunds.as_mut()) {
            listed.push(sent);
        }
        Ok(Flow::Again)
    }

    async fn ask(&mut self, step: &Step) -> Result<Flow, PaymentError> {
        let order = self.order;
        let command = match step {
            Step::Confirm { authorized_minor } => Command::ConfirmOrder { order, authorized_minor: *authorized_minor },
            Step::RecordCapture { captured_minor } => Command::RecordCapture { order, captured_minor: *captured_minor },
            Step::RecordCaptureFailure => Command::RecordCaptureFailure { order },
            Step::CancelOrder { reason } => Command::CancelOrder { order, buyer: None, reason: *reason },
            Step::BeginRefund { refund } => {
                // Unsettled before the fact: the wish survives a crash between the two.
                self.shared.parts.payments.reopen(order).await?;
                Command::Refund { order, refund: *refund, lines: RefundLines::All }
            }
            Step::RecordRefundPaid { refund } => Command::RecordRefundPaid { order, refund: *refund },
            Step::Wait
            | Step::Settled
            | Step::LookAgainAt(_)
            | Step::AskProvider
            | Step::ListRefunds
            | Step::CreateIntent
            | Step::CancelIntent
            | Step::Capture { .. }
            | Step::PayRefund { .. }
            | Step::ReturnCharge { .. } => return Ok(Flow::Again),
        };
        fail_point!("payment.before_fact");
        let asked = (self.shared.parts.desk.ask)(self.event, command).await;
        fail_point!("payment.fact_recorded");
        match asked {
            // A recorded refund shows in the views after a while; they wake us then.
            Ok(_) if matches!(step, Step::RecordRefundPaid { .. }) => Ok(Flow::End { look_again_at: None }),
            Ok(_) => Ok(Flow::Again),
            Err(error @ AskError::Rejected(_)) => self.deny(step, error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// After a *no* the truth has usually moved on; look again, but not for the same *no*.
    fn deny(&mut self, step: &Step, error: PaymentError) -> Result<Flow, PaymentError> {
        if self.denied.as_ref() == Some(step) {
            return Err(error);
        }
        self.denied = Some(step.clone());
        Ok(Flow::Again)
    }

    /// Work that only the reconciler found means that a webhook or a wake-up was lost.
    fn count_drift(&mut self, step: &Step) {
        if self.cause == Cause::Silence && !self.drift_counted && !step.is_idle() {
            self.drift_counted = true;
            tracing::warn!(order = %self.order, step = step.name(), "a payment had moved on without a word");
            metrics::counter!(names::PAYMENT_DRIFT, "step" => step.name()).increment(1);
        }
    }
}

fn intent_id(truth: &Truth) -> Result<&str, PaymentError> {
    truth.payment.as_ref().map(|payment| payment.intent.as_str()).ok_or(PaymentError::NoHeadway(truth.order.order))
}

impl Step {
    /// Its stable name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Settled => "settled",
            Self::LookAgainAt(_) => "look_again",
            Self::AskProvider => "ask_provider",
            Self::ListRefunds => "list_refunds",
            Self::CreateIntent => "create_intent",
            Self::CancelIntent => "cancel_intent",
            Self::Capture { .. } => "capture",
            Self::PayRefund { .. } => "pay_refund",
            Self::ReturnCharge { .. } => "return_charge",
            Self::Confirm { .. } => "confirm",
            Self::RecordCapture { .. } => "record_capture",
            Self::RecordCaptureFailure => "record_capture_failure",
            Self::CancelOrder { .. } => "cancel_order",
            Self::BeginRefund { .. } => "begin_refund",
            Self::RecordRefundPaid { .. } => "record_refund_paid",
        }
    }

    /// Changes nothing anywhere.
    const fn is_idle(&self) -> bool {
        matches!(self, Self::Wait | Self::Settled | Self::LookAgainAt(_) | Self::AskProvider | Self::ListRefunds)
    }
}
