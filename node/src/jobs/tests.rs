//! Jobs on a real store: runners that crash, race, drain and are told to stop.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use earlybird_persistence::{JobProgress, JobState};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::*;

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(30);
const STEPS: u64 = 10;

/// Counts to [`STEPS`]. Each step needs a permit; what is done is kept outside, as the store of a real job does.
#[derive(Default)]
struct Count {
    permits: Option<Arc<Semaphore>>,
    done: Mutex<BTreeSet<u64>>,
    steps: AtomicUsize,
    /// Steps that are under way.
    busy: AtomicUsize,
    fails: AtomicUsize,
    due: Option<Due>,
}

#[async_trait]
impl JobKind for Count {
    fn name(&self) -> &'static str {
        "count"
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        only(arguments, &["to"])
    }

    async fn due(&self, _: earlybird_engine::Timestamp) -> Result<Vec<Due>, StoreError> {
        Ok(self.due.clone().into_iter().collect())
    }

    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError> {
        let to: u64 =
            argument(arguments, "to")?.parse().map_err(|_| StepError::Fatal("to: a number".into()))?;
        self.busy.fetch_add(1, Ordering::SeqCst);
        let _idle = Idle(&self.busy);
        if let Some(permits) = &self.permits {
            permits.acquire().await.expect("it is never closed").forget();
        }
        self.steps.fetch_add(1, Ordering::SeqCst);
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(StepError::Retry("not now".into()));
        }
        let next = job.progress.done + 1;
        self.done.lock().insert(next);
        let progress = JobProgress { cursor: next.to_string().into(), done: next, total: Some(to) };
        Ok(if next == to { Step::Done(progress) } else { Step::More(progress) })
    }
}

/// Fails for ever.
struct Stuck;

#[async_trait]
impl JobKind for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn check(&self, _: &Arguments) -> Result<(), String> {
        Ok(())
    }

    async fn step(&self, _: &JobRow, _: &Arguments) -> Result<Step, StepError> {
        Err(StepError::Retry("not now".into()))
    }
}

struct Idle<'a>(&'a AtomicUsize);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct House {
    _folder: TempDir,
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    kind: Arc<Count>,
}

impl House {
    async fn new(kind: Count) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = earlybird_persistence::open(&url).await.expect("the store opens");
        let clock = Arc::new(Clock::start(&*store).await.expect("the store answers"));
        Self { _folder: folder, store, clock, kind: Arc::new(kind) }
    }

    fn jobs(&self, node: &str, lease: Duration) -> Arc<Jobs> {
        let options = JobsOptions { poll_every: Duration::from_millis(10), lease, running_max: 2 };
        let kinds: Vec<Arc<dyn JobKind>> = vec![Arc::clone(&self.kind) as Arc<dyn JobKind>, Arc::new(Stuck)];
        Jobs::new(node.into(), Arc::clone(&self.store), Arc::clone(&self.clock), options, kinds)
    }

    async fn until(&self, what: &str, is_so: impl Fn(&JobRow) -> bool) -> JobRow {
        self.until_job(&id(), what, is_so).await
    }

    async fn until_job(&self, id: &JobId, what: &str, is_so: impl Fn(&JobRow) -> bool) -> JobRow {
        let started = Instant::now();
        loop {
            let row = self.store.job(id).await.expect("the store answers");
            if let Some(row) = row.filter(|row| is_so(row)) {
                return row;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
            tokio::task::yield_now().await;
        }
    }
}

fn id() -> JobId {
    JobId::from(format!("count-{}", uuid::Uuid::from_bytes([7; 16])))
}

fn request() -> (RequestId, Fingerprint) {
    (RequestId([7; 16]), Fingerprint(1))
}

fn to(steps: u64) -> Arguments {
    Arguments::from([("to".to_owned(), steps.to_string())])
}

fn run(jobs: &Arc<Jobs>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(Arc::clone(jobs).run()))
}

#[tokio::test]
async fn a_job_goes_to_its_end_and_is_started_once() {
    let house = House::new(Count::default()).await;
    let jobs = house.jobs("a", Duration::from_secs(5));
    let _running = run(&jobs);
    let started = jobs.start("count", &to(STEPS), request()).await.expect("it is started");
    assert_eq!(started.job.id, id());
    let ended = house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!((ended.progress.done, ended.progress.total), (STEPS, Some(STEPS)));
    assert_eq!((ended.attempt, ended.error, ended.holder), (1, None, None));
    assert_eq!(
        jobs.start("count", &to(STEPS), request()).await.expect("a replay").state,
        JobState::Succeeded
    );
    let other = jobs.start("count", &to(STEPS), (RequestId([7; 16]), Fingerprint(2))).await;
    assert!(matches!(other, Err(StartError::RequestIdReused)), "{other:?}");
    assert_eq!(house.kind.steps.load(Ordering::SeqCst) as u64, STEPS);
}

