//! This node as one of a cluster: its run, its lease, what it owns, and who owns the rest.
//!
//! ```text
//!  join ──► renew four times in the span of the lease ──► the view has changed: read it
//!             │ None: this run is over                            │ mine with a higher epoch: gained   another's: lost
//!             └──► the process ends                               └ without a living owner, and placed here: claimed
//!  every now and then: declare dead whose lease is over; that changes the view of all
//! ```
//!
//! The store is the truth: what is here is a copy that may be late. A stale copy does no harm, since every change of owner is
//! a comparison with the epoch in the store, and every write is fenced by it (I9). A cluster of one runs the same code.

mod handoff;
mod hearsay;
mod keeping;
mod key;
mod lease;
mod peers;
mod rebalance;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use anyhow::Context;
use earlybird_cluster::gossip::Gossip;
use earlybird_cluster::placement::{self, Candidate, Move};
use earlybird_persistence::{
    Bucket, Epoch, Incarnation, NewNode, NodeId, NodeState, PerformanceId, Store, StoreError, ViewVersion,
};
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use handoff::HandoffError;
pub use key::ClusterKey;
pub(crate) use lease::Lease;
use peers::Peers;
pub(crate) use peers::has_not_connected;
pub(crate) use rebalance::{CannotRebalance, Loads, MoveDone, carry_out, weighed};
pub(crate) use view::View;

use crate::clock::uptime;
use crate::directory::Directory;
use crate::readiness::Heard;
use crate::tls::Tls;

/// Says that a call comes from another node, and is not to be sent on.
pub(crate) const FORWARDED: &str = "earlybird-forwarded";

/// How long a command waits for a performance that is between two owners. Shorter than a failover: who waits for one is told
/// to come back, and does not fill the node meanwhile.
pub(crate) const OWNER_WAIT_MAX: Duration = Duration::from_secs(2);

/// How often a command that waits looks where its performance is.
pub(crate) const OWNER_LOOK_EVERY: Duration = Duration::from_millis(25);

/// What a node is in its cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// By which clients and other nodes reach it: `http://host:port`.
    pub address: String,
    /// Its share of the load, relative to other nodes.
    pub weight: u32,
    /// How long it owns what it owns without word from the store.
    pub lease: Duration,
    /// Whether other nodes may take over when the lease is over. A node alone goes on to answer from memory while its store
    /// is away; one of several must not, since another may be the owner by then.
    pub has_peers: bool,
    /// What nodes know each other by.
    pub key: Option<ClusterKey>,
    /// What nodes that speak TLS know each other by.
    pub tls: Option<Arc<Tls>>,
    /// Whether the coordinator moves buckets by itself.
    pub rebalances: bool,
    /// Where gossip is heard.
    pub gossip_listen: SocketAddr,
    /// Where others hear it.
    pub seeds: Vec<String>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            address: "http://127.0.0.1:50051".into(),
            weight: 100,
            lease: Duration::from_secs(3),
            has_peers: false,
            key: None,
            tls: None,
            rebalances: false,
            gossip_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seeds: Vec::new(),
        }
    }
}

/// A run of this node in its cluster.
pub struct Cluster {
    node: NodeId,
    incarnation: Incarnation,
    options: ClusterOptions,
    store: Arc<dyn Store>,
    lease: Arc<Lease>,
    view: watch::Sender<Arc<View>>,
    peers: Peers,
    directory: OnceLock<Weak<Directory>>,
    /// What is heard of the others, and told them.
    gossip: OnceLock<Gossip>,
    /// The performances that were busiest on other nodes when those were last heard of.
    hot: Mutex<HashMap<String, Vec<PerformanceId>>>,
    /// One at a time reads the view and acts on it.
    refreshing: tokio::sync::Mutex<()>,
    /// Buckets that may answer nobody at a time, while this node hands them over.
    sealing: Semaphore,
    /// One rebalance at a time.
    moving: Arc<tokio::sync::Mutex<()>>,
    /// Until when this node is the coordinator, if it was.
    leads_until: Mutex<Option<Instant>>,
    /// Somebody knows of a newer view.
    stale: Notify,
    /// When the store last answered.
    heard: Arc<Heard>,
    over: CancellationToken,
}

