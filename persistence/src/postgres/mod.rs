//! The store of a cluster.
//!
//! ```text
//! append, claim, join, create ─► writers ───┐
//! changes of owner ────────────► transfers ─┤
//! members, coupons, jobs, pins ► workers ───┼─► PostgreSQL
//! leases, the cluster's view ──► leases ────┤
//! everything else, all reading ► readers ───┘
//! ```
//!
//! It needs connections of its own: directly, or through a pooler in session mode.

mod append;
mod cluster;
mod columns;
mod errors;
mod lanes;
mod open;
mod payments;
mod people;
mod session;
mod writes;

use std::fmt;

use async_trait::async_trait;

use crate::batch::{AppendBatch, JournalRecord, OrderCursor, OrderFilter, OrderRow, SnapshotRow};
use crate::catalog::{CancellationRow, CreateOutcome, NewPerformance, NewVenue, PerformanceRow, VenueRow};
use crate::cluster_queries::postgres as owners;
use crate::error::{AppendError, Cause, OpenError, StoreError};
use crate::ids::{Bucket, Epoch, NodeId, OrderId, PerformanceId, Sequence, UnixMillis, VenueId};
use crate::options::{StoreOptions, whole_ms};
use crate::plan::{Plan, check_snapshot};
use crate::queries::{postgres as queries, store_error};
use crate::rows;
use crate::store::Store;
use crate::wait::answer_within;

use self::lanes::Lanes;
use self::session::Role;

/// Connections for leases and the view of the cluster. Their own, so that no renewal waits for an append or an import.
const LEASE_CONNECTIONS: usize = 2;

/// Connections for changes of owner: while one is under way its performances answer nobody, so none waits for an append.
const TRANSFER_CONNECTIONS: usize = 2;

/// A [`Store`] in a PostgreSQL database.
pub struct PostgresStore {
    options: StoreOptions,
    writers: Lanes,
    transfers: Lanes,
    readers: Lanes,
    workers: Lanes,
    leases: Lanes,
}

/// Runs a call on a connection of the given lanes. A macro, since a closure that lends a connection to a future cannot
/// say that the future may move between threads.
macro_rules! on {
    ($store:ident.$lanes:ident, |$connection:ident| $call:expr) => {{
        let unavailable = |source| StoreError::Unavailable { source };
        let mut lane = $store.$lanes.acquire().await.map_err(unavailable)?;
        let $connection = lane.connection().map_err(unavailable)?;
        let answered = answer_within($store.options.call_timeout, $call).await;
        lane.settle(answered.map_err(unavailable).flatten())
    }};
}

use on;

