//! Statements that both databases read the same way, written once in `sql/shared/`.
//!
//! A macro and not generics: sqlx's bounds for "any database" would be longer than the functions.

use crate::batch::OrderCursor;
use crate::error::{Cause, StoreError};
use crate::ids::{OrderId, UnixMillis};
use crate::store::PAGE_ROWS_MAX;

/// A page's limit as the databases take it.
pub(crate) fn page_limit(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_ROWS_MAX)).unwrap_or(i64::MAX)
}

/// A cursor's columns; without one, a place before the newest order that can be stored.
pub(crate) fn cursor_columns(after: Option<&OrderCursor>) -> (i64, &str, i64) {
    let Some(OrderCursor { created_at: UnixMillis(created_at), performance, order: OrderId(order) }) = after
    else {
        return (i64::MAX, "", 0);
    };
    (saturating(*created_at), performance.as_str(), saturating(*order))
}

/// As signed; a number over `i64::MAX` is larger than any that is stored, and so is `i64::MAX`.
pub(crate) fn saturating(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The database's refusal of a reference to a row that does not exist, or of text that it cannot hold.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refusal) if refusal.is_foreign_key_violation() => {
            StoreError::Invalid { what: "the venue does not exist".into() }
        }
        sqlx::Error::Database(refusal) if refusal.code().is_some_and(|code| code.starts_with("22")) => {
            StoreError::Invalid { what: refusal.message().into() }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StoreError::Corrupt { what: error.to_string() }
        }
        _ => StoreError::Unavailable { source: Cause::Database(error) },
    }
}

macro_rules! catalog_queries {
    ($connection:ty) => {
        use $crate::catalog::{
            CancellationRow, CreateOutcome, NewPerformance, NewVenue, PerformanceRow, RequestId, VenueRow,
        };
        use $crate::store::PAGE_ROWS_MAX;

        pub(crate) async fn create_venue(
            connection: &mut $connection,
            new: &NewVenue,
        ) -> Result<CreateOutcome<VenueRow>, StoreError> {
            let done = sqlx::query(include_str!("../sql/shared/create_venue.sql"))
                .bind(new.id.as_str())
                .bind(&new.request_id.0[..])
                .bind(new.fingerprint.0.cast_signed())
                .bind(&*new.display_name)
                .bind(&new.body[..])
                .bind(saturating(new.created_at.0))
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
            if done.rows_affected() == 1 {
                return Ok(CreateOutcome::Created);
            }
            let RequestId(request_id) = new.request_id;
            let sql = include_str!("../sql/shared/venue_by_request.sql");
            let earlier = sqlx::query_as(sql)
                .bind(&request_id[..])
                .fetch_optional(connection)
                .await
                .map_err(store_error)?;
            Ok(match earlier.map(rows::venue).transpose()? {
                Some(row) if row.fingerprint == new.fingerprint => CreateOutcome::Replayed(row),
                Some(_) => CreateOutcome::RequestIdReused,
                None => CreateOutcome::AlreadyExists,
            })
        }

        pub(crate) async fn create_performance(
            connection: &mut $connection,
            new: &NewPerformance,
        ) -> Result<CreateOutcome<PerformanceRow>, StoreError> {
            let done = sqlx::query(include_str!("../sql/shared/create_performance.sql"))
                .bind(new.id.as_str())
                .bind(i32::from(new.bucket.number()))
                .bind(new.venue.as_str())
                .bind(&new.request_id.0[..])
                .bind(new.fingerprint.0.cast_signed())
                .bind(&new.body[..])
                .bind(saturating(new.created_at.0))
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
            if done.rows_affected() == 1 {
                return Ok(CreateOutcome::Created);
            }
            let RequestId(request_id) = new.request_id;
            let sql = include_str!("../sql/shared/performance_by_request.sql");
            let earlier = sqlx::query_as(sql)
                .bind(&request_id[..])
                .fetch_optional(connection)
                .await
                .map_err(store_error)?;
            Ok(match earlier.map(rows::performance).transpose()? {
                Some(row) if row.fingerprint == new.fingerprint => CreateOutcome::Replayed(row),
                Some(_) => CreateOutcome::RequestIdReused,
                None => CreateOutcome::AlreadyExists,
            })
        }

        pub(crate) async fn venue(
            connection: &mut $connection,
            id: &VenueId,
        ) -> Result<Option<VenueRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/venue.sql")).bind(id.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::venue).transpose()
        }

        pub(crate) async fn list_venues(
            connection: &mut $connection,
            after: Option<&VenueId>,
            limit: usize,
        ) -> Result<Vec<VenueRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/list_venues.sql"))
                .bind(after.map_or("", VenueId::as_str))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(rows::venue).collect()
        }

        pub(crate) async fn performance(
            connection: &mut $connection,
            id: &PerformanceId,
        ) -> Result<Option<PerformanceRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/performance.sql")).bind(id.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::performance).transpose()
        }

        pub(crate) async fn note_cancellation(
            connection: &mut $connection,
            row: &CancellationRow,
        ) -> Result<(), StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/note_cancellation.sql"))
                .bind(row.performance.as_str())
                .bind(saturating(row.cancelled_at.0))
                .bind(&*row.cancelled_by)
                .bind(&*row.reason);
            query.execute(connection).await.map_err(store_error).map(drop)
        }

        pub(crate) async fn cancellations(
            connection: &mut $connection,
            first: &PerformanceId,
            last: &PerformanceId,
        ) -> Result<Vec<CancellationRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/cancellations.sql"))
                .bind(first.as_str())
                .bind(last.as_str())
                .bind(page_limit(PAGE_ROWS_MAX));
            query
                .fetch_all(connection)
                .await
                .map_err(store_error)?
                .into_iter()
                .map(rows::cancellation)
                .collect()
        }

        pub(crate) async fn list_performances(
            connection: &mut $connection,
            after: Option<&PerformanceId>,
            limit: usize,
        ) -> Result<Vec<PerformanceRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/list_performances.sql"))
                .bind(after.map_or("", PerformanceId::as_str))
                .bind(page_limit(limit));
            query
                .fetch_all(connection)
                .await
                .map_err(store_error)?
                .into_iter()
                .map(rows::performance)
                .collect()
        }
    };
}

