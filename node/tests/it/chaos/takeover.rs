//! A second process as the same node: refused on SQLite, the new owner on PostgreSQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use earlybird_persistence as store;
use earlybird_persistence::testing::{TempPostgres, skips_postgres};

use super::crowd::{self, Crowd};
use super::eventually;
use super::house::{self, Client, reason};
use super::proxy::{Cut, Proxy};
use super::server::Site;

/// By when a node that cannot have the file says so.
const REFUSAL_BOUND: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_file_ends_at_once() {
    let site = Site::on_sqlite();
    let server = site.start().await;
    let client = Client::of(&site.endpoint());
    client.import(20).await;
    client.create("carmen", Duration::from_secs(600)).await;
    let began = Instant::now();
    let (status, said) = Site::on(site.store()).start_in_vain().await;
    println!("{status} after {:?}: {}", began.elapsed(), said.lines().last().unwrap_or_default());
    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < REFUSAL_BOUND);
    assert!(said.contains("is in use by another earlybird"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    client.hold("carmen", "ann", &[1], Duration::from_secs(5)).await.expect("the first is not disturbed");
    assert!(server.terminate().await.0.success());
    house::audit(site.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_of_a_node_takes_over_and_the_first_one_ends() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let url = TempPostgres::shared().expect("a server").new_database().await.expect("a database");
    let (old, new) = (Site::on(&url), Site::on(&url));
    let mut old_server = old.start().await;
    let (at_old, at_new) = (Client::of(&old.endpoint()), Client::of(&new.endpoint()));
    at_old.import(20).await;
    for id in ["carmen", "quiet"] {
        at_old.create(id, Duration::from_secs(600)).await;
    }
    at_old.hold("quiet", "ann", &[1], Duration::from_secs(5)).await.expect("a hold");
    let before = Crowd::gather(&old.endpoint(), "carmen", 1_000, 6);
    before.until_acknowledged(50).await;

    let new_server = new.start().await;
    let after = Crowd::gather(&new.endpoint(), "carmen", 1_000, 6);
    after.until_acknowledged(20).await;
    let status = old_server.ended().await;
    assert!(!status.success(), "it knows that it is not the node any more: {status}");
    assert!(old_server.log().contains("another process runs as node"), "it says why");

    let (before, after) = (before.disperse().await, after.disperse().await);
    println!(
        "old: {} changes, {:?}; new: {} changes, {:?}",
        before.changes, before.refused, after.changes, after.refused
    );
    assert_eq!(after.refused("NOT_OWNER"), 0);
    let hold = at_new.seat_map("quiet").await.expect("the new node shows it");
    assert_eq!(hold.counts.map(|counts| counts.held), Some(1));
    crowd::assert_held(&new.endpoint(), &before.acknowledged).await;
    crowd::assert_held(&new.endpoint(), &after.acknowledged).await;
    assert!(new_server.terminate().await.0.success());
    assert_epochs_grow(&url, "carmen").await;
    house::audit(&url).await;
}

/// What a node sends to the store in vain, for so long that it must ask afterwards whether it is there, is not taken for what
/// the next owner wrote in its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_owner_wrote_acknowledges_nothing() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::shared().expect("a server");
    let (url, port) = (postgres.new_database().await.expect("a database"), postgres.port());
    let network = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    let detour = format!(":{}/", network.address().port());
    let old = Site::on(&url.replacen(&format!(":{port}/"), &detour, 1)).with("LANE__ACK_TIMEOUT", "60s");
    let new = Site::on(&url);
    let mut old_server = old.start().await;
    let (at_old, at_new) = (Client::of(&old.endpoint()), Client::of(&new.endpoint()));
    at_old.import(20).await;
    at_old.create("carmen", Duration::from_secs(600)).await;
    at_old.hold("carmen", "ann", &[1], TIMEOUT).await.expect("the store is there");

    network.cut(Cut::Both);
    let unknown = tokio::spawn(async move { at_old.hold("carmen", "bob", &[2], TIMEOUT).await });
    let is_sent = async || (old_server.metric("earlybird_commit_retries_total").await > 0.0).then_some(());
    eventually("nobody knows whether it is there", is_sent).await;
    let new_server = new.start().await;
    for (buyer, seat) in [("carol", 2), ("dan", 3)] {
        at_new.hold("carmen", buyer, &[seat], TIMEOUT).await.expect("the new owner sells on");
    }
    network.cut(Cut::None);
    let refused = unknown.await.expect("no panic").expect_err("the seat is another's");
    println!("it answers {}", reason(&refused));
    assert!(!old_server.ended().await.success(), "it knows that it is not the node any more");
    assert!(new_server.terminate().await.0.success());
    house::audit(&url).await;
}

/// I9: from the first entry of a new owner on, none of the old one.
async fn assert_epochs_grow(url: &str, performance: &str) {
    let store = store::open(url).await.expect("the store opens");
    let journal = store.journal(&performance.into(), store::Sequence(0), store::PAGE_ROWS_MAX).await;
    let epochs: Vec<_> = journal.expect("the journal").iter().map(|record| record.epoch).collect();
    assert!(epochs.is_sorted(), "an entry of the old owner comes after one of the new");
    assert!(epochs.first() < epochs.last(), "both have written");
    store.close().await;
}
