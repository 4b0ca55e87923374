//! Which nodes seem to be there, and what they say of themselves.
//!
//! ```text
//! set("load", …) ──► chitchat ──sealed UDP, each 200 ms──► chitchat ──► peers()
//!                    heartbeats, phi accrual: who fell silent
//! ```
//!
//! Hints, never truth: that a node fell silent is shown to operators and makes the others look at the store sooner. Whether
//! its buckets may be taken, a lease that is over says, and that is the store's to tell. Every datagram is sealed with the cluster's key, so a stranger is not heard.

mod seal;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, NodeState, spawn_chitchat,
};
use secrecy::SecretString;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub use self::seal::KEY_BYTES_MIN;
use self::seal::Seal;
use self::transport::SealedTransport;

/// Names what is gossiped, should its form ever change. The key tells clusters apart.
const CLUSTER: &str = "earlybird-1";

/// How many mean intervals of silence make a node suspect. It is heard of more than once a round, so with rounds of 200 ms it
/// is missed by all after about two seconds: before a lease of three is over, and not at every pause of a busy machine.
const SILENCE_INTERVALS_MAX: f64 = 16.0;

/// How long a node that fell silent is looked for. Longer than a restart, since it keeps a name only with its run.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// What a node needs to gossip.
#[derive(Debug)]
pub struct GossipOptions {
    /// This node's name.
    pub node: String,
    /// Its run: of two with one name, the greater counts.
    pub incarnation: u64,
    /// Where to listen; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Where other nodes reach it; port 0 for the one that it listens on.
    pub advertise: SocketAddr,
    /// Some nodes to begin with, `host:port`; names are resolved again each minute. Itself may be among them.
    pub seeds: Vec<String>,
    /// The key that all nodes of the cluster share, at least [`KEY_BYTES_MIN`] bytes.
    pub key: SecretString,
    /// Time between two rounds.
    pub interval: Duration,
}

/// Another node that seems alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub node: String,
    /// Its run.
    pub incarnation: u64,
    /// What it says of itself. A node that has only just been heard of may have said nothing yet.
    pub values: BTreeMap<String, String>,
}

/// Why gossip does not start.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// The key can be guessed.
    #[error("the cluster key has fewer than {KEY_BYTES_MIN} bytes")]
    KeyTooShort,
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}/udp for gossip: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Chitchat does not start.
    #[error("cannot start gossip: {0:#}")]
    Start(anyhow::Error),
}

/// This node's part in the gossip. Ends when it is dropped.
pub struct Gossip {
    handle: ChitchatHandle,
    address: SocketAddr,
    dropped: Arc<AtomicU64>,
    peers: watch::Receiver<Vec<Peer>>,
    _telling: AbortOnDropHandle<()>,
}

impl Gossip {
    /// Listens, and begins to gossip with the seeds.
    pub async fn start(options: GossipOptions) -> Result<Self, GossipError> {
        let seal = Seal::new(&options.key)?;
        let listen = |error| GossipError::Listen { address: options.listen, error };
        let socket = UdpSocket::bind(options.listen).await.map_err(listen)?;
        let mut address = options.advertise;
        if address.port() == 0 {
            address.set_port(socket.local_addr().map_err(listen)?.port());
        }
        let config = ChitchatConfig {
            chitchat_id: ChitchatId::new(options.node, options.incarnation, address),
            cluster_id: CLUSTER.to_owned(),
            gossip_interval: options.interval,
            listen_addr: options.listen,
            seed_nodes: options.seeds,
            failure_detector_config: FailureDetectorConfig {
                phi_threshold: SILENCE_INTERVALS_MAX,
                initial_interval: options.interval,
                dead_node_grace_period: FORGET_AFTER,
                ..FailureDetectorConfig::default()
            },
            marked_for_deletion_grace_period: FORGET_AFTER,
            catchup_callback: None,
            extra_liveness_predicate: None,
        };
        let dropped = Arc::new(AtomicU64::new(0));
        let transport = SealedTransport::new(socket, seal, dropped.clone());
        let handle = spawn_chitchat(config, Vec::new(), &transport).await.map_err(GossipError::Start)?;
        let (peers, telling) = tell_of_peers(&handle).await;
        Ok(Self { handle, address, dropped, peers, _telling: telling })
    }

    /// Where other nodes reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says something of this node, to all who hear of it, now and later.
    pub async fn set(&self, key: &str, value: impl ToString + Send) {
        let value = value.to_string();
        self.handle.with_chitchat(|chitchat| chitchat.self_node_state().set(key, &value)).await;
    }

    /// The other nodes that seem alive, by name, each with its latest run. Empty when gossip has ended.
    #[must_use]
    pub fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.peers.clone()
    }

    /// How many datagrams were dropped because they were not of this cluster.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Falls silent. The others notice within seconds.
    pub async fn shutdown(self) {
        if let Err(error) = self.handle.shutdown().await {
            tracing::warn!(%error, "gossip had ended before");
        }
    }
}

/// Tells of the nodes that seem alive, until gossip ends.
async fn tell_of_peers(handle: &ChitchatHandle) -> (watch::Receiver<Vec<Peer>>, AbortOnDropHandle<()>) {
    let ourselves = handle.chitchat_id().node_id.clone();
    let mut live = handle.chitchat().lock().await.live_nodes_watcher();
    let ended = handle.termination_watcher();
    let (sender, receiver) = watch::channel(Vec::new());
    let telling = async move {
        tokio::pin!(ended);
        loop {
            tokio::select! {
                result = &mut ended => {
                    if let Err(error) = result {
                        tracing::error!(%error, "gossip has ended: no other node is heard of any more");
                    }
                    sender.send_replace(Vec::new());
                    return;
                }
                changed = live.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let peers = latest_runs(&live.borrow_and_update(), &ourselves);
                    sender.send_if_modified(|known| {
                        let is_new = *known != peers;
                        *known = peers;
                        is_new
                    });
                }
            }
        }
    };
    (receiver, AbortOnDropHandle::new(tokio::spawn(telling)))
}

/// The latest run of each node but ourselves.
fn latest_runs(live: &BTreeMap<ChitchatId, NodeState>, ourselves: &str) -> Vec<Peer> {
    let mut peers: Vec<Peer> = Vec::new();
    // By name, then by run, so a later one replaces its predecessor.
    for (id, state) in live.iter().filter(|(id, _)| &*id.node_id != ourselves) {
        let values = state.key_values().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let peer = Peer { node: id.node_id.to_string(), incarnation: id.generation_id, values };
        if peers.last().is_some_and(|last| last.node == peer.node) {
            peers.pop();
        }
        peers.push(peer);
    }
    peers
}