macro_rules! journal_queries {
    ($connection:ty) => {
        use $crate::batch::{JournalRecord, OrderCursor, OrderFilter, OrderRow, SnapshotRow};

        pub(crate) async fn journal(
            connection: &mut $connection,
            performance: &PerformanceId,
            after: Sequence,
            limit: usize,
        ) -> Result<Vec<JournalRecord>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/journal.sql"))
                .bind(performance.as_str())
                .bind(saturating(after.0))
                .bind(page_limit(limit));
            let found = query.fetch_all(connection).await.map_err(store_error)?;
            found.into_iter().map(|columns| rows::journal_record(columns, performance)).collect()
        }

        pub(crate) async fn latest_snapshot(
            connection: &mut $connection,
            performance: &PerformanceId,
        ) -> Result<Option<SnapshotRow>, StoreError> {
            let query =
                sqlx::query_as(include_str!("../sql/shared/latest_snapshot.sql")).bind(performance.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::snapshot).transpose()
        }

        pub(crate) async fn order(
            connection: &mut $connection,
            performance: &PerformanceId,
            order: OrderId,
        ) -> Result<Option<OrderRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/order.sql"))
                .bind(performance.as_str())
                .bind(saturating(order.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::order).transpose()
        }

        pub(crate) async fn list_orders(
            connection: &mut $connection,
            filter: &OrderFilter,
            after: Option<&OrderCursor>,
            limit: usize,
        ) -> Result<Vec<OrderRow>, StoreError> {
            let OrderFilter { performance, buyer } = filter;
            // One statement per filter, so that each has the plan of its own index.
            let sql = match (performance, buyer) {
                (None, None) => include_str!("../sql/shared/list_orders.sql"),
                (Some(_), None) => include_str!("../sql/shared/list_orders_of_performance.sql"),
                (None, Some(_)) => include_str!("../sql/shared/list_orders_of_buyer.sql"),
                (Some(_), Some(_)) => include_str!("../sql/shared/list_orders_of_both.sql"),
            };
            let (created_at, of, order) = cursor_columns(after);
            let mut query = sqlx::query_as(sql).bind(created_at).bind(of).bind(order).bind(page_limit(limit));
            if let Some(performance) = performance {
                query = query.bind(performance.as_str());
            }
            if let Some(buyer) = buyer {
                query = query.bind(buyer.as_str());
            }
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(rows::order).collect()
        }
    };
}

/// The shared statements over a connection of PostgreSQL.
pub(crate) mod postgres {
    use super::{cursor_columns, page_limit, saturating, store_error};
    use crate::error::StoreError;
    use crate::ids::{OrderId, PerformanceId, Sequence, VenueId};
    use crate::rows;

    catalog_queries!(sqlx::PgConnection);
    journal_queries!(sqlx::PgConnection);
}

/// The shared statements over a connection of SQLite.
pub(crate) mod sqlite {
    use super::{cursor_columns, page_limit, saturating, store_error};
    use crate::error::StoreError;
    use crate::ids::{OrderId, PerformanceId, Sequence, VenueId};
    use crate::rows;

    catalog_queries!(sqlx::SqliteConnection);
    journal_queries!(sqlx::SqliteConnection);
}
