//! How a statement may be sent, and what may be done when no answer comes.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileHandle};
use scylla::policies::retry::{FallthroughRetryPolicy, RequestInfo, RetryDecision, RetryPolicy, RetrySession};
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::response::query_result::QueryResult;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlValue, Row};

use super::CqlError;

/// What may be repeated and has no answer after so long is sent to another node too.
const SECOND_NODE_AFTER: Duration = Duration::from_millis(300);
/// Nodes that it is sent to besides the first.
const FURTHER_NODES_MAX: usize = 2;

/// How a statement may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Read what a quorum acknowledged. Repeated elsewhere when a node is silent.
    Read,
    /// Read by consensus: also decides what was under way in the partition. Repeated elsewhere likewise.
    ReadSerial,
    /// Write to a quorum, without a condition; a repeat must change nothing. Repeated elsewhere likewise: it carries the
    /// time of this program, so that a late copy never replaces what was written after it.
    Write,
    /// Write under a condition, agreed on by a quorum of all replicas. Sent exactly once: only the caller can tell its
    /// own earlier try from somebody else's write.
    Conditional,
}

impl How {
    /// Applies to a statement that was prepared.
    pub(super) fn apply(self, statement: &mut PreparedStatement, profiles: &Profiles) {
        match self {
            Self::Read => statement.set_consistency(Consistency::Quorum),
            Self::ReadSerial => statement.set_consistency(Consistency::Serial),
            Self::Write | Self::Conditional => statement.set_consistency(Consistency::Quorum),
        }
        let (profile, is_idempotent) = match self {
            Self::Read | Self::ReadSerial | Self::Write => (&profiles.repeated, true),
            Self::Conditional => (&profiles.once, false),
        };
        statement.set_execution_profile_handle(Some(profile.clone()));
        statement.set_is_idempotent(is_idempotent);
    }
}

/// The ways of sending, as the driver takes them.
#[derive(Debug, Clone)]
pub(super) struct Profiles {
    repeated: ExecutionProfileHandle,
    once: ExecutionProfileHandle,
}

impl Profiles {
    pub(super) fn new(request_max: Duration) -> Self {
        // SERIAL and not LOCAL_SERIAL: owners of one event in two datacenters would each win in their own.
        let base = ExecutionProfile::builder()
            .consistency(Consistency::Quorum)
            .serial_consistency(Some(SerialConsistency::Serial))
            .request_timeout(Some(request_max));
        let further =
            SimpleSpeculativeExecutionPolicy { max_retry_count: FURTHER_NODES_MAX, retry_interval: SECOND_NODE_AFTER };
        let repeated = base.clone().retry_policy(Arc::new(NextNode));
        let once = base.retry_policy(Arc::new(FallthroughRetryPolicy::new())).speculative_execution_policy(None);
        Self {
            repeated: repeated.speculative_execution_policy(Some(Arc::new(further))).build().into_handle(),
            once: once.build().into_handle(),
        }
    }

    /// For what says nothing else: sent once.
    pub(super) fn fallback(&self) -> ExecutionProfileHandle {
        self.once.clone()
    }
}

/// Repeats what may be repeated on another node, whatever went wrong. The driver's own policy never repeats a read by
/// consensus, not even after its connection broke.
#[derive(Debug)]
struct NextNode;

struct NodesLeft {
    count: usize,
}

impl RetryPolicy for NextNode {
    fn new_session(&self) -> Box<dyn RetrySession> {
        Box::new(NodesLeft { count: FURTHER_NODES_MAX })
    }
}

impl RetrySession for NodesLeft {
    fn decide_should_retry(&mut self, request: RequestInfo<'_>) -> RetryDecision {
        if !request.is_idempotent || self.count == 0 {
            return RetryDecision::DontRetry;
        }
        self.count -= 1;
        RetryDecision::RetryNextTarget(None)
    }

    fn reset(&mut self) {
        self.count = FURTHER_NODES_MAX;
    }
}

/// Whether a conditional statement was carried out. By name, because what else an answer contains differs: ScyllaDB
/// always sends the row's columns, Cassandra only with a refusal.
///
/// # Errors
/// The answer is not one to a conditional statement.
pub fn is_applied(answer: QueryResult) -> Result<bool, CqlError> {
    let rows = answer.into_rows_result()?;
    let at = rows.column_specs().get_by_name("[applied]").map(|(at, _)| at);
    let row = rows.maybe_first_row::<Row>()?;
    match at.zip(row).and_then(|(at, row)| row.columns.into_iter().nth(at)) {
        Some(Some(CqlValue::Boolean(applied))) => Ok(applied),
        Some(Some(_) | None) | None => {
            Err(CqlError::Damaged("a conditional write was answered without a word".to_owned()))
        }
    }
}
