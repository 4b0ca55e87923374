//! The store of one machine: a file, and one connection that does everything.
//!
//! One connection, because the file is locked exclusively. Reads share it with the appends, so each of them is short:
//! a long journal is read in chunks, and an append may come in between two.

mod append;
mod cluster;
mod errors;
mod open;
mod payments;
mod people;
mod snapshots;

use std::future::Future;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::batch::{AppendBatch, JournalRecord, OrderCursor, OrderFilter, OrderRow, SnapshotRow};
use crate::catalog::{CancellationRow, CreateOutcome, NewPerformance, NewVenue, PerformanceRow, VenueRow};
use crate::cluster_queries::sqlite as owners;
use crate::error::{AppendError, Cause, OpenError, StoreError};
use crate::ids::{Bucket, Epoch, NodeId, OrderId, PerformanceId, Sequence, UnixMillis, VenueId};
use crate::options::StoreOptions;
use crate::plan::Plan;
use crate::queries::{sqlite as queries, store_error};
use crate::rows;
use crate::store::{PAGE_ROWS_MAX, Store};
use crate::wait::{answer_within, free_within};

/// Rows of a journal read before others get the connection.
const JOURNAL_CHUNK_ROWS: usize = 512;

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    options: StoreOptions,
    /// Fair, so that an append waits for one read at most. None once closed.
    connection: Mutex<Option<SqliteConnection>>,
}

impl SqliteStore {
    /// Opens the file, or creates it, for this process alone.
    ///
    /// # Errors
    /// [`OpenError::InUse`] at once when another process has it; see [`OpenError`] for the rest.
    pub async fn open(file: impl AsRef<Path>, options: StoreOptions) -> Result<Self, OpenError> {
        options.validate()?;
        let file = file.as_ref().to_owned();
        let connection = Mutex::new(Some(open::open(&file).await?));
        Ok(Self { file, options, connection })
    }

    async fn connection(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, Cause> {
        let guard = free_within(self.options.acquire_timeout, self.connection.lock()).await?;
        MutexGuard::try_map(guard, Option::as_mut).map_err(|_| Cause::Closed)
    }

    async fn reader(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.connection().await.map_err(|source| StoreError::Unavailable { source })
    }

    async fn writer(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, AppendError> {
        self.connection().await.map_err(|source| AppendError::Unavailable { source })
    }

    async fn answer<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let answered = answer_within(self.options.call_timeout, call).await;
        answered.map_err(|source| StoreError::Unavailable { source })?
    }

    /// Out of time while it runs, a write may still be committed.
    async fn outcome(&self, write: impl Future<Output = Result<(), AppendError>>) -> Result<(), AppendError> {
        let answered = answer_within(self.options.call_timeout, write).await;
        answered.map_err(|source| AppendError::Unknown { source })?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let mut connection = self.reader().await?;
        let query = sqlx::query_scalar(include_str!("../../sql/sqlite/now.sql"));
        let call = async { query.fetch_one(&mut *connection).await.map_err(store_error) };
        Ok(UnixMillis(rows::unsigned(self.answer(call).await?, "the clock")?))
    }

    async fn claim_buckets(
        &self,
        node: &NodeId,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(owners::claim_buckets(&mut connection, node, buckets)).await
    }

    async fn epochs(&self, buckets: &[Bucket]) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(owners::epochs(&mut connection, buckets)).await
    }

    async fn create_venue(&self, venue: &NewVenue) -> Result<CreateOutcome<VenueRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::create_venue(&mut connection, venue)).await
    }

    async fn venue(&self, id: &VenueId) -> Result<Option<VenueRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::venue(&mut connection, id)).await
    }

    async fn list_venues(&self, after: Option<&VenueId>, limit: usize) -> Result<Vec<VenueRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::list_venues(&mut connection, after, limit)).await
    }

    async fn create_performance(
        &self,
        performance: &NewPerformance,
    ) -> Result<CreateOutcome<PerformanceRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::create_performance(&mut connection, performance)).await
    }

    async fn performance(&self, id: &PerformanceId) -> Result<Option<PerformanceRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::performance(&mut connection, id)).await
    }

    async fn list_performances(
        &self,
        after: Option<&PerformanceId>,
        limit: usize,
    ) -> Result<Vec<PerformanceRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::list_performances(&mut connection, after, limit)).await
    }

    async fn note_cancellation(&self, row: &CancellationRow) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::note_cancellation(&mut connection, row)).await
    }

    async fn cancellations(
        &self,
        first: &PerformanceId,
        last: &PerformanceId,
    ) -> Result<Vec<CancellationRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::cancellations(&mut connection, first, last)).await
    }

    async fn append(&self, batch: &AppendBatch) -> Result<(), AppendError> {
        let plan = Plan::of(batch)?;
        if plan.entries.is_empty() {
            return Ok(());
        }
        let mut connection = self.writer().await?;
        self.outcome(append::append(&mut connection, &plan)).await
    }

    /// An append out of time holds the connection's thread until it is decided, so the answer comes after it.
    async fn heads(
        &self,
        performances: &[PerformanceId],
    ) -> Result<Vec<(PerformanceId, Sequence)>, StoreError> {
        let mut connection = self.reader().await?;
        let asked = performances.iter().map(PerformanceId::as_str).collect();
        let call = async { append::heads(&mut connection, asked).await.map_err(store_error) };
        Ok(performances.iter().cloned().zip(self.answer(call).await?).collect())
    }

    async fn journal(
        &self,
        performance: &PerformanceId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<JournalRecord>, StoreError> {
        let limit = limit.min(PAGE_ROWS_MAX);
        let mut records: Vec<JournalRecord> = Vec::new();
        while records.len() < limit {
            let after = records.last().map_or(after, |record| record.sequence);
            let chunk_rows = JOURNAL_CHUNK_ROWS.min(limit - records.len());
            let mut connection = self.reader().await?;
            let call = queries::journal(&mut connection, performance, after, chunk_rows);
            let chunk = self.answer(call).await?;
            let is_last = chunk.len() < chunk_rows;
            records.extend(chunk);
            if is_last {
                break;
            }
        }
        Ok(records)
    }

    async fn put_snapshot(&self, snapshot: &SnapshotRow) -> Result<(), AppendError> {
        let mut connection = self.writer().await?;
        self.outcome(snapshots::put(&mut connection, snapshot)).await
    }

    async fn latest_snapshot(&self, performance: &PerformanceId) -> Result<Option<SnapshotRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::latest_snapshot(&mut connection, performance)).await
    }

    async fn order(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<OrderRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::order(&mut connection, performance, order)).await
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        limit: usize,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::list_orders(&mut connection, filter, after, limit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.now().await.map(drop)
    }

    async fn close(&self) {
        // Waits for the call under way, and for the file's last checkpoint: both are bounded by the disk alone.
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, file = %self.file.display(), "closing the store failed");
        }
    }
}
