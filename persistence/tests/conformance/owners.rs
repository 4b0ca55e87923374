//! Which run owns a bucket: claims of what nobody alive owns, transfers, and the fence behind both (I9).

use std::collections::BTreeSet;

use earlybird_persistence::{Bucket, Epoch, Incarnation, NodeId, OwnerRow, open};

use crate::cluster::{LONG, SHORT, node};
use crate::support::{Fixture, Writer, assert_fenced, bucket, eventually};

fn writer(number: u16, epoch: u64) -> Writer {
    Writer { bucket: bucket(number), epoch: Epoch(epoch) }
}

pub(crate) async fn only_what_nobody_alive_owns_is_claimed(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    let (one, two, three) = (bucket(1), bucket(2), bucket(3));
    let claimed = store.claim_free(&a, first_a, &[two, one]).await.unwrap();
    assert_eq!(claimed, [(one, Epoch(1)), (two, Epoch(1))]);
    assert_eq!(store.claim_free(&a, first_a, &[one, two]).await.unwrap(), []);
    let claimed = store.claim_free(&b, first_b, &[one, two, three]).await.unwrap();
    assert_eq!(claimed, [(three, Epoch(1))]);
    // A lease that has run out frees nothing, until the node is declared dead.
    store.append(&writer(1, 1).batch("carmen", 1, 1)).await.unwrap();
    store.renew(&a, first_a, SHORT).await.unwrap();
    eventually(async || store.view().await.unwrap().nodes[0].lease_left_ms < 0).await;
    assert_eq!(store.claim_free(&b, first_b, &[one]).await.unwrap(), []);
    assert_eq!(store.declare_dead().await.unwrap(), [a]);
    assert_eq!(store.claim_free(&b, first_b, &[one]).await.unwrap(), [(one, Epoch(2))]);
    assert_fenced(store.append(&writer(1, 1).batch("carmen", 2, 2)).await, &[1]);
    store.append(&writer(1, 2).batch("carmen", 2, 2)).await.unwrap();
    // Of a node that is back, the buckets of its earlier run alone are free.
    let (a, second_a) = fixture.join("a").await;
    let claimed = store.claim_free(&a, second_a, &[one, two, three]).await.unwrap();
    assert_eq!(claimed, [(two, Epoch(2))]);
    let owner = |bucket, node: &str, incarnation, epoch| OwnerRow {
        bucket,
        node: node.into(),
        incarnation: Incarnation(incarnation),
        epoch: Epoch(epoch),
    };
    let expected = [owner(one, "b", 1, 2), owner(two, "a", 2, 2), owner(three, "b", 1, 1)];
    assert_eq!(store.view().await.unwrap().owners, expected);
}

/// Nodes that all reach for every bucket: first when none has an owner, then when each has one that left.
pub(crate) async fn claimers_at_once_get_disjoint_buckets(fixture: &Fixture) {
    let everything: Vec<Bucket> = Bucket::all().collect();
    for round in 1..=3 {
        let mut claimers = Vec::new();
        for turn in 0..4 {
            let (node, incarnation) = fixture.join(&format!("n{turn}")).await;
            let (store, buckets) = (fixture.store.clone(), everything.clone());
            claimers.push(tokio::spawn(async move {
                let claimed = store.claim_free(&node, incarnation, &buckets).await.unwrap();
                (node, incarnation, claimed)
            }));
        }
        let before = fixture.version().await.0;
        let (mut taken, mut runs, mut winners) = (BTreeSet::new(), Vec::new(), 0);
        for claimer in claimers {
            let (node, incarnation, claimed) = claimer.await.unwrap();
            winners += u64::from(!claimed.is_empty());
            for (bucket, epoch) in claimed {
                assert_eq!(epoch, Epoch(round));
                assert!(taken.insert(bucket), "{bucket} twice");
            }
            runs.push((node, incarnation));
        }
        assert!(taken.into_iter().eq(Bucket::all()));
        assert!(fixture.version().await.0 <= before + winners);
        for (node, incarnation) in runs {
            fixture.store.leave(&node, incarnation).await.unwrap();
        }
    }
}

pub(crate) async fn a_transfer_fences_the_old_owner(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    store.claim_free(&a, first_a, &[bucket(5), bucket(6)]).await.unwrap();
    store.append(&writer(5, 1).batch("carmen", 1, 9)).await.unwrap();
    assert_eq!(store.transfer(bucket(5), Epoch(1), &b).await.unwrap(), Some(Epoch(2)));
    assert_fenced(store.append(&writer(5, 1).batch("carmen", 10, 10)).await, &[5]);
    store.append(&writer(5, 2).batch("carmen", 10, 10)).await.unwrap();
    store.append(&writer(6, 1).batch("tosca", 1, 1)).await.unwrap();
    let owners = store.view().await.unwrap().owners;
    assert_eq!((&owners[0].node, owners[0].incarnation, owners[0].epoch), (&b, first_b, Epoch(2)));
    assert_eq!((&owners[1].node, owners[1].incarnation, owners[1].epoch), (&a, first_a, Epoch(1)));
}

