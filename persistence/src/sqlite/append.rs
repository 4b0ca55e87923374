//! The group commit on SQLite.
//!
//! ```text
//! BEGIN ─► owners match? ─► heads match? ─► rows ─► seats, orders ─► COMMIT
//! ```
//!
//! The checks are statements of their own, and still no check before the write: the file is locked for this process and
//! this connection is its only one, so nothing comes between a check and the rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use sqlx::{Connection, SqliteConnection};

use crate::batch::{JournalRow, OrderRow};
use crate::error::AppendError;
use crate::ids::{Bucket, Epoch, OrderId, Seat, Sequence};
use crate::plan::{Plan, head_conflict};
use crate::plan_seats::SeatPlan;

use super::errors::{at_commit, before_commit};

/// Rows per INSERT, largest first. Few sizes, so that every statement stays prepared.
const ROWS_PER_INSERT: [usize; 4] = [128, 32, 8, 1];

static INSERTS: LazyLock<HashMap<usize, String>> = LazyLock::new(|| {
    let insert = |rows: usize| {
        let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
        (rows, format!("{} {values}", include_str!("../../sql/sqlite/append_journal.sql").trim_end()))
    };
    ROWS_PER_INSERT.into_iter().map(insert).collect()
});

pub(super) async fn append(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), AppendError> {
    let mut transaction = connection.begin().await.map_err(before_commit)?;
    check_owners(&mut transaction, plan).await?;
    check_heads(&mut transaction, plan).await?;
    insert_entries(&mut transaction, plan.entries).await.map_err(before_commit)?;
    if !plan.is_journal_only() {
        for seat in &plan.seats {
            change_seat(&mut transaction, seat).await?;
        }
        for order in &plan.orders {
            put_order(&mut transaction, order).await.map_err(before_commit)?;
        }
    }
    transaction.commit().await.map_err(at_commit)
}

/// The epochs of these buckets, as far as somebody owns them.
pub(super) async fn owners(
    connection: &mut SqliteConnection,
    buckets: impl Iterator<Item = Bucket>,
) -> Result<BTreeMap<Bucket, Epoch>, sqlx::Error> {
    let asked: Vec<u16> = buckets.map(Bucket::number).collect();
    let rows: Vec<(i32, i64)> = sqlx::query_as(include_str!("../../sql/sqlite/owners.sql"))
        .bind(serde_json::Value::from(asked).to_string())
        .fetch_all(connection)
        .await?;
    let owned = rows.into_iter().filter_map(|(bucket, epoch)| {
        Some((Bucket::new(u16::try_from(bucket).ok()?)?, Epoch(u64::try_from(epoch).ok()?)))
    });
    Ok(owned.collect())
}

/// The last sequence of each, in the order asked for.
pub(super) async fn heads(
    connection: &mut SqliteConnection,
    performances: Vec<&str>,
) -> Result<Vec<Sequence>, sqlx::Error> {
    let heads: Vec<i64> = sqlx::query_scalar(include_str!("../../sql/sqlite/heads.sql"))
        .bind(serde_json::Value::from(performances).to_string())
        .fetch_all(connection)
        .await?;
    Ok(heads.into_iter().map(|head| Sequence(head.cast_unsigned())).collect())
}

async fn check_owners(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), AppendError> {
    let claimed = plan.claims.iter().map(|(bucket, _)| *bucket);
    let owned = owners(connection, claimed).await.map_err(before_commit)?;
    let buckets = plan.fenced(&owned);
    if buckets.is_empty() { Ok(()) } else { Err(AppendError::Fenced { buckets }) }
}

async fn check_heads(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), AppendError> {
    let performances = plan.runs.iter().map(|run| run.performance.as_str()).collect();
    let heads = heads(connection, performances).await.map_err(before_commit)?;
    let gap = plan.runs.iter().zip(heads).find(|(run, head)| run.predecessor() != *head);
    gap.map_or(Ok(()), |(run, head)| Err(head_conflict(run, head)))
}

async fn insert_entries(
    connection: &mut SqliteConnection,
    entries: &[JournalRow],
) -> Result<(), sqlx::Error> {
    let mut left = entries;
    for size in ROWS_PER_INSERT {
        while left.len() >= size {
            let (rows, rest) = left.split_at(size);
            insert_rows(connection, rows).await?;
            left = rest;
        }
    }
    Ok(())
}

async fn insert_rows(connection: &mut SqliteConnection, rows: &[JournalRow]) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(&INSERTS[&rows.len()]);
    for row in rows {
        query = query
            .bind(row.performance.as_str())
            .bind(row.sequence.0.cast_signed())
            .bind(row.epoch.0.cast_signed())
            .bind(row.at.0.cast_signed())
            .bind(&*row.kind)
            .bind(&row.body[..]);
    }
    query.execute(connection).await?;
    Ok(())
}

async fn change_seat(connection: &mut SqliteConnection, plan: &SeatPlan<'_>) -> Result<(), AppendError> {
    let (performance, seat) = (plan.performance.as_str(), i64::from(plan.seat.0));
    let holder: Option<i64> = sqlx::query_scalar(include_str!("../../sql/sqlite/seat_holder.sql"))
        .bind(performance)
        .bind(seat)
        .fetch_optional(&mut *connection)
        .await
        .map_err(before_commit)?;
    let holder = holder.map(|order| OrderId(order.cast_unsigned()));
    let taken = holder.filter(|holder| !plan.allows(*holder));
    if let Some(holder) = taken {
        return Err(plan.conflict(holder));
    }
    let query = match plan.owner {
        Some(owner) => sqlx::query(include_str!("../../sql/sqlite/take_seat.sql"))
            .bind(performance)
            .bind(seat)
            .bind(owner.0.cast_signed()),
        // Another order's seat stays its own: freeing what one does not have changes nothing.
        None if holder.is_some_and(|holder| plan.replaces.contains(&holder)) => {
            sqlx::query(include_str!("../../sql/sqlite/free_seat.sql")).bind(performance).bind(seat)
        }
        None => return Ok(()),
    };
    query.execute(connection).await.map_err(before_commit)?;
    Ok(())
}

async fn put_order(connection: &mut SqliteConnection, row: &OrderRow) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../../sql/sqlite/put_order.sql"))
        .bind(row.performance.as_str())
        .bind(row.order.0.cast_signed())
        .bind(row.buyer.as_str())
        .bind(&*row.state)
        .bind(row.amount_minor)
        .bind(row.refunded_minor)
        .bind(&*row.currency)
        .bind(seats_json(&row.seats))
        .bind(row.payment_key.as_deref())
        .bind(row.created_at.0.cast_signed())
        .bind(row.updated_at.0.cast_signed())
        .bind(row.sequence.0.cast_signed())
        .bind(row.hold.0.cast_signed())
        .bind(seats_json(&row.seats_left))
        .bind(row.decline_reason.as_deref())
        .execute(connection)
        .await?;
    Ok(())
}

fn seats_json(seats: &[Seat]) -> String {
    serde_json::Value::from(seats.iter().map(|seat| seat.0).collect::<Vec<u32>>()).to_string()
}
