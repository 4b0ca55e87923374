//! Faults by chance, one or two at a time, in the middle of on-sales with their check from outside.
//!
//! `make soak` runs many: `EARLYBIRD_CHAOS_ROUNDS` is the number of on-sales, `EARLYBIRD_CHAOS_SEED` says which faults they
//! meet.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::task::JoinHandle;

use super::network::{Network, Others, skips_networks};
use super::{Cluster, PERFORMANCES, RECOVERY_BOUND};
use crate::chaos::chance;
use crate::chaos::proxy::Cut;
use crate::chaos::sale::{self, Marks};
use crate::chaos::server::Server;

/// On-sales when the environment does not say how many.
const ROUNDS: u64 = 2;
const NODES: u8 = 3;
/// How long a fault lasts: shorter and longer than a lease.
const LASTS_MS: std::ops::Range<u64> = 300..6_000;
/// How long a hold may take once all is well.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Something that goes wrong, or an operator does, at a node.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Restart,
    Freeze,
    CutOff(Others, Cut),
    DatabaseCrash,
    ConnectionsCut,
    Move,
    Rebalance,
}

const FAULTS: [Fault; 13] = [
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
];

/// A cluster that faults happen to.
struct Victim {
    /// None between a node's end and its next start.
    servers: Vec<Option<Server>>,
    cluster: Cluster,
    network: Network,
    postgres: TempPostgres,
    /// Nodes that shut down.
    ending: Vec<JoinHandle<(ExitStatus, Duration)>>,
}

impl Victim {
    async fn begin(&mut self, fault: Fault, node: usize) {
        let operator = (node + 1) % self.servers.len();
        match fault {
            Fault::Kill => {
                if let Some(server) = self.servers[node].take() {
                    server.kill().await;
                }
            }
            Fault::Restart => {
                if let Some(server) = self.servers[node].take() {
                    self.ending.push(tokio::spawn(server.terminate()));
                }
            }
            Fault::Freeze => self.servers[node].iter().for_each(Server::freeze),
            Fault::CutOff(others, cut) => self.network.cut(node, others, cut),
            Fault::DatabaseCrash => tokio::task::block_in_place(|| {
                self.postgres.crash();
                self.postgres.start().expect("the server starts again");
            }),
            Fault::ConnectionsCut => {
                self.postgres.cut_connections(&self.cluster.url).await.expect("connections are cut");
            }
            // What operators ask for may be in vain while something else goes wrong.
            Fault::Move => {
                for performance in PERFORMANCES {
                    drop(self.cluster.move_to(operator, performance, node).await);
                }
            }
            Fault::Rebalance => drop(self.cluster.begin_rebalance(operator, 4).await),
        }
    }

    async fn end(&mut self, fault: Fault, node: usize) {
        match fault {
            Fault::Freeze => self.servers[node].iter().for_each(Server::thaw),
            Fault::CutOff(others, _) => self.network.heal(node, others),
            _ => {}
        }
        for ending in std::mem::take(&mut self.ending) {
            ending.await.expect("it ends");
        }
    }

    /// Starts the nodes that have ended, as whoever runs them would.
    async fn start_missing(&mut self) {
        for (site, server) in self.cluster.sites.iter().zip(&mut self.servers) {
            if !server.as_mut().is_some_and(Server::is_alive) {
                *server = Some(site.start().await);
            }
        }
    }

    /// L1: with the faults gone, every node takes new holds of every performance in time.
    async fn recover(&mut self, rng: &mut StdRng) {
        let began = Instant::now();
        for performance in PERFORMANCES {
            for node in 0..self.servers.len() {
                loop {
                    self.start_missing().await;
                    let (client, seat) = (self.cluster.client(node), rng.random_range(0..super::SEATS));
                    let Err(refused) = client.hold(performance, "ann", &[seat], TIMEOUT).await else { break };
                    assert!(
                        began.elapsed() < RECOVERY_BOUND,
                        "L1: {performance} at node {node}: {refused:?}"
                    );
                }
            }
        }
        println!("all is well after {:?}", began.elapsed());
    }
}

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
    let postgres = TempPostgres::start_new().expect("a server");
    let provider = sale::provider().await;
    let mut network = Network::of(NODES);
    let cluster = Cluster::across(&mut network, &postgres).await;
    let door = network.door_to(provider.address()).await;
    let cluster = cluster.map(|site| {
        site.paying_through(&provider).with("PAYMENTS__TOSS__BASE_URL", &format!("http://{door}"))
    });
    let servers = cluster.start().await.into_iter().map(Some).collect();
    let mut victim = Victim { servers, cluster, network, postgres, ending: Vec::new() };
    for round in 0..rounds() {
        let options = sale::options(&victim.cluster.sites[0], &provider, 4.0, Duration::from_secs(8), round);
        let endpoints = victim.cluster.sites.iter().map(|site| site.endpoint()).collect();
        let options = rush::onsale::Options { endpoints, sessions: 6, ..options };
        let meddle = async |mut marks: Marks| {
            let planned = sale::begun(&mut marks).await.planned;
            sale::answered(&mut marks, rng.random_range(0..planned / 2)).await.expect("the on-sale goes on");
            let nodes = victim.servers.len();
            let first = rng.random_range(0..nodes);
            let mut faults = vec![(*FAULTS.choose(&mut rng).expect("a fault"), first)];
            if rng.random_bool(0.5) {
                faults.push((*FAULTS.choose(&mut rng).expect("a fault"), (first + 1) % nodes));
            }
            let lasts = Duration::from_millis(rng.random_range(LASTS_MS));
            println!("round {round}: {faults:?} for {lasts:?}");
            for (fault, node) in &faults {
                victim.begin(*fault, *node).await;
            }
            // Nothing is waited for here: so long the faults last.
            tokio::time::sleep(lasts).await;
            for (fault, node) in &faults {
                victim.end(*fault, *node).await;
            }
            victim.recover(&mut rng).await;
        };
        let (outcome, ()) = sale::run(options, meddle).await;
        sale::assert_sound(&outcome);
    }
    victim.recover(&mut rng).await;
    let Victim { servers, cluster, network: _network, postgres: _postgres, .. } = victim;
    let all = servers.into_iter().flatten().collect();
    cluster.judge(all, Vec::new()).await;
}
