//! PostgreSQL cut off, frozen, stopped and crashed. Each test that stops a server has one of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_persistence::{AppendError, NodeId, Sequence, Store, StoreError, open, open_with};

use crate::proxy::Proxy;
use crate::support::{
    Fixture, Writer, append_for_certain, assert_conflict, bucket, eventually, impatient, is_there,
};

/// Longer than any one call under [`impatient`] options may take, several waits in a row and a busy machine included.
const BOUND: Duration = Duration::from_secs(8);

async fn claim(store: &dyn Store) -> Writer {
    let claimed = store.claim_buckets(&NodeId::from("node-a"), &[bucket(5)]).await.unwrap();
    Writer { bucket: bucket(5), epoch: claimed[0].1 }
}

async fn own_server() -> Option<(TempPostgres, Arc<dyn Store>)> {
    if skips_postgres().unwrap() {
        return None;
    }
    let server = tokio::task::spawn_blocking(TempPostgres::start_new).await.unwrap().unwrap();
    let store = open_with(&server.url(), impatient()).await.unwrap();
    Some((server, store))
}

/// The journal of "a" is 1, 2, 3 … up to this: nothing missing, nothing twice.
async fn assert_whole(store: &dyn Store, last: u64) {
    let records = store.journal(&"a".into(), Sequence::NONE, 10_000).await.unwrap();
    assert!(records.iter().map(|record| record.sequence.0).eq(1..=last), "{} records", records.len());
}

#[tokio::test]
async fn an_answer_lost_behind_the_commit_is_unknown_and_found_by_a_read_back() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let server_port = TempPostgres::shared().unwrap().port();
    let proxy = Proxy::to(server_port).await;
    let url = fixture.url.replace(&format!(":{server_port}/"), &format!(":{}/", proxy.port));
    let store = open(&url).await.unwrap();
    let writer = claim(&*store).await;
    store.append(&writer.batch("a", 1, 1)).await.unwrap();

    proxy.let_answers_pass(false);
    let append = {
        let store = store.clone();
        tokio::spawn(async move { store.append(&writer.batch("a", 2, 3)).await })
    };
    // Seen by another store, so committed.
    eventually(async || fixture.head("a").await == 3).await;
    proxy.cut();
    let outcome = append.await.unwrap();
    assert!(matches!(outcome, Err(AppendError::Unknown { .. })), "{outcome:?}");

    proxy.let_answers_pass(true);
    assert_eq!(store.heads(&["a".into()]).await.unwrap()[0].1, Sequence(3));
    assert_conflict(store.append(&writer.batch("a", 2, 3)).await);
    store.append(&writer.batch("a", 4, 4)).await.unwrap();
    assert_whole(&*store, 4).await;
    store.close().await;
}

#[tokio::test]
async fn cut_connections_lose_and_double_nothing() {
    let Some(fixture) = Fixture::postgres().await else { return };
    let writer = fixture.writer(5).await;
    let cutter = {
        let mut connection = sqlx::Connection::connect(&fixture.url).await.unwrap();
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        tokio::spawn(async move {
            loop {
                let connection: &mut sqlx::PgConnection = &mut connection;
                sqlx::query(sql).execute(connection).await.unwrap();
                // How often it cuts, which leaves a few batches time to get through in between.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    };
    for first in (1..=150).step_by(3) {
        append_for_certain(&*fixture.store, &writer.batch("a", first, first + 2)).await;
    }
    cutter.abort();
    assert!(cutter.await.unwrap_err().is_cancelled(), "the cutter failed");
    eventually(async || fixture.store.ping().await.is_ok()).await;
    assert_whole(&*fixture.store, 150).await;
}

#[tokio::test]
async fn a_frozen_server_is_an_error_in_bounds_and_no_loss() {
    let Some((server, store)) = own_server().await else { return };
    let writer = claim(&*store).await;
    let mut head = 0;
    for _ in 0..2 {
        store.append(&writer.batch("a", head + 1, head + 1)).await.unwrap();
        head += 1;
        server.freeze().unwrap();
        let started = Instant::now();
        let batch = writer.batch("a", head + 1, head + 2);
        let outcome = store.append(&batch).await;
        assert!(matches!(outcome, Err(AppendError::Unknown { .. })), "{outcome:?}");
        let read = store.heads(&["a".into()]).await;
        assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
        assert!(store.ping().await.is_err());
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
        server.thaw().unwrap();
        // The server goes on with what it had received; after the read-back, it is settled.
        if !is_there(&*store, &batch).await {
            append_for_certain(&*store, &batch).await;
        }
        head += 2;
        assert_whole(&*store, head).await;
    }
    store.close().await;
}

#[tokio::test]
async fn a_stopped_or_crashed_server_is_an_error_in_bounds_and_comes_back_by_itself() {
    let Some((server, store)) = own_server().await else { return };
    let writer = claim(&*store).await;
    for (round, stop) in [TempPostgres::stop, TempPostgres::crash].into_iter().enumerate() {
        let head = round as u64 * 2;
        store.append(&writer.batch("a", head + 1, head + 1)).await.unwrap();
        stop(&server);
        let started = Instant::now();
        let outcome = store.append(&writer.batch("a", head + 2, head + 2)).await;
        let is_open = matches!(outcome, Err(AppendError::Unavailable { .. } | AppendError::Unknown { .. }));
        assert!(is_open, "{outcome:?}");
        // No server, no doubt: it cannot have been received.
        let outcome = store.append(&writer.batch("a", head + 2, head + 2)).await;
        assert!(matches!(outcome, Err(AppendError::Unavailable { .. })), "{outcome:?}");
        assert!(store.heads(&["a".into()]).await.is_err());
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
        server.start().unwrap();
        append_for_certain(&*store, &writer.batch("a", head + 2, head + 2)).await;
        assert_whole(&*store, head + 2).await;
    }
    store.close().await;
}
