//! `coupon-expiry`: ends coupons whose date has passed, and gives back reservations that came to nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::{JobId, JobProgress, JobRow, Store, StoreError, UnixMillis};

use super::kind::{Arguments, Due, JobKind, Step, StepError, only};
use crate::clock::Clock;

/// Ended jobs are kept for so long.
const JOBS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The kind.
pub(crate) struct CouponExpiry {
    /// Where coupons are.
    pub(crate) store: Arc<dyn Store>,
    /// The clock.
    pub(crate) clock: Arc<Clock>,
    /// How often it is due.
    pub(crate) every: Duration,
    /// How long a reservation may go without an order. A call that reserves begins its payment within seconds, or never.
    pub(crate) reserved_for_max: Duration,
    /// Coupons of one step.
    pub(crate) chunk_rows: usize,
}

#[async_trait]
impl JobKind for CouponExpiry {
    fn name(&self) -> &'static str {
        "coupon-expiry"
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        only(arguments, &[])
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        let every_ms = millis(self.every).max(1);
        let id = JobId::from(format!("{}-{}", self.name(), now.0 / every_ms * every_ms));
        Ok(vec![Due { id, arguments: Arguments::new() }])
    }

    /// What is past its date leaves the set that is looked at, so there is no cursor: the store is asked until it has none.
    async fn step(&self, job: &JobRow, _: &Arguments) -> Result<Step, StepError> {
        let now = UnixMillis(self.clock.now().0);
        let before = |span: Duration| UnixMillis(now.0.saturating_sub(millis(span)));
        // Given back first, so that what is past its date as well ends in the same run.
        let given_back =
            self.store.give_back_stale_coupons(before(self.reserved_for_max), self.chunk_rows).await?;
        let expired = self.store.expire_coupons(now, self.chunk_rows).await?;
        let pruned = self.store.prune_jobs(before(JOBS_KEPT), self.chunk_rows).await?;
        let done = job.progress.done + given_back + expired;
        let progress = JobProgress { done, ..job.progress.clone() };
        let is_more = [given_back, expired, pruned].iter().any(|rows| *rows >= self.chunk_rows as u64);
        Ok(if is_more { Step::More(progress) } else { Step::Done(progress) })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
