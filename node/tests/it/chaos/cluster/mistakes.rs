//! What operators ask for that cannot be: each is refused with a reason, and nothing is half done.

use std::time::Instant;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::{
    ClusterView, DrainNodeRequest, GetClusterRequest, MovePerformanceRequest, PinPerformanceRequest,
    UndrainNodeRequest, cluster_node,
};
use tonic::{Code, Status};

use super::{Cluster, disperse, until_acknowledged};
use crate::chaos::eventually;
use crate::chaos::house::reason;

fn assert_refused<T>(what: &str, outcome: Result<T, Status>, code: Code, expected: &str) {
    let refused = outcome.err().unwrap_or_else(|| panic!("{what} is refused"));
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (code, expected),
        "{what}: {}",
        refused.message()
    );
}

impl Cluster {
    async fn view(&self) -> ClusterView {
        let view = self.operator(0).get_cluster(GetClusterRequest {}).await;
        view.expect("any node tells").into_inner()
    }

    /// A move to that node by each of the ways, all of which are refused.
    async fn assert_takes_nothing(&self, node: &str, code: Code, expected: &str) {
        let (performance, node) = ("performances/aida".to_owned(), node.to_owned());
        let moved = MovePerformanceRequest { performance: performance.clone(), node: node.clone() };
        let moved = self.operator(0).move_performance(moved).await;
        assert_refused(&format!("a move to {node}"), moved, code, expected);
        let pinned = PinPerformanceRequest { performance, node: node.clone() };
        let pinned = self.operator(0).pin_performance(pinned).await;
        assert_refused(&format!("a pin to {node}"), pinned, code, expected);
    }

    pub(super) async fn drain(&self, node: &str) -> Result<(), Status> {
        let request = DrainNodeRequest { name: node.to_owned(), concurrency: 16 };
        let mut moves = self.operator(0).drain_node(request).await?.into_inner();
        while moves.message().await?.is_some() {}
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_of_operators_are_refused_and_change_nothing() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual");
    let mut servers = cluster.start_uneven().await;
    let crowds = cluster.crowds("", &[0, 1]);
    until_acknowledged(&crowds, 5).await;
    let before = (cluster.view().await.view_version, cluster.routing(1, "aida").await);

    for (node, code, expected) in [
        ("nodes/node-9", Code::NotFound, "NODE_NOT_FOUND"),
        ("node-1", Code::InvalidArgument, "INVALID_FIELD"),
    ] {
        cluster.assert_takes_nothing(node, code, expected).await;
        assert_refused("a drain", cluster.drain(node).await, code, expected);
        let undrained = cluster.operator(0).undrain_node(UndrainNodeRequest { name: node.to_owned() }).await;
        assert_refused("an end of a drain", undrained, code, expected);
    }
    let unknown = cluster.move_to(0, "nothing", 1).await;
    assert_refused("a move of nothing", unknown, Code::NotFound, "PERFORMANCE_NOT_FOUND");
    assert_eq!(before, (cluster.view().await.view_version, cluster.routing(1, "aida").await));

    cluster.drain("nodes/node-1").await.expect("others can take what it has");
    cluster.assert_takes_nothing("nodes/node-1", Code::FailedPrecondition, "NODE_NOT_ACTIVE").await;
    servers.remove(2).kill().await;
    eventually("the node is dead", async || {
        let view = cluster.view().await;
        (view.nodes[2].state() == cluster_node::State::Dead).then_some(())
    })
    .await;
    cluster.assert_takes_nothing("nodes/node-2", Code::FailedPrecondition, "NODE_NOT_ACTIVE").await;
    assert_refused(
        "a drain",
        cluster.drain("nodes/node-2").await,
        Code::FailedPrecondition,
        "NODE_NOT_ACTIVE",
    );
    assert_refused("a drain", cluster.drain("nodes/node-0").await, Code::FailedPrecondition, "LAST_NODE");
    assert_eq!(before.1, cluster.routing(1, "aida").await, "it is where it was, under the same epoch");
    let done = disperse(crowds).await;
    servers.push(cluster.sites[2].start().await);
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_answer_is_given_nothing() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual").with("CLUSTER__LEASE", "60s");
    let servers = cluster.start_uneven().await;
    cluster.client(0).create("quiet", std::time::Duration::from_secs(600)).await;
    let crowds = cluster.crowds("", &[0, 1]);
    until_acknowledged(&crowds, 5).await;
    servers[2].freeze();
    // Nobody has asked for the second one yet: it is on no node.
    for performance in ["aida", "quiet"] {
        let before = cluster.routing(0, performance).await;
        let began = Instant::now();
        let moved = cluster.move_to(1, performance, 2).await;
        println!(
            "refused after {:?}: {}",
            began.elapsed(),
            moved.as_ref().err().map_or("not", Status::message)
        );
        assert_refused("a move to a frozen node", moved, Code::Unavailable, "MOVE_FAILED");
        assert_eq!(before, cluster.routing(0, performance).await);
    }
    cluster.recovers(&crowds).await;
    servers[2].thaw();
    for performance in ["aida", "quiet"] {
        eventually("it answers again", async || cluster.move_to(1, performance, 2).await.ok()).await;
    }
    cluster.recovers(&crowds).await;
    let done = disperse(crowds).await;
    for done in &done {
        assert!(
            done.cut.is_empty() && done.refused.keys().all(|reason| reason == "SEAT_TAKEN"),
            "nobody noticed"
        );
    }
    cluster.judge(servers, done).await;
}
