//! A shard panics: it alone is loaded again, and its callers are told.

use std::time::Duration;

use super::crowd::{self, Crowd};
use super::eventually;
use super::house::{self, Client};
use super::sale;
use super::server::Site;

/// Where a shard can be made to panic: before it looks at its inbox, and with decisions in hand that the lane has not seen.
const POINTS: [&str; 2] = ["shard-handle", "shard-hand-on"];
/// Performances that are sold at once.
const NIGHTS: [&str; 3] = ["monday", "tuesday", "wednesday"];

/// A panic at `point` each time it was passed so often.
fn panic_every(point: &str, passes: u32, times: usize) -> String {
    format!("{point}={}off", format!("{passes}*off->1*panic->").repeat(times))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_felt_by_its_own_performance_alone() {
    for point in POINTS {
        check(point).await;
    }
}

async fn check(point: &str) {
    let site = Site::on_sqlite().with_variable("FAILPOINTS", &panic_every(point, 300, 1));
    let mut server = site.start().await;
    let client = Client::of(&site.endpoint());
    client.import(20).await;
    let mut generations = Vec::new();
    for night in NIGHTS {
        client.create(night, Duration::from_secs(600)).await;
        generations.push(client.seat_map(night).await.expect("a seat map").generation);
    }
    let crowds: Vec<Crowd> =
        NIGHTS.into_iter().map(|night| Crowd::gather(&site.endpoint(), night, 1_000, 4)).collect();
    let restarted = async || (server.metric("earlybird_shard_restarts_total").await == 1.0).then_some(());
    eventually("a shard was restarted", restarted).await;
    for crowd in &crowds {
        crowd.until_acknowledged(crowd.acknowledged() + 20).await;
    }
    let mut struck = 0;
    for ((night, generation), crowd) in NIGHTS.into_iter().zip(generations).zip(crowds) {
        let done = crowd.disperse().await;
        let was_restarted = client.seat_map(night).await.expect("a seat map").generation != generation;
        println!("{point}: {night}: restarted {was_restarted}, {} changes, {:?}", done.changes, done.refused);
        assert!(done.cut.is_empty(), "the process lives on: {:?}", done.cut);
        let told = done.refused("SHARD_RESTARTED");
        let others =
            done.refused.iter().filter(|(reason, _)| *reason != "SHARD_RESTARTED" && *reason != "SEAT_TAKEN");
        assert_eq!(others.count(), 0, "{:?}", done.refused);
        assert!(was_restarted || done.refused.is_empty(), "{night} was not touched: {:?}", done.refused);
        assert!(!was_restarted || point != "shard-hand-on" || told > 0, "the callers of {night} are told");
        struck += usize::from(was_restarted);
        crowd::assert_held(&site.endpoint(), &done.acknowledged).await;
    }
    assert_eq!(struck, 1, "one panic, one performance");
    assert!(server.is_alive());
    assert!(server.terminate().await.0.success());
    house::audit(site.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_in_the_middle_of_an_on_sale_lose_nothing() {
    const PANICS: usize = 4;
    let points = format!("{};{}", panic_every(POINTS[0], 700, PANICS), panic_every(POINTS[1], 350, PANICS));
    let provider = sale::provider().await;
    let site = Site::on_sqlite().with_variable("FAILPOINTS", &points).paying_through(&provider);
    let server = site.start().await;
    let options = sale::options(&site, &provider, 3.0, Duration::from_secs(6), 5);
    let (outcome, ()) = sale::run(options, async |_| ()).await;
    let restarts = server.metric("earlybird_shard_restarts_total").await;
    println!("{restarts} restarts");
    assert!(restarts >= 2.0, "shards did panic");
    sale::conclude(&outcome, server, &site).await;
}
