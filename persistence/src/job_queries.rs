//! Jobs: statements and rows, for both databases.

use crate::catalog::Fingerprint;
use crate::error::StoreError;
use crate::ids::UnixMillis;
use crate::jobs::{JobEnd, JobProgress, JobRow, JobState, NewJob};
use crate::rows::{corrupt, request_id, unsigned};

type JobColumns = (
    String,
    String,
    String,
    String,
    Option<String>,
    i64,
    i64,
    String,
    i64,
    Option<i64>,
    Option<String>,
    bool,
    Option<Vec<u8>>,
    Option<i64>,
    i64,
    i64,
);

fn job(columns: JobColumns) -> Result<JobRow, StoreError> {
    let (id, kind, arguments, state, holder, attempt, lease_until, cursor, done, total, ..) = columns;
    let (.., error, cancel_requested, request, fingerprint, created_at, updated_at) = columns;
    let request = request.zip(fingerprint).map(|(request, fingerprint)| {
        request_id(&request, &id).map(|request| (request, Fingerprint(fingerprint.cast_unsigned())))
    });
    let number = |number| unsigned(number, &id);
    let progress =
        JobProgress { cursor: cursor.into(), done: number(done)?, total: total.map(number).transpose()? };
    let job = NewJob {
        kind: kind.into(),
        arguments: arguments.into(),
        request: request.transpose()?,
        created_at: UnixMillis(number(created_at)?),
        id: id.as_str().into(),
    };
    Ok(JobRow {
        job,
        state: self::state(&state, &id)?,
        holder: holder.map(Into::into),
        attempt: number(attempt)?,
        lease_until: UnixMillis(number(lease_until)?),
        progress,
        error: error.map(Into::into),
        cancel_requested,
        updated_at: UnixMillis(number(updated_at)?),
    })
}

fn state(text: &str, of: &str) -> Result<JobState, StoreError> {
    Ok(match text {
        "PENDING" => JobState::Pending,
        "RUNNING" => JobState::Running,
        "SUCCEEDED" => JobState::Succeeded,
        "FAILED" => JobState::Failed,
        "CANCELLED" => JobState::Cancelled,
        _ => return Err(corrupt(of, format_args!("has the state {text:?}"))),
    })
}

/// State and error of an ended job.
fn end_columns(end: &JobEnd) -> (&'static str, Option<&str>) {
    match end {
        JobEnd::Succeeded => ("SUCCEEDED", None),
        JobEnd::Failed(why) => ("FAILED", Some(why)),
        JobEnd::Cancelled => ("CANCELLED", None),
    }
}

macro_rules! job_queries {
    ($connection:ty) => {
        use super::{end_columns, job as row};
        use $crate::catalog::CreateOutcome;
        use $crate::error::StoreError;
        use $crate::ids::{JobId, NodeId, UnixMillis};
        use $crate::jobs::{JobCursor, JobEnd, JobRow, NewJob};
        use $crate::queries::{page_limit, saturating, store_error};

        pub(crate) async fn create_job(
            connection: &mut $connection,
            new: &NewJob,
        ) -> Result<CreateOutcome<JobRow>, StoreError> {
            let done = sqlx::query(include_str!("../sql/shared/create_job.sql"))
                .bind(new.id.as_str())
                .bind(&*new.kind)
                .bind(&*new.arguments)
                .bind(new.request.map(|(request, _)| request.0.to_vec()))
                .bind(new.request.map(|(_, fingerprint)| fingerprint.0.cast_signed()))
                .bind(saturating(new.created_at.0))
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
            if done.rows_affected() == 1 {
                return Ok(CreateOutcome::Created);
            }
            let Some((request, fingerprint)) = new.request else {
                return Ok(CreateOutcome::AlreadyExists);
            };
            let query =
                sqlx::query_as(include_str!("../sql/shared/job_by_request.sql")).bind(request.0.to_vec());
            let earlier = query.fetch_optional(connection).await.map_err(store_error)?;
            Ok(match earlier.map(row).transpose()? {
                Some(row) if row.job.request == Some((request, fingerprint)) => CreateOutcome::Replayed(row),
                Some(_) => CreateOutcome::RequestIdReused,
                None => CreateOutcome::AlreadyExists,
            })
        }

        pub(crate) async fn job(
            connection: &mut $connection,
            id: &JobId,
        ) -> Result<Option<JobRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/job.sql")).bind(id.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(row).transpose()
        }

        pub(crate) async fn list_jobs(
            connection: &mut $connection,
            after: Option<&JobCursor>,
            limit: usize,
        ) -> Result<Vec<JobRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/list_jobs.sql"))
                .bind(after.map_or(i64::MAX, |cursor| saturating(cursor.created_at.0)))
                .bind(after.map_or("", |cursor| cursor.id.as_str()))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(row).collect()
        }

        pub(crate) async fn take_job(
            connection: &mut $connection,
            kinds: &[&str],
            holder: &NodeId,
            now: UnixMillis,
            lease_until: UnixMillis,
        ) -> Result<Option<JobRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/take_job.sql"))
                .bind(holder.as_str())
                .bind(saturating(now.0))
                .bind(saturating(lease_until.0))
                .bind(format!(",{},", kinds.join(",")));
            query.fetch_optional(connection).await.map_err(store_error)?.map(row).transpose()
        }

        pub(crate) async fn keep_job(
            connection: &mut $connection,
            held: &JobRow,
            now: UnixMillis,
            lease_until: UnixMillis,
        ) -> Result<Option<JobRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/keep_job.sql"))
                .bind(held.job.id.as_str())
                .bind(saturating(held.attempt))
                .bind(saturating(lease_until.0))
                .bind(&*held.progress.cursor)
                .bind(saturating(held.progress.done))
                .bind(held.progress.total.map(saturating))
                .bind(held.error.as_deref())
                .bind(saturating(now.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(row).transpose()
        }

        pub(crate) async fn end_job(
            connection: &mut $connection,
            held: &JobRow,
            end: &JobEnd,
            now: UnixMillis,
        ) -> Result<bool, StoreError> {
            let (state, error) = end_columns(end);
            let query = sqlx::query(include_str!("../sql/shared/end_job.sql"))
                .bind(held.job.id.as_str())
                .bind(saturating(held.attempt))
                .bind(state)
                .bind(error)
                .bind(saturating(now.0));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected() > 0)
        }

        pub(crate) async fn yield_job(
            connection: &mut $connection,
            held: &JobRow,
            until: UnixMillis,
            now: UnixMillis,
        ) -> Result<(), StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/yield_job.sql"))
                .bind(held.job.id.as_str())
                .bind(saturating(held.attempt))
                .bind(saturating(until.0))
                .bind(held.error.as_deref())
                .bind(saturating(now.0));
            query.execute(connection).await.map_err(store_error).map(drop)
        }

        pub(crate) async fn cancel_job(
            connection: &mut $connection,
            id: &JobId,
            now: UnixMillis,
        ) -> Result<Option<JobRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/cancel_job.sql"))
                .bind(id.as_str())
                .bind(saturating(now.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(row).transpose()
        }

        pub(crate) async fn prune_jobs(
            connection: &mut $connection,
            before: UnixMillis,
            limit: usize,
        ) -> Result<u64, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/prune_jobs.sql"))
                .bind(saturating(before.0))
                .bind(page_limit(limit));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected())
        }
    };
}

/// Jobs in PostgreSQL.
pub(crate) mod postgres {
    job_queries!(sqlx::PgConnection);
}

/// Jobs in SQLite.
pub(crate) mod sqlite {
    job_queries!(sqlx::SqliteConnection);
}
