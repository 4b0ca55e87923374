//! Performances that are moved while they are sold, by one operator or by two at once.

use std::time::Duration;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::apply_rebalance_response::Event;
use earlybird_proto::v1::{
    ApplyRebalanceRequest, ApplyRebalanceResponse, ListPlacementsRequest, Placement, TransferSummary,
};
use futures::future::{join, join_all};
use tonic::{Code, Status, Streaming};

use super::{Cluster, PERFORMANCES, disperse, until_acknowledged};
use crate::chaos::eventually;
use crate::chaos::house::reason;
use crate::chaos::sale::{self, Marks};

/// Moves of the performance in one on-sale.
const MOVES: u64 = 8;

pub(super) type Rebalancing = Streaming<ApplyRebalanceResponse>;

impl Cluster {
    pub(super) async fn begin_rebalance(
        &self,
        asked: usize,
        concurrency: u32,
    ) -> Result<Rebalancing, Status> {
        let request = ApplyRebalanceRequest { max_moves: 0, concurrency };
        Ok(self.operator(asked).apply_rebalance(request).await?.into_inner())
    }

    /// The performances that there are.
    pub(super) async fn performances(&self) -> Vec<String> {
        let request = ListPlacementsRequest { page_size: 1_000, ..ListPlacementsRequest::default() };
        let list = self.operator(0).list_placements(request).await.expect("the placements").into_inner();
        let name =
            |placement: &Placement| placement.performance.trim_start_matches("performances/").to_owned();
        list.placements.iter().map(name).collect()
    }

    /// Asks two nodes for a rebalance at once. Returns the one that makes it.
    pub(super) async fn rebalance_twice(&self) -> (usize, Rebalancing) {
        let (one, other) = join(self.begin_rebalance(1, 1), self.begin_rebalance(2, 1)).await;
        let (winner, begun, refused) = match (one, other) {
            (Ok(begun), Err(refused)) => (1, begun, refused),
            (Err(refused), Ok(begun)) => (2, begun, refused),
            (one, other) => panic!("one of two is to rebalance: {:?}, {:?}", one.err(), other.err()),
        };
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "REBALANCE_IN_PROGRESS"));
        (winner, begun)
    }

    /// Moves performances, each to two nodes at once, several times.
    pub(super) async fn move_both_ways(&self, performances: &[&str]) {
        for round in 0..3 {
            let moves = performances.iter().flat_map(|performance| {
                [(0, 1), (2, 2)].map(|(asked, to)| self.move_to(asked, performance, (to + round) % 3))
            });
            for outcome in join_all(moves).await {
                if let Err(status) = outcome {
                    assert_eq!(reason(&status), "MOVE_FAILED", "{status:?}");
                }
            }
        }
    }
}

/// Waits for the end of a rebalance.
pub(super) async fn finished(mut rebalancing: Rebalancing) -> TransferSummary {
    while let Some(response) = rebalancing.message().await.expect("it goes on") {
        if let Some(Event::Summary(summary)) = response.event {
            return summary;
        }
    }
    panic!("a rebalance without a summary")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_does_not_notice_that_it_is_moved() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let provider = sale::provider().await;
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual");
    let cluster = cluster.map(|site| site.paying_through(&provider));
    let servers = cluster.start_nodes().await;
    let options = sale::options(&cluster.sites[0], &provider, 4.0, Duration::from_secs(10), 41);
    let endpoints = cluster.sites.iter().map(|site| site.endpoint()).collect();
    let options = rush::onsale::Options { endpoints, sessions: 6, ..options };
    let meddle = async |mut marks: Marks| {
        let segment = sale::begun(&mut marks).await.planned / (MOVES + 2);
        let performance = cluster.performances().await.pop().expect("the one that is sold");
        let mut rebalancing = None;
        for number in 1..=MOVES {
            sale::answered(&mut marks, segment * number).await.expect("the on-sale lasts for all moves");
            let to = number as usize % 3;
            // One that cannot be made durable in time, where the machine is too busy, is taken back. It is asked for again.
            let go = async || cluster.move_to((to + 1) % 3, &performance, to).await.ok();
            eventually("it is moved", go).await;
            if number == 2 {
                rebalancing = Some(cluster.begin_rebalance(1, 4).await.expect("nobody else rebalances"));
            }
        }
        finished(rebalancing.expect("it was begun")).await
    };
    let (outcome, summary) = sale::run(options, meddle).await;
    println!("{MOVES} moves of the performance, and {} of buckets", summary.moved);
    assert!(summary.moved > 500, "two thirds of the buckets were elsewhere");
    sale::assert_sound(&outcome);
    assert_eq!(outcome.report.requests.disconnects, 0, "no session was lost");
    cluster.judge(servers, Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_coordinators_at_once_do_no_harm() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual");
    let servers = cluster.start_uneven().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    until_acknowledged(&crowds, 5).await;

    let (winner, begun) = cluster.rebalance_twice().await;
    for asked in [winner, 3 - winner, 0] {
        let refused = cluster.begin_rebalance(asked, 1).await.expect_err("the first is still at it");
        assert_eq!(reason(&refused), "REBALANCE_IN_PROGRESS");
    }
    // Others move performances meanwhile.
    cluster.move_both_ways(&PERFORMANCES).await;
    let summary = finished(begun).await;
    println!("{} moved, {} failed, in {:?}", summary.moved, summary.failed, summary.elapsed);

    for performance in PERFORMANCES {
        let agreed = async || {
            let told = join_all((0..3).map(|asked| cluster.routing(asked, performance))).await;
            told.iter().all(|route| !route.node.is_empty() && *route == told[0]).then_some(())
        };
        eventually("all nodes name the same owner", agreed).await;
    }
    cluster.recovers(&crowds).await;
    let done = disperse(crowds).await;
    for done in &done {
        assert!(done.cut.is_empty(), "{:?}", done.cut);
        let usual = |reason: &String| ["SEAT_TAKEN", "NOT_OWNER"].contains(&reason.as_str());
        assert!(done.refused.keys().all(usual), "who moves leaves nothing behind: {:?}", done.refused);
    }
    cluster.judge(servers, done).await;
}