#[tokio::test]
async fn what_an_operator_gives_is_checked() {
    let house = House::new(Count::default()).await;
    let jobs = house.jobs("a", Duration::from_secs(5));
    let said = async |kind: &str, arguments: Arguments| {
        jobs.start(kind, &arguments, request()).await.expect_err("it is wrong").to_string()
    };
    assert_eq!(said("cuont", to(1)).await, "there is no job of that kind; there are count, stuck");
    assert_eq!(said("count", Arguments::new()).await, "to: required");
    let more = Arguments::from([("from".to_owned(), "1".to_owned())]);
    assert_eq!(said("count", more).await, "from: no such argument; accepted are to");
    // What is wrong later fails the job, not the node.
    let _running = run(&jobs);
    jobs.start("count", &Arguments::from([("to".to_owned(), "x".to_owned())]), request())
        .await
        .expect("taken");
    let ended = house.until("it fails", |row| row.state == JobState::Failed).await;
    assert_eq!(ended.error.as_deref(), Some("to: a number"));
}

/// Whatever the step at which a runner dies, another goes on from the last that was noted.
#[tokio::test]
async fn a_job_goes_on_elsewhere_after_a_crash() {
    let permits = Arc::new(Semaphore::new(4));
    let house = House::new(Count { permits: Some(Arc::clone(&permits)), ..Count::default() }).await;
    let first = house.jobs("a", Duration::from_secs(1));
    let running = run(&first);
    first.start("count", &to(STEPS), request()).await.expect("it is started");
    house.until("four steps are noted", |row| row.progress.done == 4).await;
    // In the middle of the fifth.
    drop(running);
    first.abandoned.cancelled().await;
    while house.kind.busy.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    let second = house.jobs("b", Duration::from_secs(1));
    let _running = run(&second);
    permits.add_permits(100);
    let ended = house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!((ended.attempt, ended.progress.done), (2, STEPS));
    assert!(house.kind.done.lock().iter().copied().eq(1..=STEPS));
    assert_eq!(house.kind.steps.load(Ordering::SeqCst) as u64, STEPS);
}

#[tokio::test]
async fn two_runners_share_no_job() {
    let permits = Arc::new(Semaphore::new(0));
    let house = House::new(Count { permits: Some(Arc::clone(&permits)), ..Count::default() }).await;
    let (first, second) =
        (house.jobs("a", Duration::from_millis(900)), house.jobs("b", Duration::from_millis(900)));
    let _running = [run(&first), run(&second)];
    first.start("count", &to(STEPS), request()).await.expect("it is started");
    let held = house.until("one has it", |row| row.state == JobState::Running).await;
    // A step that takes longer than the lease: its holder keeps it.
    house.until("the lease was renewed past its end", |row| row.updated_at >= held.lease_until).await;
    assert_eq!(house.kind.busy.load(Ordering::SeqCst), 1);
    permits.add_permits(100);
    let ended = house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!(ended.attempt, 1);
    assert_eq!(house.kind.steps.load(Ordering::SeqCst) as u64, STEPS);
}

#[tokio::test]
async fn a_step_that_fails_is_tried_again_and_told() {
    let permits = Arc::new(Semaphore::new(1));
    let count = Count { permits: Some(Arc::clone(&permits)), fails: AtomicUsize::new(1), ..Count::default() };
    let house = House::new(count).await;
    let jobs = house.jobs("a", Duration::from_secs(5));
    let _running = run(&jobs);
    jobs.start("count", &to(STEPS), request()).await.expect("it is started");
    let failing = house.until("the failure is told", |row| row.error.is_some()).await;
    assert_eq!((failing.state, failing.error.as_deref()), (JobState::Running, Some("not now")));
    permits.add_permits(100);
    let ended = house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!(ended.error, None);
}

