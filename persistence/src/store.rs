//! The trait that the node is written against.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::batch::{AppendBatch, JournalRecord, OrderCursor, OrderFilter, OrderRow, SnapshotRow};
use crate::catalog::{CancellationRow, CreateOutcome, NewPerformance, NewVenue, PerformanceRow, VenueRow};
use crate::cluster::ClusterStore;
use crate::coupons::CouponStore;
use crate::error::{AppendError, StoreError};
use crate::ids::{Bucket, Epoch, NodeId, OrderId, PerformanceId, Sequence, UnixMillis, VenueId};
use crate::jobs::JobStore;
use crate::members::MemberStore;
use crate::payments::PaymentStore;

/// The most rows of one page: a larger limit is cut to it.
pub const PAGE_ROWS_MAX: usize = 10_000;

/// The truth that everything else is derived from.
///
/// Every call ends within the time-outs of [`StoreOptions`](crate::StoreOptions), also when the database hangs.
/// Dropping a call's future is allowed; a write dropped so may or may not have happened.
#[async_trait]
pub trait Store:
    MemberStore + CouponStore + JobStore + PaymentStore + ClusterStore + Send + Sync + Debug
{
    /// The database's clock.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn now(&self) -> Result<UnixMillis, StoreError>;

    /// Takes, or takes again, ownership of the buckets: every epoch grows by one, so whoever owned them before, an
    /// earlier run of the same node included, can no longer write (I9). Waits for appends that are being committed. No run
    /// of a node is looked at, and none owns them then: the next may claim them as free. Returns one pair per distinct bucket, in the order of the buckets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the claim may still have happened; claim again.
    async fn claim_buckets(
        &self,
        node: &NodeId,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError>;

    /// The epoch of each bucket that has an owner, in the order of the buckets: what a node asks that has nothing to
    /// write, and so would not meet the fence.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn epochs(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, Epoch)>, StoreError>;

    /// Creates a venue, once per request id (I8).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: repeat it with the same request id. [`StoreError::Invalid`].
    async fn create_venue(&self, venue: &NewVenue) -> Result<CreateOutcome<VenueRow>, StoreError>;

    /// The venue of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn venue(&self, id: &VenueId) -> Result<Option<VenueRow>, StoreError>;

    /// Up to `limit` venues by id, those after the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_venues(&self, after: Option<&VenueId>, limit: usize) -> Result<Vec<VenueRow>, StoreError>;

    /// Creates a performance, once per request id (I8).
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when its venue does not exist; otherwise as [`Store::create_venue`].
    async fn create_performance(
        &self,
        performance: &NewPerformance,
    ) -> Result<CreateOutcome<PerformanceRow>, StoreError>;

    /// The performance of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn performance(&self, id: &PerformanceId) -> Result<Option<PerformanceRow>, StoreError>;

    /// Up to `limit` performances by id, those after the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_performances(
        &self,
        after: Option<&PerformanceId>,
        limit: usize,
    ) -> Result<Vec<PerformanceRow>, StoreError>;

    /// Notes that a performance was cancelled. What was noted first stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn note_cancellation(&self, row: &CancellationRow) -> Result<(), StoreError>;

    /// Those of the performances from `first` to `last` that were cancelled, by id, at most [`PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn cancellations(
        &self,
        first: &PerformanceId,
        last: &PerformanceId,
    ) -> Result<Vec<CancellationRow>, StoreError>;

    /// The group commit: all of the batch, under the fence, or nothing.
    ///
    /// Batches of different performances may be in flight at once. Two of the same performance must not: the second
    /// is a conflict until the first is committed.
    ///
    /// # Errors
    /// See [`AppendError`]; after [`AppendError::Unknown`], call [`Store::heads`] before anything else.
    async fn append(&self, batch: &AppendBatch) -> Result<(), AppendError>;

    /// The last sequence of each performance, [`Sequence::NONE`] without a journal, in the order asked for.
    ///
    /// First ends every append of this store whose outcome is unknown, so that none of them commits after the answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn heads(
        &self,
        performances: &[PerformanceId],
    ) -> Result<Vec<(PerformanceId, Sequence)>, StoreError>;

    /// Up to `limit` entries after the given place (exclusive), in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn journal(
        &self,
        performance: &PerformanceId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<JournalRecord>, StoreError>;

    /// Keeps a snapshot under the same fence as an append, and drops all but the newest two of the performance.
    /// One that is older than the newest is not kept.
    ///
    /// # Errors
    /// See [`AppendError`]; it may be repeated after any of them but [`AppendError::Fenced`].
    async fn put_snapshot(&self, snapshot: &SnapshotRow) -> Result<(), AppendError>;

    /// The newest snapshot of a performance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn latest_snapshot(&self, performance: &PerformanceId) -> Result<Option<SnapshotRow>, StoreError>;

    /// The latest state of an order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn order(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<OrderRow>, StoreError>;

    /// Up to `limit` orders, newest first, those behind the cursor.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_orders(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        limit: usize,
    ) -> Result<Vec<OrderRow>, StoreError>;

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ping(&self) -> Result<(), StoreError>;

    /// Closes the connections, after the calls that are under way. Calls after it are refused.
    async fn close(&self);
}
