//! What operators do: look at work and webhooks that failed, and try them again.

use serde::{Deserialize, Serialize};
use usher_engine::audit_log::Deed;
use usher_engine::jobs::{Job, JobState};
use usher_engine::payments::{WebhookRecord, WebhookState};

use super::audit::{Intent, recorded};
use super::{ListQuery, Listed};
use crate::access::{Action, Object, Subject, authorize};
use crate::problem::{Problem, kinds};
use crate::state::AppState;
use crate::timestamp::Timestamp;

/// Which jobs, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// `ready`, `running`, `dead` or `done`; dead ones unless told.
    #[param(value_type = Option<String>)]
    pub state: Option<JobState>,
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which webhooks, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhooksQuery {
    /// `pending`, `done` or `dead`; all unless told.
    #[param(value_type = Option<String>)]
    pub state: Option<WebhookState>,
    /// At most so many rows, up to 200; 50 unless told.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A job.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct JobSheet {
    /// Id.
    pub job: String,
    /// Which worker does it.
    pub kind: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: JobState,
    /// Tries that failed.
    pub failures_count: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// Not before this time.
    #[schema(value_type = String)]
    pub run_at: Timestamp,
    /// When it was enqueued.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl From<Job> for JobSheet {
    fn from(job: Job) -> Self {
        Self {
            job: job.id,
            kind: job.kind,
            state: job.state,
            failures_count: job.failures_count,
            last_error: job.last_error,
            run_at: job.run_at.into(),
            created_at: job.created_at.into(),
        }
    }
}

/// A received webhook.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct WebhookSheet {
    /// The provider's id.
    pub webhook: String,
    /// The provider's name for what happened.
    pub kind: String,
    /// The object it is about.
    pub object: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: WebhookState,
    /// Tries that failed.
    pub failures_count: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When it came.
    #[schema(value_type = String)]
    pub received_at: Timestamp,
}

impl From<WebhookRecord> for WebhookSheet {
    fn from(webhook: WebhookRecord) -> Self {
        Self {
            webhook: webhook.id,
            kind: webhook.kind,
            object: webhook.object,
            state: webhook.state,
            failures_count: webhook.failures_count,
            last_error: webhook.last_error,
            received_at: webhook.received_at.into(),
        }
    }
}

/// Jobs of a state, oldest first.
///
/// # Errors
/// Not an admin; the store does not answer.
pub async fn jobs(state: &AppState, subject: &Subject, query: &JobsQuery) -> Result<Listed<JobSheet>, Problem> {
    authorize(subject, Action::Operate, Object::House)?;
    let list = ListQuery { limit: query.limit, cursor: None };
    let which = query.state.unwrap_or(JobState::Dead);
    let page = state.jobs.list(which, query.cursor.as_deref(), list.rows_max()).await?;
    Ok(Listed { data: page.rows.into_iter().map(JobSheet::from).collect(), next_cursor: page.next_cursor })
}

/// Makes a dead job ready again.
///
/// # Errors
/// Not an admin; no dead job of that id; the store does not answer.
pub async fn replay_job(state: &AppState, subject: &Subject, job: &str) -> Result<(), Problem> {
    authorize(subject, Action::Operate, Object::House)?;
    recorded(state, subject, Intent::of_object(Deed::ReplayJob, job), async {
        if state.jobs.replay(job, state.clock.now()).await? {
            Ok(())
        } else {
            Err(Problem::new(&kinds::NOT_FOUND, "There is no dead job of that id"))
        }
    })
    .await
}

/// Webhooks, latest first.
///
/// # Errors
/// Not an admin; the store does not answer.
pub async fn webhooks(
    state: &AppState,
    subject: &Subject,
    query: &WebhooksQuery,
) -> Result<Listed<WebhookSheet>, Problem> {
    authorize(subject, Action::Operate, Object::House)?;
    let list = ListQuery { limit: query.limit, cursor: None };
    let page = state.inbox.list(query.state, query.cursor.as_deref(), list.rows_max()).await?;
    Ok(Listed { data: page.rows.into_iter().map(WebhookSheet::from).collect(), next_cursor: page.next_cursor })
}

/// Has a webhook acted on again.
///
/// # Errors
/// Not an admin; no webhook of that id; the store does not answer.
pub async fn replay_webhook(state: &AppState, subject: &Subject, webhook: &str) -> Result<(), Problem> {
    authorize(subject, Action::Operate, Object::House)?;
    recorded(state, subject, Intent::of_object(Deed::ReplayWebhook, webhook), async {
        if state.inbox.replay(webhook, state.clock.now()).await? {
            Ok(())
        } else {
            Err(Problem::new(&kinds::NOT_FOUND, "There is no webhook of that id"))
        }
    })
    .await
}
