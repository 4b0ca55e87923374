//! `reconcile`: the comparison as a job, by the calendar.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::{JobId, JobProgress, JobRow, OrderFilter, StoreError};
use tokio::sync::OnceCell;

use super::ReconcileError;
use crate::jobs::{Arguments, Due, JobKind, Step, StepError};
use crate::payments::{GatewayError, Payments, Window};

/// What is compared in one step.
const SLICE_MS: u64 = 10 * 60 * 1_000;
/// The last minutes are left for the next run: what is under way differs for a moment.
const SETTLED_AFTER_MS: u64 = 2 * 60 * 1_000;

/// How many runs are made up for, the latest included: what is older is for operators, who have `earlybird reconcile`.
const RUNS_MADE_UP: u64 = 24;

/// The kind.
pub(crate) struct Reconciliation {
    payments: Arc<Payments>,
    /// How often it is due. Each run looks back over twice that, so that what differed for a moment is seen again.
    every: Duration,
    /// Before it there is nothing to compare, in milliseconds.
    since_ms: OnceCell<u64>,
}

impl Reconciliation {
    /// Runs so often.
    pub(crate) fn new(payments: Arc<Payments>, every: Duration) -> Self {
        Self { payments, every, since_ms: OnceCell::new() }
    }

    /// Where there was no order at the first look, nothing of earlier runs is made up for.
    async fn since_ms(&self, now: Timestamp) -> Result<u64, StoreError> {
        let look = async || {
            let orders = self.payments.store.list_orders(&OrderFilter::default(), None, 1).await?;
            let since_ms = if orders.is_empty() { now.0.saturating_sub(self.every_ms()) } else { 0 };
            Ok::<_, StoreError>(since_ms)
        };
        self.since_ms.get_or_try_init(look).await.copied()
    }

    fn every_ms(&self) -> u64 {
        u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn due_at(&self, at_ms: u64) -> Due {
        Due { id: JobId::from(format!("{}-{at_ms}", self.name())), arguments: Arguments::new() }
    }
}

/// When the latest runs were due, the oldest first: also those at which no node ran.
fn due_times(now: Timestamp, every_ms: u64) -> impl Iterator<Item = u64> {
    let latest = now.0 / every_ms;
    (latest.saturating_sub(RUNS_MADE_UP - 1)..=latest).map(move |run| run * every_ms)
}

/// When the run of that name was due.
fn due_at(job: &JobId) -> Result<u64, StepError> {
    let text = job.as_str().rsplit('-').next().unwrap_or_default();
    text.parse().map_err(|_| StepError::Fatal(format!("{} has no time in its name", job.as_str())))
}

#[async_trait]
impl JobKind for Reconciliation {
    fn name(&self) -> &'static str {
        "reconcile"
    }

    /// Operators have `earlybird reconcile`, which tells what it finds.
    fn check(&self, _: &Arguments) -> Result<(), String> {
        Err("use the Payments service, or `earlybird reconcile`".to_owned())
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        if !self.payments.has_books() {
            return Ok(Vec::new());
        }
        let since_ms = self.since_ms(now).await?;
        let due = due_times(now, self.every_ms()).filter(|at_ms| *at_ms > since_ms);
        Ok(due.map(|at_ms| self.due_at(at_ms)).collect())
    }

    async fn step(&self, job: &JobRow, _: &Arguments) -> Result<Step, StepError> {
        let end = due_at(&job.job.id)?.saturating_sub(SETTLED_AFTER_MS);
        let start = end.saturating_sub(self.every_ms().saturating_mul(2));
        let Cursor { from, unanswered } =
            Cursor::read(&job.progress.cursor).unwrap_or(Cursor { from: start, unanswered: 0 });
        let to = end.min(from + SLICE_MS);
        if from >= to {
            return ended(unanswered, job.progress.clone());
        }
        let window = Window { from: Timestamp(from), to: Timestamp(to) };
        let summary = self.payments.reconcile(window, true, &|_| {}).await?;
        for finding in summary.findings.iter().filter(|finding| !finding.is_repaired) {
            tracing::warn!(?finding, "an order and the provider's books differ");
        }
        let unanswered = unanswered + summary.unanswered;
        let progress = JobProgress {
            cursor: Cursor { from: to, unanswered }.write(),
            done: job.progress.done + summary.orders,
            ..job.progress.clone()
        };
        if to >= end { ended(unanswered, progress) } else { Ok(Step::More(progress)) }
    }
}

/// How far the job has come: where the next slice begins, and the orders so far that the provider did not answer about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    from: u64,
    unanswered: u64,
}

impl Cursor {
    /// None at the beginning.
    fn read(text: &str) -> Option<Self> {
        let (from, unanswered) = text.split_once(' ')?;
        Some(Self { from: from.parse().ok()?, unanswered: unanswered.parse().ok()? })
    }

    fn write(self) -> Box<str> {
        format!("{} {}", self.from, self.unanswered).into()
    }
}

/// Done only if every order was compared.
fn ended(unanswered: u64, progress: JobProgress) -> Result<Step, StepError> {
    if unanswered == 0 {
        return Ok(Step::Done(progress));
    }
    Err(StepError::Fatal(format!(
        "the provider gave no definite answer about {unanswered} orders; the next run looks at them again"
    )))
}

impl From<ReconcileError> for StepError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Store(error) => error.into(),
            ReconcileError::Provider(GatewayError::Declined(why)) => Self::Fatal(why),
            ReconcileError::Provider(error) => Self::Retry(error.to_string()),
            ReconcileError::TooMany(_) => Self::Fatal(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However long no node ran, what happened meanwhile is compared, up to a bound.
    #[test]
    fn runs_that_were_missed_are_due() {
        let due = |now| due_times(Timestamp(now), 1_000).collect::<Vec<_>>();
        assert_eq!(due(2_999), [0, 1_000, 2_000]);
        let day = due(100_500);
        assert_eq!((day.len(), day.first(), day.last()), (24, Some(&77_000), Some(&100_000)));
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor { from: u64::MAX, unanswered: 3 };
        assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
        assert_eq!(Cursor::read(""), None);
    }

    #[test]
    fn a_job_is_done_when_every_order_was_compared() {
        assert_eq!(ended(0, JobProgress::default()), Ok(Step::Done(JobProgress::default())));
        assert!(matches!(ended(1, JobProgress::default()), Err(StepError::Fatal(_))));
    }
}
