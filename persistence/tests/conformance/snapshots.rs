//! Snapshots: the newest two, under the fence.

use bytes::Bytes;
use earlybird_persistence::{Sequence, SnapshotRow, UnixMillis};

use crate::support::{Fixture, Writer, assert_fenced};

fn snapshot(writer: Writer, sequence: u64, body: &'static str) -> SnapshotRow {
    SnapshotRow {
        performance: "a".into(),
        bucket: writer.bucket,
        epoch: writer.epoch,
        sequence: Sequence(sequence),
        at: UnixMillis(5),
        body: Bytes::from_static(body.as_bytes()),
    }
}

pub(crate) async fn the_newest_snapshot_is_the_latest(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    assert_eq!(fixture.store.latest_snapshot(&"a".into()).await.unwrap(), None);
    for sequence in [10, 20, 30] {
        let row = snapshot(writer, sequence, "state");
        fixture.store.put_snapshot(&row).await.unwrap();
        assert_eq!(fixture.store.latest_snapshot(&"a".into()).await.unwrap(), Some(row));
    }
    assert_eq!(fixture.store.latest_snapshot(&"b".into()).await.unwrap(), None);
    assert_eq!(fixture.snapshots("a").await, [20, 30]);
}

pub(crate) async fn a_snapshot_may_be_repeated(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    fixture.store.put_snapshot(&snapshot(writer, 5, "first")).await.unwrap();
    fixture.store.put_snapshot(&snapshot(writer, 10, "first")).await.unwrap();
    let again = snapshot(writer, 10, "again");
    fixture.store.put_snapshot(&again).await.unwrap();
    assert_eq!(fixture.store.latest_snapshot(&"a".into()).await.unwrap(), Some(again));
    assert_eq!(fixture.snapshots("a").await, [5, 10]);
}

pub(crate) async fn an_older_snapshot_is_not_kept(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    for sequence in [10, 20, 5, 15] {
        fixture.store.put_snapshot(&snapshot(writer, sequence, "state")).await.unwrap();
    }
    assert_eq!(fixture.snapshots("a").await, [10, 20]);
}

pub(crate) async fn a_stale_epoch_keeps_no_snapshot(fixture: &Fixture) {
    let old = fixture.writer(5).await;
    let new = fixture.writer(5).await;
    fixture.store.put_snapshot(&snapshot(new, 10, "new")).await.unwrap();
    fixture.store.put_snapshot(&snapshot(new, 20, "new")).await.unwrap();
    assert_fenced(fixture.store.put_snapshot(&snapshot(old, 30, "old")).await, &[5]);
    // One that would not be kept is fenced all the same.
    assert_fenced(fixture.store.put_snapshot(&snapshot(old, 15, "old")).await, &[5]);
    assert_eq!(fixture.snapshots("a").await, [10, 20]);
}
