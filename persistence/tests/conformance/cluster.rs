//! The cluster's nodes: runs, leases, the coordinator, pins, and the view of it all.

use std::time::Duration;

use earlybird_persistence::{
    Epoch, Incarnation, NewNode, NodeId, NodeRow, NodeState, PinOutcome, PinRow, StoreError, ViewVersion,
};

use crate::support::{Fixture, bucket, eventually};

/// A lease that outlives every test.
pub(crate) const LONG: Duration = Duration::from_secs(300);
/// A lease that runs out before anybody looks twice.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

const FIRST: Incarnation = Incarnation(1);

pub(crate) fn node(id: &str) -> NewNode {
    NewNode { id: id.into(), address: format!("http://{id}:7000"), weight: 100 }
}

impl Fixture {
    pub(crate) async fn join(&self, id: &str) -> (NodeId, Incarnation) {
        (id.into(), self.store.join(&node(id), LONG).await.unwrap())
    }

    /// A run that was declared dead.
    pub(crate) async fn join_and_die(&self, id: &str) -> (NodeId, Incarnation) {
        let incarnation = self.store.join(&node(id), SHORT).await.unwrap();
        eventually(async || self.store.declare_dead().await.unwrap() == [id.into()]).await;
        (id.into(), incarnation)
    }

    pub(crate) async fn version(&self) -> ViewVersion {
        self.store.view().await.unwrap().version
    }

    async fn row(&self, id: &str) -> NodeRow {
        let nodes = self.store.view().await.unwrap().nodes;
        nodes.into_iter().find(|row| row.id.as_str() == id).unwrap()
    }
}

pub(crate) async fn a_later_run_ends_the_earlier(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first) = fixture.join("a").await;
    assert_eq!(first, FIRST);
    assert!(store.renew(&a, first, LONG).await.unwrap().is_some());
    let again = NewNode { address: "https://a2:7443".into(), weight: 250, ..node("a") };
    let second = store.join(&again, LONG).await.unwrap();
    assert_eq!(second, Incarnation(2));
    assert_eq!(store.renew(&a, first, LONG).await.unwrap(), None);
    assert_eq!(store.claim_free(&a, first, &[bucket(5)]).await.unwrap(), []);
    assert!(!store.lead(&a, first, LONG).await.unwrap());
    store.leave(&a, first).await.unwrap();
    assert!(store.renew(&a, second, LONG).await.unwrap().is_some());
    // A run that is yet to come is none.
    assert_eq!(store.renew(&a, Incarnation(3), LONG).await.unwrap(), None);
    assert_eq!(store.renew(&"b".into(), FIRST, LONG).await.unwrap(), None);
    let row = fixture.row("a").await;
    assert_eq!((row.incarnation, row.address.as_str(), row.weight), (second, "https://a2:7443", 250));
    assert!((1..=300_000).contains(&row.lease_left_ms), "{row:?}");
}

pub(crate) async fn a_run_that_was_declared_dead_is_over(fixture: &Fixture) {
    let store = &fixture.store;
    let (b, _) = fixture.join("b").await;
    let (a, first) = fixture.join_and_die("a").await;
    assert_eq!(store.declare_dead().await.unwrap(), []);
    assert_eq!(store.renew(&a, first, LONG).await.unwrap(), None);
    assert_eq!(store.claim_free(&a, first, &[bucket(5)]).await.unwrap(), []);
    assert!(!store.lead(&a, first, LONG).await.unwrap());
    for draining in [true, false] {
        assert!(!store.set_draining(&a, draining).await.unwrap());
    }
    let row = fixture.row("a").await;
    assert_eq!(row.state, NodeState::Dead);
    assert!(row.lease_left_ms <= 0, "{row:?}");
    assert!(store.renew(&b, FIRST, LONG).await.unwrap().is_some());
    let (_, second) = fixture.join("a").await;
    assert_eq!((second, fixture.row("a").await.state), (Incarnation(2), NodeState::Active));
}

pub(crate) async fn a_lease_that_ran_out_may_be_renewed(fixture: &Fixture) {
    let store = &fixture.store;
    let a = NodeId::from("a");
    store.join(&node("a"), SHORT).await.unwrap();
    eventually(async || fixture.row("a").await.lease_left_ms < 0).await;
    // Nothing new until then.
    assert_eq!(store.claim_free(&a, FIRST, &[bucket(5)]).await.unwrap(), []);
    assert!(!store.lead(&a, FIRST, LONG).await.unwrap());
    assert!(store.renew(&a, FIRST, LONG).await.unwrap().is_some());
    assert_eq!(store.claim_free(&a, FIRST, &[bucket(5)]).await.unwrap(), [(bucket(5), Epoch(1))]);
    assert!(store.lead(&a, FIRST, LONG).await.unwrap());
    assert_eq!(store.declare_dead().await.unwrap(), []);
}

