//! A store with one performance.

use std::sync::Arc;

use earlybird_persistence as store;
use earlybird_persistence::{
    AppendBatch, Bucket, Fingerprint, JournalRow, NewPerformance, NewVenue, NodeId, PerformanceId, Store,
    StoreOptions, UnixMillis,
};
use tempfile::TempDir;

use super::script::{layout, settings};
use crate::audit::{AuditOptions, AuditReport, audit_journal};
use crate::catalog::{Catalog, PerformanceInfo, PerformanceSpec, SeatLabel, Venue};

/// A store file with one performance of forty seats in it.
pub(crate) struct Fixture {
    directory: TempDir,
    pub(crate) performance: PerformanceId,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let fixture = Self { directory: tempfile::tempdir().unwrap(), performance: "carmen".into() };
        let store = fixture.open().await;
        fixture.create(&*store).await;
        store.close().await;
        fixture
    }

    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        earlybird_persistence::open_with(&self.url(), StoreOptions::default()).await.unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("store.db").display())
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

    pub(crate) async fn info(&self, store: &Arc<dyn Store>) -> Arc<PerformanceInfo> {
        Catalog::new(Arc::clone(store)).performance(&self.performance).await.unwrap().unwrap()
    }

    /// Opens the file, audits, and closes it again.
    pub(crate) async fn audit(&self) -> AuditReport {
        let store = self.open().await;
        let info = self.info(&store).await;
        let report = audit_journal(&*store, &info, &AuditOptions::default()).await.unwrap();
        store.close().await;
        report
    }
}

/// Writes these records as the journal.
pub(crate) async fn write(store: &dyn Store, info: &PerformanceInfo, records: &[store::JournalRecord]) {
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
