//! `kill -9` at random moments, on both stores.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use super::sale::{self, Marks};
use super::server::{Server, Site};
use super::{chance, crowd, house};

/// Kills of one on-sale.
const KILLS: u64 = 12;
/// Answers that an on-sale has at least between two kills: enough to show that the node served again.
const ANSWERS_BETWEEN_MIN: u64 = 100;
/// The on-sale tells how far it is in steps of so long; the moment within a step is chance.
const STEP: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_on_sqlite() {
    check("kills_lose_nothing_on_sqlite", Site::on_sqlite(), 2_207).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_on_postgres() {
    if let Some(site) = Site::on_postgres().await {
        check("kills_lose_nothing_on_postgres", site, 4_801).await;
    }
}

async fn check(test: &str, site: Site, seed: u64) {
    let mut rng = chance(test, seed);
    // Small snapshots, so that restarts begin with one as well as without.
    let provider = sale::provider().await;
    let site = site.with("SHARD__SNAPSHOT_EVERY_ENTRIES", "1500").paying_through(&provider);
    let server = site.start().await;
    let options = sale::options(&site, &provider, 5.0, Duration::from_secs(16), seed);
    let (outcome, (server, kills)) =
        sale::run(options, async |marks| kill_again_and_again(&site, server, marks, &mut rng).await).await;

    assert_eq!(kills.len() as u64, KILLS, "the on-sale lasted for all kills");
    let mut served = 0;
    for kill in &kills {
        assert!(kill.answers >= served + ANSWERS_BETWEEN_MIN, "each kill met traffic");
        served = kill.answers;
    }
    assert!(outcome.report.requests.answered > served, "and it went on after the last");
    assert!(outcome.report.requests.disconnects >= KILLS, "every kill cut sessions");
    assert!(outcome.report.requests.retried > 0, "and commands in flight");
    let longest = kills.iter().map(|kill| kill.away).max().unwrap_or_default();
    println!("{test}: {} kills, away for {longest:?} at most", kills.len());

    sale::conclude(&outcome, server, &site).await;
}

/// One kill.
struct Kill {
    /// Answers that the on-sale had had.
    answers: u64,
    /// Until the next process was ready.
    away: Duration,
}

async fn kill_again_and_again(
    site: &Site,
    mut server: Server,
    mut marks: Marks,
    rng: &mut StdRng,
) -> (Server, Vec<Kill>) {
    let segment = sale::begun(&mut marks).await.planned / (KILLS + 1);
    let mut kills: Vec<Kill> = Vec::new();
    for number in 0..KILLS {
        let drawn = segment * number + rng.random_range(segment / 4..segment);
        let seen = marks.borrow().answers;
        if sale::answered(&mut marks, drawn.max(seen + ANSWERS_BETWEEN_MIN)).await.is_none() {
            break;
        }
        // Nothing is waited for here: the kill is to come at a moment that nothing announces.
        tokio::time::sleep(STEP.mul_f64(rng.random_range(0.0..1.0))).await;
        let answers = marks.borrow().answers;
        let began = Instant::now();
        server.kill().await;
        server = site.start().await;
        kills.push(Kill { answers, away: began.elapsed() });
    }
    (server, kills)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_readable_after_every_kill() {
    const ROUNDS: u32 = 5;
    let mut rng = chance("a_file_is_readable_after_every_kill", 77);
    let site = Site::on_sqlite();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let server = site.start().await;
        let client = house::Client::of(&site.endpoint());
        if round == 0 {
            client.import(20).await;
        }
        let performance = format!("night-{round}");
        client.create(&performance, Duration::from_secs(600)).await;
        let crowd = crowd::Crowd::gather(&site.endpoint(), &performance, 1_000, 8);
        let wanted = rng.random_range(50..400);
        crowd.until_acknowledged(wanted).await;
        server.kill().await;
        let done = crowd.disperse().await;
        assert!(done.acknowledged.len() >= wanted);

        // Nobody has repaired anything between the kill and the audit.
        let reports = house::audit(site.store()).await;
        let name = format!("performances/{performance}");
        let report = reports.iter().find(|report| report.performance == name).expect("its report");
        assert!(report.entries >= done.acknowledged.len() as u64, "what was acknowledged is there");
        acknowledged.extend(done.acknowledged);
    }
    let server = site.start().await;
    crowd::assert_held(&site.endpoint(), &acknowledged).await;
    assert!(server.terminate().await.0.success());
}
