//! A fresh store per test, and rows to put into it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_persistence::{
    AppendBatch, AppendError, Bucket, Epoch, HoldId, JournalRow, NewPerformance, NewVenue, NodeId,
    OrderDetails, OrderId, OrderRow, PerformanceId, RequestId, Seat, SeatGuardChange, Sequence, Store,
    StoreOptions, UnixMillis,
};
use sqlx::Connection;

/// A store of its own, and what keeps it alive.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    /// To open the same database again.
    pub(crate) url: String,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        let store = earlybird_persistence::open_with(&url, StoreOptions::default()).await.unwrap();
        Some(Self { store, url, _directory: Some(directory) })
    }

    pub(crate) async fn postgres() -> Option<Self> {
        if skips_postgres().unwrap() {
            return None;
        }
        let server = TempPostgres::shared().unwrap();
        let url = server.new_database().await.unwrap();
        let store = earlybird_persistence::open_with(&url, StoreOptions::default()).await.unwrap();
        Some(Self { store, url, _directory: None })
    }

    /// Runs statements on the database itself. SQLite: the store has to be closed.
    pub(crate) async fn run(&self, sql: &str) {
        if self.url.starts_with("sqlite") {
            let mut database = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        } else {
            let mut database = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        }
    }

    /// Claims a bucket for a node of its own and returns a writer to it.
    pub(crate) async fn writer(&self, bucket: u16) -> Writer {
        let bucket = self::bucket(bucket);
        let claimed = self.store.claim_buckets(&NodeId::from("node-a"), &[bucket]).await.unwrap();
        assert_eq!(claimed.len(), 1);
        Writer { bucket, epoch: claimed[0].1 }
    }

    /// The sequences of a performance's snapshots, asked of the database itself. Closes the store.
    pub(crate) async fn snapshots(&self, performance: &str) -> Vec<i64> {
        self.store.close().await;
        let sql = "SELECT sequence FROM snapshot WHERE performance_id = $1 ORDER BY sequence";
        if self.url.starts_with("sqlite") {
            let mut database = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            return sqlx::query_scalar(sql).bind(performance).fetch_all(&mut database).await.unwrap();
        }
        let mut database = sqlx::PgConnection::connect(&self.url).await.unwrap();
        sqlx::query_scalar(sql).bind(performance).fetch_all(&mut database).await.unwrap()
    }

    pub(crate) async fn head(&self, performance: &str) -> u64 {
        self.store.heads(&[performance.into()]).await.unwrap()[0].1.0
    }
}

/// Asks until the answer is yes, for as long as a busy machine may need.
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
}

