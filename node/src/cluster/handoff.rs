//! A bucket changes hands.
//!
//! ```text
//!  old owner                                     store                    new owner
//!  Prepare ───────────────────────────────────────────────────────────────► rebuilds the states, almost to the end
//!                                                     snapshots, journals ──►   of their journals
//!  seal: what waits is decided, what comes waits in the ingress   ┐
//!  flush: everything decided is durable                           │
//!  transfer ─────────────────────────────────────► epoch + 1      │ pause
//!  Receive ───────────────────────────────────────────────────────┼───────► is the owner
//!  what waited in its ingress follows                 last entries ┴──────► serves
//! ```
//!
//! The flush and the change of epoch need not be one transaction: between them nothing can be written, since the shards are
//! sealed, and after them nothing, since the epoch is another. Whatever fails before the transfer leaves the bucket where it
//! was; after it the new owner serves, when it learns from the view that it is the owner, if nobody else tells it. What it
//! could not read ahead it reads then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_persistence::{Bucket, Epoch, NodeId, StoreError};
use earlybird_proto::cluster::peer_client::PeerClient;
use earlybird_proto::cluster::{HandOverRequest, PrepareRequest, ReceiveRequest};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{Cluster, carry_out, place_orphans};
use crate::directory::{Directory, READ_AHEAD_MAX, Sealed};

/// How long the new owner may take to make itself ready: a little longer than it gives itself.
const PREPARE_MAX: Duration = READ_AHEAD_MAX.saturating_add(Duration::from_secs(1));
/// How long what waits may take to be decided and durable.
const SEAL_MAX: Duration = Duration::from_secs(1);
/// How long the new owner may take to serve.
const RECEIVE_MAX: Duration = Duration::from_secs(3);
/// Pause between two looks at who owns a bucket.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(50);
/// How long another node may take to hand a bucket over.
const HAND_OVER_MAX: Duration = Duration::from_secs(10);
/// An epoch that no bucket has.
const NO_EPOCH: Epoch = Epoch(0);
/// Buckets sealed at a time: those that would wait for each other in the store wait unsealed.
pub(super) const SEALED_MAX: usize = 4;
/// Buckets handed over at a time by a node that shuts down, and how often it tries those that failed.
const HAND_OVER_CONCURRENCY: usize = 16;
const HAND_OVER_ROUNDS: u32 = 3;

/// Why a bucket stays, or why it is not known where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandoffError {
    #[error("node {0} is not known, dead or draining")]
    NoSuchNode(NodeId),
    #[error("this node does not own bucket {0}")]
    NotOwned(Bucket),
    #[error("bucket {0} is being handed over already")]
    UnderWay(Bucket),
    #[error("what waits could not be made durable in time")]
    NotFlushed,
    #[error("the bucket has another epoch, or the node is not there any more")]
    Refused,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("node {0} did not answer: {1}")]
    Peer(NodeId, Status),
}

/// A bucket that has a new owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandedOver {
    pub(crate) epoch: Epoch,
    /// For how long its performances answered nobody.
    pub(crate) pause: Duration,
}

impl Cluster {
    /// Sees to it that `bucket` goes from `from` to `to`, wherever this is called.
    pub(crate) async fn move_bucket(
        self: &Arc<Self>,
        bucket: Bucket,
        from: &NodeId,
        to: &NodeId,
    ) -> Result<HandedOver, HandoffError> {
        if *from == self.node {
            // A task of its own: whoever asked may go away, and a handoff should not stop in the middle.
            let (cluster, to) = (Arc::clone(self), to.clone());
            let handing = tokio::spawn(async move { cluster.hand_over(bucket, &to).await });
            return handing.await.unwrap_or(Err(HandoffError::Refused));
        }
        let mut peer = self.peer(from)?;
        let mut request =
            self.request(HandOverRequest { bucket: bucket.number().into(), to: to.to_string() });
        request.set_timeout(HAND_OVER_MAX);
        let response =
            peer.hand_over(request).await.map_err(|status| HandoffError::Peer(from.clone(), status))?;
        let response = response.into_inner();
        Ok(HandedOver { epoch: Epoch(response.epoch), pause: Duration::from_micros(response.pause_us) })
    }

