//! Cancelling a performance: its sale ends at once, and every order is refunded by a job.
//!
//! ```text
//!  CancelPerformance ──► job row, durable ──► shard: CancelPerformance ──► noted for readers ──► reply
//!                           │
//!                           └─► job: the same command, then from order to order: BeginRefund ──► provider ──► next
//! ```
//!
//! The job comes first, so that a crash between the two leaves a job that cancels, and never a cancelled performance that
//! nobody refunds. Every step looks at the orders as they are, so one that is done twice refunds nothing twice. Orders that
//! are being paid are passed over: the entry that confirms one of them begins its refund.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use earlybird_engine::{Action, Answer, Command, OrderId, OrderStateName, RefundBy, RefundId, RefundState};
use earlybird_engine::{Rejection, Seats, State};
use earlybird_persistence::{
    CancellationRow, JobId, JobProgress, JobRow, PerformanceId, Store, StoreError, UnixMillis,
};
use futures::future::join_all;

use crate::directory::{ActivateError, Directory};
use crate::jobs::{Arguments, JobKind, Step, StepError, argument, only};
use crate::payments::{Payments, RefundSettled};
use crate::reply::{Failure, Unavailable};
use crate::shard::Shard;

/// The kind of job.
pub(crate) const KIND: &str = "performance-cancellation";
/// The job's argument: the `{performance}`.
const PERFORMANCE: &str = "performance";
/// Arguments that only [`arguments`] gives: who cancels it, and why.
const BY: &str = "by";
const REASON: &str = "reason";
/// Longest wait for the provider's answers to the refunds of one step.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// The job's name: one for each performance.
pub(crate) fn job_id(performance: &PerformanceId) -> JobId {
    JobId::from(format!("{KIND}-{performance}"))
}

/// The job's arguments: which performance, and who cancels it and why, as far as that is known.
pub(crate) fn arguments(performance: &PerformanceId, by: &str, reason: &str) -> Arguments {
    let all = [(PERFORMANCE, performance.as_str()), (BY, by), (REASON, reason)];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Notes, for whoever looks at the performance, that it is cancelled. Call it once its sale has ended.
///
/// # Errors
/// The store does not answer.
pub(crate) async fn note(store: &dyn Store, shard: &Shard, arguments: &Arguments) -> Result<(), StoreError> {
    let Some(cancelled_at) = shard.read(|state| state.cancelled_at()) else { return Ok(()) };
    let text = |name| arguments.get(name).map(String::as_str).unwrap_or_default().into();
    let row = CancellationRow {
        performance: shard.performance().id.clone(),
        cancelled_at: UnixMillis(cancelled_at.0),
        cancelled_by: text(BY),
        reason: text(REASON),
    };
    store.note_cancellation(&row).await
}

/// Ends the sale of a performance, if it has not ended. Returns once that is durable.
///
/// # Errors
/// The shard did not decide it.
pub(crate) async fn end_sale(shard: &Shard) -> Result<(), Failure> {
    match shard.call(Command { request: None, action: Action::CancelPerformance }, None).await {
        Ok(_) | Err(Failure::Rejected(Rejection::PerformanceCancelled)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// The kind.
pub(crate) struct Cancellation {
    /// Finds shards. It owns nothing of this.
    pub(crate) directory: Weak<Directory>,
    /// Where it is noted that a performance is cancelled.
    pub(crate) store: Arc<dyn Store>,
    /// Carries refunds to their end.
    pub(crate) payments: Arc<Payments>,
    /// Refunds that are begun in a second at most, so that the provider has room for others.
    pub(crate) refunds_per_second_max: usize,
}

/// How far the job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    /// The last order that was looked at.
    order: u64,
    /// Refunds that the provider refused.
    refused: u64,
    /// Refunds that wait for somebody to name an account.
    waiting: u64,
    /// Refunds that were not definite when the job went on.
    unsettled: u64,
}

impl Cursor {
    fn read(text: &str) -> Result<Self, StepError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let numbers: Result<Vec<u64>, _> = text.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[order, refused, waiting, unsettled]) => Ok(Self { order, refused, waiting, unsettled }),
            _ => Err(StepError::Fatal(format!("the cursor {text:?} is not one of this job"))),
        }
    }

    fn write(self) -> Box<str> {
        format!("{} {} {} {}", self.order, self.refused, self.waiting, self.unsettled).into()
    }

    /// What somebody has to see to before all money is back; none when it is.
    fn left(self) -> Option<String> {
        let refused = (self.refused > 0).then(|| {
            let what = "look at the orders that are still paid, and start the job again";
            format!("refunds that the provider refused: {} ({what})", self.refused)
        });
        let waiting = (self.waiting > 0)
            .then(|| format!("refunds that wait for accounts: {} (name them by RefundOrder)", self.waiting));
        let left: Vec<String> = refused.into_iter().chain(waiting).collect();
        (!left.is_empty()).then(|| left.join("; "))
    }
}