/// Appends as a node does, until it is certain: after an unknown outcome, the head decides.
pub(crate) async fn append_for_certain(store: &dyn Store, batch: &AppendBatch) {
    let appending = async {
        loop {
            match store.append(batch).await {
                Ok(()) => return,
                Err(AppendError::Unavailable { .. }) => {}
                Err(AppendError::Unknown { .. }) if is_there(store, batch).await => return,
                Err(AppendError::Unknown { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), appending).await.unwrap();
}

/// Reads back whether a batch of one performance was written, for as long as that takes.
pub(crate) async fn is_there(store: &dyn Store, batch: &AppendBatch) -> bool {
    let last = batch.entries.last().unwrap();
    loop {
        if let Ok(heads) = store.heads(std::slice::from_ref(&last.performance)).await {
            return heads[0].1 >= last.sequence;
        }
    }
}

/// Options for tests of time-outs.
pub(crate) fn impatient() -> StoreOptions {
    StoreOptions {
        connect_timeout: Duration::from_millis(1_500),
        acquire_timeout: Duration::from_millis(1_000),
        call_timeout: Duration::from_millis(1_000),
        statement_timeout: Duration::from_millis(900),
        lock_timeout: Duration::from_millis(900),
        ..StoreOptions::default()
    }
}

/// The right to write into a bucket.
#[derive(Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) bucket: Bucket,
    pub(crate) epoch: Epoch,
}

impl Writer {
    pub(crate) fn entry(self, performance: &str, sequence: u64) -> JournalRow {
        JournalRow {
            performance: performance.into(),
            bucket: self.bucket,
            epoch: self.epoch,
            sequence: Sequence(sequence),
            at: UnixMillis(1_700_000_000_000 + sequence),
            kind: "seats_held".into(),
            body: Bytes::from(format!("{performance}/{sequence}")),
        }
    }

    /// A batch of entries `first..=last` of one performance.
    pub(crate) fn batch(self, performance: &str, first: u64, last: u64) -> AppendBatch {
        let entries = (first..=last).map(|sequence| self.entry(performance, sequence)).collect();
        AppendBatch { entries, ..AppendBatch::default() }
    }

    /// An entry with seat changes: `(7, 1)` takes seat 1 for order 7, `(-7, 1)` frees it.
    pub(crate) fn seats(self, performance: &str, sequence: u64, changes: &[(i64, u32)]) -> AppendBatch {
        let change = |(signed, seat): &(i64, u32)| {
            let (performance, seat) = (PerformanceId::from(performance), Seat(*seat));
            let order = OrderId(signed.unsigned_abs());
            if *signed > 0 {
                SeatGuardChange::Take { performance, order, seat }
            } else {
                SeatGuardChange::Free { performance, order, seat }
            }
        };
        let seat_changes = changes.iter().map(change).collect();
        AppendBatch { seat_changes, ..self.batch(performance, sequence, sequence) }
    }
}

pub(crate) fn bucket(number: u16) -> Bucket {
    Bucket::new(number).unwrap()
}

pub(crate) fn request_id(number: u8) -> RequestId {
    RequestId([number; 16])
}

pub(crate) fn venue(id: &str, request: u8, fingerprint: u64) -> NewVenue {
    NewVenue {
        id: id.into(),
        request_id: request_id(request),
        fingerprint: earlybird_persistence::Fingerprint(fingerprint),
        display_name: "Grand Hall".into(),
        body: Bytes::from_static(b"\x00layout\xff"),
        created_at: UnixMillis(1_700_000_000_000),
    }
}

pub(crate) fn performance(id: &str, venue: &str, request: u8, fingerprint: u64) -> NewPerformance {
    NewPerformance {
        id: id.into(),
        bucket: bucket(1023),
        venue: venue.into(),
        request_id: request_id(request),
        fingerprint: earlybird_persistence::Fingerprint(fingerprint),
        body: Bytes::from_static(b"prices"),
        created_at: UnixMillis(1_700_000_000_001),
    }
}

pub(crate) fn order(performance: &str, order: u64, created_at: u64) -> OrderRow {
    OrderRow {
        performance: performance.into(),
        order: OrderId(order),
        buyer: "buyer-1".into(),
        state: "PAYING".into(),
        amount_minor: 120_000,
        refunded_minor: 0,
        currency: "KRW".into(),
        seats: vec![Seat(7), Seat(8)],
        payment_key: None,
        created_at: UnixMillis(created_at),
        updated_at: UnixMillis(created_at),
        sequence: Sequence(1),
        hold: HoldId(order),
        seats_left: vec![],
        decline_reason: None,
        details: OrderDetails::default(),
    }
}

#[track_caller]
pub(crate) fn assert_conflict(result: Result<(), AppendError>) {
    let error = result.expect_err("a conflict");
    assert!(matches!(error, AppendError::Conflict { .. }), "{error:?}");
}

#[track_caller]
pub(crate) fn assert_invalid(result: Result<(), AppendError>) {
    let error = result.expect_err("a refusal");
    assert!(matches!(error, AppendError::Invalid { .. }), "{error:?}");
}

#[track_caller]
pub(crate) fn assert_fenced(result: Result<(), AppendError>, expected: &[u16]) {
    let Err(AppendError::Fenced { buckets }) = result else { panic!("not fenced: {result:?}") };
    assert_eq!(buckets.iter().map(|bucket| bucket.number()).collect::<Vec<_>>(), expected);
}
