//! SIGTERM under load.

use std::time::{Duration, Instant};

use super::crowd::{self, Crowd};
use super::house::{self, Client};
use super::sale::{self, Marks};
use super::server::Site;

/// By when a drain is over: far below the configured cut-off, since the store is there.
const DRAIN_BOUND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_answers_all_that_is_pending() {
    let site = Site::on_sqlite();
    let server = site.start().await;
    let client = Client::of(&site.endpoint());
    client.import(20).await;
    client.create("carmen", Duration::from_secs(600)).await;
    let crowd = Crowd::gather(&site.endpoint(), "carmen", 1_000, 16);
    crowd.until_acknowledged(40).await;
    let told_to_stop = Instant::now();
    let (status, took) = server.terminate().await;
    let done = crowd.disperse().await;
    println!("{status} after {took:?}: {} changes, {:?}, {} cut", done.changes, done.refused, done.cut.len());
    assert!(status.success() && took < DRAIN_BOUND);
    let cut: Vec<_> = done.cut.iter().filter(|(began, _)| *began < told_to_stop).collect();
    assert!(cut.is_empty(), "calls from before the signal are answered: {cut:?}");
    let expected = ["DRAINING", "SEAT_TAKEN"];
    assert!(done.refused.keys().all(|reason| expected.contains(&reason.as_str())), "{:?}", done.refused);

    let reports = house::audit(site.store()).await;
    assert!(reports[0].entries >= done.changes as u64, "what was acknowledged is there");
    let server = site.start().await;
    crowd::assert_held(&site.endpoint(), &done.acknowledged).await;
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn drains_in_the_middle_of_an_on_sale_lose_nothing() {
    const DRAINS: u64 = 3;
    let provider = sale::provider().await;
    let site = Site::on_sqlite().paying_through(&provider);
    let mut server = site.start().await;
    let options = sale::options(&site, &provider, 4.0, Duration::from_secs(8), 41);
    let meddle = async |mut marks: Marks| {
        let segment = sale::begun(&mut marks).await.planned / (DRAINS + 1);
        let mut drains = Vec::new();
        for number in 1..=DRAINS {
            if sale::answered(&mut marks, segment * number).await.is_none() {
                break;
            }
            drains.push(server.terminate().await);
            server = site.start().await;
        }
        (server, drains)
    };
    let (outcome, (server, drains)) = sale::run(options, meddle).await;
    println!("drains: {drains:?}");
    assert_eq!(drains.len() as u64, DRAINS);
    assert!(drains.iter().all(|(status, took)| status.success() && *took < DRAIN_BOUND), "{drains:?}");
    sale::conclude(&outcome, server, &site).await;
}
