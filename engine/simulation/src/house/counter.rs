//! What a house does for those who come to it: the desks of the server, without HTTP. Each request is a future of the
//! process and ends with it.

use tokio::sync::oneshot;
use usher_core::{
    Answer, BuyerId, CancelReason, Command, Currency, HoldId, HoldView, Minor, OrderId, OrderState, OrderView, Phase,
    PlaceHold, RefundId, RefundLines, Rejection,
};
use usher_engine::catalogue::{EventState, Store as _};
use usher_engine::checkout::PaymentError;
use usher_engine::event::{AskError, Decided};
use usher_engine::store::StoreError;

use super::{EVENT, House};

/// Why somebody did not get what they came for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// A business *no*.
    No(Rejection),
    /// Come again with the same key.
    Again,
}

impl From<AskError> for Failed {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Rejected(rejection) => Self::No(rejection),
            AskError::Busy { .. }
            | AskError::NotApplied
            | AskError::StorageFull
            | AskError::OutcomeUnknown
            | AskError::Quarantined
            | AskError::Unavailable(_) => Self::Again,
        }
    }
}

impl From<StoreError> for Failed {
    fn from(_: StoreError) -> Self {
        Self::Again
    }
}

impl From<PaymentError> for Failed {
    fn from(_: PaymentError) -> Self {
        Self::Again
    }
}

/// An order that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) order: OrderView,
    /// The intent to pay, unless nothing is to be paid.
    pub(crate) intent: Option<String>,
}

impl House {
    /// Runs a request within the process; who asked hears nothing when the process or the connection ends.
    pub(crate) async fn request<T: Send + 'static>(
        &self,
        name: u64,
        work: impl Future<Output = Result<T, Failed>> + Send + 'static,
    ) -> Result<T, Failed> {
        let (answer, answered) = oneshot::channel();
        self.sim.spawn(self.process, name, async move {
            // Who hung up asks again.
            let _ = answer.send(work.await);
        });
        answered.await.unwrap_or(Err(Failed::Again))
    }

    pub(crate) async fn place_hold(self, place: PlaceHold) -> Result<HoldView, Failed> {
        let decided = self.handle.ask(Command::PlaceHold(place)).await?;
        hold_of(decided)
    }

    pub(crate) async fn extend_hold(self, hold: HoldId, buyer: BuyerId) -> Result<HoldView, Failed> {
        hold_of(self.handle.ask(Command::ExtendHold { hold, buyer }).await?)
    }

    pub(crate) async fn release_hold(self, hold: HoldId, buyer: BuyerId) -> Result<(), Failed> {
        self.handle.ask(Command::ReleaseHold { hold, buyer }).await?;
        Ok(())
    }

    pub(crate) async fn checkout(self, hold: HoldId, buyer: BuyerId, order: OrderId) -> Result<Begun, Failed> {
        self.stores.put_contact(order).await?;
        let begun = order_of(self.handle.ask(Command::BeginCheckout { hold, buyer, order }).await?)?;
        if begun.total_minor == Minor(0) {
            return Ok(Begun { order: begun, intent: None });
        }
        let payment = self.runner.begin_payment(order, EVENT, begun.total_minor, currency()).await?;
        Ok(Begun { order: begun, intent: Some(payment.intent) })
    }

    pub(crate) async fn order(self, order: OrderId) -> Result<OrderState, Failed> {
        let looked = self.handle.look_order(order).await?;
        looked.order.map(|order| order.state).ok_or(Failed::No(Rejection::UnknownOrder))
    }

    pub(crate) async fn cancel_order(self, order: OrderId, buyer: BuyerId) -> Result<OrderState, Failed> {
        let command = Command::CancelOrder { order, buyer: Some(buyer), reason: CancelReason::Buyer };
        let cancelled = order_of(self.handle.ask(command).await?)?;
        self.runner.wake(EVENT, order);
        Ok(cancelled.state)
    }

    pub(crate) async fn refund(self, order: OrderId, refund: RefundId, lines: RefundLines) -> Result<Minor, Failed> {
        // Before the event says yes: if the process ends between the two, the reconciler finds the payment.
        self.runner.unsettle(order).await?;
        let decided = self.handle.ask(Command::Refund { order, refund, lines }).await?;
        let Answer::Refund { amount_minor, .. } = decided.answer else { return Err(Failed::Again) };
        self.runner.wake(EVENT, order);
        Ok(amount_minor)
    }

    /// A step of the sale that needs nothing but the event.
    pub(crate) async fn command(self, command: Command) -> Result<(), Failed> {
        self.handle.ask(command).await?;
        Ok(())
    }

    pub(crate) async fn call_off(self) -> Result<(), Failed> {
        self.handle.ask(Command::CancelEvent).await?;
        self.stores.set_state(EVENT, EventState::Cancelled).await?;
        self.runner.call_off(EVENT).await?;
        Ok(())
    }

    /// A webhook comes; whether it was taken.
    pub(crate) async fn webhook(self, body: String, signature: String) -> Result<bool, Failed> {
        self.intake.receive(body.as_bytes(), &signature).await.map(|received| received.new).map_err(|_| Failed::Again)
    }
}

pub(super) fn state_of(phase: Phase) -> EventState {
    match phase {
        Phase::Draft => EventState::Draft,
        Phase::Announced => EventState::Announced,
        Phase::OnSale => EventState::OnSale,
        Phase::Paused => EventState::Paused,
        Phase::Closed => EventState::Closed,
        Phase::Cancelled => EventState::Cancelled,
    }
}

/// The one currency here.
pub(crate) fn currency() -> Currency {
    "EUR".parse().expect("three capital letters")
}

fn hold_of(decided: Decided) -> Result<HoldView, Failed> {
    match decided.answer {
        Answer::Hold(hold) => Ok(hold),
        Answer::Done | Answer::Order(_) | Answer::Refund { .. } => Err(Failed::Again),
    }
}

fn order_of(decided: Decided) -> Result<OrderView, Failed> {
    match decided.answer {
        Answer::Order(order) => Ok(order),
        Answer::Done | Answer::Hold(_) | Answer::Refund { .. } => Err(Failed::Again),
    }
}
