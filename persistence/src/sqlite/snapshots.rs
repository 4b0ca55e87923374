//! Snapshots on SQLite: the fence and the write in one transaction of the only connection.

use sqlx::{Connection, SqliteConnection};

use crate::batch::SnapshotRow;
use crate::error::AppendError;
use crate::plan::check_snapshot;

use super::append::owners;
use super::errors::{at_commit, before_commit};

pub(super) async fn put(connection: &mut SqliteConnection, row: &SnapshotRow) -> Result<(), AppendError> {
    check_snapshot(row)?;
    let mut transaction = connection.begin().await.map_err(before_commit)?;
    let owned = owners(&mut transaction, std::iter::once(row.bucket)).await.map_err(before_commit)?;
    if owned.get(&row.bucket) != Some(&row.epoch) {
        return Err(AppendError::Fenced { buckets: vec![row.bucket] });
    }
    sqlx::query(include_str!("../../sql/sqlite/put_snapshot.sql"))
        .bind(row.performance.as_str())
        .bind(row.sequence.0.cast_signed())
        .bind(i32::from(row.bucket.number()))
        .bind(row.epoch.0.cast_signed())
        .bind(row.at.0.cast_signed())
        .bind(&row.body[..])
        .execute(&mut *transaction)
        .await
        .map_err(before_commit)?;
    sqlx::query(include_str!("../../sql/sqlite/prune_snapshots.sql"))
        .bind(row.performance.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(before_commit)?;
    transaction.commit().await.map_err(at_commit)
}
