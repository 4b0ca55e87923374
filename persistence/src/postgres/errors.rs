//! What PostgreSQL's errors mean for a write, and for the connection.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::error::{AppendError, Cause, StoreError};

/// Whether a statement's outcome is open. An ERROR rolls the statement back before it is reported. Everything else, a
/// FATAL included, may have struck behind the commit: the answer is lost, not the write.
fn is_open(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>()) {
        Some(refusal) => matches!(refusal.severity(), PgSeverity::Fatal | PgSeverity::Panic),
        None => true,
    }
}

/// What a failed fenced write means.
pub(super) fn append_error(error: sqlx::Error) -> AppendError {
    if let sqlx::Error::Encode(source) = &error {
        return AppendError::Invalid { what: source.to_string() };
    }
    if is_open(&error) {
        return AppendError::Unknown { source: Cause::Database(error) };
    }
    let code = error.as_database_error().and_then(|refusal| refusal.code()).unwrap_or_default();
    let what = || error.to_string();
    match code.get(..2) {
        _ if code == "23505" => AppendError::Conflict { what: what() },
        // Data exceptions, constraints and limits: the same batch never succeeds.
        Some("22" | "23" | "54") => AppendError::Invalid { what: what() },
        _ => AppendError::Unavailable { source: Cause::Database(error) },
    }
}

/// Whether the connection may be used again after this answer.
pub(super) trait KeepsConnection {
    fn keeps_connection(&self) -> bool;
}

impl KeepsConnection for Cause {
    fn keeps_connection(&self) -> bool {
        matches!(self, Self::Database(error) if !is_open(error))
    }
}

impl KeepsConnection for StoreError {
    fn keeps_connection(&self) -> bool {
        match self {
            Self::Unavailable { source } => source.keeps_connection(),
            Self::Corrupt { .. } | Self::Invalid { .. } => true,
        }
    }
}

impl KeepsConnection for AppendError {
    fn keeps_connection(&self) -> bool {
        match self {
            Self::Unavailable { source } => source.keeps_connection(),
            Self::Unknown { .. } => false,
            Self::Fenced { .. } | Self::Conflict { .. } | Self::Invalid { .. } => true,
        }
    }
}
