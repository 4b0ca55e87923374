//! What nodes hear of each other: hints, never truth. A node that fell silent is looked into at once; whether its lease is
//! over is the store's to say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use earlybird_cluster::gossip::{Gossip, GossipOptions, Peer};
use earlybird_persistence::{NodeRow, NodeState, PerformanceId};
use tokio::sync::watch;

use super::Cluster;

/// How often nodes gossip.
const GOSSIP_EVERY: Duration = Duration::from_millis(200);
/// How often a node tells which performances are busiest, and how many.
const TELL_EVERY: Duration = Duration::from_secs(1);
const HOT_MAX: usize = 20;
/// What nodes tell: the version of the view that they have, and their busiest performances.
const GOSSIP_VIEW: &str = "view";
const GOSSIP_HOT: &str = "hot";

impl Cluster {
    /// Begins to gossip, if there may be others. A node that falls silent, or a view that others have seen, is looked into at
    /// once.
    ///
    /// # Errors
    /// When the address is taken.
    pub(crate) async fn gossip(self: &Arc<Self>) -> anyhow::Result<()> {
        let Some(key) = self.options.key.clone().filter(|_| self.options.has_peers) else { return Ok(()) };
        let advertise = self.gossip_address().await?;
        let options = GossipOptions {
            node: self.node.to_string(),
            incarnation: self.incarnation.0,
            listen: self.options.gossip_listen,
            advertise,
            seeds: self.options.seeds.clone(),
            key: key.secret().clone(),
            interval: GOSSIP_EVERY,
        };
        let gossip = Gossip::start(options).await?;
        let heard = gossip.peers();
        // Once: a run gossips from its start to its end.
        drop(self.gossip.set(gossip));
        tokio::spawn(Arc::clone(self).listen(heard));
        tokio::spawn(Arc::clone(self).tell());
        Ok(())
    }

    /// Where others reach this node's gossip: where it listens, or, if that is every address, where `cluster.address` is.
    async fn gossip_address(&self) -> anyhow::Result<SocketAddr> {
        let listen = self.options.gossip_listen;
        if !listen.ip().is_unspecified() {
            return Ok(listen);
        }
        let uri = self.options.address.parse::<http::Uri>().context("cluster.address")?;
        let host = uri.host().context("cluster.address names no host")?;
        // An IPv6 address is in brackets there.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        tokio::net::lookup_host((host, listen.port()))
            .await
            .with_context(|| format!("cannot look up {host} of cluster.address"))?
            .next()
            .with_context(|| format!("{host} of cluster.address has no address"))
    }

    /// Tells the others which performances are busiest here, again and again.
    async fn tell(self: Arc<Self>) {
        let mut rounds = super::interval(TELL_EVERY);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.over.cancelled() => return,
            }
            let (Some(gossip), Some(loads)) = (self.gossip.get(), self.own_loads()) else { return };
            let mut busy = loads.performances;
            busy.retain(|load| load.commands_per_second > 0.0);
            busy.sort_by(|a, b| b.commands_per_second.total_cmp(&a.commands_per_second));
            let names: Vec<&str> = busy.iter().take(HOT_MAX).map(|load| load.performance.as_str()).collect();
            gossip.set(GOSSIP_HOT, names.join(",")).await;
        }
    }

    /// The performances that were busiest on other nodes, in the order in which they should be served again.
    pub(super) fn hottest(&self) -> Vec<PerformanceId> {
        self.hot.lock().values().flatten().cloned().collect()
    }

    async fn listen(self: Arc<Self>, mut heard: watch::Receiver<Vec<Peer>>) {
        let mut views = self.views();
        let mut known = 0;
        loop {
            tokio::select! {
                changed = heard.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let peers = heard.borrow_and_update().clone();
                    for peer in &peers {
                        self.note_hot(peer);
                    }
                    let version = |peer: &Peer| peer.values.get(GOSSIP_VIEW)?.parse::<u64>().ok();
                    let newest = peers.iter().filter_map(version).max().unwrap_or_default();
                    if newest > self.view_version().0 || peers.len() < known {
                        self.suspect();
                    }
                    known = peers.len();
                }
                changed = views.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let version = views.borrow_and_update().version.0;
                    if let Some(gossip) = self.gossip.get().filter(|_| version > 0) {
                        gossip.set(GOSSIP_VIEW, version).await;
                    }
                }
                () = self.over.cancelled() => return,
            }
        }
    }

    fn note_hot(&self, peer: &Peer) {
        let Some(names) = peer.values.get(GOSSIP_HOT) else { return };
        let names = names.split(',').filter(|name| !name.is_empty()).map(PerformanceId::from).collect();
        self.hot.lock().insert(peer.node.clone(), names);
    }

    /// Whether nothing was heard of a node for longer than is usual, although it counts as alive.
    pub(crate) fn is_suspected(&self, node: &NodeRow) -> bool {
        let gossip = self.gossip.get();
        node.state != NodeState::Dead
            && node.id != self.node
            && gossip.is_some_and(|gossip| {
                !gossip.peers().borrow().iter().any(|peer| peer.node == node.id.as_str())
            })
    }
}
