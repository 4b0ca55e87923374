use bytes::Bytes;

use super::Plan;
use crate::batch::{AppendBatch, JournalRow, SeatGuardChange};
use crate::error::AppendError;
use crate::ids::{Bucket, Epoch, OrderId, PerformanceId, Seat, Sequence, UnixMillis};

fn entry(performance: &str, sequence: u64) -> JournalRow {
    JournalRow {
        performance: performance.into(),
        bucket: Bucket::new(3).unwrap(),
        epoch: Epoch(1),
        sequence: Sequence(sequence),
        at: UnixMillis(0),
        kind: "held".into(),
        body: Bytes::new(),
    }
}

/// `+7` takes seat 1 for order 7, `-7` frees it.
fn seat_changes(orders: &[i64]) -> Vec<SeatGuardChange> {
    let change = |signed: &i64| {
        let (performance, seat) = (PerformanceId::from("p"), Seat(1));
        let order = OrderId(signed.unsigned_abs());
        if *signed > 0 {
            SeatGuardChange::Take { performance, order, seat }
        } else {
            SeatGuardChange::Free { performance, order, seat }
        }
    };
    orders.iter().map(change).collect()
}

/// Folds changes of one seat: whether it is taken, who may have it, who has it afterwards.
fn folded(orders: &[i64]) -> (bool, Vec<u64>, Option<u64>) {
    let entries = vec![entry("p", 1)];
    let batch = AppendBatch { entries, seat_changes: seat_changes(orders), ..AppendBatch::default() };
    let plan = Plan::of(&batch).unwrap();
    let seat = &plan.seats[0];
    (seat.takes, seat.replaces.iter().map(|order| order.0).collect(), seat.owner.map(|order| order.0))
}

#[test]
fn seat_changes_fold_to_one_plan_per_seat() {
    assert_eq!(folded(&[7]), (true, vec![7], Some(7)));
    assert_eq!(folded(&[7, 7]), (true, vec![7], Some(7)));
    assert_eq!(folded(&[-7]), (false, vec![7], None));
    assert_eq!(folded(&[-7, 8]), (true, vec![7, 8], Some(8)));
    assert_eq!(folded(&[7, -7]), (true, vec![7], None));
    assert_eq!(folded(&[7, -7, 8]), (true, vec![7], Some(8)));
    assert_eq!(folded(&[-6, 7, -7, 8, -8]), (true, vec![6, 7], None));
}

#[test]
fn a_free_behind_a_take_does_not_excuse_it() {
    // Order 7 had the seat when 8 took it: giving it back afterwards changes nothing about that.
    assert_eq!(folded(&[8, -7]), (true, vec![8], Some(8)));
}

#[test]
fn two_live_orders_of_one_seat_are_a_conflict_within_a_batch() {
    let entries = vec![entry("p", 1)];
    let batch = AppendBatch { entries, seat_changes: seat_changes(&[7, 8]), ..AppendBatch::default() };
    assert!(matches!(Plan::of(&batch), Err(AppendError::Conflict { .. })));
}

#[test]
fn runs_are_per_performance_and_claims_distinct() {
    let entries = vec![entry("a", 4), entry("b", 1), entry("a", 5)];
    let batch = AppendBatch { entries, ..AppendBatch::default() };
    let plan = Plan::of(&batch).unwrap();
    let runs: Vec<_> =
        plan.runs.iter().map(|run| (run.performance.as_str(), run.first.0, run.last.0)).collect();
    assert_eq!(runs, [("a", 4, 5), ("b", 1, 1)]);
    assert_eq!(plan.claims.len(), 1);
}

#[test]
fn a_batch_that_contradicts_itself_is_refused() {
    let check = |batch: AppendBatch| Plan::of(&batch).unwrap_err();
    let gap = AppendBatch { entries: vec![entry("a", 1), entry("a", 3)], ..AppendBatch::default() };
    assert!(matches!(check(gap), AppendError::Conflict { .. }));
    let zero = AppendBatch { entries: vec![entry("a", 0)], ..AppendBatch::default() };
    assert!(matches!(check(zero), AppendError::Invalid { .. }));
    let mut moved = vec![entry("a", 1), entry("a", 2)];
    moved[1].bucket = Bucket::new(4).unwrap();
    let moved = AppendBatch { entries: moved, ..AppendBatch::default() };
    assert!(matches!(check(moved), AppendError::Invalid { .. }));
    let alone = AppendBatch { seat_changes: seat_changes(&[7]), ..AppendBatch::default() };
    assert!(matches!(check(alone), AppendError::Invalid { .. }));
    let mut huge = entry("a", 1);
    huge.epoch = Epoch(u64::MAX);
    let huge = AppendBatch { entries: vec![huge], ..AppendBatch::default() };
    assert!(matches!(check(huge), AppendError::Invalid { .. }));
}
