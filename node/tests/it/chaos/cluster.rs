//! Several nodes on one database.

use std::time::{Duration, Instant};

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use futures::future::join_all;

use super::crowd::{self, Crowd, Done};
use super::eventually;
use super::house::{self, Client};
use super::server::{Server, Site};

/// Seats of a performance: a club of twenty rows.
const SEATS: u32 = 1_000;
const BUYERS: u32 = 4;
/// Performances that are sold at once; enough for each node to own some.
pub(super) const PERFORMANCES: [&str; 6] = ["aida", "boheme", "carmen", "elektra", "faust", "tosca"];
/// By when what a dead node owned is served again.
const FAILOVER_BOUND: Duration = Duration::from_secs(10);

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
        let site = |number: usize| {
            let site = Site::on(&url);
            let key = site.folder().join("cluster.key");
            std::fs::write(&key, "a key that all nodes of this cluster know\n").expect("the key is written");
            let (address, key) = (site.endpoint(), key.display().to_string());
            site.with("NODE__ID", &format!("node-{number}"))
                .with("CLUSTER__ADDRESS", &address)
                .with("CLUSTER__KEY_FILE", &key)
                .with("CLUSTER__GOSSIP_LISTEN", "127.0.0.1:0")
        };
        Self { sites: (0..count).map(site).collect(), url }
    }

    /// Sets a key of every node's configuration.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.sites = self.sites.into_iter().map(|site| site.with(key, value)).collect();
        self
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
        Client::of(&self.sites[0].endpoint()).import(SEATS / 50).await;
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
        let client = Client::of(&self.sites[0].endpoint());
        for id in PERFORMANCES {
            client.create(&format!("{id}{run}"), Duration::from_secs(600)).await;
        }
    }

    async fn shared_out(&self, servers: &[Server]) {
        let fair = 1_024.0 / servers.len() as f64;
        let is_shared = async || {
            let owned = join_all(servers.iter().map(|server| server.metric("earlybird_buckets_owned"))).await;
            owned.iter().all(|owned| (fair * 0.7..fair * 1.3).contains(owned)).then_some(())
        };
        eventually("every node owns its share", is_shared).await;
    }

    /// Buyers of every performance whose name ends so, at the nodes that `asked` names.
    fn crowds(&self, run: &str, asked: &[usize]) -> Vec<Crowd> {
        let crowd = |(number, id): (usize, &&str)| {
            let endpoint = self.sites[asked[number % asked.len()]].endpoint();
            Crowd::gather(&endpoint, &format!("{id}{run}"), SEATS, BUYERS)
        };
        PERFORMANCES.iter().enumerate().map(crowd).collect()
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
    for crowd in crowds {
        crowd.until_acknowledged(crowd.acknowledged() + more).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_any_call() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    until_acknowledged(&crowds, 20).await;
    let mut forwarded = 0.0;
    for server in &servers {
        forwarded += server.metric("earlybird_calls_forwarded_total").await;
    }
    let done = disperse(crowds).await;
    assert!(forwarded > 0.0, "six performances are not all where they are asked for");
    for done in &done {
        assert!(done.cut.is_empty(), "{:?}", done.cut);
        assert_eq!(done.refused("NOT_OWNER"), 0);
    }
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_owned_is_served_by_the_others() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 2]);
    until_acknowledged(&crowds, 10).await;
    servers.remove(1).kill().await;
    let began = Instant::now();
    until_acknowledged(&crowds, 10).await;
    println!("every performance goes on after {:?}", began.elapsed());
    assert!(began.elapsed() < FAILOVER_BOUND);
    cluster.shared_out(&servers).await;
    let done = disperse(crowds).await;
    servers.insert(1, cluster.sites[1].start().await);
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_answers_every_call() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    for restarted in 0..3 {
        let others: Vec<usize> = (0..3).filter(|number| *number != restarted).collect();
        let run = format!("-{restarted}");
        cluster.sell(&run).await;
        let crowds = cluster.crowds(&run, &others);
        until_acknowledged(&crowds, 5).await;
        let (status, took) = servers.remove(restarted).terminate().await;
        println!("node {restarted} drained in {took:?}");
        assert!(status.success());
        until_acknowledged(&crowds, 5).await;
        servers.insert(restarted, cluster.sites[restarted].start().await);
        cluster.shared_out(&servers).await;
        until_acknowledged(&crowds, 5).await;
        for done in disperse(crowds).await {
            println!("{} changes, refused {:?}", done.changes, done.refused);
            assert!(done.cut.is_empty(), "{:?}", done.cut);
            assert_eq!(done.refused("NOT_OWNER") + done.refused("DRAINING"), 0);
        }
    }
    cluster.judge(servers, Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_says_nothing_of_its_own_any_more() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await;
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 2]);
    until_acknowledged(&crowds, 10).await;
    servers[1].freeze();
    until_acknowledged(&crowds, 10).await;
    cluster.sell("-late").await;
    let frozen = cluster.crowds("-late", &[1]);
    let mut zombie = servers.remove(1);
    zombie.thaw();
    let status = zombie.ended().await;
    assert!(!status.success(), "it reads itself dead and ends: {status}");
    assert!(zombie.log().contains("this run of the node is over"), "it says why");
    let mut done = disperse(frozen).await;
    done.extend(disperse(crowds).await);
    servers.insert(1, cluster.sites[1].start().await);
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_that_outlasts_the_leases_ends_no_node() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let postgres = TempPostgres::start_new().expect("a server");
    let cluster = Cluster::on(&postgres, 3).await.with("CLUSTER__LEASE", "1s");
    let mut servers = cluster.start().await;
    let crowds = cluster.crowds("", &[0, 1, 2]);
    until_acknowledged(&crowds, 10).await;
    tokio::task::block_in_place(|| postgres.stop());
    for server in &servers {
        let silent = async || (server.metric("earlybird_store_silence_seconds").await > 3.0).then_some(());
        eventually("the leases of all nodes are long over", silent).await;
    }
    tokio::task::block_in_place(|| postgres.start()).expect("the server starts again");
    let began = Instant::now();
    until_acknowledged(&crowds, 10).await;
    println!("every performance goes on after {:?}", began.elapsed());
    let done = disperse(crowds).await;
    assert!(servers.iter_mut().all(Server::is_alive), "all had the same outage, and none was to blame");
    cluster.judge(servers, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_check_their_callers_know_each_other() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "a secret of thirty-two bytes and more").expect("the secret is written");
    let path = secret.path().to_str().expect("a path");
    let cluster = Cluster::of(2)
        .await
        .with("AUTH__ENABLED", "true")
        .with("AUTH__ISSUER", "login")
        .with("AUTH__AUDIENCE", "seats")
        .with("AUTH__HS256_SECRET_FILE", path);
    let servers = cluster.start_nodes().await;
    cluster.shared_out(&servers).await;
    let stranger = house::connect(&cluster.sites[0].endpoint());
    let mut stranger = earlybird_proto::cluster::peer_client::PeerClient::new(stranger);
    let refused = stranger.loads(earlybird_proto::cluster::LoadsRequest {}).await.expect_err("it has no key");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    for server in servers {
        assert!(server.terminate().await.0.success());
    }
}
