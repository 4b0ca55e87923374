//! Networks that are cut: between nodes, in one direction or both, and between a node and the database alone.

use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_proto::v1::HoldSeatsRequest;
use tonic::{Request, Response, Status};

use super::network::{Network, Others, skips_networks};
use super::{BUYERS, Cluster, PERFORMANCES, RECOVERY_BOUND, SEATS, disperse, until_acknowledged};
use crate::chaos::crowd::Crowd;
use crate::chaos::eventually;
use crate::chaos::house::{Client, reason, request_id};
use crate::chaos::proxy::Cut;
use crate::chaos::server::Server;

/// By when a call is answered whose owner cannot be reached: a silent connection is given up after two seconds, and a
/// performance without an owner after two more.
const ANSWER_BOUND: Duration = Duration::from_secs(6);
/// Longest wait of a client.
const TIMEOUT: Duration = Duration::from_secs(20);

const NODES: u8 = 3;

/// A hold that can be asked for again.
struct Wish {
    performance: &'static str,
    /// Whom to ask: a node that does not own the performance.
    asked: usize,
    request: HoldSeatsRequest,
}

impl Wish {
    fn new(performance: &'static str, owner: usize, seat: u32) -> Self {
        let request = HoldSeatsRequest {
            performance: format!("performances/{performance}"),
            buyer_id: "ann".into(),
            grade: String::new(),
            seats: vec![seat],
            request_id: request_id(),
        };
        Self { performance, asked: (owner + 1) % 3, request }
    }

    async fn ask(&self, cluster: &Cluster) -> Result<String, Status> {
        let mut request = Request::new(self.request.clone());
        request.set_timeout(TIMEOUT);
        let held = cluster.client(self.asked).seating.hold_seats(request).await;
        held.map(Response::into_inner).map(|hold| hold.name)
    }

    /// Asks in vain: the owner cannot be reached, and that is said in time.
    async fn ask_in_vain(&self, cluster: &Cluster) {
        let began = Instant::now();
        let refused = self.ask(cluster).await.expect_err("the owner cannot be reached");
        println!(
            "{} at node {}: {} after {:?}",
            self.performance,
            self.asked,
            reason(&refused),
            began.elapsed()
        );
        assert_eq!(reason(&refused), "OWNER_LOST");
        assert!(began.elapsed() < ANSWER_BOUND);
    }
}

/// A cluster and its networks; none when those tests are to be left out.
async fn cuttable() -> Option<(Network, Cluster)> {
    if skips_postgres().expect("PostgreSQL may be left out") || skips_networks() {
        return None;
    }
    let mut network = Network::of(NODES);
    let cluster = Cluster::across(&mut network, TempPostgres::shared().expect("a server")).await;
    Some((network, cluster))
}

/// Buyers of every performance at its owner.
async fn crowds_at_owners(cluster: &Cluster) -> Vec<Crowd> {
    let mut crowds = Vec::new();
    for performance in PERFORMANCES {
        let endpoint = cluster.sites[cluster.owner(performance).await].endpoint();
        crowds.push(Crowd::gather(&endpoint, performance, SEATS, BUYERS));
    }
    crowds
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_cannot_reach_each_other_go_on_with_what_they_own() {
    let Some((network, cluster)) = cuttable().await else { return };
    let mut servers = cluster.start().await;
    let crowds = crowds_at_owners(&cluster).await;
    until_acknowledged(&crowds, 10).await;
    let mut wishes = Vec::new();
    for (seat, cut) in (0..).zip([Cut::Both, Cut::Answers, Cut::Requests]) {
        let owner = cluster.owner("aida").await;
        let wish = Wish::new("aida", owner, seat);
        network.cut(owner, Others::Nodes, cut);
        wish.ask_in_vain(&cluster).await;
        until_acknowledged(&crowds, 5).await;
        network.heal(owner, Others::Nodes);
        // Nobody knows whether it was done: asked again, it is done once (I8).
        let began = Instant::now();
        let hold = eventually("the owner is reached again", async || wish.ask(&cluster).await.ok()).await;
        assert!(began.elapsed() < RECOVERY_BOUND, "L1: {:?}", began.elapsed());
        assert_eq!(wish.ask(&cluster).await.expect("the same answer"), hold);
        wishes.push((wish, hold));
    }
    assert!(servers.iter_mut().all(Server::is_alive), "nobody was taken for dead");
    for (wish, hold) in wishes {
        cluster.client(wish.asked).get_hold(&hold, "ann").await.expect("it is there");
    }
    let done = disperse(crowds).await;
    for done in &done {
        assert!(done.cut.is_empty() && done.refused("OWNER_LOST") == 0, "who asks the owner notices nothing");
        assert_eq!(done.refused("NOT_OWNER"), 0);
    }
    let everywhere = cluster.crowds("", &[0, 1, 2]);
    cluster.recovers(&everywhere).await;
    let done = disperse(everywhere).await;
    cluster.judge(servers, done).await;
}

/// Cuts a node off from the database for longer than its lease: the others take over, and it ends.
async fn check_cut_off(network: &Network, cluster: &Cluster, node: &mut Server, crowds: &[Crowd], cut: Cut) {
    let own = {
        let mut own = None;
        for performance in PERFORMANCES {
            own = own.or((cluster.owner(performance).await == 1).then_some(performance));
        }
        own.expect("it owns something")
    };
    network.cut(1, Others::Database, cut);
    let began = Instant::now();
    let client = cluster.client(1);
    let silent = async || {
        let refused = client.hold(own, "ben", &[0], TIMEOUT).await.err()?;
        (reason(&refused) == "STORE_UNAVAILABLE").then_some(())
    };
    eventually("it does not speak for what it owned any more", silent).await;
    assert_honest(&client, own).await;
    until_acknowledged(crowds, 5).await;
    println!("{cut:?}: every performance goes on after {:?}", began.elapsed());
    assert!(began.elapsed() < RECOVERY_BOUND);
    assert!(node.is_alive(), "it does not know");
    assert_honest(&client, own).await;
    network.heal(1, Others::Database);
    let status = node.ended().await;
    assert!(!status.success(), "it reads itself dead and ends: {status}");
    assert!(node.log().contains("this run of the node is over"), "it says why");
}

/// What a node without a lease says of a performance that it owned is an error.
async fn assert_honest(client: &Client, performance: &str) {
    let map = client.seat_map(performance).await.map_err(|status| reason(&status));
    assert_eq!(map.err().as_deref(), Some("STORE_UNAVAILABLE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_database_is_replaced() {
    let Some((network, cluster)) = cuttable().await else { return };
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 2]);
    for cut in [Cut::Both, Cut::Answers] {
        until_acknowledged(&crowds, 5).await;
        check_cut_off(&network, &cluster, &mut servers[1], &crowds, cut).await;
        servers[1] = cluster.sites[1].start().await;
        cluster.shared_out(&servers).await;
    }
    cluster.recovers(&crowds).await;
    let done = disperse(crowds).await;
    cluster.judge(servers, done).await;
}
