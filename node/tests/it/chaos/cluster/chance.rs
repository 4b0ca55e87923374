//! Faults by chance, one or two at a time, in the middle of on-sales with their check from outside.
//!
//! `make soak` runs many: `EARLYBIRD_CHAOS_ROUNDS` is the number of on-sales, `EARLYBIRD_CHAOS_SEED` says which faults they
//! meet.

use std::time::Duration;

use earlybird_persistence::testing::skips_postgres;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::faults::{Fault, Victim};
use super::network::{Others, skips_networks};
use crate::chaos::chance;
use crate::chaos::proxy::Cut;
use crate::chaos::sale::{self, Marks};

/// On-sales when the environment does not say how many.
const ROUNDS: u64 = 1;
/// How long a fault lasts: shorter and longer than a lease.
const LASTS_MS: std::ops::Range<u64> = 300..6_000;

const FAULTS: [Fault; 15] = [
    // Not together with others: it waits for each node.
    Fault::RollingRestart,
    Fault::Kill,
    Fault::Restart,
    Fault::Freeze,
    Fault::CutOff(Others::Database, Cut::Both),
    Fault::CutOff(Others::Database, Cut::Answers),
    Fault::CutOff(Others::Database, Cut::Requests),
    Fault::CutOff(Others::Nodes, Cut::Both),
    Fault::CutOff(Others::Nodes, Cut::Answers),
    Fault::CutOff(Others::Nodes, Cut::Requests),
    Fault::DatabaseCrash,
    Fault::ConnectionsCut,
    Fault::Move,
    Fault::Rebalance,
    Fault::TwoCoordinators,
];

fn rounds() -> u64 {
    let given = std::env::var("EARLYBIRD_CHAOS_ROUNDS").ok();
    given.map_or(ROUNDS, |text| text.parse().expect("EARLYBIRD_CHAOS_ROUNDS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_by_chance_cost_no_seat_and_no_money() {
    if skips_postgres().expect("PostgreSQL may be left out") || skips_networks() {
        return;
    }
    let mut rng = chance("faults_by_chance_cost_no_seat_and_no_money", 5);
    let mut victim = Victim::on_networks().await;
    victim.start().await;
    for round in 0..rounds() {
        let options = victim.options(4.0, Duration::from_secs(8), round);
        let known = victim.cluster.performances().await;
        let meddle = async |mut marks: Marks| {
            let planned = sale::begun(&mut marks).await.planned;
            sale::answered(&mut marks, rng.random_range(0..planned / 2)).await.expect("the on-sale goes on");
            let mut performances = victim.cluster.performances().await;
            performances.retain(|performance| !known.contains(performance));
            let nodes = victim.servers.len();
            let first = rng.random_range(0..nodes);
            let mut faults = vec![(*FAULTS.choose(&mut rng).expect("a fault"), first)];
            if rng.random_bool(0.5) && !matches!(faults[0].0, Fault::RollingRestart) {
                faults.push((*FAULTS[1..].choose(&mut rng).expect("a fault"), (first + 1) % nodes));
            }
            let lasts = Duration::from_millis(rng.random_range(LASTS_MS));
            println!("round {round}: {faults:?} for {lasts:?}");
            for (fault, node) in &faults {
                victim.begin(*fault, *node, &performances[0]).await;
            }
            // Nothing is waited for here: so long the faults last.
            tokio::time::sleep(lasts).await;
            for (fault, node) in &faults {
                victim.end(*fault, *node).await;
            }
            victim.recover().await;
        };
        let (outcome, ()) = sale::run(options, meddle).await;
        sale::assert_sound(&outcome);
    }
    victim.recover().await;
    victim.stop().await;
}