impl Cluster {
    /// Registers this run. It ends an earlier run of the same name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn join(
        node: NodeId,
        options: ClusterOptions,
        store: Arc<dyn Store>,
    ) -> anyhow::Result<Arc<Self>> {
        let row = NewNode { id: node.clone(), address: options.address.clone(), weight: options.weight };
        let sent = uptime();
        let incarnation =
            store.join(&row, options.lease).await.context("cannot register the node in the store")?;
        let lease = Arc::new(Lease::new(options.has_peers));
        lease.renewed(sent, options.lease);
        tracing::info!(%node, %incarnation, address = %options.address, "joined");
        let peers = Peers::new(options.tls.clone());
        Ok(Arc::new(Self {
            node,
            incarnation,
            options,
            store,
            lease,
            view: watch::Sender::default(),
            peers,
            directory: OnceLock::new(),
            gossip: OnceLock::new(),
            hot: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            sealing: Semaphore::new(handoff::SEALED_MAX),
            moving: Arc::default(),
            leads_until: Mutex::default(),
            stale: Notify::new(),
            heard: Arc::default(),
            over: CancellationToken::new(),
        }))
    }

    /// Names the directory that serves what is owned, and takes what nobody owns.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn own(&self, directory: &Arc<Directory>) -> anyhow::Result<()> {
        // Once, by the node that made both.
        drop(self.directory.set(Arc::downgrade(directory)));
        self.refresh().await.context("cannot claim the buckets")?;
        Ok(())
    }

    pub(crate) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// What is known of the cluster.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// That of the view.
    pub(crate) fn view_version(&self) -> ViewVersion {
        self.view.borrow().version
    }

    /// Tells of each new view.
    pub(crate) fn views(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// Connections to the others.
    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Whether there may be other nodes.
    pub(crate) fn has_peers(&self) -> bool {
        self.options.has_peers
    }

    /// The name of this node.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Counts the runs of this node.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Ends when this run was declared dead, or another run of the node has begun.
    #[must_use]
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// When the store last answered.
    #[must_use]
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Asks for the view to be read again soon: somebody said that it has changed.
    pub(crate) fn suspect(&self) {
        self.stale.notify_one();
    }

    /// Reads the view and acts on it: what was lost is let go, what was gained is served, and what nobody owns is claimed
    /// if it should be here. Returns whether nothing is left to claim.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let Some(directory) = self.directory() else { return Ok(true) };
        loop {
            let view = Arc::new(View::new(self.store.view().await?));
            directory.follow(&view, &self.node, self.incarnation);
            self.view.send_if_modified(|known| {
                // An equal one is as good, and would wake who waits for a change.
                let is_new = known.version != view.version;
                if is_new {
                    *known = Arc::clone(&view);
                }
                is_new
            });
            let addresses: Vec<&str> = view.nodes.iter().map(|node| node.address.as_str()).collect();
            self.peers.retain(&addresses);
            let orphans = self.orphans(&view);
            if orphans.is_empty() {
                return Ok(true);
            }
            let claimed = self.store.claim_free(&self.node, self.incarnation, &orphans).await?;
            if claimed.is_empty() {
                // Somebody was faster, and the next view says who; or this node's own lease is over for the moment.
                return Ok(false);
            }
            tracing::info!(buckets = claimed.len(), "took buckets that nobody owned");
            directory.gained(&claimed, &self.hottest());
        }
    }

    /// A bucket has gone to a node, perhaps to this one; the view need not be read to know that.
    pub(crate) fn note_owner(&self, bucket: Bucket, node: &NodeId, epoch: Epoch) {
        self.view.send_if_modified(|view| {
            let is_news = view.owner(bucket).is_none_or(|owner| owner.epoch < epoch);
            if is_news {
                *view = Arc::new(view.with_owner(bucket, node, epoch));
            }
            is_news
        });
    }

    /// Buckets without a living owner that should be here.
    fn orphans(&self, view: &View) -> Vec<Bucket> {
        // What a draining node still has is not free.
        let mine = |planned: &Move| {
            (planned.from.is_none() && *planned.to == *self.node.as_str()).then_some(planned.bucket)
        };
        place_orphans(view).iter().filter_map(mine).filter_map(Bucket::new).collect()
    }

    fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.get()?.upgrade()
    }

    /// What nodes know each other by.
    pub(crate) fn key(&self) -> Option<&ClusterKey> {
        self.options.key.as_ref()
    }

    /// Whether this node hands its buckets over.
    pub(crate) fn is_draining(&self) -> bool {
        self.view().live(self.node.as_str()).is_none_or(|node| node.state == NodeState::Draining)
    }

    /// Ends this run for good, after a drain: others need not wait for its lease.
    pub(crate) async fn leave(&self) {
        self.over.cancel();
        if let Err(error) = self.store.leave(&self.node, self.incarnation).await {
            tracing::debug!(%error, "could not say goodbye: the lease will run out");
        }
    }
}

/// The nodes that may be given buckets, as placement knows them.
pub(crate) fn candidates(view: &View) -> Vec<Candidate> {
    let candidate = |node: &Arc<earlybird_persistence::NodeRow>| Candidate {
        id: node.id.as_str().into(),
        weight: node.weight,
    };
    view.candidates().map(candidate).collect()
}

/// The moves that give an owner to every bucket that has none among the candidates.
pub(crate) fn place_orphans(view: &View) -> Vec<Move> {
    placement::place_orphans(&candidates(view), &buckets(view, |_| 0.0))
}

/// The buckets with their living owners, as placement knows them. `load` is what a bucket costs beside being there.
pub(crate) fn buckets(view: &View, load: impl Fn(Bucket) -> f64) -> Vec<placement::Bucket> {
    let state = |bucket: Bucket| placement::Bucket {
        number: bucket.number(),
        owner: view.owner(bucket).and_then(|owner| Some(owner.node.as_ref()?.id.as_str().into())),
        load: 1.0 + load(bucket),
        pinned_to: view.pinned_to(bucket).map(|node| node.as_str().into()),
    };
    Bucket::all().map(state).collect()
}

fn interval(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}
