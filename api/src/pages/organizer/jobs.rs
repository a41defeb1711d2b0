//! Jobs that failed too often, for the administrator.

use actix_web::web::{Data, Path, Query};
use askama::Template;

use crate::access::Subject;
use crate::desk::operator::{self, JobSheet, JobsQuery};
use crate::pages::{Answer, Frame, page as html, see};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "organizer/jobs.html")]
struct JobsPage {
    frame: Frame,
    jobs: Vec<JobSheet>,
    next: Option<String>,
}

/// The page.
pub(super) async fn page(state: Data<AppState>, subject: Subject, query: Query<JobsQuery>) -> Answer {
    let listed = operator::jobs(&state, &subject, &query).await?;
    html(&JobsPage { frame: Frame::new(&state), jobs: listed.data, next: listed.next_cursor })
}

/// Makes a dead job ready again.
pub(super) async fn replay(state: Data<AppState>, subject: Subject, job: Path<String>) -> Answer {
    operator::replay_job(&state, &subject, &job).await?;
    Ok(see("/admin/jobs"))
}
