//! The fence: no commit under a stale epoch (I9).

use earlybird_persistence::{AppendBatch, AppendError, Bucket, Epoch, NodeId, Sequence};

use crate::support::{Fixture, Writer, assert_fenced, bucket, order};

pub(crate) async fn a_claim_grows_the_epoch(fixture: &Fixture) {
    let (a, b) = (NodeId::from("node-a"), NodeId::from("node-b"));
    let buckets: Vec<Bucket> = Bucket::all().collect();
    let claimed = fixture.store.claim_buckets(&a, &buckets).await.unwrap();
    assert_eq!(claimed.len(), 1024);
    assert!(claimed.iter().map(|(bucket, _)| *bucket).eq(Bucket::all()));
    assert!(claimed.iter().all(|(_, epoch)| *epoch == Epoch(1)));

    // Repeated names count once; another node and the same node both get a new epoch.
    let two = [bucket(9), bucket(4), bucket(9)];
    let claimed = fixture.store.claim_buckets(&b, &two).await.unwrap();
    assert_eq!(claimed, [(bucket(4), Epoch(2)), (bucket(9), Epoch(2))]);
    let claimed = fixture.store.claim_buckets(&b, &[bucket(9)]).await.unwrap();
    assert_eq!(claimed, [(bucket(9), Epoch(3))]);
    assert_eq!(fixture.store.claim_buckets(&b, &[]).await.unwrap(), []);
}

pub(crate) async fn the_epochs_tell_who_owns(fixture: &Fixture) {
    let asked = [bucket(9), bucket(4), bucket(700)];
    assert_eq!(fixture.store.epochs(&asked).await.unwrap(), []);
    fixture.store.claim_buckets(&NodeId::from("node-a"), &asked[..2]).await.unwrap();
    fixture.store.claim_buckets(&NodeId::from("node-b"), &asked[..1]).await.unwrap();
    let epochs = fixture.store.epochs(&asked).await.unwrap();
    assert_eq!(epochs, [(bucket(4), Epoch(1)), (bucket(9), Epoch(2))]);
}

pub(crate) async fn nobody_writes_without_a_claim(fixture: &Fixture) {
    let writer = Writer { bucket: bucket(5), epoch: Epoch(1) };
    assert_fenced(fixture.store.append(&writer.batch("a", 1, 3)).await, &[5]);
    assert_eq!(fixture.head("a").await, 0);
}

pub(crate) async fn one_stale_bucket_of_many_spoils_the_batch(fixture: &Fixture) {
    let writers = [fixture.writer(5).await, fixture.writer(6).await, fixture.writer(7).await];
    let mut batch = AppendBatch::default();
    for (writer, name) in writers.iter().zip(["a", "b", "c"]) {
        batch.entries.extend(writer.batch(name, 1, 40).entries);
    }
    fixture.writer(6).await;
    assert_fenced(fixture.store.append(&batch).await, &[6]);
    fixture.writer(7).await;
    assert_fenced(fixture.store.append(&batch).await, &[6, 7]);
    for name in ["a", "b", "c"] {
        assert_eq!(fixture.head(name).await, 0);
    }
}

pub(crate) async fn a_stale_epoch_writes_no_order_and_no_seat(fixture: &Fixture) {
    let old = fixture.writer(5).await;
    let new = fixture.writer(5).await;
    let mut batch = old.seats("a", 1, &[(7, 1)]);
    batch.orders.push(order("a", 7, 1));
    assert_fenced(fixture.store.append(&batch).await, &[5]);
    assert_eq!(fixture.store.order(&"a".into(), batch.orders[0].order).await.unwrap(), None);
    // Another order may have the seat, so nobody has it.
    fixture.store.append(&new.seats("a", 1, &[(8, 1)])).await.unwrap();
}

pub(crate) async fn a_future_epoch_is_fenced_too(fixture: &Fixture) {
    let mut writer = fixture.writer(5).await;
    writer.epoch.0 += 1;
    assert_fenced(fixture.store.append(&writer.batch("a", 1, 1)).await, &[5]);
    // An epoch is a bucket's own: another bucket's does not help.
    fixture.writer(6).await;
    let other = fixture.writer(6).await;
    let borrowed = Writer { bucket: bucket(5), epoch: other.epoch };
    assert_fenced(fixture.store.append(&borrowed.batch("a", 1, 1)).await, &[5]);
}

/// An old owner appends without pause while a new one takes over: every entry under the old epoch is before every
/// entry under the new one, and what the old owner was told is true.
pub(crate) async fn takeovers_and_appends_never_both_win(fixture: &Fixture) {
    let old = fixture.writer(5).await;
    let store = fixture.store.clone();
    let appender = tokio::spawn(async move {
        let mut head = 0;
        loop {
            match store.append(&old.batch("a", head + 1, head + 20)).await {
                Ok(()) => head += 20,
                Err(AppendError::Fenced { .. }) => return head,
                Err(other) => panic!("{other:?}"),
            }
        }
    });
    // Some appends first, so that the takeover meets one under way.
    while fixture.head("a").await < 200 {
        tokio::task::yield_now().await;
    }
    let new = fixture.writer(5).await;
    let seen = fixture.head("a").await;
    fixture.store.append(&new.batch("a", seen + 1, seen + 1)).await.unwrap();
    let acknowledged = appender.await.unwrap();
    assert_eq!(acknowledged, seen, "the old owner's last acknowledged entry is what the new owner found");
    let tail = fixture.store.journal(&"a".into(), Sequence(seen - 1), 10).await.unwrap();
    assert_eq!(tail.iter().map(|record| record.epoch).collect::<Vec<_>>(), [old.epoch, new.epoch]);
}

pub(crate) async fn claims_of_the_same_buckets_do_not_deadlock(fixture: &Fixture) {
    let claimers = (0..4_u16).map(|turn| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            let mut buckets: Vec<Bucket> = Bucket::all().take(64).collect();
            buckets.rotate_left(usize::from(turn) * 16);
            for _ in 0..10 {
                store.claim_buckets(&NodeId::from("node-a"), &buckets).await.unwrap();
            }
        })
    });
    for claimer in claimers.collect::<Vec<_>>() {
        claimer.await.unwrap();
    }
    assert_eq!(fixture.writer(63).await.epoch, Epoch(41));
}
