//! Nodes that sell through a provider of payments, and what goes wrong with them or is done to them meanwhile.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use earlybird_persistence::testing::TempPostgres;
use earlybird_proto::v1::GetClusterRequest;
use futures::future::join;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use toss_sim::Simulator;

use super::network::{Network, Others};
use super::{Cluster, PERFORMANCES, RECOVERY_BOUND, SEATS};
use crate::chaos::proxy::Cut;
use crate::chaos::server::Server;
use crate::chaos::{house, sale};

const NODES: u8 = 3;
/// How long a hold may take once all is well, and an operator waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Moves at a time of a rebalance.
const CONCURRENCY: u32 = 4;

/// Something that goes wrong, or an operator does, at a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Kill,
    Restart,
    /// Of all nodes, one after another.
    RollingRestart,
    Freeze,
    CutOff(Others, Cut),
    DatabaseCrash,
    ConnectionsCut,
    Move,
    Rebalance,
    /// Two nodes are asked for a rebalance at once, and for moves to two places.
    TwoCoordinators,
}

/// A cluster that faults happen to.
pub(super) struct Victim {
    /// None between a node's end and its next start.
    pub(super) servers: Vec<Option<Server>>,
    pub(super) cluster: Cluster,
    provider: Simulator,
    postgres: TempPostgres,
    /// None where nothing is to be cut.
    network: Option<Network>,
    /// Nodes that shut down.
    ending: Vec<JoinHandle<(ExitStatus, Duration)>>,
    /// How long the database was away at most.
    outage: Duration,
    /// Seats that were asked for to see whether all is well.
    seats_asked: u32,
}

impl Victim {
    /// Nodes that have not been started, on this machine's own network.
    pub(super) async fn on_one_network() -> Self {
        let postgres = TempPostgres::start_new().expect("a server");
        let cluster = Cluster::on(&postgres, NODES.into()).await;
        Self::of(cluster, postgres, None).await
    }

    /// Nodes that have not been started, each on a network of its own that can be cut.
    pub(super) async fn on_networks() -> Self {
        let postgres = TempPostgres::start_new().expect("a server");
        let mut network = Network::of(NODES);
        let cluster = Cluster::across(&mut network, &postgres).await;
        Self::of(cluster, postgres, Some(network)).await
    }

    async fn of(cluster: Cluster, postgres: TempPostgres, mut network: Option<Network>) -> Self {
        let provider = sale::provider().await;
        let mut cluster = cluster.map(|site| site.paying_through(&provider));
        if let Some(network) = &mut network {
            let door = network.door_to(provider.address()).await;
            cluster = cluster.with("PAYMENTS__TOSS__BASE_URL", &format!("http://{door}"));
        }
        Self {
            servers: Vec::new(),
            cluster,
            provider,
            postgres,
            network,
            ending: Vec::new(),
            outage: Duration::ZERO,
            seats_asked: 0,
        }
    }

    /// Changes the configuration of the nodes.
    pub(super) fn with(self, change: impl FnOnce(Cluster) -> Cluster) -> Self {
        Self { cluster: change(self.cluster), ..self }
    }

    /// Starts all nodes, the first of which owns all.
    pub(super) async fn start_uneven(&mut self) {
        self.servers = self.cluster.start_uneven().await.into_iter().map(Some).collect();
    }

    /// Starts all nodes, and waits until every node owns a share.
    pub(super) async fn start(&mut self) {
        self.start_uneven().await;
        self.shared_out().await;
    }

    /// Waits until every node owns a share.
    pub(super) async fn shared_out(&self) {
        self.cluster.shared_out(self.servers.iter().flatten()).await;
    }

    /// An on-sale at all nodes.
    pub(super) fn options(&self, tries: f64, duration: Duration, seed: u64) -> rush::onsale::Options {
        let endpoints = self.cluster.sites.iter().map(|site| site.endpoint()).collect();
        let options = sale::options(&self.cluster.sites[0], &self.provider, tries, duration, seed);
        rush::onsale::Options { endpoints, sessions: 2 * usize::from(NODES), ..options }
    }

