//! Appending, and reading what was appended.

use bytes::Bytes;
use earlybird_persistence::{AppendBatch, PAGE_ROWS_MAX, PerformanceId, Sequence, UnixMillis};

use crate::support::{Fixture, assert_conflict, assert_invalid, bucket};

async fn sequences(fixture: &Fixture, performance: &str, after: u64, limit: usize) -> Vec<u64> {
    let records = fixture.store.journal(&performance.into(), Sequence(after), limit).await.unwrap();
    records.iter().map(|record| record.sequence.0).collect()
}

pub(crate) async fn entries_come_back_in_order(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let mut batch = writer.batch("a", 1, 3);
    batch.entries.extend(writer.batch("b", 1, 2).entries);
    batch.entries.push(writer.entry("a", 4));
    fixture.store.append(&batch).await.unwrap();

    assert_eq!(sequences(fixture, "a", 0, 100).await, [1, 2, 3, 4]);
    assert_eq!(sequences(fixture, "a", 2, 1).await, [3]);
    assert_eq!(sequences(fixture, "a", 4, 100).await, [0; 0]);
    assert_eq!(sequences(fixture, "c", 0, 100).await, [0; 0]);
    let records = fixture.store.journal(&"b".into(), Sequence::NONE, 10).await.unwrap();
    assert_eq!(records[1].at, UnixMillis(1_700_000_000_002));
    assert_eq!(records[1].epoch, writer.epoch);
    assert_eq!(&*records[1].kind, "seats_held");
    assert_eq!(records[1].body, "b/2");
}

pub(crate) async fn an_empty_batch_is_nothing(fixture: &Fixture) {
    fixture.store.append(&AppendBatch::default()).await.unwrap();
    assert_eq!(fixture.store.heads(&[]).await.unwrap(), []);
}

pub(crate) async fn a_gap_is_a_conflict(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    assert_conflict(fixture.store.append(&writer.batch("a", 2, 3)).await);
    fixture.store.append(&writer.batch("a", 1, 2)).await.unwrap();
    assert_conflict(fixture.store.append(&writer.batch("a", 4, 4)).await);
    let mut within = writer.batch("a", 3, 5);
    within.entries.remove(1);
    assert_conflict(fixture.store.append(&within).await);
    assert_eq!(fixture.head("a").await, 2);
}

pub(crate) async fn a_duplicate_is_a_conflict(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    fixture.store.append(&writer.batch("a", 1, 3)).await.unwrap();
    assert_conflict(fixture.store.append(&writer.batch("a", 1, 1)).await);
    assert_conflict(fixture.store.append(&writer.batch("a", 3, 4)).await);
    assert_eq!(sequences(fixture, "a", 0, 100).await, [1, 2, 3]);
}

pub(crate) async fn one_bad_run_spoils_the_batch(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    fixture.store.append(&writer.batch("a", 1, 1)).await.unwrap();
    let mut batch = writer.batch("b", 1, 5);
    batch.entries.push(writer.entry("a", 3));
    batch.entries.extend(writer.batch("c", 1, 5).entries);
    assert_conflict(fixture.store.append(&batch).await);
    assert_eq!((fixture.head("a").await, fixture.head("b").await, fixture.head("c").await), (1, 0, 0));
}

pub(crate) async fn odd_batch_sizes_keep_every_row(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let mut last = 0;
    for size in [1, 7, 8, 9, 31, 33, 100, 127, 128, 129, 512, 1_000] {
        fixture.store.append(&writer.batch("a", last + 1, last + size)).await.unwrap();
        last += size;
        assert_eq!(fixture.head("a").await, last);
    }
    assert_eq!(sequences(fixture, "a", 0, PAGE_ROWS_MAX).await, (1..=last).collect::<Vec<_>>());
}

pub(crate) async fn heads_are_in_the_order_asked_for(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    // Names that a hand-written list would break on.
    let names = ["zeta", "quo\"te", "it's", "back\\slash", "{a,b}", "NULL", "공연"];
    for (index, name) in names.iter().enumerate() {
        fixture.store.append(&writer.batch(name, 1, index as u64 + 1)).await.unwrap();
    }
    let mut asked: Vec<PerformanceId> = names.iter().map(|name| PerformanceId::from(*name)).collect();
    asked.push("none".into());
    let heads = fixture.store.heads(&asked).await.unwrap();
    let numbers: Vec<u64> = heads.iter().map(|(_, head)| head.0).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 0]);
    assert!(heads.iter().map(|(performance, _)| performance).eq(&asked));
}

pub(crate) async fn a_long_journal_is_read_in_pages(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    for first in (1..=3_000).step_by(1_000) {
        fixture.store.append(&writer.batch("a", first, first + 999)).await.unwrap();
    }
    assert_eq!(sequences(fixture, "a", 0, 3_000).await, (1..=3_000).collect::<Vec<_>>());
    assert_eq!(sequences(fixture, "a", 700, 1_300).await, (701..=2_000).collect::<Vec<_>>());
    assert_eq!(sequences(fixture, "a", 2_990, usize::MAX).await, (2_991..=3_000).collect::<Vec<_>>());
    assert_eq!(sequences(fixture, "a", 0, 0).await, [0; 0]);
}

pub(crate) async fn appenders_of_different_performances_run_side_by_side(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let appender = |name: &'static str| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            for first in (1..=200).step_by(10) {
                store.append(&writer.batch(name, first, first + 9)).await.unwrap();
            }
        })
    };
    for running in ["a", "b", "c", "d"].map(appender) {
        running.await.unwrap();
    }
    for name in ["a", "b", "c", "d"] {
        assert_eq!(sequences(fixture, name, 0, 1_000).await, (1..=200).collect::<Vec<_>>());
    }
}

pub(crate) async fn of_two_appends_of_one_sequence_one_wins(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    for round in 1..=20 {
        let batch = |who: &'static str| {
            let mut batch = writer.batch("a", round, round);
            batch.entries[0].body = Bytes::from_static(who.as_bytes());
            batch
        };
        let (one, two) = (batch("one"), batch("two"));
        let (first, second) = tokio::join!(fixture.store.append(&one), fixture.store.append(&two));
        let (winner, won, lost) = if first.is_ok() { ("one", first, second) } else { ("two", second, first) };
        won.unwrap();
        assert_conflict(lost);
        let records = fixture.store.journal(&"a".into(), Sequence(round - 1), 10).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].body, winner);
    }
}

pub(crate) async fn a_body_may_hold_any_bytes(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let bodies = [Bytes::new(), Bytes::from((0..=255).collect::<Vec<u8>>()), Bytes::from(vec![7; 300_000])];
    let mut batch = writer.batch("a", 1, bodies.len() as u64);
    for (entry, body) in batch.entries.iter_mut().zip(&bodies) {
        entry.body = body.clone();
    }
    fixture.store.append(&batch).await.unwrap();
    let records = fixture.store.journal(&"a".into(), Sequence::NONE, 10).await.unwrap();
    assert!(records.iter().map(|record| &record.body).eq(&bodies));
}

pub(crate) async fn a_broken_batch_is_invalid(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    assert_invalid(fixture.store.append(&writer.batch("a", 0, 0)).await);
    let mut two_buckets = writer.batch("a", 1, 2);
    two_buckets.entries[1].bucket = bucket(6);
    assert_invalid(fixture.store.append(&two_buckets).await);
    let too_many = writer.batch("a", 1, AppendBatch::ENTRIES_MAX as u64 + 1);
    assert_invalid(fixture.store.append(&too_many).await);
    assert_eq!(fixture.head("a").await, 0);
}
