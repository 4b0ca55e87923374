//! What SQLite's result codes mean for a write.

use crate::error::{AppendError, Cause};

/// Another connection has the lock.
pub(super) const SQLITE_BUSY: i32 = 5;
/// A unique key, a check or a NOT NULL.
const SQLITE_CONSTRAINT: i32 = 19;

/// The code without the detail that SQLite puts into its upper bits.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Before COMMIT, every error means that the transaction is rolled back.
pub(super) fn before_commit(error: sqlx::Error) -> AppendError {
    let refusal = error.as_database_error();
    if let Some(refusal) = refusal.filter(|refusal| refusal.is_unique_violation()) {
        return AppendError::Conflict { what: refusal.message().to_owned() };
    }
    if primary_code(&error) == Some(SQLITE_CONSTRAINT) {
        return AppendError::Invalid { what: error.to_string() };
    }
    if matches!(error, sqlx::Error::WorkerCrashed) {
        return AppendError::Unknown { source: Cause::Database(error) };
    }
    AppendError::Unavailable { source: Cause::Database(error) }
}

/// At COMMIT, an error may come from behind the point of no return, such as a failing sync.
pub(super) fn at_commit(error: sqlx::Error) -> AppendError {
    AppendError::Unknown { source: Cause::Database(error) }
}