/// What came of giving an order back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// Nothing is left of it.
    Back,
    /// The provider refused.
    Refused,
    /// It waits for somebody to name an account; from then on it goes on without the job.
    AwaitsAccount,
    /// The provider has not said yet; it goes on without the job as well.
    UnderWay,
}

/// An order that has something to go back.
enum Owed {
    /// It is paid.
    Order(OrderId),
    /// Its refund is on its way.
    Refund(RefundId),
}

#[async_trait]
impl JobKind for Cancellation {
    fn name(&self) -> &'static str {
        KIND
    }

    fn check(&self, arguments: &Arguments) -> Result<(), String> {
        only(arguments, &[PERFORMANCE])
    }

    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError> {
        let second = tokio::time::Instant::now() + Duration::from_secs(1);
        let cursor = Cursor::read(&job.progress.cursor)?;
        let shard = self.shard(&PerformanceId::from(argument(arguments, PERFORMANCE)?)).await?;
        end_sale(&shard).await.map_err(|failure| retry(&failure))?;
        if cursor == Cursor::default() {
            note(&*self.store, &shard, arguments).await?;
        }
        // Accounts that buyers were to pay into are closed.
        self.payments.wake_deposits(&shard.performance().id);
        let (owed, last) = shard.read(|state| self.next(state, cursor));
        let given = self.refund_all(&shard, &owed).await?;
        let count = |what: Given| given.iter().filter(|given| **given == what).count() as u64;
        let refused = cursor.refused + count(Given::Refused);
        let waiting = cursor.waiting + count(Given::AwaitsAccount);
        let unsettled = cursor.unsettled + count(Given::UnderWay);
        let cursor = Cursor { order: last, refused, waiting, unsettled };
        let total = shard.read(|state| state.orders().count() as u64);
        let progress = JobProgress { cursor: cursor.write(), done: last, total: Some(total) };
        if last < total {
            // The rate is bounded, however quick the provider is.
            tokio::time::sleep_until(second).await;
            return Ok(Step::More(progress));
        }
        // Nothing waited for what takes long, and now the job does: it ends when all is definite.
        let (pending, paid) = shard.read(open_orders);
        if pending > cursor.waiting {
            if job.progress.done < last {
                // Kept before the job gives its place to others.
                return Ok(Step::More(progress));
            }
            return Err(StepError::Retry(format!(
                "{} refunds are not definite yet",
                pending - cursor.waiting
            )));
        }
        if cursor.unsettled > 0 && paid > cursor.refused {
            // What is left of orders of which some seats were on their way back; and what was refused meanwhile.
            tokio::time::sleep_until(second).await;
            return Ok(Step::More(JobProgress { cursor: Cursor::default().write(), done: 0, ..progress }));
        }
        match cursor.left() {
            None => Ok(Step::Done(progress)),
            // Kept before the job fails, which shows how far it has come.
            Some(_) if job.progress.done < last => Ok(Step::More(progress)),
            Some(left) => Err(StepError::Fatal(left)),
        }
    }
}

impl Cancellation {
    async fn shard(&self, performance: &PerformanceId) -> Result<Arc<Shard>, StepError> {
        let directory = self.directory.upgrade();
        let directory = directory.ok_or_else(|| StepError::Retry("the node is going down".to_owned()))?;
        directory.shard(performance).await.map_err(|error| match error {
            ActivateError::NotFound => StepError::Fatal(format!("there is no performance {performance}")),
            ActivateError::Unavailable(Unavailable::NotOwner) => StepError::Elsewhere,
            other => StepError::Retry(format!("{other:?}")),
        })
    }

