//! What waits for what on PostgreSQL, step by step: a second connection holds a call at a chosen point.

use std::time::{Duration, Instant};

use earlybird_persistence::{AppendError, Epoch, NodeId, StoreError, open, open_with};
use sqlx::{Connection, PgConnection};

use crate::cluster::LONG;
use crate::support::{Fixture, Writer, append_for_certain, assert_fenced, bucket, eventually, impatient};

/// A transaction beside the store's, and a connection that watches: within a transaction, the server's activity would
/// be shown as it was at the first look.
struct Beside {
    transaction: PgConnection,
    watcher: PgConnection,
}

impl Beside {
    async fn begin(fixture: &Fixture, sql: &str) -> Self {
        let watcher = PgConnection::connect(&fixture.url).await.unwrap();
        let transaction = PgConnection::connect(&fixture.url).await.unwrap();
        let mut beside = Self { transaction, watcher };
        beside.run("BEGIN").await;
        beside.run(sql).await;
        beside
    }

    async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(sql).execute(&mut self.transaction).await.unwrap();
    }

    /// Waits until so many of the store's statements wait for a lock.
    async fn sees_waiting(&mut self, count: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'earlybird' AND wait_event_type = 'Lock'";
        eventually(async || {
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.watcher).await.unwrap() == count
        })
        .await;
    }
}

/// An append of entry 1 of "a" in the background.
fn appending(fixture: &Fixture, writer: Writer) -> tokio::task::JoinHandle<Result<(), AppendError>> {
    let store = fixture.store.clone();
    tokio::spawn(async move { store.append(&writer.batch("a", 1, 1)).await })
}

#[tokio::test]
async fn a_takeover_waits_for_an_append_under_way() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    // The same key, uncommitted: the append stops behind its fence.
    let mut beside = Beside::begin(&fixture, "INSERT INTO journal VALUES ('a', 1, 1, 1, 'x', '')").await;
    let append = appending(&fixture, writer);
    beside.sees_waiting(1).await;
    let store = fixture.store.clone();
    let claim = tokio::spawn(async move { store.claim_buckets(&NodeId::from("node-b"), &[bucket(5)]).await });
    beside.sees_waiting(2).await;
    beside.run("ROLLBACK").await;
    append.await.unwrap().unwrap();
    assert_eq!(claim.await.unwrap().unwrap()[0].1.0, writer.epoch.0 + 1);
    assert_eq!(fixture.head("a").await, 1);
    assert_fenced(fixture.store.append(&writer.batch("a", 2, 2)).await, &[5]);
}

#[tokio::test]
async fn an_append_that_waited_for_a_takeover_is_fenced() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let takeover = "UPDATE bucket_owner SET epoch = epoch + 1, node = 'node-b' WHERE bucket = 5";
    let mut beside = Beside::begin(&fixture, takeover).await;
    let append = appending(&fixture, writer);
    beside.sees_waiting(1).await;
    beside.run("COMMIT").await;
    assert_fenced(append.await.unwrap(), &[5]);
    assert_eq!(fixture.head("a").await, 0);
}

#[tokio::test]
async fn an_abandoned_append_is_not_committed_behind_a_read_back() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let mut beside = Beside::begin(&fixture, "SELECT FROM bucket_owner WHERE bucket = 5 FOR UPDATE").await;
    let append = appending(&fixture, writer);
    beside.sees_waiting(1).await;
    append.abort();
    assert!(append.await.unwrap_err().is_cancelled());
    // The server does not know yet that nobody waits: the statement goes on until the read-back ends it.
    beside.sees_waiting(1).await;
    assert_eq!(fixture.head("a").await, 0);
    beside.sees_waiting(0).await;
    beside.run("ROLLBACK").await;
    assert_eq!(fixture.head("a").await, 0);
    fixture.store.append(&writer.batch("a", 1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_terminated_append_is_unknown_and_may_be_repeated() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let mut beside = Beside::begin(&fixture, "SELECT FROM bucket_owner WHERE bucket = 5 FOR UPDATE").await;
    let append = appending(&fixture, writer);
    beside.sees_waiting(1).await;
    beside
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND datname = current_database()",
        )
        .await;
    let outcome = append.await.unwrap();
    assert!(matches!(outcome, Err(AppendError::Unknown { .. })), "{outcome:?}");
    beside.run("ROLLBACK").await;
    assert_eq!(fixture.head("a").await, 0);
    append_for_certain(&*fixture.store, &writer.batch("a", 1, 1)).await;
    assert_eq!(fixture.head("a").await, 1);
}

#[tokio::test]
async fn a_lock_that_nobody_releases_is_waited_for_in_bounds() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let store = open_with(&fixture.url, impatient()).await.unwrap();
    let mut beside = Beside::begin(&fixture, "SELECT FROM bucket_owner WHERE bucket = 5 FOR UPDATE").await;
    let started = Instant::now();
    let outcome = store.append(&writer.batch("a", 1, 1)).await;
    // The server's own time-out comes first and is definite; on a slow machine the client's may.
    let is_bounded = matches!(outcome, Err(AppendError::Unavailable { .. } | AppendError::Unknown { .. }));
    assert!(is_bounded, "{outcome:?}");
    assert!(store.claim_buckets(&NodeId::from("node-b"), &[bucket(5)]).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(10));
    beside.run("ROLLBACK").await;
    append_for_certain(&*store, &writer.batch("a", 1, 1)).await;
    store.close().await;
}

