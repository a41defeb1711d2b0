//! The back office of a simulated house: it prints and writes as the real one does, from the views and the contacts,
//! into a tray where a repeat replaces the first.

use usher_core::OrderId;
use usher_engine::jobs::{Job, JobError, Task};
use usher_engine::orders::{OrderRecord, Views};
use usher_engine::store::StoreError;

use crate::faults::{Op, Trouble};
use crate::stores::Stores;

/// How often a job looks for the view that it follows from before it is put off.
const VIEW_LOOKS_MAX: u32 = 5;

/// Does one job.
pub(super) async fn perform(stores: Stores, job: Job) -> Result<(), JobError> {
    let task: Task = serde_json::from_str(&job.payload).map_err(|error| JobError::Permanent(error.to_string()))?;
    match task {
        Task::PrintTickets { order } => {
            let record = papers(&stores, order, &task).await?;
            reach(&stores, Op::Print).await?;
            let printed = (0u16..).zip(&record.lines).filter(|(_, line)| line.ticket.is_some()).map(|(line, _)| line);
            stores.audit.printed(order, printed.collect());
            stores.line.home(Op::Print).await;
        }
        Task::SendLetter { order, letter } => {
            papers(&stores, order, &task).await?;
            reach(&stores, Op::Mail).await?;
            stores.audit.mailed(order, letter);
            stores.line.home(Op::Mail).await;
        }
    }
    Ok(())
}

async fn reach(stores: &Stores, op: Op) -> Result<(), JobError> {
    match stores.line.out(op).await {
        None | Some(Trouble::Slow | Trouble::AnswerLost | Trouble::Stolen) => Ok(()),
        Some(Trouble::Fails | Trouble::Swallowed | Trouble::Late | Trouble::Full) => {
            Err(JobError::Passing("nobody answers".to_owned()))
        }
    }
}

async fn papers(stores: &Stores, order: OrderId, task: &Task) -> Result<OrderRecord, JobError> {
    let passing = |error: StoreError| JobError::Passing(error.to_string());
    for _ in 0..VIEW_LOOKS_MAX {
        let record = stores.orders(&[order]).await.map_err(passing)?.pop();
        if let Some(record) = record.filter(|record| task.is_shown_by(record)) {
            if stores.has_contact(order).await.map_err(passing)? {
                return Ok(record);
            }
            return Err(JobError::Passing(format!("{order}: the contact is not there")));
        }
        stores.line.sim.sleep_us(10_000).await;
    }
    Err(JobError::Passing(format!("{order}: what the work follows from is not there")))
}
