//! Snapshots on PostgreSQL, and the end of lost backends.

use std::time::Duration;

use sqlx::PgConnection;

use crate::batch::SnapshotRow;
use crate::error::{AppendError, StoreError};
use crate::options::whole_ms;
use crate::queries::{saturating, store_error};

use super::errors::append_error;
use super::session::Backend;

pub(super) async fn put_snapshot(
    connection: &mut PgConnection,
    row: &SnapshotRow,
) -> Result<(), AppendError> {
    let query = sqlx::query_scalar(include_str!("../../sql/postgres/put_snapshot.sql"))
        .bind(row.performance.as_str())
        .bind(row.sequence.0.cast_signed())
        .bind(i32::from(row.bucket.number()))
        .bind(row.epoch.0.cast_signed())
        .bind(row.at.0.cast_signed())
        .bind(&row.body[..]);
    // All rows, not one: only the end of the answer comes after the commit.
    let owned: Vec<bool> = query.fetch_all(connection).await.map_err(append_error)?;
    if owned == [true] { Ok(()) } else { Err(AppendError::Fenced { buckets: vec![row.bucket] }) }
}

/// Ends server processes and waits for their end. Returns how many are left.
pub(super) async fn end_backends(
    connection: &mut PgConnection,
    lost: &[Backend],
    wait: Duration,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(include_str!("../../sql/postgres/end_backends.sql"))
        .bind(lost.iter().map(|backend| backend.pid).collect::<Vec<_>>())
        .bind(lost.iter().map(|backend| backend.started_us).collect::<Vec<_>>())
        .bind(saturating(whole_ms(wait)))
        .fetch_one(connection)
        .await
        .map_err(store_error)
}
