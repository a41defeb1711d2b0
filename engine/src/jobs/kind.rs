//! The kinds of job there are, and their ids.

use serde::{Deserialize, Serialize};
use usher_core::{OrderId, OrderState, RefundId, UnixMillis};

use super::{Job, JobState};
use crate::orders::OrderRecord;

/// What a letter to a buyer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// The order is paid; here is where the tickets are.
    Confirmation,
    /// The order came to nothing and nothing was charged.
    Cancellation,
    /// Money goes back.
    Refund {
        /// Which refund.
        refund: RefundId,
    },
}

/// A job's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Sign and render every ticket of a paid order.
    PrintTickets {
        /// The order.
        order: OrderId,
    },
    /// Write to the buyer of an order.
    SendLetter {
        /// The order.
        order: OrderId,
        /// What to say.
        #[serde(flatten)]
        letter: Letter,
    },
}

impl Task {
    /// Whether an order's view contains the fact that this work follows from. Jobs are kept before the views that tell
    /// what is to be done, so a quick worker can be ahead of them: it must wait, or it would print nothing and call it
    /// done.
    #[must_use]
    pub fn is_shown_by(&self, order: &OrderRecord) -> bool {
        let is_paid = match order.state {
            OrderState::Paid | OrderState::Refunded => true,
            OrderState::AwaitingPayment | OrderState::Confirmed | OrderState::Cancelled => false,
        };
        match self {
            Self::PrintTickets { .. } | Self::SendLetter { letter: Letter::Confirmation, .. } => is_paid,
            Self::SendLetter { letter: Letter::Cancellation, .. } => order.state == OrderState::Cancelled,
            Self::SendLetter { letter: Letter::Refund { refund }, .. } => {
                order.refunds.iter().any(|known| known.refund == *refund)
            }
        }
    }

    /// The id of the job for it; it follows from its content.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::PrintTickets { order } => format!("print_tickets:{order}"),
            Self::SendLetter { order, letter: Letter::Confirmation } => format!("confirmation:{order}"),
            Self::SendLetter { order, letter: Letter::Cancellation } => format!("cancellation:{order}"),
            Self::SendLetter { letter: Letter::Refund { refund }, .. } => format!("refund:{refund}"),
        }
    }

    /// The job for it, due at once. Enqueueing it again is harmless, since its id is the same.
    ///
    /// # Panics
    /// Never: a task is always JSON.
    #[must_use]
    pub fn job(self, now: UnixMillis) -> Job {
        let kind = match self {
            Self::PrintTickets { .. } => "print_tickets",
            Self::SendLetter { .. } => "send_letter",
        };
        Job {
            id: self.id(),
            kind: kind.to_owned(),
            payload: serde_json::to_string(&self).expect("ids and names are JSON"),
            state: JobState::Ready,
            failures_count: 0,
            last_error: None,
            run_at: now,
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use usher_core::{BuyerId, EventId, HoldId, Minor};

    use super::*;
    use crate::orders::RefundRecord;

    #[test]
    fn a_task_survives_its_job() {
        for task in [
            Task::PrintTickets { order: OrderId(7) },
            Task::SendLetter { order: OrderId(7), letter: Letter::Confirmation },
            Task::SendLetter { order: OrderId(7), letter: Letter::Cancellation },
            Task::SendLetter { order: OrderId(7), letter: Letter::Refund { refund: RefundId(9) } },
        ] {
            let job = task.job(UnixMillis(1));
            assert_eq!(serde_json::from_str::<Task>(&job.payload).unwrap(), task, "{}", job.payload);
        }
    }

    fn order(state: OrderState, refunds: Vec<RefundRecord>) -> OrderRecord {
        OrderRecord {
            order: OrderId(7),
            event: EventId(1),
            buyer: BuyerId(1),
            hold: HoldId(1),
            state,
            cancel_reason: None,
            lapsed: false,
            retaken: false,
            failed_payments_count: 0,
            lines: Vec::new(),
            refunds,
            total_minor: Minor(1),
            currency: "EUR".parse().unwrap(),
            begun_at: UnixMillis(0),
            expires_at: UnixMillis(0),
            confirmed_at: None,
            paid_at: None,
        }
    }

    #[test]
    fn work_waits_for_the_view_of_the_fact_that_it_follows_from() {
        use OrderState::{AwaitingPayment, Cancelled, Confirmed, Paid, Refunded};
        let shown = |task: Task| {
            let states = [AwaitingPayment, Confirmed, Paid, Cancelled, Refunded];
            states.map(|state| task.is_shown_by(&order(state, Vec::new())))
        };
        let letter = |letter| Task::SendLetter { order: OrderId(7), letter };
        assert_eq!(shown(Task::PrintTickets { order: OrderId(7) }), [false, false, true, false, true]);
        assert_eq!(shown(letter(Letter::Confirmation)), [false, false, true, false, true]);
        assert_eq!(shown(letter(Letter::Cancellation)), [false, false, false, true, false]);
        let (refund, amount_minor) = (RefundId(9), Minor(1));
        assert_eq!(shown(letter(Letter::Refund { refund })), [false; 5]);
        let known = order(Paid, vec![RefundRecord { refund, lines: Vec::new(), amount_minor, paid: false }]);
        assert!(letter(Letter::Refund { refund }).is_shown_by(&known));
    }

    #[test]
    fn two_refunds_of_one_order_are_two_letters() {
        let job = |refund| Task::SendLetter { order: OrderId(7), letter: Letter::Refund { refund } }.job(UnixMillis(1));
        assert_ne!(job(RefundId(1)).id, job(RefundId(2)).id);
    }
}