    /// What the orders behind the cursor are owed, up to a second's work, and the last order that was looked at.
    fn next(&self, state: &State, cursor: Cursor) -> (Vec<Owed>, u64) {
        let (mut owed, mut last) = (Vec::new(), cursor.order);
        for order in state.orders_from(OrderId(cursor.order + 1)) {
            match order.state {
                OrderStateName::Paid => owed.push(Owed::Order(order.order)),
                OrderStateName::Refunding => {
                    let pending =
                        state.refunds_of(order.order).find(|refund| *refund.state == RefundState::Pending);
                    owed.extend(pending.map(|refund| Owed::Refund(refund.refund)));
                }
                OrderStateName::Paying | OrderStateName::Declined | OrderStateName::Refunded => {}
            }
            last = order.order.0;
            if owed.len() >= self.refunds_per_second_max.max(1) {
                break;
            }
        }
        (owed, last)
    }

    /// Refunds all at once, and waits a while for the provider's word on each: none of them keeps the others waiting.
    async fn refund_all(&self, shard: &Arc<Shard>, owed: &[Owed]) -> Result<Vec<Given>, StepError> {
        let settled = owed.iter().map(|owed| tokio::time::timeout(ANSWERS_WITHIN, self.refund(shard, owed)));
        let settled = join_all(settled).await;
        settled.into_iter().map(|given| given.unwrap_or(Ok(Given::UnderWay))).collect()
    }

    /// A refund that was under way, and was one of some seats, leaves the rest of its order to be refunded: the order is
    /// looked at until nothing is left.
    async fn refund(&self, shard: &Arc<Shard>, owed: &Owed) -> Result<Given, StepError> {
        let (mut refund, mut order) = match owed {
            Owed::Refund(refund) => (Some(*refund), None),
            Owed::Order(order) => (None, Some(*order)),
        };
        loop {
            let pending = match (refund.take(), order) {
                (Some(pending), _) => Some(pending),
                (None, Some(order)) => begin(shard, order).await?,
                (None, None) => None,
            };
            let Some(pending) = pending else { return Ok(Given::Back) };
            match self.payments.refund(shard, pending).await {
                RefundSettled::Failed { .. } => return Ok(Given::Refused),
                RefundSettled::AccountNeeded => return Ok(Given::AwaitsAccount),
                RefundSettled::Unknown => return Ok(Given::UnderWay),
                RefundSettled::Refunded => {
                    order = shard.read(|state| state.refund(pending).map(|refund| refund.order));
                }
            }
        }
    }
}

/// Orders with a refund that is not definite, and orders that are paid still.
fn open_orders(state: &State) -> (u64, u64) {
    let count = |wanted| state.orders().filter(|order| order.state == wanted).count() as u64;
    (count(OrderStateName::Refunding), count(OrderStateName::Paid))
}

/// Begins to refund all that is left of an order. None when nothing is left, or another refund was quicker.
async fn begin(shard: &Shard, order: OrderId) -> Result<Option<RefundId>, StepError> {
    let action = Action::BeginRefund {
        by: RefundBy::Cancellation,
        order,
        seats: Seats::new(),
        note: "".into(),
        to_account: false,
    };
    match shard.call(Command { request: None, action }, None).await {
        Ok(Answer::RefundBegun { refund, .. }) => Ok(Some(refund)),
        Ok(_) => Ok(None),
        Err(Failure::Rejected(Rejection::OrderState(OrderStateName::Refunding))) => {
            let pending = |state: &State| {
                let mut refunds = state.refunds_of(order);
                refunds.find(|refund| *refund.state == RefundState::Pending).map(|refund| refund.refund)
            };
            Ok(shard.read(pending))
        }
        Err(Failure::Rejected(_)) => Ok(None),
        Err(failure) => Err(retry(&failure)),
    }
}

fn retry(failure: &Failure) -> StepError {
    StepError::Retry(format!("{failure:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        assert_eq!(Cursor::read(""), Ok(Cursor::default()));
        let cursor = Cursor { order: u64::MAX, refused: 3, waiting: 2, unsettled: 1 };
        assert_eq!(Cursor::read(&cursor.write()), Ok(cursor));
        for bad in ["1", "1 2 3 ", " 1 2 3", "a 1 2 3", "1 2 3", "1 2 3 4 5", "-1 2 3 4"] {
            assert!(Cursor::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_job_that_leaves_money_says_so() {
        let left =
            |refused, waiting| Cursor { order: 9, refused, waiting, unsettled: 0 }.left().unwrap_or_default();
        assert_eq!(left(0, 0), "");
        for (refused, waiting) in [(3, 0), (0, 2), (3, 2)] {
            let told = left(refused, waiting);
            assert_eq!(told.contains("the provider refused: 3"), refused > 0, "{told}");
            assert_eq!(told.contains("wait for accounts: 2"), waiting > 0, "{told}");
        }
    }
}
