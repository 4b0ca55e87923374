//! Nodes that come, go, die, and know each other.

use std::time::Instant;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::cluster::LoadsRequest;
use earlybird_proto::cluster::peer_client::PeerClient;
use earlybird_proto::v1::HoldSeatsRequest;

use super::{Cluster, PERFORMANCES, RECOVERY_BOUND, disperse, until_acknowledged};
use crate::chaos::house::{self, request_id};
use crate::support::assert_read_in_session;

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_any_call() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    until_acknowledged(&crowds, 20).await;
    let mut forwarded = 0.0;
    for server in &servers {
        forwarded += server.metric("earlybird_calls_forwarded_total").await;
    }
    let done = disperse(crowds).await;
    assert!(forwarded > 0.0, "six performances are not all where they are asked for");
    for done in &done {
        assert!(done.cut.is_empty(), "{:?}", done.cut);
        assert_eq!(done.refused("NOT_OWNER"), 0);
    }
    for (seat, site) in (0..).zip(&cluster.sites) {
        let hold = HoldSeatsRequest {
            performance: format!("performances/{}", PERFORMANCES[0]),
            buyer_id: "ann".into(),
            request_id: request_id(),
            seats: vec![seat],
            ..HoldSeatsRequest::default()
        };
        assert_read_in_session(house::connect(&site.endpoint()), hold, 3 + seat).await;
    }
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_owned_is_served_by_the_others() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 2]);
    until_acknowledged(&crowds, 10).await;
    servers.remove(1).kill().await;
    let began = Instant::now();
    until_acknowledged(&crowds, 10).await;
    println!("every performance goes on after {:?}", began.elapsed());
    assert!(began.elapsed() < RECOVERY_BOUND);
    cluster.shared_out(&servers).await;
    let done = disperse(crowds).await;
    servers.insert(1, cluster.sites[1].start().await);
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_answers_every_call() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    for restarted in 0..3 {
        let others: Vec<usize> = (0..3).filter(|number| *number != restarted).collect();
        let run = format!("-{restarted}");
        cluster.sell(&run).await;
        let crowds = cluster.crowds(&run, &others);
        until_acknowledged(&crowds, 5).await;
        let (status, took) = servers.remove(restarted).terminate().await;
        println!("node {restarted} drained in {took:?}");
        assert!(status.success());
        until_acknowledged(&crowds, 5).await;
        servers.insert(restarted, cluster.sites[restarted].start().await);
        cluster.shared_out(&servers).await;
        until_acknowledged(&crowds, 5).await;
        for done in disperse(crowds).await {
            println!("{} changes, refused {:?}", done.changes, done.refused);
            assert!(done.cut.is_empty(), "{:?}", done.cut);
            assert_eq!(done.refused("NOT_OWNER") + done.refused("DRAINING"), 0);
        }
    }
    cluster.judge(servers, Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_check_their_callers_know_each_other() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "a secret of thirty-two bytes and more").expect("the secret is written");
    let path = secret.path().to_str().expect("a path");
    let cluster = Cluster::of(2)
        .await
        .with("AUTH__ENABLED", "true")
        .with("AUTH__ISSUER", "login")
        .with("AUTH__AUDIENCE", "seats")
        .with("AUTH__HS256_SECRET_FILE", path);
    let servers = cluster.start_nodes().await;
    cluster.shared_out(&servers).await;
    let mut stranger = PeerClient::new(house::connect(&cluster.sites[0].endpoint()));
    let refused = stranger.loads(LoadsRequest {}).await.expect_err("it has no key");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    for server in servers {
        assert!(server.terminate().await.0.success());
    }
}
