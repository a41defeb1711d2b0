//! The kinds of job there are, and their ids.

use serde::{Deserialize, Serialize};
use usher_core::{OrderId, RefundId, UnixMillis};

use super::{Job, JobState};

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
    /// The job for it, due at once. Its id follows from its content, so that enqueueing it again is harmless.
    ///
    /// # Panics
    /// Never: a task is always JSON.
    #[must_use]
    pub fn job(self, now: UnixMillis) -> Job {
        let (id, kind) = match self {
            Self::PrintTickets { order } => (format!("print_tickets:{order}"), "print_tickets"),
            Self::SendLetter { order, letter: Letter::Confirmation } => {
                (format!("confirmation:{order}"), "send_letter")
            }
            Self::SendLetter { order, letter: Letter::Cancellation } => {
                (format!("cancellation:{order}"), "send_letter")
            }
            Self::SendLetter { letter: Letter::Refund { refund }, .. } => (format!("refund:{refund}"), "send_letter"),
        };
        Job {
            id,
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
    use super::*;

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

    #[test]
    fn two_refunds_of_one_order_are_two_letters() {
        let job = |refund| Task::SendLetter { order: OrderId(7), letter: Letter::Refund { refund } }.job(UnixMillis(1));
        assert_ne!(job(RefundId(1)).id, job(RefundId(2)).id);
    }
}
