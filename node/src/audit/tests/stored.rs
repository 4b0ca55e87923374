//! Journals in a store, and performances on sale.

use earlybird_engine::{Command, RequestId, RequestStamp};
use earlybird_persistence::PerformanceId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::fixture::{Fixture, write};
use super::market::wish;
use super::script::*;
use crate::audit::{AuditReport, LiveAuditError, audit_live};
use crate::node::{Node, NodeOptions};
use crate::reply::Failure;

const COMMANDS: u32 = 1_000;

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
