//! Opens the file for this process alone, and brings its schema up to date.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous};
use sqlx::{Connection, Executor, SqliteConnection};

use crate::error::{Cause, OpenError};

/// Numbered from 1, applied in order, never edited after they land.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../migrations/sqlite/0002_order_details.sql"),
    include_str!("../../migrations/sqlite/0004_people.sql"),
    include_str!("../../migrations/sqlite/0005_payments.sql"),
    include_str!("../../migrations/sqlite/0006_order_money.sql"),
    include_str!("../../migrations/sqlite/0008_cluster.sql"),
    include_str!("../../migrations/sqlite/0009_cancellation.sql"),
    include_str!("../../migrations/sqlite/0010_refund_accounts.sql"),
    include_str!("../../migrations/sqlite/0011_webhooks_by_order.sql"),
];

/// How large the write-ahead log grows before it is folded into the file, in pages of 4 KiB. Four times SQLite's own
/// choice: each fold costs two more syncs, and the log is read in one sweep at the next start.
const CHECKPOINT_PAGES: &str = "4000";

pub(super) async fn open(path: &Path) -> Result<SqliteConnection, OpenError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Exclusive: one process per file. A second one learns at once that it is in use, instead of fencing the first.
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Wal)
        // Full: in WAL mode, NORMAL may lose acknowledged commits with the power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::ZERO)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .statement_cache_capacity(64);
    let opened = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let found = migrate(&mut connection).await?;
        Ok((connection, found))
    };
    let (connection, found) = opened.await.map_err(|error| open_error(path, error))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    Ok(connection)
}

/// Returns the version that the file had. Always writes, since only a write takes the file's lock for certain.
async fn migrate(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let applied = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(applied) {
        transaction.execute(*migration).await?;
    }
    let version = found.max(MIGRATIONS.len() as i64);
    // A pragma takes no parameters.
    transaction.execute(&*format!("PRAGMA user_version = {version}")).await?;
    transaction.commit().await?;
    Ok(found)
}

fn open_error(path: &Path, error: sqlx::Error) -> OpenError {
    if super::errors::primary_code(&error) == Some(super::errors::SQLITE_BUSY) {
        return OpenError::InUse { file: path.display().to_string() };
    }
    OpenError::Unavailable { source: Cause::Database(error) }
}
