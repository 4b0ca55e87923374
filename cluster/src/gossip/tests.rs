//! Real sockets on the loopback interface.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::time::timeout;

use super::*;

const KEY: &str = "the key of these tests";
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Nothing here takes so long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(node: &str, seeds: &[&Gossip]) -> GossipOptions {
    GossipOptions {
        node: node.to_owned(),
        incarnation: 1,
        listen: LOOPBACK,
        advertise: LOOPBACK,
        seeds: seeds.iter().map(|seed| seed.address().to_string()).collect(),
        key: KEY.into(),
        interval: Duration::from_millis(50),
    }
}

async fn start(options: GossipOptions) -> Gossip {
    Gossip::start(options).await.expect("a free port")
}

/// Waits until the node's peers are as wanted.
async fn until(gossip: &Gossip, what: &str, wanted: impl Fn(&[Peer]) -> bool) -> Vec<Peer> {
    let mut peers = gossip.peers();
    let found = timeout(PATIENCE, peers.wait_for(|peers| wanted(peers))).await;
    match found {
        Ok(found) => found.expect("gossip goes on").clone(),
        Err(_) => panic!("{what}: {:?}", gossip.peers().borrow()),
    }
}

async fn until_named(gossip: &Gossip, names: &[&str]) -> Vec<Peer> {
    until(gossip, &format!("{names:?} are wanted"), |peers| {
        peers.iter().map(|peer| &*peer.node).eq(names.iter().copied())
    })
    .await
}

/// Waits until the node's only peer says that this is its load.
async fn until_loaded(gossip: &Gossip, load: &str) -> Vec<Peer> {
    let is_said = |peer: &Peer| peer.values.get("load").is_some_and(|said| said == load);
    until(gossip, &format!("a load of {load} is wanted"), |peers| peers.iter().any(is_said)).await
}

/// Waits until the node has dropped so many datagrams.
async fn until_dropped(gossip: &Gossip, count: u64) {
    let dropped = async {
        while gossip.dropped() < count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, dropped).await.expect("so many are dropped");
}

#[tokio::test]
async fn two_nodes_see_each_other_and_what_they_say() {
    let first = start(options("a", &[])).await;
    first.set("load", 7).await;
    let second = start(options("b", &[&first])).await;
    until_named(&first, &["b"]).await;
    until_loaded(&second, "7").await;
    first.set("load", 8).await;
    let peers = until_loaded(&second, "8").await;
    assert_eq!((&*peers[0].node, peers[0].incarnation), ("a", 1));
}

#[tokio::test]
async fn three_nodes_hear_of_each_other_and_notice_who_falls_silent() {
    let first = start(options("a", &[])).await;
    let second = start(options("b", &[&first])).await;
    let third = start(options("c", &[&first])).await;
    until_named(&second, &["a", "c"]).await;
    until_named(&third, &["a", "b"]).await;
    first.shutdown().await;
    until_named(&second, &["c"]).await;
    until_named(&third, &["b"]).await;
}

#[tokio::test]
async fn a_later_run_replaces_its_predecessor() {
    let first = start(options("a", &[])).await;
    let second = start(options("b", &[&first])).await;
    until_named(&first, &["b"]).await;
    second.shutdown().await;
    let _again = start(GossipOptions { incarnation: 2, ..options("b", &[&first]) }).await;
    let peers = until(&first, "the second run", |peers| peers.iter().any(|peer| peer.incarnation == 2)).await;
    assert_eq!(peers.len(), 1);
}

#[tokio::test]
async fn a_stranger_is_neither_seen_nor_told_anything() {
    let first = start(options("a", &[])).await;
    let stranger =
        start(GossipOptions { key: "another cluster's key".into(), ..options("x", &[&first]) }).await;
    until_dropped(&first, 10).await;
    let second = start(options("b", &[&first])).await;
    until_named(&first, &["b"]).await;
    until_named(&second, &["a"]).await;
    assert_eq!(*stranger.peers().borrow(), []);
    // What is not of its cluster is not answered, so it has nothing to drop.
    assert_eq!(stranger.dropped(), 0);
}

#[tokio::test]
async fn garbage_is_dropped_and_counted() {
    let first = start(options("a", &[])).await;
    let second = start(options("b", &[&first])).await;
    let socket = UdpSocket::bind(LOOPBACK).await.expect("a free port");
    let seal = Seal::new(&KEY.into()).expect("a long key");
    let mut sealed_garbage = b"not a message".to_vec();
    seal.close(&mut sealed_garbage);
    let largest = vec![0xab; 65_507];
    for garbage in [&b""[..], b"x", &[0; 32], &largest, &sealed_garbage] {
        socket.send_to(garbage, first.address()).await.expect("it is sent");
    }
    until_dropped(&first, 5).await;
    until_named(&first, &["b"]).await;
    until_named(&second, &["a"]).await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let first = start(options("a", &[])).await;
    let taken = GossipOptions { listen: first.address(), ..options("b", &[]) };
    let message = Gossip::start(taken).await.err().expect("the port is taken").to_string();
    assert!(message.contains(&first.address().to_string()), "{message}");
    let weak = GossipOptions { key: "short".into(), ..options("b", &[]) };
    let message = Gossip::start(weak).await.err().expect("the key is short").to_string();
    assert!(message.contains("cluster key"), "{message}");
}
