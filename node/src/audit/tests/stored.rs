//! Journals in a store, and performances on sale.

use std::sync::Arc;

use earlybird_engine::{Command, RequestId, RequestStamp};
use earlybird_persistence as store;
use earlybird_persistence::{
    AppendBatch, Bucket, Fingerprint, JournalRow, NewPerformance, NewVenue, NodeId, PerformanceId, Store,
    StoreOptions, UnixMillis,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::market::wish;
use super::script::*;
use crate::audit::{AuditOptions, AuditReport, LiveAuditError, audit_journal, audit_live};
use crate::catalog::{Catalog, PerformanceInfo, PerformanceSpec, SeatLabel, Venue};
use crate::node::{Node, NodeOptions};
use crate::reply::Failure;

const COMMANDS: u32 = 1_000;

/// A store file with one performance of forty seats in it.
struct Fixture {
    directory: TempDir,
    performance: PerformanceId,
}

impl Fixture {
    async fn new() -> Self {
        let fixture = Self { directory: tempfile::tempdir().unwrap(), performance: "carmen".into() };
        let store = fixture.open().await;
        fixture.create(&*store).await;
        store.close().await;
        fixture
    }

    async fn open(&self) -> Arc<dyn Store> {
        let url = format!("sqlite://{}", self.directory.path().join("store.db").display());
        earlybird_persistence::open_with(&url, StoreOptions::default()).await.unwrap()
    }

    async fn create(&self, store: &dyn Store) {
        let layout = layout(40);
        let label = |seat: u32| SeatLabel {
            guid: seat.to_string().into(),
            number: "1".into(),
            x_hundredths: 0,
            y_hundredths: 0,
        };
        let venue = Venue {
            display_name: "Hall".into(),
            layout: (*layout).clone().into(),
            row_labels: vec!["A".into()],
            seat_labels: (0..40).map(label).collect(),
        };
        let spec = PerformanceSpec {
            display_name: "Carmen".into(),
            start_time: None,
            categories: layout.categories.clone(),
            settings: (*settings()).clone(),
            hold_ack_memory: false,
            capacity: 40,
            created_at: earlybird_engine::Timestamp(0),
        };
        let venue = NewVenue {
            id: "hall".into(),
            request_id: store::RequestId([1; 16]),
            fingerprint: Fingerprint(0),
            display_name: "Hall".into(),
            body: venue.encode().unwrap().into(),
            created_at: UnixMillis(0),
        };
        let bucket = earlybird_cluster::bucket_of(self.performance.as_str());
        let performance = NewPerformance {
            id: self.performance.clone(),
            bucket: Bucket::new(bucket).unwrap(),
            venue: venue.id.clone(),
            request_id: store::RequestId([2; 16]),
            fingerprint: Fingerprint(0),
            body: spec.encode().unwrap().into(),
            created_at: UnixMillis(0),
        };
        store.create_venue(&venue).await.unwrap();
        store.create_performance(&performance).await.unwrap();
    }

    async fn info(&self, store: &Arc<dyn Store>) -> Arc<PerformanceInfo> {
        Catalog::new(Arc::clone(store)).performance(&self.performance).await.unwrap().unwrap()
    }

    /// Opens the file, audits, and closes it again.
    async fn audit(&self) -> AuditReport {
        let store = self.open().await;
        let info = self.info(&store).await;
        let report = audit_journal(&*store, &info, &AuditOptions::default()).await.unwrap();
        store.close().await;
        report
    }
}

#[track_caller]
fn assert_clean(report: &AuditReport) {
    assert!(report.clean, "{}", report.to_text());
}

/// Sends random commands one after another; returns how many were accepted.
async fn sell(node: &Node, id: &PerformanceId, commands: u32, random: &mut StdRng) -> u64 {
    let mut accepted = 0;
    for _ in 0..commands {
        let shard = node.directory.shard(id).await.unwrap();
        let action = shard.read(|state| wish(random, state));
        let request = RequestStamp { id: RequestId(*uuid::Uuid::new_v4().as_bytes()), fingerprint: 0 };
        match shard.call(Command { request: Some(request), action }, None).await {
            Ok(_) => accepted += 1,
            Err(Failure::Rejected(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_performance_on_sale_is_audited_and_its_store_afterwards() {
    let fixture = Fixture::new().await;
    let options = NodeOptions { snapshot_every_entries: 200, ..NodeOptions::default() };
    let node = Node::start(options, fixture.open().await).await.unwrap();
    let mut random = StdRng::seed_from_u64(4);
    let selling = sell(&node, &fixture.performance, COMMANDS, &mut random);
    let auditing = async {
        let mut entries = Vec::new();
        for _ in 0..5 {
            let report = audit_live(&node, &fixture.performance).await.unwrap();
            assert_clean(&report);
            entries.push(report.entries);
        }
        entries
    };
    let (accepted, _entries) = tokio::join!(selling, auditing);
    assert!(accepted > 300, "only {accepted} commands were accepted");
    let live = audit_live(&node, &fixture.performance).await.unwrap();
    assert_clean(&live);
    assert!(live.entries >= accepted);
    let compared = live.checks.iter().find(|check| check.description.contains("live state")).unwrap();
    assert_eq!((compared.checked, compared.violations), (1, 0));
    node.drain().await;
    drop(node);
    let stored = fixture.audit().await;
    assert_clean(&stored);
    assert!(stored.entries >= live.entries);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let fixture = Fixture::new().await;
    let node = Node::start(NodeOptions::default(), fixture.open().await).await.unwrap();
    let outcome = audit_live(&node, &"tosca".into()).await;
    assert!(matches!(outcome, Err(LiveAuditError::NotFound)), "{outcome:?}");
}

/// Writes these records as the journal.
async fn write(store: &dyn Store, info: &PerformanceInfo, records: &[store::JournalRecord]) {
    let claimed = store.claim_buckets(&NodeId::from("node-a"), &[info.bucket]).await.unwrap();
    let entries = records.iter().map(|record| JournalRow {
        performance: info.id.clone(),
        bucket: info.bucket,
        epoch: claimed[0].1,
        sequence: record.sequence,
        at: record.at,
        kind: String::from(&*record.kind).into(),
        body: record.body.clone(),
    });
    store.append(&AppendBatch { entries: entries.collect(), ..AppendBatch::default() }).await.unwrap();
}

#[tokio::test]
async fn a_garbled_entry_in_the_store_is_reported() {
    let fixture = Fixture::new().await;
    let store = fixture.open().await;
    let info = fixture.info(&store).await;
    let mut script = Script::new();
    script.hold("ann", &[1]).hold("ben", &[2]).hold("cat", &[3]);
    script.records[1].body = b"\x01\xff\xff\xff".as_slice().into();
    write(&*store, &info, &script.records).await;
    store.close().await;
    let report = fixture.audit().await;
    assert!(!report.clean && report.entries == 1, "{}", report.to_text());
    assert!(report.to_text().contains("entry 2: corrupt: malformed"), "{}", report.to_text());
    // The performance cannot go on sale either, and the audit of the running node says why.
    let node = Node::start(NodeOptions::default(), fixture.open().await).await.unwrap();
    let live = audit_live(&node, &fixture.performance).await.unwrap();
    assert_eq!((live.clean, live.entries, live.checks), (false, 1, report.checks));
}

#[tokio::test]
async fn an_order_that_is_not_in_the_table_is_reported() {
    let fixture = Fixture::new().await;
    let store = fixture.open().await;
    let info = fixture.info(&store).await;
    let mut script = Script::new();
    script.buy("ann", &[1], 1);
    write(&*store, &info, &script.records).await;
    store.close().await;
    let report = fixture.audit().await;
    assert!(report.to_text().contains("order 1 is not in the table"), "{}", report.to_text());
}

#[tokio::test]
async fn an_empty_journal_is_clean() {
    let report = Fixture::new().await.audit().await;
    assert_clean(&report);
    assert_eq!((report.entries, report.last_sequence, &*report.performance), (0, 0, "performances/carmen"));
}
