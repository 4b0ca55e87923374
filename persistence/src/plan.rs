//! Checks a batch and folds it into what the database has to be asked and told.
//!
//! ```text
//! entries ──────► claims: distinct (bucket, epoch), for the fence
//!          └────► runs: per performance, where its entries start
//! orders ───────► the last state of each
//! seat changes ─► per seat: who may have it now, who has it afterwards
//! coupon changes ► per coupon and standing: how it stands afterwards
//! ```

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use crate::batch::{AppendBatch, JournalRow, OrderRow, SnapshotRow};
use crate::coupon_changes::{CouponPlan, fold_coupons};
use crate::error::AppendError;
use crate::ids::{Bucket, Epoch, OrderId, PerformanceId, Sequence};
use crate::plan_seats::{SeatPlan, fold_seats};

/// The entries of one performance within a batch: `first..=last` without a gap.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) performance: &'a PerformanceId,
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    bucket: Bucket,
}

impl Run<'_> {
    /// The head that the journal must have before the run, [`Sequence::NONE`] at the start of a journal.
    pub(crate) fn predecessor(&self) -> Sequence {
        Sequence(self.first.0 - 1)
    }
}

/// A batch that is consistent in itself.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) entries: &'a [JournalRow],
    /// Distinct and in order, so that locks are taken in one order everywhere.
    pub(crate) claims: Vec<(Bucket, Epoch)>,
    pub(crate) runs: Vec<Run<'a>>,
    pub(crate) orders: Vec<&'a OrderRow>,
    pub(crate) seats: Vec<SeatPlan<'a>>,
    pub(crate) coupons: Vec<CouponPlan<'a>>,
}

impl<'a> Plan<'a> {
    /// Checks and folds.
    pub(crate) fn of(batch: &'a AppendBatch) -> Result<Self, AppendError> {
        check_sizes(batch)?;
        let mut claims = Vec::new();
        let mut runs: Vec<Run<'a>> = Vec::new();
        let mut index_of: HashMap<&'a PerformanceId, usize> = HashMap::new();
        for entry in &batch.entries {
            check_entry(entry)?;
            // Neighbours mostly share a claim, so this keeps the list short before it is sorted.
            let claim = (entry.bucket, entry.epoch);
            if claims.last() != Some(&claim) {
                claims.push(claim);
            }
            match index_of.entry(&entry.performance) {
                Entry::Vacant(vacant) => {
                    vacant.insert(runs.len());
                    let (first, last) = (entry.sequence, entry.sequence);
                    runs.push(Run { performance: &entry.performance, first, last, bucket: entry.bucket });
                }
                Entry::Occupied(occupied) => extend(&mut runs[*occupied.get()], entry)?,
            }
        }
        claims.sort_unstable();
        claims.dedup();
        let orders = last_of_each(&batch.orders)?;
        let seats = fold_seats(&batch.seat_changes)?;
        let coupons = fold_coupons(&batch.coupon_changes)?;
        let touched = orders.iter().map(|row| &row.performance);
        let touched = touched.chain(seats.iter().map(|seat| seat.performance));
        let touched = touched.chain(batch.coupon_changes.iter().map(|change| &change.performance));
        for performance in touched {
            if !index_of.contains_key(performance) {
                // Without an entry there is no fence over the row, and nothing that caused it.
                return invalid(format!(
                    "{performance} has an order, seat or coupon change but no journal entry"
                ));
            }
        }
        Ok(Self { entries: &batch.entries, claims, runs, orders, seats, coupons })
    }

    /// Whether it is entries alone: the common case, for which the stores have a shorter statement.
    pub(crate) fn is_journal_only(&self) -> bool {
        self.orders.is_empty() && self.seats.is_empty() && self.coupons.is_empty()
    }

