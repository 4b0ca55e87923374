//! Several nodes on one database, each a process.
//!
//! ```text
//!  Crowds, rush ──► node-0     node-1     node-2
//!                     ▲  │       ▲  │       ▲  │
//!                     └──┼───────┴──┼───────┘  │   a Network that can be cut, if wished
//!                        └──────────┴──────────┴──► PostgreSQL
//! ```
//!
//! In the end of each test, whatever happened: the audit of every journal is clean, the order of its epochs included (I9). Where
//! crowds bought, every hold that was acknowledged is there. Where `rush` sold (`onsales`, which meets every fault in turn,
//! `moves`, and `chance`), its check from outside finds nothing, neither seats nor money.

mod burst;
mod chance;
mod clocks;
mod database;
mod drains;
mod expiries;
mod faults;
mod frozen;
mod mistakes;
mod moves;
mod network;
mod nodes;
mod onsales;
mod partitions;
mod watches;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use earlybird_persistence::testing::TempPostgres;
use earlybird_proto::v1::cluster_client::ClusterClient;
use earlybird_proto::v1::{GetClusterRequest, GetRoutingRequest, MovePerformanceRequest, Routing};
use futures::future::join_all;
use rush::connect::Dialer;
use rush::session::SessionClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

use self::network::Network;
use super::crowd::{self, Crowd, Done};
use super::eventually;
use super::house::{self, Client};
use super::server::{Server, Site};

/// Seats of a performance: a club of twenty rows.
const SEATS: u32 = 1_000;
const BUYERS: u32 = 4;
/// Performances that are sold at once; enough for each node to own some.
pub(super) const PERFORMANCES: [&str; 6] = ["aida", "boheme", "carmen", "elektra", "faust", "tosca"];
/// By when all is well after a fault has ended (L1), and by when what a dead node owned is served again.
const RECOVERY_BOUND: Duration = Duration::from_secs(10);

/// Nodes that share a database.
pub(super) struct Cluster {
    url: String,
    pub(super) sites: Vec<Site>,
}

impl Cluster {
    /// So many nodes that have not been started.
    pub(super) async fn of(count: usize) -> Self {
        Self::on(TempPostgres::shared().expect("a server"), count).await
    }

    /// The same, on a database of that server.
    async fn on(postgres: &TempPostgres, count: usize) -> Self {
        let url = postgres.new_database().await.expect("a database");
        let sites = (0..count).map(|_| Site::on(&url)).collect();
        Self::at(url, sites)
    }

    /// Nodes on a database of that server, one in each namespace of the network.
    async fn across(network: &mut Network, postgres: &TempPostgres) -> Self {
        let url = postgres.new_database().await.expect("a database");
        let port = postgres.port();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let door = network.door_to_database(server).await.to_string();
        let detour = url.replacen(&format!("{}:{port}", server.ip()), &door, 1);
        let sites = network.places().map(|place| Site::on(&detour).at(place)).collect();
        Self::at(url, sites)
    }

    fn at(url: String, sites: Vec<Site>) -> Self {
        // Gossip is UDP, so it may have the numbers of the gRPC ports.
        let seeds: Vec<String> = sites.iter().map(|site| site.grpc().to_string()).collect();
        let member = |(number, site): (usize, Site)| {
            let key = site.folder().join("cluster.key");
            std::fs::write(&key, "a key that all nodes of this cluster know\n").expect("the key is written");
            let (address, gossip) = (site.endpoint(), site.grpc().to_string());
            site.with("NODE__ID", &format!("node-{number}"))
                .with("CLUSTER__ADDRESS", &address)
                .with("CLUSTER__KEY_FILE", key.to_str().expect("a path"))
                .with("CLUSTER__GOSSIP_LISTEN", &gossip)
                .with("CLUSTER__SEEDS", &seeds.join(","))
        };
        let sites = sites.into_iter().enumerate().map(member).collect();
        Self { url, sites }
    }

    /// Changes the configuration of every node.
    fn map(mut self, change: impl FnMut(Site) -> Site) -> Self {
        self.sites = self.sites.into_iter().map(change).collect();
        self
    }

    /// Sets a key of every node's configuration.
    pub(super) fn with(self, key: &str, value: &str) -> Self {
        self.map(|site| site.with(key, value))
    }

    async fn start_nodes(&self) -> Vec<Server> {
        let mut servers = Vec::new();
        for site in &self.sites {
            servers.push(site.start().await);
        }
        servers
    }

    /// Starts all nodes, the first of which owns all, and sells [`PERFORMANCES`].
    pub(super) async fn start_uneven(&self) -> Vec<Server> {
        let servers = self.start_nodes().await;
        self.client(0).import(SEATS / 50).await;
        self.sell("").await;
        servers
    }

