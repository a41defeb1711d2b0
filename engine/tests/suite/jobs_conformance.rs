//! What every job queue must do. A fresh queue is needed for each rule: a claim takes whatever is due.

use std::sync::Arc;

use usher_core::UnixMillis;
use usher_engine::jobs::{Job, JobCounts, JobState, LEASE_ENDED, Queue, Retry};
use usher_engine::store::StoreError;

/// All rules; `fresh` makes an empty queue.
pub(crate) async fn every_queue(fresh: impl AsyncFn() -> Arc<dyn Queue>) {
    an_id_is_enqueued_once_whatever_became_of_it(fresh().await.as_ref()).await;
    due_jobs_are_claimed_oldest_first_and_once(fresh().await.as_ref()).await;
    a_job_whose_lease_has_ended_is_claimed_again(fresh().await.as_ref()).await;
    a_failure_puts_a_job_off_or_aside(fresh().await.as_ref()).await;
    a_late_failure_undoes_nothing(fresh().await.as_ref()).await;
    only_a_dead_job_is_replayed(fresh().await.as_ref()).await;
    a_state_is_listed_in_pages_oldest_first(fresh().await.as_ref()).await;
    simultaneous_claims_never_share_a_job(fresh().await.as_ref()).await;
}

fn job(id: &str, run_at: i64) -> Job {
    Job {
        id: id.to_owned(),
        kind: "render_ticket".to_owned(),
        payload: "{\"ticket\":1}".to_owned(),
        state: JobState::Ready,
        failures_count: 0,
        last_error: None,
        run_at: UnixMillis(run_at),
        created_at: UnixMillis(run_at),
    }
}

async fn claimed(queue: &dyn Queue, now: i64, jobs_max: u32) -> Vec<String> {
    let jobs = queue.claim(UnixMillis(now), UnixMillis(now + 1_000), jobs_max).await.unwrap();
    assert!(jobs.iter().all(|job| job.state == JobState::Running));
    jobs.into_iter().map(|job| job.id).collect()
}

async fn state(queue: &dyn Queue, id: &str) -> JobState {
    queue.job(id).await.unwrap().unwrap().state
}

async fn an_id_is_enqueued_once_whatever_became_of_it(queue: &dyn Queue) {
    queue.enqueue(vec![]).await.unwrap();
    assert_eq!(queue.job("a").await.unwrap(), None);
    let first = job("a", 10);
    queue.enqueue(vec![first.clone(), job("b", 10)]).await.unwrap();
    let other = Job { payload: "other".to_owned(), ..job("a", 99) };
    queue.enqueue(vec![other.clone(), job("c", 10)]).await.unwrap();
    assert_eq!(queue.job("a").await.unwrap(), Some(first));
    assert_eq!(claimed(queue, 10, 9).await, ["a", "b", "c"]);
    queue.complete("a").await.unwrap();
    queue.enqueue(vec![other]).await.unwrap();
    assert_eq!(state(queue, "a").await, JobState::Done);
    assert_eq!(queue.counts().await.unwrap(), JobCounts { ready_count: 0, running_count: 2, dead_count: 0 });
}

async fn due_jobs_are_claimed_oldest_first_and_once(queue: &dyn Queue) {
    queue.enqueue(vec![job("c", 30), job("a", 10), job("b", 20), job("later", 101)]).await.unwrap();
    assert_eq!(claimed(queue, 100, 2).await, ["a", "b"]);
    assert_eq!(claimed(queue, 100, 2).await, ["c"]);
    assert!(claimed(queue, 100, 2).await.is_empty());
    assert_eq!(claimed(queue, 101, 2).await, ["later"]);
}