pub(crate) async fn a_node_drains_until_its_next_run(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first) = fixture.join("a").await;
    for (draining, expected) in [(true, NodeState::Draining), (false, NodeState::Active)] {
        assert!(store.set_draining(&a, draining).await.unwrap());
        assert_eq!(fixture.row("a").await.state, expected);
    }
    assert!(store.set_draining(&a, true).await.unwrap());
    assert!(store.renew(&a, first, LONG).await.unwrap().is_some());
    assert_eq!(fixture.row("a").await.state, NodeState::Draining);
    let (_, second) = fixture.join("a").await;
    assert_eq!(fixture.row("a").await.state, NodeState::Active);
    store.leave(&a, second).await.unwrap();
    assert_eq!(fixture.row("a").await.state, NodeState::Dead);
    assert_eq!(store.renew(&a, second, LONG).await.unwrap(), None);
    assert!(!store.set_draining(&a, true).await.unwrap());
    assert!(!store.set_draining(&"b".into(), true).await.unwrap());
}

pub(crate) async fn the_version_grows_with_each_change(fixture: &Fixture) {
    let store = &fixture.store;
    let mut version = fixture.version().await;
    let mut grows_by = async |growth: u64, what: &str| {
        let now = fixture.version().await;
        assert_eq!(now.0 - version.0, growth, "{what}");
        version = now;
    };
    let (a, first) = fixture.join("a").await;
    grows_by(1, "join").await;
    let (b, _) = fixture.join("b").await;
    grows_by(1, "another join").await;
    let told = store.renew(&a, first, LONG).await.unwrap();
    assert_eq!(told, Some(fixture.version().await));
    assert_eq!(store.declare_dead().await.unwrap(), []);
    store.lead(&a, first, LONG).await.unwrap();
    grows_by(0, "renewals, looking for the dead, leading").await;
    let claimed = store.claim_free(&a, first, &[bucket(1), bucket(2), bucket(1)]).await.unwrap();
    assert_eq!(claimed, [(bucket(1), Epoch(1)), (bucket(2), Epoch(1))]);
    grows_by(1, "a claim of two buckets").await;
    store.claim_free(&a, first, &[bucket(1), bucket(2)]).await.unwrap();
    store.claim_free(&a, first, &[]).await.unwrap();
    grows_by(0, "claims of nothing").await;
    assert_eq!(store.transfer(bucket(1), Epoch(1), &b).await.unwrap(), Some(Epoch(2)));
    grows_by(1, "transfer").await;
    assert_eq!(store.transfer(bucket(1), Epoch(1), &b).await.unwrap(), None);
    grows_by(0, "a transfer that is late").await;
    store.set_draining(&a, true).await.unwrap();
    grows_by(1, "drain").await;
    store.pin(&pin("carmen", 1, "b")).await.unwrap();
    grows_by(1, "pin").await;
    store.pin(&pin("tosca", 1, "a")).await.unwrap();
    store.unpin(&"tosca".into()).await.unwrap();
    grows_by(0, "a pin that conflicts, and one that is not there").await;
    store.unpin(&"carmen".into()).await.unwrap();
    grows_by(1, "unpin").await;
    store.claim_buckets(&a, &[bucket(3)]).await.unwrap();
    grows_by(1, "a claim without a run").await;
    store.leave(&a, first).await.unwrap();
    grows_by(1, "leave").await;
    store.leave(&a, first).await.unwrap();
    grows_by(0, "leaving again").await;
}

/// Both the version and the bucket's epoch grow by one with each transfer, so in each view they agree.
pub(crate) async fn a_view_is_of_one_moment(fixture: &Fixture) {
    let (a, first) = fixture.join("a").await;
    let (b, _) = fixture.join("b").await;
    let mut epoch = fixture.store.claim_free(&a, first, &[bucket(5)]).await.unwrap()[0].1;
    let since = fixture.version().await.0 - epoch.0;
    let store = fixture.store.clone();
    let transfers = tokio::spawn(async move {
        for to in [b, a].iter().cycle().take(100) {
            epoch = store.transfer(bucket(5), epoch, to).await.unwrap().unwrap();
        }
        epoch
    });
    while !transfers.is_finished() {
        let view = fixture.store.view().await.unwrap();
        let [owner] = &view.owners[..] else { panic!("{view:?}") };
        assert_eq!(view.version.0 - owner.epoch.0, since);
        // The first owner has the odd epochs.
        assert_eq!(owner.node.as_str(), if owner.epoch.0 % 2 == 1 { "a" } else { "b" });
    }
    assert_eq!(transfers.await.unwrap(), Epoch(101));
    let names: Vec<NodeId> =
        fixture.store.view().await.unwrap().nodes.into_iter().map(|row| row.id).collect();
    assert_eq!(names, ["a".into(), "b".into()]);
}

