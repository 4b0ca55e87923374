//! The database goes away under all nodes at once.

use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};

use super::{Cluster, disperse, until_acknowledged};
use crate::chaos::eventually;
use crate::chaos::server::Server;

/// How often connections are cut.
const CUTS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_that_outlasts_the_leases_ends_no_node() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::start_new().expect("a server");
    let cluster = Cluster::on(&postgres, 3).await.with("CLUSTER__LEASE", "1s");
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    until_acknowledged(&crowds, 10).await;
    tokio::task::block_in_place(|| postgres.stop());
    for server in &servers {
        let silent = async || (server.metric("earlybird_store_silence_seconds").await > 3.0).then_some(());
        eventually("the leases of all nodes are long over", silent).await;
    }
    tokio::task::block_in_place(|| postgres.start()).expect("the server starts again");
    cluster.recovers(&crowds).await;
    let done = disperse(crowds).await;
    assert!(servers.iter_mut().all(Server::is_alive), "all had the same outage, and none was to blame");
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_and_cut_connections_end_no_node() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::start_new().expect("a server");
    let cluster = Cluster::on(&postgres, 3).await;
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    let mut cut = Vec::new();
    for _ in 0..CUTS {
        until_acknowledged(&crowds, 1).await;
        cut.push(postgres.cut_connections(&cluster.url).await.expect("connections are cut"));
    }
    println!("connections cut: {cut:?}");
    cluster.recovers(&crowds).await;

    let began = Instant::now();
    tokio::task::block_in_place(|| {
        postgres.crash();
        postgres.start()
    })
    .expect("the server starts again");
    println!("the database was away for {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(30));
    cluster.recovers(&crowds).await;
    let done = disperse(crowds).await;
    assert!(servers.iter_mut().all(Server::is_alive), "the nodes live on");
    cluster.judge(servers, done).await;
}