/// Runs a fenced write. Out of time or out of sight, it may still be committed.
macro_rules! write {
    ($store:ident, |$connection:ident| $call:expr) => {{
        let unavailable = |source| AppendError::Unavailable { source };
        let mut lane = $store.writers.acquire().await.map_err(unavailable)?;
        let $connection = lane.connection().map_err(unavailable)?;
        let answered = answer_within($store.options.call_timeout, $call).await;
        lane.settle(answered.map_err(|source| AppendError::Unknown { source }).flatten())
    }};
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date. Safe when several nodes do so at once.
    ///
    /// # Errors
    /// See [`OpenError`]; none of them shows the address, which may hold a password.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, OpenError> {
        options.validate()?;
        let address = open::address(url)?;
        open::migrate(&address, &options).await?;
        let writers = Lanes::new(address.clone(), Role::Writer, options.lanes, options.clone());
        let transfers = Lanes::new(address.clone(), Role::Writer, TRANSFER_CONNECTIONS, options.clone());
        let readers = Lanes::new(address.clone(), Role::Reader, options.readers, options.clone());
        let workers = Lanes::new(address.clone(), Role::Worker, options.workers, options.clone());
        let leases = Lanes::new(address, Role::Worker, LEASE_CONNECTIONS, options.clone());
        Ok(Self { options, writers, transfers, readers, workers, leases })
    }

    /// Sees to it that no statement whose answer was lost is committed from here on.
    async fn end_lost(&self) -> Result<(), StoreError> {
        for lanes in [&self.writers, &self.transfers] {
            let lost = lanes.lost();
            if lost.is_empty() {
                continue;
            }
            let wait = self.options.lock_timeout;
            let left = on!(self.readers, |connection| writes::end_backends(connection, &lost, wait))?;
            if left > 0 {
                return Err(StoreError::Unavailable {
                    source: Cause::TimedOut { waited_ms: whole_ms(wait) },
                });
            }
            lanes.forget_lost(&lost);
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStore {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let query = sqlx::query_scalar(include_str!("../../sql/postgres/now.sql"));
        let now =
            on!(self.readers, |connection| async { query.fetch_one(connection).await.map_err(store_error) })?;
        Ok(UnixMillis(rows::unsigned(now, "the clock")?))
    }

    async fn claim_buckets(
        &self,
        node: &NodeId,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        // An earlier claim that arrives late would fence the epochs of this one.
        self.end_lost().await?;
        on!(self.writers, |connection| owners::claim_buckets(connection, node, buckets))
    }

    async fn epochs(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        on!(self.readers, |connection| owners::epochs(connection, buckets))
    }

    async fn create_venue(&self, venue: &NewVenue) -> Result<CreateOutcome<VenueRow>, StoreError> {
        on!(self.writers, |connection| queries::create_venue(connection, venue))
    }

    async fn venue(&self, id: &VenueId) -> Result<Option<VenueRow>, StoreError> {
        on!(self.readers, |connection| queries::venue(connection, id))
    }

    async fn list_venues(&self, after: Option<&VenueId>, limit: usize) -> Result<Vec<VenueRow>, StoreError> {
        on!(self.readers, |connection| queries::list_venues(connection, after, limit))
    }

    async fn create_performance(
        &self,
        performance: &NewPerformance,
    ) -> Result<CreateOutcome<PerformanceRow>, StoreError> {
        on!(self.writers, |connection| queries::create_performance(connection, performance))
    }

    async fn performance(&self, id: &PerformanceId) -> Result<Option<PerformanceRow>, StoreError> {
        on!(self.readers, |connection| queries::performance(connection, id))
    }

    async fn list_performances(
        &self,
        after: Option<&PerformanceId>,
        limit: usize,
    ) -> Result<Vec<PerformanceRow>, StoreError> {
        on!(self.readers, |connection| queries::list_performances(connection, after, limit))
    }

    async fn note_cancellation(&self, row: &CancellationRow) -> Result<(), StoreError> {
        on!(self.workers, |connection| queries::note_cancellation(connection, row))
    }

    async fn cancellations(
        &self,
        first: &PerformanceId,
        last: &PerformanceId,
    ) -> Result<Vec<CancellationRow>, StoreError> {
        on!(self.readers, |connection| queries::cancellations(connection, first, last))
    }

    async fn append(&self, batch: &AppendBatch) -> Result<(), AppendError> {
        let plan = Plan::of(batch)?;
        if plan.entries.is_empty() {
            return Ok(());
        }
        write!(self, |connection| append::append(connection, &plan))
    }

    async fn heads(
        &self,
        performances: &[PerformanceId],
    ) -> Result<Vec<(PerformanceId, Sequence)>, StoreError> {
        self.end_lost().await?;
        let asked = performances.iter().map(PerformanceId::as_str).collect();
        let heads = on!(self.readers, |connection| async {
            append::heads(connection, asked).await.map_err(store_error)
        })?;
        Ok(performances.iter().cloned().zip(heads).collect())
    }

    async fn journal(
        &self,
        performance: &PerformanceId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<JournalRecord>, StoreError> {
        on!(self.readers, |connection| queries::journal(connection, performance, after, limit))
    }

    async fn put_snapshot(&self, snapshot: &SnapshotRow) -> Result<(), AppendError> {
        check_snapshot(snapshot)?;
        write!(self, |connection| writes::put_snapshot(connection, snapshot))
    }

    async fn latest_snapshot(&self, performance: &PerformanceId) -> Result<Option<SnapshotRow>, StoreError> {
        on!(self.readers, |connection| queries::latest_snapshot(connection, performance))
    }

    async fn order(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<OrderRow>, StoreError> {
        on!(self.readers, |connection| queries::order(connection, performance, order))
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        limit: usize,
    ) -> Result<Vec<OrderRow>, StoreError> {
        on!(self.readers, |connection| queries::list_orders(connection, filter, after, limit))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.now().await.map(drop)
    }

    async fn close(&self) {
        self.writers.close(self.options.lanes).await;
        self.transfers.close(TRANSFER_CONNECTIONS).await;
        self.workers.close(self.options.workers).await;
        self.leases.close(LEASE_CONNECTIONS).await;
        self.readers.close(self.options.readers).await;
    }
}
