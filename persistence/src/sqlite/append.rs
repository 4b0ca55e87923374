//! The group commit on SQLite.
//!
//! ```text
//! BEGIN ─► owners match? ─► heads match? ─► rows ─► seats, orders, coupons ─► COMMIT
//! ```
//!
//! The checks are statements of their own, and still no check before the write: the file is locked for this process and
//! this connection is its only one, so nothing comes between a check and the rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::batch::{JournalRow, OrderRow};
use crate::coupon_changes::CouponPlan;
use crate::coupon_rows::changes;
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
        change_seats(&mut transaction, &plan.seats).await?;
        put_orders(&mut transaction, &plan.orders).await.map_err(before_commit)?;
        change_coupons(&mut transaction, &plan.coupons).await.map_err(before_commit)?;
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

/// Writes what the batch does to seats. A statement for all of them: one for each would cost a thread switch each.
async fn change_seats(connection: &mut SqliteConnection, plans: &[SeatPlan<'_>]) -> Result<(), AppendError> {
    let asked: Value = plans.iter().map(|plan| json!([plan.performance.as_str(), plan.seat.0])).collect();
    let holders: Vec<Option<i64>> = sqlx::query_scalar(include_str!("../../sql/sqlite/seat_holders.sql"))
        .bind(asked.to_string())
        .fetch_all(&mut *connection)
        .await
        .map_err(before_commit)?;
    let (mut taken, mut freed) = (Vec::new(), Vec::new());
    for (plan, holder) in plans.iter().zip(holders) {
        let holder = holder.map(|order| OrderId(order.cast_unsigned()));
        if let Some(holder) = holder.filter(|holder| !plan.allows(*holder)) {
            return Err(plan.conflict(holder));
        }
        let (performance, seat) = (plan.performance.as_str(), plan.seat.0);
        match plan.owner {
            Some(owner) => taken.push(json!([performance, seat, owner.0])),
            // Another order's seat stays its own: freeing what one does not have changes nothing.
            None if holder.is_some_and(|holder| plan.replaces.contains(&holder)) => {
                freed.push(json!([performance, seat]));
            }
            None => {}
        }
    }
    let freeing = (include_str!("../../sql/sqlite/free_seats.sql"), freed);
    let taking = (include_str!("../../sql/sqlite/take_seats.sql"), taken);
    for (statement, rows) in [freeing, taking] {
        write_rows(connection, statement, rows).await.map_err(before_commit)?;
    }
    Ok(())
}

async fn put_orders(connection: &mut SqliteConnection, orders: &[&OrderRow]) -> Result<(), sqlx::Error> {
    let rows = orders.iter().map(|row| {
        json!([
            row.performance.as_str(),
            row.order.0,
            row.buyer.as_str(),
            row.state,
            row.amount_minor,
            row.refunded_minor,
            row.currency,
            seats_json(&row.seats),
            row.payment_key,
            row.created_at.0,
            row.updated_at.0,
            row.sequence.0,
            row.hold.0,
            seats_json(&row.seats_left),
            row.decline_reason,
            row.details.to_json(),
        ])
    });
    write_rows(connection, include_str!("../../sql/sqlite/put_orders.sql"), rows.collect()).await
}

async fn change_coupons(
    connection: &mut SqliteConnection,
    plans: &[CouponPlan<'_>],
) -> Result<(), sqlx::Error> {
    if !plans.is_empty() {
        let statement = sqlx::query(include_str!("../../sql/sqlite/change_coupons.sql"));
        statement.bind(changes(plans)).execute(connection).await?;
    }
    Ok(())
}

/// Runs a statement on rows that it takes as one JSON array; on none, not at all.
async fn write_rows(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: Vec<Value>,
) -> Result<(), sqlx::Error> {
    if !rows.is_empty() {
        sqlx::query(statement).bind(Value::from(rows).to_string()).execute(connection).await?;
    }
    Ok(())
}

fn seats_json(seats: &[Seat]) -> String {
    serde_json::Value::from(seats.iter().map(|seat| seat.0).collect::<Vec<u32>>()).to_string()
}
