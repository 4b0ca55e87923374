//! The group commit on PostgreSQL: one statement in autocommit, one round trip.
//!
//! It writes every row or none, so a batch of which nothing was written needs no rollback; what was wrong with it is
//! asked afterwards, off the path that matters.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::coupon_rows::changes;
use crate::error::{AppendError, Cause};
use crate::ids::{Bucket, OrderId, Sequence};
use crate::plan::{Plan, head_conflict};
use crate::rows;

use super::columns::{bind_journal, bind_orders, bind_seats};
use super::errors::append_error;

pub(super) async fn append(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), AppendError> {
    let statement = if plan.is_journal_only() {
        bind_journal(sqlx::query(include_str!("../../sql/postgres/append_journal.sql")), plan)
    } else {
        let statement = sqlx::query(include_str!("../../sql/postgres/append_with_orders.sql"));
        let statement = bind_orders(bind_seats(bind_journal(statement, plan), &plan.seats), &plan.orders);
        statement.bind(changes(&plan.coupons))
    };
    // `execute` reads on until the server is ready again. That matters: the row count comes before the commit.
    let written = statement.execute(&mut *connection).await.map_err(append_error)?.rows_affected();
    if written == plan.entries.len() as u64 {
        return Ok(());
    }
    if written > 0 {
        let what = format!("{written} of {} entries were written", plan.entries.len());
        return Err(AppendError::Unknown { source: Cause::Database(sqlx::Error::Protocol(what)) });
    }
    // Nothing was written, whatever becomes of the question why.
    let refusal = why(connection, plan).await;
    Err(refusal.unwrap_or_else(|error| AppendError::Unavailable { source: Cause::Database(error) }))
}

/// Why a batch was refused. A stale epoch stays stale, so the answer for a fence is final.
async fn why(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<AppendError, sqlx::Error> {
    let buckets = fenced_buckets(connection, plan).await?;
    if !buckets.is_empty() {
        return Ok(AppendError::Fenced { buckets });
    }
    let performances = plan.runs.iter().map(|run| run.performance.as_str()).collect();
    let heads = heads(connection, performances).await?;
    if let Some((run, head)) = plan.runs.iter().zip(heads).find(|(run, head)| run.predecessor() != *head) {
        return Ok(head_conflict(run, head));
    }
    let holders: Vec<Option<i64>> = sqlx::query_scalar(include_str!("../../sql/postgres/seat_holders.sql"))
        .bind(plan.seats.iter().map(|seat| seat.performance.as_str()).collect::<Vec<_>>())
        .bind(plan.seats.iter().map(|seat| seat.seat.0.cast_signed()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let holders = holders.into_iter().map(|holder| holder.map(|order| OrderId(order.cast_unsigned())));
    for (seat, holder) in plan.seats.iter().zip(holders) {
        if let Some(holder) = holder.filter(|holder| !seat.allows(*holder)) {
            return Ok(seat.conflict(holder));
        }
    }
    Ok(AppendError::Conflict { what: "something else was appended at the same time".to_owned() })
}

async fn fenced_buckets(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<Vec<Bucket>, sqlx::Error> {
    let owners: Vec<(i32, i64)> = sqlx::query_as(include_str!("../../sql/postgres/owners.sql"))
        .bind(plan.claims.iter().map(|(bucket, _)| i32::from(bucket.number())).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    // A row that cannot be read counts as no owner, which fences.
    let owned: BTreeMap<_, _> = owners.into_iter().filter_map(|columns| rows::claim(columns).ok()).collect();
    Ok(plan.fenced(&owned))
}

/// The last sequence of each, in the order asked for.
pub(super) async fn heads(
    connection: &mut PgConnection,
    performances: Vec<&str>,
) -> Result<Vec<Sequence>, sqlx::Error> {
    let heads: Vec<i64> = sqlx::query_scalar(include_str!("../../sql/postgres/heads.sql"))
        .bind(performances)
        .fetch_all(connection)
        .await?;
    Ok(heads.into_iter().map(|head| Sequence(head.cast_unsigned())).collect())
}