#[tokio::test]
async fn a_claim_waits_for_a_dead_nodes_append_and_nobody_for_the_claim() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    fixture.store.claim_free(&a, first_a, &[bucket(5)]).await.unwrap();
    let writer = Writer { bucket: bucket(5), epoch: Epoch(1) };
    let mut beside = Beside::begin(&fixture, "INSERT INTO journal VALUES ('a', 1, 1, 1, 'x', '')").await;
    let append = appending(&fixture, writer);
    beside.sees_waiting(1).await;
    fixture.store.leave(&a, first_a).await.unwrap();
    let (store, claimer) = (fixture.store.clone(), b.clone());
    let claim =
        tokio::spawn(async move { store.claim_free(&claimer, first_b, &[bucket(4), bucket(5)]).await });
    beside.sees_waiting(2).await;
    // Neither leases nor other changes wait for it.
    assert!(fixture.store.renew(&b, first_b, LONG).await.unwrap().is_some());
    assert!(fixture.store.lead(&b, first_b, LONG).await.unwrap());
    assert!(fixture.store.set_draining(&b, true).await.unwrap());
    assert_eq!(fixture.store.declare_dead().await.unwrap(), []);
    beside.sees_waiting(2).await;
    beside.run("ROLLBACK").await;
    append.await.unwrap().unwrap();
    assert_eq!(claim.await.unwrap().unwrap(), [(bucket(4), Epoch(1)), (bucket(5), Epoch(2))]);
    assert_eq!(fixture.head("a").await, 1);
    assert_fenced(fixture.store.append(&writer.batch("a", 2, 2)).await, &[5]);
}

#[tokio::test]
async fn an_append_that_nobody_ends_is_waited_for_in_bounds() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    fixture.store.claim_free(&a, first_a, &[bucket(5), bucket(6)]).await.unwrap();
    let before = fixture.store.view().await.unwrap();
    let store = open_with(&fixture.url, impatient()).await.unwrap();
    // What an append of a node that froze holds.
    let mut beside = Beside::begin(&fixture, "SELECT FROM bucket_owner WHERE bucket = 5 FOR SHARE").await;
    let started = Instant::now();
    assert!(store.transfer(bucket(5), Epoch(1), &b).await.is_err());
    assert_eq!(store.view().await.unwrap().owners, before.owners);
    store.leave(&a, first_a).await.unwrap();
    assert!(store.claim_free(&b, first_b, &[bucket(4), bucket(5), bucket(6)]).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(10));
    // Of a claim that was given up nothing is taken, and the others may be taken without that one.
    let claimed = store.claim_free(&b, first_b, &[bucket(4), bucket(6)]).await.unwrap();
    assert_eq!(claimed, [(bucket(4), Epoch(1)), (bucket(6), Epoch(2))]);
    beside.run("ROLLBACK").await;
    assert_eq!(store.claim_free(&b, first_b, &[bucket(5)]).await.unwrap(), [(bucket(5), Epoch(2))]);
    store.close().await;
}

/// A claim that saw a free bucket, and waited while another took it, leaves it alone.
#[tokio::test]
async fn a_claim_that_came_second_takes_nothing() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    fixture.store.claim_free(&a, first_a, &[bucket(5)]).await.unwrap();
    fixture.store.leave(&a, first_a).await.unwrap();
    let before = fixture.version().await;
    let other = "UPDATE bucket_owner SET epoch = 2, node = 'c', incarnation = 1 WHERE bucket = 5;
        INSERT INTO bucket_owner (bucket, epoch, node, incarnation) VALUES (6, 1, 'c', 1)";
    let mut beside = Beside::begin(&fixture, other).await;
    let store = fixture.store.clone();
    let claim = tokio::spawn(async move { store.claim_free(&b, first_b, &[bucket(5), bucket(6)]).await });
    beside.sees_waiting(1).await;
    beside.run("COMMIT").await;
    assert_eq!(claim.await.unwrap().unwrap(), []);
    let view = fixture.store.view().await.unwrap();
    assert!(view.owners.iter().all(|owner| owner.node.as_str() == "c"), "{view:?}");
    assert_eq!(view.version, before);
}

#[tokio::test]
async fn hanging_reads_do_not_hold_appends_up() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let mut beside = Beside::begin(&fixture, "LOCK TABLE venue IN ACCESS EXCLUSIVE MODE").await;
    let reads: Vec<_> = (0..6)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.venue(&"hall".into()).await })
        })
        .collect();
    beside.sees_waiting(6).await;
    fixture.store.append(&writer.batch("a", 1, 1)).await.unwrap();
    // Still waiting: the append did not come after them.
    beside.sees_waiting(6).await;
    beside.run("ROLLBACK").await;
    for read in reads {
        assert!(matches!(read.await.unwrap(), Ok(None) | Err(StoreError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn nodes_that_open_at_once_prepare_the_database_once() {
    let Some(fixture) = Fixture::postgres().await else { return };
    fixture.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let nodes: Vec<_> = (0..6)
        .map(|_| {
            let url = fixture.url.clone();
            tokio::spawn(async move { open(&url).await })
        })
        .collect();
    for node in nodes {
        let store = node.await.unwrap().unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
}
