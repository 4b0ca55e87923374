//! Rows per second of the group commit on both stores, one lane and two.
//!
//! `cargo bench -p earlybird-persistence --bench append`, or with the number of rows per figure behind `--`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_persistence::{
    AppendBatch, Bucket, Epoch, HoldId, JournalRow, NodeId, OrderDetails, OrderId, OrderRow, Seat,
    SeatGuardChange, Sequence, Store, UnixMillis, open,
};

const ROWS: u64 = 150_000;
const BATCH_SIZES: [u64; 3] = [100, 512, 1_000];
/// As large as a hold of a few seats.
const BODY_BYTES: usize = 64;
/// An on-sale is one or a few hot performances.
const PERFORMANCES: u64 = 8;

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", directory.path().join("bench.db").display());
        measure("sqlite", &*open(&file).await.unwrap(), rows).await;
        if !skips_postgres().unwrap() {
            let server = TempPostgres::start_new().unwrap();
            let store = open(&server.url()).await.unwrap();
            measure("postgres", &*store, rows).await;
            measure_lanes(&store, rows).await;
            store.close().await;
        }
    });
}

async fn measure(name: &str, store: &dyn Store, rows: u64) {
    for size in BATCH_SIZES {
        let mut lane = Lane::new(store, &format!("{name}-{size}"), 0).await;
        report(&format!("{name}, batch {size}"), lane.append(store, rows, size, 0).await);
    }
    let mut lane = Lane::new(store, &format!("{name}-orders"), 0).await;
    report(
        &format!("{name}, batch 512 with 20 orders of 2 seats"),
        lane.append(store, rows / 2, 512, 20).await,
    );
}

/// Two appenders at once, of different performances.
async fn measure_lanes(store: &Arc<dyn Store>, rows: u64) {
    let lanes: Vec<_> = [1, 2]
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut lane = Lane::new(&*store, &format!("lane-{number}"), number).await;
                lane.append(&*store, rows, 512, 0).await
            })
        })
        .into_iter()
        .collect();
    let mut slowest = Figure::default();
    for lane in lanes {
        let figure = lane.await.unwrap();
        slowest.rows += figure.rows;
        slowest.took = slowest.took.max(figure.took);
        slowest.batches.extend(figure.batches);
    }
    report("postgres, batch 512, two lanes", slowest);
}

#[derive(Default)]
struct Figure {
    rows: u64,
    took: Duration,
    batches: Vec<Duration>,
}

fn report(name: &str, mut figure: Figure) {
    figure.batches.sort_unstable();
    let at = |share: usize| figure.batches[(figure.batches.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    let per_second = figure.rows as f64 / figure.took.as_secs_f64();
    println!("{name:<45} {per_second:>9.0} rows/s   p50 {:>6.2} ms   p99 {:>6.2} ms", at(50), at(99));
}

struct Lane {
    bucket: Bucket,
    epoch: Epoch,
    name: String,
    sequence: u64,
}

impl Lane {
    async fn new(store: &dyn Store, name: &str, bucket: u16) -> Self {
        let bucket = Bucket::new(bucket).unwrap();
        let claimed = store.claim_buckets(&NodeId::from("bench"), &[bucket]).await.unwrap();
        Self { bucket, epoch: claimed[0].1, name: name.to_owned(), sequence: 0 }
    }

    async fn append(&mut self, store: &dyn Store, rows: u64, size: u64, orders: u64) -> Figure {
        let batches: Vec<AppendBatch> = (0..rows / size).map(|_| self.batch(size, orders)).collect();
        let mut figure = Figure { rows: batches.len() as u64 * size, ..Figure::default() };
        let started = Instant::now();
        for batch in &batches {
            let sent = Instant::now();
            store.append(batch).await.unwrap();
            figure.batches.push(sent.elapsed());
        }
        figure.took = started.elapsed();
        figure
    }

    /// Equal runs of all performances, what is left over in one of its own, and orders of the first performance.
    fn batch(&mut self, size: u64, orders: u64) -> AppendBatch {
        let mut batch = AppendBatch::default();
        let (base, share) = (self.sequence, size / PERFORMANCES);
        self.sequence += share;
        for number in 0..PERFORMANCES {
            let name = self.performance(number);
            batch.entries.extend((base + 1..=base + share).map(|sequence| self.entry(&name, sequence)));
        }
        let rest = format!("{}-rest-{base}", self.name);
        batch.entries.extend((1..=size % PERFORMANCES).map(|sequence| self.entry(&rest, sequence)));
        for order in base * 1_000..base * 1_000 + orders {
            batch.orders.push(self.order(order));
            let seats = [order * 2, order * 2 + 1].map(|seat| Seat((seat % (1 << 30)) as u32));
            batch.seat_changes.extend(seats.map(|seat| SeatGuardChange::Take {
                performance: self.performance(0).into(),
                order: OrderId(order),
                seat,
            }));
        }
        batch
    }

    fn performance(&self, number: u64) -> String {
        format!("{}-performance-{number}", self.name)
    }

    fn entry(&self, performance: &str, sequence: u64) -> JournalRow {
        JournalRow {
            performance: performance.into(),
            bucket: self.bucket,
            epoch: self.epoch,
            sequence: Sequence(sequence),
            at: UnixMillis(1_700_000_000_000 + sequence),
            kind: "seats_held".into(),
            body: Bytes::from(vec![7; BODY_BYTES]),
        }
    }

    fn order(&self, order: u64) -> OrderRow {
        OrderRow {
            performance: self.performance(0).into(),
            order: OrderId(order),
            buyer: format!("buyer-{order}").into(),
            state: "PAYING".into(),
            amount_minor: 120_000,
            refunded_minor: 0,
            currency: "KRW".into(),
            seats: vec![Seat(1), Seat(2)],
            payment_key: None,
            created_at: UnixMillis(1_700_000_000_000 + order),
            updated_at: UnixMillis(1_700_000_000_000 + order),
            sequence: Sequence(1),
            hold: HoldId(order),
            seats_left: vec![],
            decline_reason: None,
            details: OrderDetails::default(),
        }
    }
}
