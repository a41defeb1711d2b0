//! Work and webhooks that failed, for operators.

use actix_web::web::{Data, Path, Query};

use super::{Answer, done, ok};
use crate::access::Subject;
use crate::desk::Listed;
use crate::desk::audit::{self, ActSheet, ActsQuery};
use crate::desk::operator::{self, JobSheet, JobsQuery, WebhookSheet, WebhooksQuery};
use crate::state::AppState;

/// Jobs of a state, oldest first; dead ones unless told.
#[utoipa::path(get, path = "/api/v1/admin/jobs", tag = "admin", params(JobsQuery),
    responses((status = 200, body = Listed<JobSheet>)))]
pub(crate) async fn jobs(state: Data<AppState>, subject: Subject, query: Query<JobsQuery>) -> Answer {
    ok(&operator::jobs(&state, &subject, &query).await?)
}

/// Makes a dead job ready again.
#[utoipa::path(post, path = "/api/v1/admin/jobs/{job}/replay", tag = "admin", params(("job" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn replay_job(state: Data<AppState>, subject: Subject, job: Path<String>) -> Answer {
    operator::replay_job(&state, &subject, &job).await?;
    done()
}

/// What organizers and operators did, latest first.
#[utoipa::path(get, path = "/api/v1/admin/audit-log", tag = "admin", params(ActsQuery),
    responses((status = 200, body = Listed<ActSheet>)))]
pub(crate) async fn acts(state: Data<AppState>, subject: Subject, query: Query<ActsQuery>) -> Answer {
    ok(&audit::acts(&state, &subject, &query).await?)
}

/// Received webhooks, latest first.
#[utoipa::path(get, path = "/api/v1/admin/webhooks", tag = "admin", params(WebhooksQuery),
    responses((status = 200, body = Listed<WebhookSheet>)))]
pub(crate) async fn webhooks(state: Data<AppState>, subject: Subject, query: Query<WebhooksQuery>) -> Answer {
    ok(&operator::webhooks(&state, &subject, &query).await?)
}

/// Has a webhook acted on again.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{webhook}/replay", tag = "admin",
    params(("webhook" = String, Path)), responses((status = 204)))]
pub(crate) async fn replay_webhook(state: Data<AppState>, subject: Subject, webhook: Path<String>) -> Answer {
    operator::replay_webhook(&state, &subject, &webhook).await?;
    done()
}
