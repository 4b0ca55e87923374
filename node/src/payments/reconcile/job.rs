//! `reconcile`: the comparison as a job, by the calendar.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::{JobId, JobProgress, JobRow, StoreError};

use super::ReconcileError;
use crate::jobs::{Arguments, Due, JobKind, Step, StepError};
use crate::payments::{GatewayError, Payments, Window};

/// What is compared in one step.
const SLICE_MS: u64 = 10 * 60 * 1_000;
/// The last minutes are left for the next run: what is under way differs for a moment.
const SETTLED_AFTER_MS: u64 = 2 * 60 * 1_000;

/// The kind.
pub(crate) struct Reconciliation {
    pub(crate) payments: Arc<Payments>,
    /// How often it is due. Each run looks back over twice that, so that one which was missed is made up for.
    pub(crate) every: Duration,
}

impl Reconciliation {
    fn every_ms(&self) -> u64 {
        u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX).max(1)
    }
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
        let due_at = now.0 / self.every_ms() * self.every_ms();
        Ok(vec![Due { id: JobId::from(format!("{}-{due_at}", self.name())), arguments: Arguments::new() }])
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