pub(crate) async fn one_run_leads_until_its_lease_is_over(fixture: &Fixture) {
    let store = &fixture.store;
    let (a, first_a) = fixture.join("a").await;
    let (b, first_b) = fixture.join("b").await;
    assert!(store.lead(&a, first_a, LONG).await.unwrap());
    assert!(!store.lead(&b, first_b, LONG).await.unwrap());
    assert!(store.lead(&a, first_a, SHORT).await.unwrap());
    eventually(async || store.lead(&b, first_b, LONG).await.unwrap()).await;
    assert!(!store.lead(&a, first_a, LONG).await.unwrap());
    // A run that is over leads no more, whatever is left of its lease.
    let (_, second_b) = fixture.join("b").await;
    assert!(store.lead(&a, first_a, LONG).await.unwrap());
    assert!(!store.lead(&b, second_b, LONG).await.unwrap());
    store.leave(&a, first_a).await.unwrap();
    assert!(store.lead(&b, second_b, LONG).await.unwrap());
    assert!(!store.lead(&"c".into(), FIRST, LONG).await.unwrap());
}

pub(crate) async fn of_many_runs_one_leads(fixture: &Fixture) {
    let mut racers = Vec::new();
    for turn in 0..8 {
        let (node, incarnation) = fixture.join(&format!("n{turn}")).await;
        let store = fixture.store.clone();
        racers.push(tokio::spawn(async move { store.lead(&node, incarnation, LONG).await.unwrap() }));
    }
    let mut leaders = 0;
    for racer in racers {
        leaders += usize::from(racer.await.unwrap());
    }
    assert_eq!(leaders, 1);
}

fn pin(performance: &str, number: u16, node: &str) -> PinRow {
    PinRow { performance: performance.into(), bucket: bucket(number), node: node.into() }
}

pub(crate) async fn a_bucket_is_pinned_to_one_node(fixture: &Fixture) {
    let store = &fixture.store;
    assert_eq!(store.pin(&pin("carmen", 5, "a")).await.unwrap(), PinOutcome::NoSuchNode);
    fixture.join("a").await;
    fixture.join_and_die("b").await;
    for row in [pin("carmen", 5, "a"), pin("carmen", 5, "a"), pin("tosca", 5, "a"), pin("aida", 6, "b")] {
        assert_eq!(store.pin(&row).await.unwrap(), PinOutcome::Pinned);
    }
    // The only one of its bucket may be replaced; another of the bucket holds it.
    assert_eq!(store.pin(&pin("aida", 6, "a")).await.unwrap(), PinOutcome::Pinned);
    let conflict = store.pin(&pin("carmen", 5, "b")).await.unwrap();
    assert_eq!(conflict, PinOutcome::Conflict(pin("tosca", 5, "a")));
    assert!(store.unpin(&"tosca".into()).await.unwrap());
    assert!(!store.unpin(&"tosca".into()).await.unwrap());
    assert_eq!(store.pin(&pin("carmen", 5, "b")).await.unwrap(), PinOutcome::Pinned);
    let pins = store.view().await.unwrap().pins;
    assert_eq!(pins, [pin("aida", 6, "a"), pin("carmen", 5, "b")]);
}

pub(crate) async fn racing_pins_agree_on_a_node(fixture: &Fixture) {
    let mut racers = Vec::new();
    for turn in 0..8 {
        let (node, _) = fixture.join(&format!("n{turn}")).await;
        let store = fixture.store.clone();
        let row = pin(&format!("p{turn}"), 5, node.as_str());
        racers.push(tokio::spawn(async move { (store.pin(&row).await.unwrap(), row) }));
    }
    let mut outcomes = Vec::new();
    for racer in racers {
        outcomes.push(racer.await.unwrap());
    }
    let [winner] = &fixture.store.view().await.unwrap().pins[..] else { panic!("{outcomes:?}") };
    for (outcome, row) in &outcomes {
        let expected = PinOutcome::Conflict(winner.clone());
        assert_eq!(*outcome, if row == winner { PinOutcome::Pinned } else { expected });
    }
}

pub(crate) async fn a_broken_node_names_the_field(fixture: &Fixture) {
    let store = &fixture.store;
    let broken = [
        ("id", NewNode { id: "".into(), ..node("a") }, LONG),
        ("id", node(&"a".repeat(64)), LONG),
        ("address", NewNode { address: String::new(), ..node("a") }, LONG),
        ("address", NewNode { address: "a".repeat(513), ..node("a") }, LONG),
        ("weight", NewNode { weight: 0, ..node("a") }, LONG),
        ("weight", NewNode { weight: 1_000_001, ..node("a") }, LONG),
        ("lease", node("a"), Duration::ZERO),
        ("lease", node("a"), Duration::from_secs(601)),
    ];
    for (field, node, lease) in broken {
        let error = store.join(&node, lease).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("{field}: accepted are")), "{error}");
    }
    let (a, first) = fixture.join("a").await;
    assert!(matches!(store.renew(&a, first, Duration::ZERO).await, Err(StoreError::Invalid { .. })));
    assert!(matches!(store.lead(&a, first, Duration::ZERO).await, Err(StoreError::Invalid { .. })));
    assert_eq!(store.view().await.unwrap().nodes.len(), 1);
}
