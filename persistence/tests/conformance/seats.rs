//! The seat guard: a seat is sold once (I1, I2).

use crate::support::{Fixture, assert_conflict};

/// Appends batches of seat changes, one after another; the last one is expected to succeed or to be a conflict.
async fn check(fixture: &Fixture, batches: &[&[(i64, u32)]], last_succeeds: bool) {
    let writer = fixture.writer(5).await;
    for (index, changes) in batches.iter().enumerate() {
        let sequence = index as u64 + 1;
        let appended = fixture.store.append(&writer.seats("a", sequence, changes)).await;
        if last_succeeds || sequence < batches.len() as u64 {
            appended.unwrap();
        } else {
            assert_conflict(appended);
            assert_eq!(fixture.head("a").await, sequence - 1, "the entry of a refused batch is not kept");
        }
    }
}

pub(crate) async fn a_taken_seat_is_refused_to_another_order(fixture: &Fixture) {
    check(fixture, &[&[(7, 1), (7, 2)], &[(8, 3), (8, 2)]], false).await;
    // Nothing of the refused batch is kept: seat 3 is free. Another performance has seats of its own.
    let writer = fixture.writer(5).await;
    fixture.store.append(&writer.seats("a", 2, &[(9, 3)])).await.unwrap();
    fixture.store.append(&writer.seats("b", 1, &[(8, 1), (8, 2)])).await.unwrap();
}

pub(crate) async fn a_freed_seat_may_be_taken(fixture: &Fixture) {
    check(fixture, &[&[(7, 1)], &[(-7, 1)], &[(8, 1)], &[(7, 1)]], false).await;
}

pub(crate) async fn free_then_take_in_one_batch(fixture: &Fixture) {
    check(fixture, &[&[(7, 1)], &[(-7, 1), (8, 1)], &[(-8, 1), (7, 1), (-7, 1), (9, 1)], &[(8, 1)]], false)
        .await;
}

pub(crate) async fn take_then_free_in_one_batch(fixture: &Fixture) {
    check(fixture, &[&[(7, 1), (-7, 1)], &[(8, 1)], &[(9, 1), (-9, 1)]], false).await;
}

pub(crate) async fn taking_again_changes_nothing(fixture: &Fixture) {
    check(fixture, &[&[(7, 1)], &[(7, 1)], &[(7, 1), (7, 1)], &[(7, 1), (-7, 1)], &[(8, 1)]], true).await;
}

pub(crate) async fn freeing_what_another_has_changes_nothing(fixture: &Fixture) {
    check(fixture, &[&[(-9, 2)], &[(7, 1)], &[(-8, 1)], &[(8, 1)]], false).await;
}

pub(crate) async fn a_late_free_does_not_excuse_a_take(fixture: &Fixture) {
    check(fixture, &[&[(7, 1)], &[(8, 1), (-7, 1)]], false).await;
}

pub(crate) async fn many_seats_at_once(fixture: &Fixture) {
    let taken: Vec<(i64, u32)> = (0..500).map(|seat| (7, seat)).collect();
    let moved: Vec<(i64, u32)> = (0..500).flat_map(|seat| [(-7, seat), (8, seat)]).collect();
    let freed: Vec<(i64, u32)> = (0..500).map(|seat| (-8, seat)).collect();
    check(fixture, &[&taken, &moved, &freed, &taken, &[(9, 499)]], false).await;
}