    /// The claimed buckets that have another epoch, or no owner at all.
    pub(crate) fn fenced(&self, owned: &BTreeMap<Bucket, Epoch>) -> Vec<Bucket> {
        let stale = |(bucket, epoch): &&(Bucket, Epoch)| owned.get(bucket) != Some(epoch);
        let mut buckets: Vec<_> = self.claims.iter().filter(stale).map(|(bucket, _)| *bucket).collect();
        buckets.dedup();
        buckets
    }
}

/// Checks the numbers of a snapshot, which become signed in a database.
pub(crate) fn check_snapshot(snapshot: &SnapshotRow) -> Result<(), AppendError> {
    let numbers = [snapshot.epoch.0, snapshot.sequence.0, snapshot.at.0];
    if numbers.iter().any(|number| i64::try_from(*number).is_err()) {
        return invalid(format!("a number of {}'s snapshot is over i64::MAX", snapshot.performance));
    }
    Ok(())
}

/// An [`AppendError::Conflict`] about a journal's head.
pub(crate) fn head_conflict(run: &Run<'_>, head: Sequence) -> AppendError {
    let Run { performance, first, .. } = run;
    AppendError::Conflict { what: format!("{performance}: entry {first} does not follow the head {head}") }
}

pub(crate) fn invalid<T>(what: String) -> Result<T, AppendError> {
    Err(AppendError::Invalid { what })
}

fn check_sizes(batch: &AppendBatch) -> Result<(), AppendError> {
    let sizes = [
        ("entries", batch.entries.len(), AppendBatch::ENTRIES_MAX),
        ("orders", batch.orders.len(), AppendBatch::ORDERS_MAX),
        ("seat changes", batch.seat_changes.len(), AppendBatch::SEAT_CHANGES_MAX),
        ("coupon changes", batch.coupon_changes.len(), AppendBatch::COUPON_CHANGES_MAX),
    ];
    for (name, size, size_max) in sizes {
        if size > size_max {
            return invalid(format!("{size} {name}, the most is {size_max}"));
        }
    }
    Ok(())
}

fn check_entry(entry: &JournalRow) -> Result<(), AppendError> {
    let JournalRow { performance, sequence, epoch, at, body, .. } = entry;
    if *sequence == Sequence::NONE {
        return invalid(format!("{performance}: entry 0, the first is 1"));
    }
    if [sequence.0, epoch.0, at.0].iter().any(|number| i64::try_from(*number).is_err()) {
        return invalid(format!("{performance}: a number of entry {sequence} is over i64::MAX"));
    }
    if body.len() > AppendBatch::BODY_BYTES_MAX {
        let (size, size_max) = (body.len(), AppendBatch::BODY_BYTES_MAX);
        return invalid(format!("{performance}: entry {sequence} has {size} bytes, the most is {size_max}"));
    }
    Ok(())
}

fn extend(run: &mut Run<'_>, entry: &JournalRow) -> Result<(), AppendError> {
    let JournalRow { performance, sequence, .. } = entry;
    if entry.bucket != run.bucket {
        return invalid(format!("{performance} is in bucket {} and in {}", run.bucket, entry.bucket));
    }
    if *sequence != run.last.next() {
        let what = format!("{performance}: entry {sequence} follows {} within the batch", run.last);
        return Err(AppendError::Conflict { what });
    }
    run.last = *sequence;
    Ok(())
}

fn last_of_each(orders: &[OrderRow]) -> Result<Vec<&OrderRow>, AppendError> {
    let mut last: BTreeMap<(&PerformanceId, OrderId), &OrderRow> = BTreeMap::new();
    for row in orders {
        let numbers = [row.order.0, row.created_at.0, row.updated_at.0, row.sequence.0, row.hold.0];
        let seats_fit = row.seats.iter().chain(&row.seats_left).all(|seat| i32::try_from(seat.0).is_ok());
        if !seats_fit || numbers.iter().any(|number| i64::try_from(*number).is_err()) {
            return invalid(format!("{}: a number of order {} is too large", row.performance, row.order));
        }
        last.insert((&row.performance, row.order), row);
    }
    Ok(last.into_values().collect())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
