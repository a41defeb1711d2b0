//! Workers over a real queue: what fails, panics or takes its process along is put aside, and nothing else suffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use usher_core::{OrderId, UnixMillis};
use usher_engine::adapters::sqlite::Folder;
use usher_engine::clock::Clock;
use usher_engine::jobs::{Job, JobError, JobState, LEASE_ENDED, Queue, Task, Workers, WorkersConfig};

const START: UnixMillis = UnixMillis(1_900_000_000_000);
/// Longer than any pause between two tries.
const LONG: Duration = Duration::from_secs(3_600);
/// Longer than all the leaps of a test together.
const AGES: Duration = Duration::from_secs(1_000_000 * 3_600);

fn task(order: u128) -> Job {
    Task::PrintTickets { order: OrderId(order) }.job(START)
}

/// Works with a clock that leaps until the job of that id is in that state.
async fn work_until<F>(queue: &Arc<dyn Queue>, clock: &Clock, id: &str, state: JobState, perform: F)
where
    F: Fn(Job) -> Result<(), JobError> + Send + Sync + 'static,
{
    // The clock leaps while jobs are under way: no lease may end by a leap, or a job would be tried twice at once.
    let config = WorkersConfig { poll: Duration::from_millis(1), lease: AGES, ..WorkersConfig::default() };
    let workers = Workers::new(Arc::clone(queue), clock.clone(), config);
    let perform = Arc::new(perform);
    let running = workers.run(move |job| {
        let perform = Arc::clone(&perform);
        async move { perform(job) }
    });
    let reached = async {
        while queue.job(id).await.unwrap().unwrap().state != state {
            clock.advance(LONG);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = running => unreachable!("workers run until they are dropped"),
        () = reached => {}
    }
    workers.idle().await;
}

#[tokio::test]
async fn a_job_that_panics_is_put_aside_after_five_tries_and_the_others_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Arc<dyn Queue> = Folder::open(folder.path()).unwrap().stores.jobs;
    let clock = Clock::manual(START);
    let (bad, good) = (task(1), task(2));
    queue.enqueue(vec![bad.clone(), good.clone()]).await.unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let (bad_id, counted) = (bad.id.clone(), Arc::clone(&tries));
    work_until(&queue, &clock, &bad.id, JobState::Dead, move |job| {
        if job.id == bad_id {
            counted.fetch_add(1, Ordering::Relaxed);
            panic!("this page jams the printer");
        }
        Ok(())
    })
    .await;
    assert_eq!(tries.load(Ordering::Relaxed), 5);
    assert_eq!(queue.job(&good.id).await.unwrap().unwrap().state, JobState::Done);
}

#[tokio::test]
async fn a_job_that_ends_its_process_each_time_is_put_aside_untried() {
    let folder = tempfile::tempdir().unwrap();
    let queue: Arc<dyn Queue> = Folder::open(folder.path()).unwrap().stores.jobs;
    let clock = Clock::manual(START);
    let job = task(1);
    queue.enqueue(vec![job.clone()]).await.unwrap();
    for _ in 0..5 {
        let now = clock.now();
        assert_eq!(queue.claim(now, now.plus_ms(1_000), 1).await.unwrap().len(), 1);
        clock.advance(Duration::from_secs(1));
    }
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    work_until(&queue, &clock, &job.id, JobState::Dead, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
    .await;
    assert_eq!(tries.load(Ordering::Relaxed), 0);
    let aside = queue.job(&job.id).await.unwrap().unwrap();
    assert!(aside.last_error.unwrap().starts_with(LEASE_ENDED));
}
