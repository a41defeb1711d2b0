//! The audit log: writes down what is done here, and shows it.
//!
//! An act is recorded once its subject is known to be allowed, before it is begun. One that cannot be recorded is not
//! begun, and its sender is told to try again later.

use serde::{Deserialize, Serialize};
use usher_core::{AccountId, ActId, EventId};
use usher_engine::audit_log::{Act, Deed, Outcome};
use usher_engine::ids;

use super::{ListQuery, Listed, load};
use crate::access::{Action, Object, Subject, authorize};
use crate::problem::Problem;
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// Which acts, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActsQuery {
    /// Only those about this event.
    #[param(value_type = Option<String>)]
    pub event: Option<EventId>,
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Something somebody did.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ActSheet {
    /// Id.
    #[schema(value_type = String)]
    pub act: ActId,
    /// When it was begun.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who; null for an attempt to log in with an address of no account.
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// What.
    #[schema(value_type = String)]
    pub deed: Deed,
    /// The event it was about.
    #[schema(value_type = Option<String>)]
    pub event: Option<EventId>,
    /// The id of what it was done to, if that is not the event or the account itself.
    pub object: Option<String>,
    /// The request's id, as in `X-Request-Id` and in the server's log.
    pub request: Option<String>,
    /// `begun`, `done` or `refused`. What stays `begun` was asked for, and whether it was done the event's state tells.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// The code of the problem it ended in.
    pub problem: Option<String>,
}

impl From<Act> for ActSheet {
    fn from(act: Act) -> Self {
        let Act { act, at, account, deed, event, object, request, outcome, problem } = act;
        Self { act, at: at.into(), account, deed, event, object, request, outcome, problem }
    }
}

/// What is to be written down.
pub(super) struct Intent {
    pub(super) deed: Deed,
    pub(super) event: Option<EventId>,
    pub(super) object: Option<String>,
}

impl Intent {
    /// Of something done to an event itself.
    pub(super) fn of_event(deed: Deed, event: EventId) -> Self {
        Self { deed, event: Some(event), object: None }
    }

    /// Of something done to what is no event.
    pub(super) fn of_object(deed: Deed, object: &str) -> Self {
        Self { deed, event: None, object: Some(object.to_owned()) }
    }

    fn act(self, state: &AppState, subject: &Subject, outcome: Outcome) -> Act {
        Act {
            act: ActId(ids::fresh()),
            at: state.clock.now(),
            account: subject.login.as_ref().map(|login| login.account),
            deed: self.deed,
            event: self.event,
            object: self.object,
            request: subject.request.as_ref().map(|request| request.0.clone()),
            outcome,
            problem: None,
        }
    }
}

/// Does it, recorded.
///
/// # Errors
/// It cannot be recorded, and is not begun; what comes of it.
pub(super) async fn recorded<T>(
    state: &AppState,
    subject: &Subject,
    intent: Intent,
    deed: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let mut act = intent.act(state, subject, Outcome::Begun);
    state.audit_log.record(act.clone()).await?;
    let done = deed.await;
    act.outcome = if done.is_ok() { Outcome::Done } else { Outcome::Refused };
    act.problem = done.as_ref().err().map(|problem| problem.kind.code.to_owned());
    // It is done or not, and its sender is to hear that; the log says at least that it was begun.
    if let Err(error) = state.audit_log.settle(act).await {
        tracing::warn!(%error, "what came of an act is not in the audit log");
    }
    done
}

/// Records an attempt to log in, before its sender hears of it.
///
/// # Errors
/// It cannot be recorded; then nobody is logged in.
pub(super) async fn record_log_in(
    state: &AppState,
    subject: &Subject,
    account: Option<AccountId>,
    problem: Option<&Problem>,
) -> Result<(), Problem> {
    let outcome = if problem.is_some() { Outcome::Refused } else { Outcome::Done };
    let intent = Intent { deed: Deed::LogIn, event: None, object: None };
    let problem = problem.map(|problem| problem.kind.code.to_owned());
    let act = Act { account, problem, ..intent.act(state, subject, outcome) };
    Ok(state.audit_log.record(act).await?)
}

/// Acts of everybody, latest first.
///
/// # Errors
/// Not an admin; the store does not answer.
pub async fn acts(state: &AppState, subject: &Subject, query: &ActsQuery) -> Result<Listed<ActSheet>, Problem> {
    authorize(subject, Action::Operate, Object::House)?;
    page(state, query.event, query.limit, query.cursor.as_deref()).await
}

/// Acts about an event of one's own, latest first.
///
/// # Errors
/// Not logged in, not found; the store does not answer.
pub async fn acts_of_event(
    state: &AppState,
    subject: &Subject,
    event: EventId,
    query: &ListQuery,
) -> Result<Listed<ActSheet>, Problem> {
    load(state, subject, Action::Organize, event).await?;
    page(state, Some(event), query.limit, query.cursor.as_deref()).await
}

async fn page(
    state: &AppState,
    event: Option<EventId>,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Listed<ActSheet>, Problem> {
    let list = ListQuery { limit, cursor: None };
    let page = state.audit_log.list(event, cursor, list.rows_max()).await?;
    Ok(Listed { data: page.rows.into_iter().map(ActSheet::from).collect(), next_cursor: page.next_cursor })
}
