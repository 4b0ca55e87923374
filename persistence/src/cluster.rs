//! The cluster: which nodes there are, which of them owns a bucket, and where a performance is to stay.
//!
//! ```text
//! join ──► ACTIVE ⇄ DRAINING ──leave, or the lease is over and another says so──► DEAD ──join──► the next run
//!             └─renew, renew, …
//! ```
//!
//! **Architecture invariant:** a run that is over never comes back. It was declared dead, left, or was followed by another
//! run of its name; whatever it owned may be taken by any live run.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{Bucket, Epoch, Incarnation, NodeId, PerformanceId, ViewVersion};

/// A node that starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNode {
    /// Its name, 1 to [`NewNode::ID_BYTES_MAX`] bytes. A node that starts again has the same.
    pub id: NodeId,
    /// By which clients and other nodes reach it: `http://host:port`, 1 to [`NewNode::ADDRESS_BYTES_MAX`] bytes.
    pub address: String,
    /// Its share of the load relative to other nodes, 1 to [`NewNode::WEIGHT_MAX`].
    pub weight: u32,
}

impl NewNode {
    /// The longest name.
    pub const ID_BYTES_MAX: usize = 63;
    /// The longest address.
    pub const ADDRESS_BYTES_MAX: usize = 512;
    /// The largest weight.
    pub const WEIGHT_MAX: u32 = 1_000_000;
}

/// The longest lease. The shortest is a millisecond.
pub const LEASE_MAX: Duration = Duration::from_secs(600);

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeState {
    /// It owns buckets and is given more.
    Active,
    /// It is to own no more: it is given none, and its own are moved away.
    Draining,
    /// Its last run is over.
    Dead,
}

/// A node, by its last run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeRow {
    /// Its name.
    pub id: NodeId,
    /// Which run that is.
    pub incarnation: Incarnation,
    /// By which it is reached.
    pub address: String,
    /// Its share of the load, relative to other nodes.
    pub weight: u32,
    /// Where it stands.
    pub state: NodeState,
    /// How much of its lease is left, in milliseconds; negative when it is over for so long.
    pub lease_left_ms: i64,
}

/// Who owns a bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnerRow {
    /// The bucket.
    pub bucket: Bucket,
    /// The node that owns it.
    pub node: NodeId,
    /// The run of it; 0 when it was claimed without one.
    pub incarnation: Incarnation,
    /// The epoch that fences it.
    pub epoch: Epoch,
}

/// A performance whose bucket is to stay on one node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PinRow {
    /// The performance.
    pub performance: PerformanceId,
    /// Its bucket.
    pub bucket: Bucket,
    /// The node.
    pub node: NodeId,
}

/// What became of a pin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PinOutcome {
    /// It is there now, in place of an earlier one of the same performance.
    Pinned,
    /// This one keeps the bucket on another node.
    Conflict(PinRow),
    /// No node of that name has ever joined.
    NoSuchNode,
}

/// The whole cluster at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterView {
    /// Which view this is.
    pub version: ViewVersion,
    /// Every node that ever joined, by name.
    pub nodes: Vec<NodeRow>,
    /// The buckets that have an owner, dead or alive, in order.
    pub owners: Vec<OwnerRow>,
    /// The pins, by performance.
    pub pins: Vec<PinRow>,
}

/// The cluster in the store: the truth about who owns what. Leases are by the database's clock. On PostgreSQL every change is
/// one statement, so that a node which freezes in the middle of one holds no lock for long.
///
/// A run is *live* until it is over, also when its lease has run out and nobody has declared it dead. To be given something
/// (buckets, the lead), a run needs a lease that has not run out as well.
#[async_trait]
pub trait ClusterStore {
    /// Registers a run of a node with a lease, active. An earlier run of the same name is over at once: its renewals answer
    /// None, its buckets may be claimed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: join again, which is another run. [`StoreError::Invalid`] names the field.
    async fn join(&self, node: &NewNode, lease: Duration) -> Result<Incarnation, StoreError>;

    /// Renews the lease of a live run, also one that has run out. Returns the version of the view; None when the run is over.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Invalid`], [`StoreError::Corrupt`].
    async fn renew(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<Option<ViewVersion>, StoreError>;

    /// Everything, of one moment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn view(&self) -> Result<ClusterView, StoreError>;

    /// Declares dead every node whose lease has run out. Returns those that it declared, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn declare_dead(&self) -> Result<Vec<NodeId>, StoreError>;

    /// Takes those of the buckets that no live run owns for this run, if its own lease has not run out. Each epoch grows by
    /// one (I9). Waits for appends that are being committed, as [`Store::claim_buckets`](crate::Store::claim_buckets) does.
    /// Returns what it took, in the order of the buckets: all that is free, or after an error all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: they may have been taken all the same; the view tells. An append that does not end within
    /// the lock time-out fails the whole claim: claim in parts then.
    async fn claim_free(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError>;

    /// Gives a bucket to the run of another node that is active and whose lease has not run out, if the bucket's epoch is
    /// still `from`. Returns the new epoch; None when nothing changed. Waits for appends that are being committed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been given all the same; the view tells.
    async fn transfer(&self, bucket: Bucket, from: Epoch, to: &NodeId) -> Result<Option<Epoch>, StoreError>;

    /// Ends a run for good. One that is over already stays so.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn leave(&self, node: &NodeId, incarnation: Incarnation) -> Result<(), StoreError>;

    /// Sets a live node draining, or active again. Its next run is active. Returns false when there is no such live node.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn set_draining(&self, node: &NodeId, draining: bool) -> Result<bool, StoreError>;

    /// Pins a performance's bucket to a node that has joined at some time; it need not be live. Replaces an earlier pin of
    /// the same performance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn pin(&self, pin: &PinRow) -> Result<PinOutcome, StoreError>;

    /// Takes a performance's pin away. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn unpin(&self, performance: &PerformanceId) -> Result<bool, StoreError>;

    /// Makes a run whose own lease has not run out the coordinator for so long, or keeps it so. False when another live run
    /// is, or this one is over. Not a change of the view.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may lead all the same. [`StoreError::Invalid`].
    async fn lead(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<bool, StoreError>;
}