    /// Starts all nodes, and waits until every node owns a share.
    async fn start(&self) -> Vec<Server> {
        let servers = self.start_uneven().await;
        self.shared_out(&servers).await;
        servers
    }

    /// Opens [`PERFORMANCES`] once more, under names that end so.
    async fn sell(&self, run: &str) {
        let client = self.client(0);
        for id in PERFORMANCES {
            client.create(&format!("{id}{run}"), Duration::from_secs(600)).await;
        }
    }

    /// Waits until each of these nodes owns its share.
    async fn shared_out(&self, servers: impl IntoIterator<Item = &Server>) {
        let servers: Vec<_> = servers.into_iter().collect();
        let fair = 1_024.0 / servers.len() as f64;
        let is_shared = async || {
            let owned = join_all(servers.iter().map(|server| server.metric("earlybird_buckets_owned"))).await;
            owned.iter().all(|owned| (fair * 0.7..fair * 1.3).contains(owned)).then_some(())
        };
        eventually("every node owns its share", is_shared).await;
    }

    /// A client of a node.
    fn client(&self, node: usize) -> Client {
        Client::of(&self.sites[node].endpoint())
    }

    /// A session with a node.
    async fn session(&self, node: usize) -> SessionClient {
        let wire = Dialer::new(&[self.sites[node].endpoint()], None).expect("an address").channel(0);
        SessionClient::open(&wire).await.expect("a session")
    }

    /// A client of a node, for operators.
    fn operator(&self, node: usize) -> ClusterClient<Channel> {
        ClusterClient::new(house::connect(&self.sites[node].endpoint()))
    }

    /// Has a node bring a performance to another.
    async fn move_to(&self, asked: usize, performance: &str, to: usize) -> Result<Routing, Status> {
        let (performance, node) = (format!("performances/{performance}"), format!("nodes/node-{to}"));
        let request = MovePerformanceRequest { performance, node };
        self.operator(asked).move_performance(request).await.map(Response::into_inner)
    }

    /// Where a performance is, as a node knows.
    async fn routing(&self, asked: usize, performance: &str) -> Routing {
        let request = GetRoutingRequest { performance: format!("performances/{performance}") };
        self.operator(asked).get_routing(request).await.expect("any node tells").into_inner()
    }

    /// The node that owns a performance.
    async fn owner(&self, performance: &str) -> usize {
        let owned = async || {
            let node = self.routing(0, performance).await.node;
            node.strip_prefix("nodes/node-").and_then(|number| number.parse().ok())
        };
        eventually("somebody owns it", owned).await
    }

    /// Buyers of every performance whose name ends so, at the nodes that `asked` names.
    fn crowds(&self, run: &str, asked: &[usize]) -> Vec<Crowd> {
        let crowd = |(number, id): (usize, &&str)| {
            let endpoint = self.sites[asked[number % asked.len()]].endpoint();
            Crowd::gather(&endpoint, &format!("{id}{run}"), SEATS, BUYERS)
        };
        PERFORMANCES.iter().enumerate().map(crowd).collect()
    }

    /// L1, from now on: every bucket has an owner, and every crowd is acknowledged new holds.
    async fn recovers(&self, crowds: &[Crowd]) {
        let began = Instant::now();
        until_acknowledged(crowds, 5).await;
        let owned = async || {
            let cluster = self.operator(0).get_cluster(GetClusterRequest {}).await.ok()?.into_inner();
            (cluster.buckets_unowned == 0).then_some(())
        };
        eventually("every bucket has an owner", owned).await;
        println!("every performance goes on after {:?}", began.elapsed());
        assert!(began.elapsed() < RECOVERY_BOUND, "L1: {:?}", began.elapsed());
    }

    /// Every hold that was acknowledged is there, and every journal is clean.
    async fn judge(self, servers: Vec<Server>, done: Vec<Done>) {
        for done in &done {
            println!("{} changes, refused {:?}, cut {}", done.changes, done.refused, done.cut.len());
        }
        for (number, done) in done.iter().enumerate() {
            crowd::assert_held(&self.sites[number % self.sites.len()].endpoint(), &done.acknowledged).await;
        }
        for server in servers {
            assert!(server.terminate().await.0.success());
        }
        house::audit(&self.url).await;
    }
}

async fn disperse(crowds: Vec<Crowd>) -> Vec<Done> {
    join_all(crowds.into_iter().map(Crowd::disperse)).await
}

async fn until_acknowledged(crowds: &[Crowd], more: usize) {
    let each = crowds.iter().map(|crowd| crowd.until_acknowledged(crowd.acknowledged() + more));
    join_all(each).await;
}