async fn a_job_whose_lease_has_ended_is_claimed_again(queue: &dyn Queue) {
    queue.enqueue(vec![job("a", 10)]).await.unwrap();
    assert_eq!(claimed(queue, 100, 1).await, ["a"]);
    assert!(claimed(queue, 1_099, 1).await.is_empty());
    assert_eq!(claimed(queue, 1_100, 1).await, ["a"]);
    let again = queue.job("a").await.unwrap().unwrap();
    assert_eq!((again.failures_count, again.last_error.as_deref()), (1, Some(LEASE_ENDED)));
    queue.complete("a").await.unwrap();
    assert!(claimed(queue, 99_999, 1).await.is_empty());
}

async fn a_failure_puts_a_job_off_or_aside(queue: &dyn Queue) {
    queue.enqueue(vec![job("a", 10)]).await.unwrap();
    assert_eq!(claimed(queue, 100, 1).await, ["a"]);
    queue.fail("a", "no paper", Retry::At(UnixMillis(500))).await.unwrap();
    assert!(claimed(queue, 499, 1).await.is_empty());
    let put_off = queue.job("a").await.unwrap().unwrap();
    assert_eq!((put_off.state, put_off.failures_count, put_off.run_at), (JobState::Ready, 1, UnixMillis(500)));
    assert_eq!(claimed(queue, 500, 1).await, ["a"]);
    queue.fail("a", "still no paper", Retry::Dead).await.unwrap();
    let aside = queue.job("a").await.unwrap().unwrap();
    assert_eq!((aside.state, aside.failures_count), (JobState::Dead, 2));
    assert_eq!(aside.last_error.as_deref(), Some("still no paper"));
    assert!(claimed(queue, 99_999, 1).await.is_empty());
}

async fn a_late_failure_undoes_nothing(queue: &dyn Queue) {
    queue.enqueue(vec![job("a", 10)]).await.unwrap();
    assert_eq!(claimed(queue, 100, 1).await, ["a"]);
    queue.complete("a").await.unwrap();
    queue.fail("a", "too late", Retry::At(UnixMillis(0))).await.unwrap();
    queue.fail("unknown", "too late", Retry::Dead).await.unwrap();
    assert_eq!(state(queue, "a").await, JobState::Done);
}

async fn only_a_dead_job_is_replayed(queue: &dyn Queue) {
    queue.enqueue(vec![job("a", 10)]).await.unwrap();
    assert!(!queue.replay("a", UnixMillis(0)).await.unwrap());
    assert_eq!(claimed(queue, 100, 1).await, ["a"]);
    assert!(!queue.replay("a", UnixMillis(0)).await.unwrap());
    queue.fail("a", "no paper", Retry::Dead).await.unwrap();
    assert!(queue.replay("a", UnixMillis(700)).await.unwrap());
    assert!(!queue.replay("unknown", UnixMillis(700)).await.unwrap());
    let replayed = queue.job("a").await.unwrap().unwrap();
    assert_eq!((replayed.state, replayed.failures_count), (JobState::Ready, 0));
    assert!(claimed(queue, 699, 1).await.is_empty());
    assert_eq!(claimed(queue, 700, 1).await, ["a"]);
}

async fn a_state_is_listed_in_pages_oldest_first(queue: &dyn Queue) {
    queue.enqueue(["d", "b", "a", "c", "e"].map(|id| job(id, i64::from(id > "b"))).to_vec()).await.unwrap();
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = queue.list(JobState::Ready, cursor.as_deref(), 2).await.unwrap();
        assert!(page.rows.len() <= 2);
        listed.extend(page.rows.into_iter().map(|job| job.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, ["a", "b", "c", "d", "e"]);
    assert!(queue.list(JobState::Dead, None, 9).await.unwrap().rows.is_empty());
    assert!(matches!(queue.list(JobState::Ready, Some("?"), 9).await, Err(StoreError::BadCursor)));
}

async fn simultaneous_claims_never_share_a_job(queue: &dyn Queue) {
    queue.enqueue((0..100).map(|number| job(&format!("job {number:03}"), 10)).collect()).await.unwrap();
    let claims = (0..20).map(|_| claimed(queue, 100, 5));
    let mut taken: Vec<String> = futures_util::future::join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 100);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 100);
}
