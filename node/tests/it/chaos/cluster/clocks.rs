//! Machines that disagree about the time of day. Nothing compares their clocks: the store's counts, for leases and for holds.

use std::path::Path;
use std::time::Duration;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::Hold;
use jiff::Timestamp;

use super::{Cluster, disperse, until_acknowledged};
use crate::chaos::server::Server;
use crate::chaos::skips_without;

/// By how much each node's clock is ahead.
const AHEAD_S: [i64; 3] = [300, 0, -300];
/// Life of a hold: shorter than clocks are apart, longer than the test lasts.
const HOLD_TTL: Duration = Duration::from_secs(120);
/// The library that shows a process another time, where packages put it. `make setup` installs it.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
];

/// The library, if it is here.
pub(super) fn library() -> Option<&'static str> {
    let found = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    if skips_without("libfaketime", found.is_some()) { None } else { found }
}

/// By how much the node's clock is ahead of this process's, as the first line of its log shows.
fn ahead_s(server: &Server) -> i64 {
    let log = server.log();
    let first: Timestamp = log.split(' ').next().and_then(|time| time.parse().ok()).expect("a time");
    first.as_second() - Timestamp::now().as_second()
}

/// Sets the nodes' clocks apart.
pub(super) fn set_apart(cluster: Cluster, library: &str) -> Cluster {
    let mut ahead = AHEAD_S.iter();
    cluster.map(|site| {
        let offset = format!("{:+}s", ahead.next().expect("one for each node"));
        site.with_variable("LD_PRELOAD", library)
            .with_variable("FAKETIME", &offset)
            .with_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    })
}

/// The nodes believe in the times that they were given.
pub(super) fn assert_apart<'a>(servers: impl IntoIterator<Item = &'a Server>) {
    for (server, expected) in servers.into_iter().zip(AHEAD_S) {
        let ahead = ahead_s(server);
        assert!((ahead - expected).abs() < 60, "{ahead} s instead of {expected}");
    }
}

/// By how much a hold outlasts this moment, by this process's clock, which is the store's.
fn left_s(hold: &Hold) -> i64 {
    hold.expire_time.expect("it has a deadline").seconds - Timestamp::now().as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_five_minutes_apart_do_not_matter() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let Some(library) = library() else { return };
    let cluster = set_apart(Cluster::of(AHEAD_S.len()).await, library);
    let mut servers = cluster.start().await;
    assert_apart(&servers);
    let crowds = cluster.crowds("", &[0, 1]);
    cluster.client(0).create("short", HOLD_TTL).await;
    let mut held = Vec::new();
    for owner in 0..AHEAD_S.len() {
        cluster.move_to(0, "short", owner).await.expect("it is brought there");
        let hold =
            cluster.client(owner).hold("short", "ann", &[owner as u32], HOLD_TTL).await.expect("a hold");
        assert!((100..=125).contains(&left_s(&hold)), "{} s by the clock of node {owner}", left_s(&hold));
        held.push(hold);
        for hold in &held {
            let shown = cluster.client(owner).get_hold(&hold.name, "ann").await.expect("it has not lapsed");
            assert_eq!(shown.expire_time, hold.expire_time, "at node {owner}");
        }
    }
    until_acknowledged(&crowds, 10).await;
    assert!(servers.iter_mut().all(Server::is_alive), "no lease is over");

    servers.remove(2).kill().await;
    cluster.recovers(&crowds).await;
    for hold in &held {
        let shown = cluster.client(0).get_hold(&hold.name, "ann").await.expect("it has not lapsed");
        assert_eq!(shown.expire_time, hold.expire_time, "at its next owner");
    }
    let done = disperse(crowds).await;
    servers.push(cluster.sites[2].start().await);
    cluster.judge(servers, done).await;
}
