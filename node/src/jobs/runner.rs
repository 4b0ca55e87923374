//! The loop that finds jobs, and the one that does a job.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use earlybird_persistence::{JobEnd, JobId, JobRow};
use futures::FutureExt as _;
use metrics::Gauge;

use super::{Arguments, JobKind, Jobs, JobsOptions, Step, StepError, decode};

/// When a job may be taken again after a step that failed. Once it has failed again, a third of the lease later each time.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Steps of a turn: where all places are taken, whoever has waited longest goes on after it.
const TURN_STEPS: u32 = 16;
/// Names of jobs that are known to be created, so that the store is not asked at every poll. Then it is asked once more.
const KNOWN_MAX: usize = 10_000;

impl Jobs {
    /// Creates what the calendar asks for, and does what there is to do, until the node drains or this is dropped. Dropped,
    /// it leaves its jobs as a crash does.
    pub async fn run(self: Arc<Self>) {
        let names: Vec<&str> = self.kinds.keys().copied().collect();
        let mut known = HashSet::new();
        let _abandoned = AbandonOnDrop(&self);
        loop {
            self.look_at_calendar(&mut known).await;
            while self.begin_one(&names).await {}
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = self.stirred.notified() => {}
                () = tokio::time::sleep(self.options.poll_every) => {}
            }
        }
    }

    async fn look_at_calendar(&self, known: &mut HashSet<JobId>) {
        for (name, kind) in &self.kinds {
            let due = match kind.due(self.clock.now()).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::debug!(%error, kind = name, "cannot look at the calendar");
                    continue;
                }
            };
            for due in due {
                if known.contains(&due.id) {
                    continue;
                }
                match self.ensure(due.id.clone(), name, &due.arguments).await {
                    Ok(()) => {
                        if known.len() >= KNOWN_MAX {
                            known.clear();
                        }
                        known.insert(due.id);
                    }
                    Err(error) => tracing::debug!(%error, kind = name, "cannot create a job that is due"),
                }
            }
        }
    }

    /// Takes a job, if there is a place and one to take. Returns whether there may be another.
    async fn begin_one(self: &Arc<Self>, kinds: &[&str]) -> bool {
        if self.stopping.is_cancelled() {
            return false;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return false };
        let taken = self.store.take_job(kinds, &self.node, self.now(), self.after(self.options.lease)).await;
        let held = match taken {
            Ok(Some(held)) => held,
            Ok(None) => return false,
            Err(error) => {
                tracing::debug!(%error, "cannot look for a job");
                return false;
            }
        };
        let jobs = Arc::clone(self);
        self.running.spawn(async move {
            let _place = place;
            let _running = Running::count();
            tokio::select! {
                biased;
                () = jobs.abandoned.cancelled() => {}
                () = jobs.work_on(held) => {}
            }
            jobs.stirred.notify_one();
        });
        true
    }

    async fn work_on(&self, mut held: JobRow) {
        let id = held.job.id.clone();
        tracing::info!(job = %id, attempt = held.attempt, cursor = %held.progress.cursor, "a job begins");
        let Some(kind) = self.kinds.get(&*held.job.kind) else { return };
        let end = match decode(&held.job.arguments) {
            Ok(arguments) => self.steps(&**kind, &mut held, &arguments).await,
            Err(error) => Some(JobEnd::Failed(error.to_string().into())),
        };
        let Some(end) = end else { return };
        match &end {
            JobEnd::Failed(why) => tracing::error!(job = %id, why, "a job failed"),
            JobEnd::Succeeded | JobEnd::Cancelled => {
                tracing::info!(job = %id, done = held.progress.done, ?end, "a job ended");
            }
        }
        metrics::counter!("earlybird_jobs_ended_total", "outcome" => end_name(&end)).increment(1);
        // Not told, the job is taken again when its lease is over, and ends then.
        if let Err(error) = self.store.end_job(&held, &end, self.now()).await {
            tracing::warn!(%error, job = %id, "cannot note the end of a job");
        }
    }

    /// Does steps until the job has ended. None when it is no longer this node's, or was given up.
    async fn steps(&self, kind: &dyn JobKind, held: &mut JobRow, arguments: &Arguments) -> Option<JobEnd> {
        let mut steps_done = 0;
        loop {
            if held.cancel_requested {
                return Some(JobEnd::Cancelled);
            }
            let is_turn_over = steps_done >= TURN_STEPS && self.places.available_permits() == 0;
            if is_turn_over || self.stopping.is_cancelled() {
                self.give_up(held, Duration::ZERO).await;
                return None;
            }
            let step = self.step(kind, held, arguments).await?;
            let mut is_done = false;
            match step {
                Ok(Step::More(progress)) => held.progress = progress,
                Ok(Step::Done(progress)) => {
                    held.progress = progress;
                    is_done = true;
                }
                Err(StepError::Fatal(why)) => return Some(JobEnd::Failed(why.into())),
                Err(StepError::Elsewhere) => {
                    self.give_up(held, RETRY_AFTER).await;
                    return None;
                }
                Err(StepError::Retry(why)) => {
                    tracing::warn!(job = %held.job.id, why, "a step of a job failed; it is tried again");
                    // Its place goes to whatever else there is to do: what fails for hours keeps no other job waiting.
                    let is_first = held.error.replace(why.into()).is_none();
                    let pause = if is_first { RETRY_AFTER } else { renew_after(&self.options) };
                    self.give_up(held, pause).await;
                    return None;
                }
            }
            held.error = None;
            steps_done += 1;
            self.keep(held).await?;
            if is_done {
                return Some(JobEnd::Succeeded);
            }
        }
    }

    /// Lets go of a job, for any node to take again after a pause.
    async fn give_up(&self, held: &JobRow, pause: Duration) {
        let until = self.after(pause);
        // Not told, whoever takes it has to wait for the lease.
        if let Err(error) = self.store.yield_job(held, until, self.now()).await {
            tracing::debug!(%error, job = %held.job.id, "cannot give up a job");
        }
    }

    /// Does one step, and keeps the lease meanwhile. None when the lease is lost.
    async fn step(
        &self,
        kind: &dyn JobKind,
        held: &mut JobRow,
        arguments: &Arguments,
    ) -> Option<Result<Step, StepError>> {
        let before = held.clone();
        let mut step = std::pin::pin!(AssertUnwindSafe(kind.step(&before, arguments)).catch_unwind());
        loop {
            tokio::select! {
                done = &mut step => {
                    let panicked = |_| Err(StepError::Fatal("the step panicked; see the log".to_owned()));
                    return Some(done.unwrap_or_else(panicked));
                }
                () = tokio::time::sleep(renew_after(&self.options)) => self.keep(held).await?,
            }
        }
    }

    /// Notes the progress and renews the lease. None when the job is another's now, or may be. A store that does not answer
    /// is no reason to stop before the lease is over.
    async fn keep(&self, held: &mut JobRow) -> Option<()> {
        match self.store.keep_job(held, self.now(), self.after(self.options.lease)).await {
            Ok(Some(kept)) => *held = kept,
            Ok(None) => {
                tracing::warn!(job = %held.job.id, "another node has the job now");
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, job = %held.job.id, "cannot keep a job");
                if self.now() >= held.lease_until {
                    return None;
                }
            }
        }
        Some(())
    }
}

/// The name of an end in metrics.
pub(crate) fn end_name(end: &JobEnd) -> &'static str {
    match end {
        JobEnd::Succeeded => "succeeded",
        JobEnd::Failed(_) => "failed",
        JobEnd::Cancelled => "cancelled",
    }
}

fn renew_after(options: &JobsOptions) -> Duration {
    options.lease / 3
}

/// Ends the jobs under way when the loop is dropped: they are tasks of their own.
struct AbandonOnDrop<'a>(&'a Jobs);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        // A node that drains ends its loop first, and its jobs come to the end of their steps.
        if !self.0.stopping.is_cancelled() {
            self.0.abandoned.cancel();
        }
    }
}

/// Counts a job while it lives.
struct Running(Gauge);

impl Running {
    fn count() -> Self {
        let gauge = metrics::gauge!("earlybird_jobs_running");
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