    /// Hands a bucket of this node over.
    pub(crate) async fn hand_over(&self, bucket: Bucket, to: &NodeId) -> Result<HandedOver, HandoffError> {
        let directory = self.directory().ok_or(HandoffError::NotOwned(bucket))?;
        let epoch = directory.epoch(bucket).ok_or(HandoffError::NotOwned(bucket))?;
        if *to == self.node {
            return Ok(HandedOver { epoch, pause: Duration::ZERO });
        }
        let mut peer = match self.peer(to) {
            Err(HandoffError::NoSuchNode(_)) => {
                // It may have joined just now: whoever asks has a newer view.
                self.refresh().await?;
                self.peer(to)?
            }
            known => known?,
        };
        self.make_ready(&mut peer, &directory, bucket, to).await?;
        let one_of_few = self.sealing.acquire().await;

        let began = Instant::now();
        // Opens the bucket again whenever this ends before the bucket has gone, also when it is dropped.
        let moving = directory.begin_move(bucket).ok_or(HandoffError::UnderWay(bucket))?;
        let sealing = tokio::time::timeout(SEAL_MAX, moving.seal());
        let Sealed { performances, at } = sealing.await.map_err(|_| HandoffError::NotFlushed)?;
        let sealed = began.elapsed();
        let is_unread = directory.is_unread(bucket);
        let epoch = match self.store.transfer(bucket, epoch, to).await {
            Ok(Some(epoch)) => epoch,
            Ok(None) => return Err(HandoffError::Refused),
            Err(error) => {
                self.until_known(bucket).await;
                return Err(error.into());
            }
        };
        let transferred = began.elapsed();
        moving.gone(epoch);
        drop(one_of_few);
        // What waits in this node's ingress follows at once, and waits there; others read the view when its version has
        // grown.
        self.note_owner(bucket, to, epoch);
        let mut request = self.request(ReceiveRequest {
            bucket: bucket.number().into(),
            epoch: epoch.0,
            performances: performances.iter().map(ToString::to_string).collect(),
            sealed_at_ms: at.0,
            is_unread,
        });
        request.set_timeout(RECEIVE_MAX);
        let received = peer.receive(request).await;
        let pause = began.elapsed();
        if let Err(status) = received {
            tracing::warn!(%bucket, %to, %status, "the new owner does not answer; the view tells it");
        }
        metrics::histogram!("earlybird_cluster_handoff_seconds").record(pause);
        tracing::debug!(%bucket, %to, ?sealed, ?transferred, ?pause, "handed over");
        Ok(HandedOver { epoch, pause })
    }

    /// Does ahead what can be done ahead of a pause.
    async fn make_ready(
        &self,
        peer: &mut PeerClient<Channel>,
        directory: &Directory,
        bucket: Bucket,
        to: &NodeId,
    ) -> Result<(), HandoffError> {
        // Also when there is nothing to read ahead: a node that does not answer is given nothing.
        let active = directory.active_in(bucket);
        let performances = active.iter().map(|shard| shard.performance().id.to_string()).collect();
        let mut request = self.request(PrepareRequest { bucket: bucket.number().into(), performances });
        request.set_timeout(PREPARE_MAX);
        peer.prepare(request).await.map_err(|status| HandoffError::Peer(to.clone(), status))?;
        // Changes nothing, and so the store has a connection and a plan when it counts.
        self.store.transfer(bucket, NO_EPOCH, to).await?;
        Ok(())
    }

    /// Waits until it is known who owns a bucket whose transfer has no answer. Until then nobody here may speak for it, also
    /// when the lease is over: it may hold again before the view is read.
    async fn until_known(&self, bucket: Bucket) {
        while !self.over.is_cancelled() {
            // Ends the statement, should it still be under way.
            let ended = self.store.heads(&[]).await;
            if ended.is_ok() && self.refresh().await.is_ok() {
                return;
            }
            tracing::debug!(%bucket, "cannot tell yet whether it was handed over");
            tokio::time::sleep(UNKNOWN_PAUSE).await;
        }
    }

    /// A client of another node that may own.
    pub(crate) fn peer(&self, node: &NodeId) -> Result<PeerClient<Channel>, HandoffError> {
        let view = self.view();
        let unknown = || HandoffError::NoSuchNode(node.clone());
        let row = view.live(node.as_str()).ok_or_else(unknown)?;
        let channel = self.peers.channel(&row.address).map_err(|_| unknown())?;
        Ok(PeerClient::new(channel))
    }

    /// A request that shows the key of the cluster.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(key) = self.key() {
            key.show(request.metadata_mut());
        }
        request
    }

    /// Hands over all buckets of this node, many at a time, until none is left or nobody can take them. The caller bounds
    /// the whole.
    pub(crate) async fn hand_over_all(self: &Arc<Self>) -> Result<(), StoreError> {
        if !self.options.has_peers {
            return Ok(());
        }
        self.store.set_draining(&self.node, true).await?;
        self.refresh().await?;
        for _ in 0..HAND_OVER_ROUNDS {
            let view = self.view();
            let mut moves = place_orphans(&view);
            moves.retain(|planned| planned.from.as_deref() == Some(self.node.as_str()));
            if moves.is_empty() {
                return Ok(());
            }
            let done = carry_out(self, moves, HAND_OVER_CONCURRENCY, &self.over, |_| {}).await;
            tracing::info!(moved = done.moved, failed = done.failed, "handed buckets over");
            self.refresh().await?;
        }
        Ok(())
    }
}