#[tokio::test]
async fn jobs_that_fail_over_and_over_keep_no_other_waiting() {
    let house = House::new(Count::default()).await;
    let jobs = house.jobs("a", Duration::from_secs(1));
    let _running = run(&jobs);
    // More than there are places, and all of them older.
    let stuck: Vec<JobId> = (0..4).map(|number| JobId::from(format!("stuck-{number}"))).collect();
    for id in &stuck {
        jobs.ensure(id.clone(), "stuck", &Arguments::new()).await.expect("it is created");
    }
    for id in &stuck {
        house.until_job(id, "it fails again", |row| row.attempt >= 2 && row.error.is_some()).await;
    }
    jobs.start("count", &to(STEPS), request()).await.expect("it is started");
    house.until("it ends", |row| row.state == JobState::Succeeded).await;
    for id in &stuck {
        let tried = house.until_job(id, "it is tried on", |row| row.attempt >= 4).await;
        assert_eq!(tried.state, JobState::Running);
        jobs.cancel(id).await.expect("the store answers").expect("it is there");
        house.until_job(id, "it is stopped", |row| row.state == JobState::Cancelled).await;
    }
}

/// Jobs that take long have as many places as there are; the calendar's jobs come between their turns.
#[tokio::test]
async fn jobs_that_take_long_keep_no_other_waiting() {
    let house = House::new(Count::default()).await;
    let jobs = house.jobs("a", Duration::from_secs(600));
    let endless = to(u64::MAX);
    let long: Vec<JobId> = (0..2).map(|number| JobId::from(format!("long-{number}"))).collect();
    for id in &long {
        jobs.ensure(id.clone(), "count", &endless).await.expect("it is created");
    }
    let _running = run(&jobs);
    for id in &long {
        house.until_job(id, "it has a place", |row| row.progress.done > 0).await;
    }
    jobs.start("count", &to(STEPS), request()).await.expect("it is started");
    house.until("it ends", |row| row.state == JobState::Succeeded).await;
    for id in &long {
        let before = house.until_job(id, "it goes on", |row| row.attempt > 1).await.progress.done;
        house.until_job(id, "it goes on", |row| row.progress.done > before).await;
    }
}

#[tokio::test]
async fn a_job_is_stopped_after_its_step() {
    let permits = Arc::new(Semaphore::new(2));
    let house = House::new(Count { permits: Some(Arc::clone(&permits)), ..Count::default() }).await;
    let jobs = house.jobs("a", Duration::from_secs(5));
    let _running = run(&jobs);
    jobs.start("count", &to(STEPS), request()).await.expect("it is started");
    house.until("two steps are noted", |row| row.progress.done == 2).await;
    let told = jobs.cancel(&id()).await.expect("the store answers").expect("it is there");
    assert!(told.cancel_requested);
    permits.add_permits(1);
    let ended = house.until("it stops", |row| row.state == JobState::Cancelled).await;
    assert_eq!(ended.progress.done, 3);
}

#[tokio::test]
async fn a_node_that_drains_hands_its_jobs_on_at_once() {
    let permits = Arc::new(Semaphore::new(2));
    let house = House::new(Count { permits: Some(Arc::clone(&permits)), ..Count::default() }).await;
    // Nobody could wait for this lease.
    let first = house.jobs("a", Duration::from_secs(600));
    let _first = run(&first);
    first.start("count", &to(STEPS), request()).await.expect("it is started");
    house.until("two steps are noted", |row| row.progress.done == 2).await;
    let draining = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.drain().await }
    });
    // The step under way comes to its end first.
    first.stopping.cancelled().await;
    permits.add_permits(1);
    draining.await.expect("it drains");
    permits.add_permits(100);
    let second = house.jobs("b", Duration::from_secs(600));
    let _second = run(&second);
    let ended = house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!(ended.attempt, 2);
    assert_eq!(house.kind.steps.load(Ordering::SeqCst) as u64, STEPS);
}

#[tokio::test]
async fn what_the_calendar_asks_for_is_done_once_by_all_nodes() {
    let due = Due { id: id(), arguments: to(3) };
    let house = House::new(Count { due: Some(due), ..Count::default() }).await;
    let (first, second) = (house.jobs("a", Duration::from_secs(5)), house.jobs("b", Duration::from_secs(5)));
    let _running = [run(&first), run(&second)];
    house.until("it ends", |row| row.state == JobState::Succeeded).await;
    assert_eq!(first.list(None, 10).await.expect("the store answers").len(), 1);
    assert_eq!(house.kind.steps.load(Ordering::SeqCst), 3);
}