    /// Has a fault happen to a node while this performance is sold.
    pub(super) async fn begin(&mut self, fault: Fault, node: usize, sold: &str) {
        let operators = [1, 2].map(|others| (node + others) % self.servers.len());
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
            Fault::RollingRestart => self.restart_each().await,
            Fault::Freeze => self.servers[node].iter().for_each(Server::freeze),
            Fault::CutOff(others, cut) => self.network().cut(node, others, cut),
            Fault::DatabaseCrash => self.crash_database(),
            Fault::ConnectionsCut => {
                self.cut_connections().await;
            }
            Fault::Move => {
                for performance in PERFORMANCES.into_iter().chain([sold]) {
                    ask(self.cluster.move_to(operators[0], performance, node)).await;
                }
            }
            Fault::Rebalance => ask(self.cluster.begin_rebalance(operators[0], CONCURRENCY)).await,
            Fault::TwoCoordinators => {
                let rebalance = |asked| self.cluster.begin_rebalance(asked, CONCURRENCY);
                ask(join(rebalance(operators[0]), rebalance(operators[1]))).await;
                let go = |asked, to| self.cluster.move_to(asked, sold, to);
                ask(join(go(operators[0], operators[1]), go(operators[1], operators[0]))).await;
            }
        }
    }

    /// Ends a fault that lasts.
    pub(super) async fn end(&mut self, fault: Fault, node: usize) {
        match fault {
            Fault::Freeze => self.servers[node].iter().for_each(Server::thaw),
            Fault::CutOff(others, _) => self.network().heal(node, others),
            _ => {}
        }
        for ending in std::mem::take(&mut self.ending) {
            ending.await.expect("it ends");
        }
    }

    fn network(&self) -> &Network {
        self.network.as_ref().expect("the nodes are on networks of their own")
    }

    async fn restart_each(&mut self) {
        for (site, server) in self.cluster.sites.iter().zip(&mut self.servers) {
            let (status, took) = server.take().expect("it runs").terminate().await;
            assert!(status.success(), "it ends in order: {status}");
            println!("drained in {took:?}");
            *server = Some(site.start().await);
        }
    }

    fn crash_database(&mut self) {
        let began = Instant::now();
        tokio::task::block_in_place(|| {
            self.postgres.crash();
            self.postgres.start().expect("the server starts again");
        });
        self.outage = self.outage.max(began.elapsed());
    }

    /// Cuts the nodes' connections to the database. Returns how many there were.
    pub(super) async fn cut_connections(&self) -> i64 {
        self.postgres.cut_connections(&self.cluster.url).await.expect("connections are cut")
    }

    /// Whether all nodes run.
    pub(super) fn is_whole(&mut self) -> bool {
        self.servers.iter_mut().all(|server| server.as_mut().is_some_and(Server::is_alive))
    }

    /// Starts the nodes that have ended, as whoever runs them would.
    async fn start_missing(&mut self) {
        for (site, server) in self.cluster.sites.iter().zip(&mut self.servers) {
            if !server.as_mut().is_some_and(Server::is_alive) {
                *server = Some(site.start().await);
            }
        }
    }

    /// L1: with the faults gone, every node takes new holds of every performance in time, and every bucket has an owner.
    pub(super) async fn recover(&mut self) {
        let began = Instant::now();
        for performance in PERFORMANCES {
            for node in 0..self.servers.len() {
                while let Err(refused) = self.try_hold(performance, node).await {
                    let what = format!("{performance} at node {node}: {}", house::reason(&refused));
                    assert!(began.elapsed() < RECOVERY_BOUND, "L1: {what}");
                }
            }
        }
        for node in 0..self.servers.len() {
            while self.buckets_unowned(node).await != Some(0) {
                assert!(began.elapsed() < RECOVERY_BOUND, "L1: buckets without an owner at node {node}");
                tokio::task::yield_now().await;
            }
        }
        println!("all is well after {:?}", began.elapsed());
        assert!(began.elapsed() < RECOVERY_BOUND, "L1: {:?}", began.elapsed());
    }

    async fn try_hold(&mut self, performance: &str, node: usize) -> Result<(), tonic::Status> {
        self.start_missing().await;
        self.seats_asked += 1;
        let seat = self.seats_asked % SEATS;
        self.cluster.client(node).hold(performance, "ann", &[seat], TIMEOUT).await.map(drop)
    }

    /// As a node knows; none when it does not answer.
    async fn buckets_unowned(&self, node: usize) -> Option<u32> {
        let cluster = self.cluster.operator(node).get_cluster(GetClusterRequest {}).await.ok()?;
        Some(cluster.into_inner().buckets_unowned)
    }

    /// Audits everything that was sold.
    pub(super) async fn audit(&self) {
        house::audit_after_outage(&self.cluster.url, self.outage).await;
    }

    /// Ends all nodes in order, and audits what they leave behind.
    pub(super) async fn stop(mut self) {
        for server in std::mem::take(&mut self.servers).into_iter().flatten() {
            let (status, _) = server.terminate().await;
            assert!(status.success(), "it ends in order: {status}");
        }
        self.audit().await;
    }
}

/// What operators ask for may be in vain while something else goes wrong, or never be answered.
async fn ask(asked: impl Future) {
    drop(timeout(TIMEOUT, asked).await);
}
