//! A batch as columns: arrays keep one prepared statement for every batch size, where lists of values would need one
//! for each.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::batch::{JournalRow, OrderRow};
use crate::ids::Seat;
use crate::plan::Plan;
use crate::plan_seats::SeatPlan;

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Collects one column of some rows.
fn column<Row, Value>(rows: &[Row], value: impl FnMut(&Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}

/// Collects one column of rows whose values are borrowed from them.
fn texts<'a, Row>(rows: &'a [Row], text: impl FnMut(&'a Row) -> &'a str) -> Vec<&'a str> {
    rows.iter().map(text).collect()
}

/// Ten columns: claims, runs, entries.
pub(super) fn bind_journal<'q>(statement: Statement<'q>, plan: &Plan<'q>) -> Statement<'q> {
    let entries: &'q [JournalRow] = plan.entries;
    statement
        .bind(column(&plan.claims, |(bucket, _)| i32::from(bucket.number())))
        .bind(column(&plan.claims, |(_, epoch)| epoch.0.cast_signed()))
        .bind(plan.runs.iter().map(|run| run.performance.as_str()).collect::<Vec<&'q str>>())
        .bind(column(&plan.runs, |run| run.predecessor().0.cast_signed()))
        .bind(texts(entries, |entry| entry.performance.as_str()))
        .bind(column(entries, |entry| entry.sequence.0.cast_signed()))
        .bind(column(entries, |entry| entry.epoch.0.cast_signed()))
        .bind(column(entries, |entry| entry.at.0.cast_signed()))
        .bind(texts(entries, |entry| &entry.kind))
        .bind(entries.iter().map(|entry| &entry.body[..]).collect::<Vec<&'q [u8]>>())
}

/// Seven columns: seats, and the orders that may have them now.
pub(super) fn bind_seats<'q>(statement: Statement<'q>, seats: &[SeatPlan<'q>]) -> Statement<'q> {
    let replaced: Vec<_> =
        seats.iter().flat_map(|plan| plan.replaces.iter().map(move |order| (plan, *order))).collect();
    statement
        .bind(seats.iter().map(|plan| plan.performance.as_str()).collect::<Vec<&'q str>>())
        .bind(column(seats, |plan| plan.seat.0.cast_signed()))
        .bind(column(seats, |plan| plan.takes))
        .bind(column(seats, |plan| plan.owner.map(|order| order.0.cast_signed())))
        .bind(replaced.iter().map(|(plan, _)| plan.performance.as_str()).collect::<Vec<&'q str>>())
        .bind(column(&replaced, |(plan, _)| plan.seat.0.cast_signed()))
        .bind(column(&replaced, |(_, order)| order.0.cast_signed()))
}

/// Sixteen columns: orders.
pub(super) fn bind_orders<'q>(statement: Statement<'q>, orders: &[&'q OrderRow]) -> Statement<'q> {
    let text = |value: fn(&'q OrderRow) -> &'q str| orders.iter().map(|row| value(row)).collect::<Vec<_>>();
    statement
        .bind(text(|row| row.performance.as_str()))
        .bind(column(orders, |row| row.order.0.cast_signed()))
        .bind(text(|row| row.buyer.as_str()))
        .bind(text(|row| &row.state))
        .bind(column(orders, |row| row.amount_minor))
        .bind(column(orders, |row| row.refunded_minor))
        .bind(text(|row| &row.currency))
        .bind(column(orders, |row| seats_literal(&row.seats)))
        .bind(orders.iter().map(|row| row.payment_key.as_deref()).collect::<Vec<Option<&'q str>>>())
        .bind(column(orders, |row| row.created_at.0.cast_signed()))
        .bind(column(orders, |row| row.updated_at.0.cast_signed()))
        .bind(column(orders, |row| row.sequence.0.cast_signed()))
        .bind(column(orders, |row| row.hold.0.cast_signed()))
        .bind(column(orders, |row| seats_literal(&row.seats_left)))
        .bind(orders.iter().map(|row| row.decline_reason.as_deref()).collect::<Vec<Option<&'q str>>>())
        .bind(column(orders, |row| row.details.to_json()))
}

/// An array as text: arrays of arrays have to be rectangular, and orders differ in their number of seats.
fn seats_literal(seats: &[Seat]) -> String {
    let numbers: Vec<String> = seats.iter().map(|seat| seat.0.to_string()).collect();
    format!("{{{}}}", numbers.join(","))
}
