//! A job's row, and the lists it is in.

use usher_core::UnixMillis;

use super::CqlError;
use super::lists::{HOUR_MS, ListSpec, MINUTE_MS, Pointer};
use super::rows::Record;
use super::values::{self, Columns, Name, Value, number, text, time};
use crate::jobs::{Job, JobState};

/// The job's lists.
pub(super) const DUE: usize = 0;
const OPEN: usize = 1;
const ENDED: usize = 2;

static LIST_DUE: ListSpec = ListSpec {
    table: "jobs_due",
    owner: None,
    at: "due_at",
    id: "job",
    id_is_text: true,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};
static LIST_OPEN: ListSpec = ListSpec {
    table: "jobs_open",
    owner: Some("state"),
    at: "created_at",
    id: "job",
    id_is_text: true,
    bucket_ms: MINUTE_MS,
    is_worked_off: true,
};
static LIST_ENDED: ListSpec = ListSpec {
    table: "jobs_ended",
    owner: Some("state"),
    at: "created_at",
    id: "job",
    id_is_text: true,
    bucket_ms: HOUR_MS,
    is_worked_off: false,
};

/// A job and when a worker may take it.
#[derive(Debug, Clone)]
pub(super) struct JobRow {
    pub(super) job: Job,
    pub(super) due_at: UnixMillis,
}

impl JobRow {
    pub(super) fn in_state(&self, state: JobState) -> Self {
        Self { job: Job { state, ..self.job.clone() }, due_at: self.due_at }
    }

    pub(super) fn ready_at(&self, at: UnixMillis) -> Self {
        Self { job: Job { state: JobState::Ready, run_at: at, ..self.job.clone() }, due_at: at }
    }
}

/// The list of jobs of a state.
pub(super) fn by_state(state: JobState) -> usize {
    match state {
        JobState::Ready | JobState::Running => OPEN,
        JobState::Dead | JobState::Done => ENDED,
    }
}

pub(super) fn state_name(state: JobState) -> Result<Name, CqlError> {
    values::word(&state).map(Name::Text)
}

impl Record for JobRow {
    const TABLE: &'static str = "jobs";
    const COLUMNS: &'static [&'static str] =
        &["job", "kind", "payload", "state", "failures_count", "last_error", "run_at", "due_at", "created_at"];
    const LISTS: &'static [&'static ListSpec] = &[&LIST_DUE, &LIST_OPEN, &LIST_ENDED];

    fn key(&self) -> Name {
        Name::Text(self.job.id.clone())
    }

    fn values(&self) -> Result<Vec<Value>, CqlError> {
        let Job { kind, payload, state, failures_count, last_error, run_at, created_at, .. } = &self.job;
        Ok(vec![
            text(kind),
            text(payload),
            text(&values::word(state)?),
            number((*failures_count).into()),
            last_error.as_deref().and_then(text),
            time(*run_at),
            time(self.due_at),
            time(*created_at),
        ])
    }

    fn of(columns: &mut Columns) -> Result<Self, CqlError> {
        let (id, kind, payload, state) = (columns.text()?, columns.text()?, columns.text()?, columns.word()?);
        let (failures_count, last_error, run_at) = (columns.count()?, columns.maybe_text()?, columns.time()?);
        let (due_at, created_at) = (columns.time()?, columns.time()?);
        Ok(Self { job: Job { id, kind, payload, state, failures_count, last_error, run_at, created_at }, due_at })
    }

    fn pointers(&self) -> Vec<Pointer> {
        let Job { state, created_at, .. } = self.job;
        let is_open = match state {
            JobState::Ready | JobState::Running => true,
            JobState::Dead | JobState::Done => false,
        };
        let due = Pointer { list: DUE, owner: None, at: self.due_at.0, id: self.key() };
        let state = state_name(state).ok().map(|name| Pointer {
            list: by_state(state),
            owner: Some(name),
            at: created_at.0,
            id: self.key(),
        });
        is_open.then_some(due).into_iter().chain(state).collect()
    }
}
