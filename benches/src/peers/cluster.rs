//! Several nodes on one database.

use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use earlybird_proto::v1::cluster_client::ClusterClient;
use earlybird_proto::v1::cluster_node::State;
use earlybird_proto::v1::{
    ClusterView, GetClusterRequest, GetRoutingRequest, MovePerformanceRequest, Routing,
};
use rush::connect::{Dialer, Wire};

use super::earlybird::Earlybird;

/// Below the ports that the system gives to outgoing connections: who dials a node that is just away could otherwise be
/// given that node's own port, and keep it from coming back.
const PORTS: Range<u16> = 20_000..32_000;
/// How long nodes may take to share the buckets out, and how often is looked whether they have.
const SHARE_OUT_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A share that is so close to the fair one will do.
const FAIR_SHARE: Range<f64> = 0.7..1.3;

/// Running nodes, numbered from 0 on.
#[derive(Debug)]
pub struct Cluster {
    program: PathBuf,
    store_url: String,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    folder: PathBuf,
    address: String,
    settings: Vec<(String, String)>,
    node: Earlybird,
}

impl Cluster {
    /// Starts a node in each of the folders, one after another.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(
        program: &Path,
        folders: Vec<PathBuf>,
        store_url: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let ports = folders.iter().map(|_| free_port()).collect::<anyhow::Result<Vec<_>>>()?;
        let seeds: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let mut members = Vec::new();
        for (number, (folder, host)) in folders.into_iter().zip(&seeds).enumerate() {
            let key = folder.join("cluster.key");
            std::fs::write(&key, "a key that all nodes of the benchmark know\n")?;
            let address = format!("http://{host}");
            let own = [
                ("EARLYBIRD_NODE__ID", format!("node-{number}")),
                ("EARLYBIRD_GRPC__LISTEN", host.clone()),
                ("EARLYBIRD_CLUSTER__ADDRESS", address.clone()),
                ("EARLYBIRD_CLUSTER__GOSSIP_LISTEN", host.clone()),
                ("EARLYBIRD_CLUSTER__SEEDS", seeds.join(",")),
                ("EARLYBIRD_CLUSTER__KEY_FILE", key.display().to_string()),
            ];
            let shared = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
            let settings: Vec<(String, String)> = own.chain(shared).collect();
            let node = start(program, &folder, store_url, &settings).await?;
            members.push(Member { folder, address, settings, node });
        }
        Ok(Self { program: program.to_owned(), store_url: store_url.to_owned(), members })
    }

    /// A node.
    #[must_use]
    pub fn node(&self, number: usize) -> &Earlybird {
        &self.members[number].node
    }

    /// A node, to be ended.
    pub fn node_mut(&mut self, number: usize) -> &mut Earlybird {
        &mut self.members[number].node
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Earlybird> {
        self.members.iter().map(|member| &member.node)
    }

    /// Starts a node again that has ended.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self, number: usize) -> anyhow::Result<()> {
        let member = &mut self.members[number];
        member.node = start(&self.program, &member.folder, &self.store_url, &member.settings).await?;
        Ok(())
    }

    /// Connects to these nodes in turn.
    ///
    /// # Errors
    /// When there are none.
    pub fn dialer(&self, numbers: &[usize]) -> anyhow::Result<Dialer> {
        let addresses: Vec<String> =
            numbers.iter().map(|&number| self.members[number].address.clone()).collect();
        Dialer::new(&addresses, None)
    }

    /// What a node knows of the cluster.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn view(&self, asked: usize) -> anyhow::Result<ClusterView> {
        Ok(self.client(asked).get_cluster(GetClusterRequest {}).await?.into_inner())
    }

    /// Waits until every node owns its share of the buckets.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn shared_out(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + SHARE_OUT_TIMEOUT;
        loop {
            let view = self.view(0).await?;
            let fair = f64::from(view.buckets) / self.members.len() as f64;
            let active = view.nodes.iter().filter(|node| node.state() == State::Active);
            let has_share = |buckets: u32| FAIR_SHARE.contains(&(f64::from(buckets) / fair));
            if active.filter(|node| has_share(node.buckets)).count() == self.members.len() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not shared out in {SHARE_OUT_TIMEOUT:?}: {view:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The number of the node that owns a performance.
    ///
    /// # Errors
    /// When nobody does for the moment.
    pub async fn owner(&self, asked: usize, performance: &str) -> anyhow::Result<usize> {
        let request = GetRoutingRequest { performance: performance.to_owned() };
        let routing = self.client(asked).get_routing(request).await?.into_inner();
        let owner = (0..self.members.len()).find(|&number| name(number) == routing.node);
        owner.with_context(|| format!("nobody owns {performance}"))
    }

    /// Brings a performance to a node.
    ///
    /// # Errors
    /// When it is not there then.
    pub async fn bring(&self, performance: &str, to: usize) -> anyhow::Result<Routing> {
        let request = MovePerformanceRequest { performance: performance.to_owned(), node: name(to) };
        let routing = self.client(to).move_performance(request).await?.into_inner();
        ensure!(routing.node == name(to), "{performance} is not at {}: {routing:?}", name(to));
        Ok(routing)
    }

    fn client(&self, number: usize) -> ClusterClient<Wire> {
        ClusterClient::new(self.members[number].node.dialer.channel(0))
    }
}

fn name(number: usize) -> String {
    format!("nodes/node-{number}")
}

async fn start(
    program: &Path,
    folder: &Path,
    store_url: &str,
    settings: &[(String, String)],
) -> anyhow::Result<Earlybird> {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
    Earlybird::start(program, folder, store_url, &settings).await
}

/// A port that nobody listens on, neither to connections nor to datagrams.
fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Runs at the same time begin far from each other.
    let first = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count))?;
    let next = |_| PORTS.start + (first + NEXT.fetch_add(1, Ordering::Relaxed) % count) % count;
    let is_free = |port: &u16| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok() && UdpSocket::bind(("127.0.0.1", *port)).is_ok()
    };
    (0..count).map(next).find(is_free).context("no port is free")
}
