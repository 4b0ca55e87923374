//! Taking buckets on SQLite.

use sqlx::SqliteConnection;

use crate::error::StoreError;
use crate::ids::{Bucket, Epoch, NodeId};
use crate::queries::store_error;
use crate::rows;

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    node: &NodeId,
    buckets: &[Bucket],
) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
    let mut asked: Vec<u16> = buckets.iter().map(|bucket| bucket.number()).collect();
    asked.sort_unstable();
    asked.dedup();
    let columns: Vec<(i32, i64)> = sqlx::query_as(include_str!("../../sql/sqlite/claim_buckets.sql"))
        .bind(serde_json::Value::from(asked).to_string())
        .bind(node.as_str())
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    rows::claims(columns)
}

pub(super) async fn epochs(
    connection: &mut SqliteConnection,
    buckets: &[Bucket],
) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
    let asked: Vec<u16> = buckets.iter().map(|bucket| bucket.number()).collect();
    let columns: Vec<(i32, i64)> = sqlx::query_as(include_str!("../../sql/sqlite/owners.sql"))
        .bind(serde_json::Value::from(asked).to_string())
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    rows::claims(columns)
}