pub(crate) async fn a_transfer_needs_an_active_node_and_the_epoch(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first) = fixture.join("a").await;
    let (b, _) = fixture.join("b").await;
    let (draining, _) = fixture.join("draining").await;
    store.set_draining(&draining, true).await.unwrap();
    let (dead, _) = fixture.join_and_die("dead").await;
    let late = NodeId::from("late");
    store.join(&node("late"), SHORT).await.unwrap();
    let is_late = async || {
        let nodes = store.view().await.unwrap().nodes;
        nodes.iter().any(|row| row.id == late && row.lease_left_ms < 0)
    };
    eventually(is_late).await;
    store.claim_free(&a, first, &[bucket(5)]).await.unwrap();
    let before = fixture.version().await;
    for to in [&"unknown".into(), &draining, &dead, &late, &a] {
        assert_eq!(store.transfer(bucket(5), Epoch(1), to).await.unwrap(), None, "{to}");
    }
    for (number, epoch) in [(5, 0), (5, 2), (6, 0), (6, 1)] {
        assert_eq!(store.transfer(bucket(number), Epoch(epoch), &b).await.unwrap(), None);
    }
    assert_eq!(fixture.version().await, before);
    store.append(&writer(5, 1).batch("carmen", 1, 1)).await.unwrap();
    // What an earlier run owns may be given to the run that followed it.
    let second = store.join(&node("a"), LONG).await.unwrap();
    assert_eq!(store.transfer(bucket(5), Epoch(1), &a).await.unwrap(), Some(Epoch(2)));
    assert_eq!(store.view().await.unwrap().owners[0].incarnation, second);
}

pub(crate) async fn of_two_transfers_one_wins(fixture: &Fixture) {
    let (a, first) = fixture.join("a").await;
    let targets = [fixture.join("b").await.0, fixture.join("c").await.0];
    let everything: Vec<Bucket> = Bucket::all().take(50).collect();
    fixture.store.claim_free(&a, first, &everything).await.unwrap();
    let racers = targets.map(|to| {
        let (store, buckets) = (fixture.store.clone(), everything.clone());
        tokio::spawn(async move {
            let mut given = Vec::new();
            for bucket in buckets {
                given.push(store.transfer(bucket, Epoch(1), &to).await.unwrap());
            }
            given
        })
    });
    let [left, right] = racers;
    for (left, right) in left.await.unwrap().into_iter().zip(right.await.unwrap()) {
        assert_eq!(left.xor(right), Some(Epoch(2)));
    }
}

/// The schema as it was when nodes owned buckets without being known themselves.
macro_rules! schema_before {
    ($database:literal) => {
        concat!(
            include_str!(concat!("../../migrations/", $database, "/0001_initial.sql")),
            include_str!(concat!("../../migrations/", $database, "/0002_order_details.sql")),
            include_str!(concat!("../../migrations/", $database, "/0004_people.sql")),
            include_str!(concat!("../../migrations/", $database, "/0005_payments.sql")),
            include_str!(concat!("../../migrations/", $database, "/0006_order_money.sql")),
        )
    };
}

pub(crate) async fn owners_from_before_the_cluster_may_be_followed(fixture: &Fixture) {
    fixture.store.close().await;
    if let Some(file) = fixture.url.strip_prefix("sqlite://") {
        for suffix in ["", "-wal", "-shm"] {
            // Only the file itself is sure to be there.
            let _ = std::fs::remove_file(format!("{file}{suffix}"));
        }
        std::fs::File::create(file).unwrap();
        fixture.run(concat!(schema_before!("sqlite"), "PRAGMA user_version = 5")).await;
    } else {
        fixture.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
        let schema = "CREATE TABLE earlybird_schema (
            version bigint NOT NULL PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO earlybird_schema (version) SELECT generate_series(1, 5)";
        fixture.run(schema).await;
        fixture.run(schema_before!("postgres")).await;
    }
    fixture.run("INSERT INTO bucket_owner (bucket, node, epoch) VALUES (5, 'a', 7)").await;
    let store = open(&fixture.url).await.unwrap();
    let a = NodeId::from("a");
    let first = store.join(&node("a"), LONG).await.unwrap();
    let owner = OwnerRow { bucket: bucket(5), node: a.clone(), incarnation: Incarnation(0), epoch: Epoch(7) };
    assert_eq!(store.view().await.unwrap().owners, [owner]);
    let claimed = store.claim_free(&a, first, &[bucket(5), bucket(6)]).await.unwrap();
    assert_eq!(claimed, [(bucket(5), Epoch(8)), (bucket(6), Epoch(1))]);
    assert_fenced(store.append(&writer(5, 7).batch("carmen", 1, 1)).await, &[5]);
    store.append(&writer(5, 8).batch("carmen", 1, 1)).await.unwrap();
    // A claim without a run is as one from before.
    store.claim_buckets(&a, &[bucket(5)]).await.unwrap();
    assert_eq!(store.claim_free(&a, first, &[bucket(5)]).await.unwrap(), [(bucket(5), Epoch(10))]);
    store.close().await;
}
