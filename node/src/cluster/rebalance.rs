//! Moves that make the cluster even: planned from measured loads, carried out a few at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_cluster::bucket_of;
use earlybird_cluster::placement::{self, Move};
use earlybird_persistence::{Bucket, NodeId, NodeState, StoreError};
use earlybird_proto::cluster::{LoadsRequest, LoadsResponse};
use futures::StreamExt as _;
use hashbrown::HashMap;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::handoff::{HandedOver, HandoffError};
use super::{Cluster, View, buckets, candidates};

/// How often the coordinator looks whether the cluster is even.
const BALANCE_EVERY: Duration = Duration::from_secs(2);
/// For how long a node is the coordinator without saying so again.
const LEAD_FOR: Duration = Duration::from_secs(6);
/// How often it says so while it moves buckets: one word may get lost.
const LEAD_RENEWED_EVERY: Duration = Duration::from_secs(2);
/// Buckets that the coordinator moves at a time.
const CONCURRENCY: usize = 4;
/// How long a node may take to say what its performances cost it.
const LOADS_MAX: Duration = Duration::from_secs(1);
/// So many seats cost as much as a command a second.
const SEATS_PER_COMMAND: f64 = 1_000.0;
/// A bucket is there: that costs as much as so many commands a second.
const COMMANDS_PER_BUCKET: f64 = 10.0;

/// The right to rebalance: one at a time at this node, and this node alone.
pub(crate) struct Rebalancing {
    _lock: OwnedMutexGuard<()>,
    /// Says again and again that this node is the coordinator.
    _leading: AbortOnDropHandle<()>,
    lost: CancellationToken,
}

impl Rebalancing {
    /// Cancelled when this node is not the coordinator any more: no further move may be begun.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

/// Why a rebalance cannot be begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotRebalance {
    #[error("another rebalance is under way")]
    UnderWay,
    #[error("another node is the coordinator")]
    Elsewhere,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of moves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) moved: usize,
    pub(crate) failed: usize,
}

/// One move, carried out or not.
pub(crate) struct MoveDone {
    pub(crate) planned: Move,
    pub(crate) outcome: Result<HandedOver, HandoffError>,
}

/// Carries out moves, so many at a time, and tells of each. Moves of buckets without an owner are left out: whoever
/// should have them claims them. After `stop` none is begun, and those under way are brought to their end.
pub(crate) async fn carry_out(
    cluster: &Arc<Cluster>,
    moves: Vec<Move>,
    concurrency: usize,
    stop: &CancellationToken,
    mut tell: impl FnMut(&MoveDone),
) -> Done {
    let mut done = Done::default();
    let moves = moves.into_iter().filter_map(|planned| {
        let bucket = Bucket::new(planned.bucket)?;
        let (from, to) = (NodeId::from(planned.from.as_deref()?), NodeId::from(&*planned.to));
        Some(async move {
            let outcome = cluster.move_bucket(bucket, &from, &to).await;
            MoveDone { planned, outcome }
        })
    });
    let moves = futures::stream::iter(moves).take_until(stop.cancelled());
    let mut under_way = std::pin::pin!(moves.buffer_unordered(concurrency.max(1)));
    while let Some(finished) = under_way.next().await {
        match &finished.outcome {
            Ok(_) => done.moved += 1,
            Err(error) => {
                done.failed += 1;
                tracing::warn!(bucket = finished.planned.bucket, to = %finished.planned.to, %error, "a bucket was not moved");
            }
        }
        tell(&finished);
    }
    done
}

/// What each node says of its performances; a node that does not answer is not in it.
pub(crate) type Loads = HashMap<NodeId, LoadsResponse>;

impl Cluster {
    /// Asks all living nodes what their performances cost them.
    pub(crate) async fn loads(&self) -> Loads {
        let view = self.view();
        let alive = view.nodes.iter().filter(|node| view.live(node.id.as_str()).is_some());
        let asked = alive.map(|node| async {
            if node.id == self.node {
                return Some((node.id.clone(), self.own_loads()?));
            }
            let mut request = self.request(LoadsRequest {});
            request.set_timeout(LOADS_MAX);
            let response = self.peer(&node.id).ok()?.loads(request).await.ok()?;
            Some((node.id.clone(), response.into_inner()))
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// What the performances of this node cost it.
    pub(crate) fn own_loads(&self) -> Option<LoadsResponse> {
        let loads = self.directory()?.loads();
        Some(LoadsResponse { leads: self.leads(), ..loads })
    }

    /// Keeps others from rebalancing, here and at other nodes, until it is dropped.
    ///
    /// # Errors
    /// Why it may not be begun here and now.
    pub(crate) async fn begin_rebalance(self: &Arc<Self>) -> Result<Rebalancing, CannotRebalance> {
        let lock = Arc::clone(&self.moving).try_lock_owned().map_err(|_| CannotRebalance::UnderWay)?;
        if !self.lead().await? {
            return Err(CannotRebalance::Elsewhere);
        }
        let (cluster, lost) = (Arc::clone(self), CancellationToken::new());
        let loses = lost.clone();
        let leading = tokio::spawn(async move {
            cluster.keep_leading().await;
            loses.cancel();
        });
        Ok(Rebalancing { _lock: lock, _leading: AbortOnDropHandle::new(leading), lost })
    }

    /// Stays the coordinator, and ends when it is not any more: another one is, or may be, since the store has not answered
    /// for so long.
    async fn keep_leading(&self) {
        let mut renewals = super::interval(LEAD_RENEWED_EVERY);
        loop {
            renewals.tick().await;
            match tokio::time::timeout(LEAD_RENEWED_EVERY, self.lead()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return,
                Ok(Err(_)) | Err(_) if self.leads() => {
                    tracing::debug!("cannot say that this node is still the coordinator");
                }
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Whether this node is the coordinator, as far as it knows.
    fn leads(&self) -> bool {
        self.leads_until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// The node that rebalances, according to what each says.
    pub(crate) async fn coordinator(&self) -> Option<NodeId> {
        self.loads().await.into_iter().find(|(_, load)| load.leads).map(|(node, _)| node)
    }

    /// The moves that would make the cluster even, and the loads that they follow from.
    pub(crate) fn plan(&self, view: &View, loads: &Loads) -> Vec<Move> {
        placement::rebalance(&candidates(view), &weighed(view, loads))
    }

    /// While this node is the coordinator, moves what should be elsewhere.
    pub(crate) async fn balance(self: Arc<Self>) {
        let mut rounds = super::interval(BALANCE_EVERY);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.over.cancelled() => return,
            }
            if let Err(error) = self.balance_once().await {
                tracing::debug!(%error, "cannot balance the cluster now");
            }
        }
    }

    async fn balance_once(self: &Arc<Self>) -> Result<(), StoreError> {
        if !self.options.rebalances || self.view().candidates().count() < 2 || self.is_draining() {
            return Ok(());
        }
        if !self.lead().await? {
            return Ok(());
        }
        let loads = self.loads().await;
        let view = self.view();
        if view.candidates().any(|node| !loads.contains_key(&node.id)) {
            // A node that is too busy to answer would be taken for one with nothing to do.
            return Ok(());
        }
        let mut moves = self.plan(&view, &loads);
        // Who drains a node sees to its buckets.
        let drains = |planned: &Move| {
            let from = planned.from.as_deref().and_then(|from| view.live(from));
            from.is_some_and(|node| node.state == NodeState::Draining)
        };
        moves.retain(|planned| !drains(planned));
        if moves.is_empty() {
            return Ok(());
        }
        let rebalancing = match self.begin_rebalance().await {
            Ok(rebalancing) => rebalancing,
            Err(CannotRebalance::UnderWay | CannotRebalance::Elsewhere) => return Ok(()),
            Err(CannotRebalance::Store(error)) => return Err(error),
        };
        let done = carry_out(self, moves, CONCURRENCY, rebalancing.lost(), |_| {}).await;
        if rebalancing.lost().is_cancelled() {
            tracing::warn!(
                moved = done.moved,
                "stopped to balance: another node is the coordinator, or may be"
            );
        } else {
            tracing::info!(moved = done.moved, failed = done.failed, "balanced the cluster");
        }
        self.refresh().await.map(drop)
    }

    /// Becomes the coordinator, or stays it; false when another node is.
    async fn lead(&self) -> Result<bool, StoreError> {
        let until = Instant::now() + LEAD_FOR;
        let leads = self.store.lead(&self.node, self.incarnation, LEAD_FOR).await?;
        *self.leads_until.lock() = leads.then_some(until);
        Ok(leads)
    }
}

/// The buckets with what they cost.
pub(crate) fn weighed(view: &View, loads: &Loads) -> Vec<placement::Bucket> {
    let mut costs: HashMap<u16, f64> = HashMap::new();
    for load in loads.values().flat_map(|of_node| &of_node.performances) {
        let cost = load.commands_per_second + f64::from(load.seats) / SEATS_PER_COMMAND;
        *costs.entry(bucket_of(&load.performance)).or_default() += cost / COMMANDS_PER_BUCKET;
    }
    buckets(view, |bucket| costs.get(&bucket.number()).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use earlybird_persistence::Store;

    use super::*;
    use crate::cluster::ClusterOptions;

    async fn node(name: &str, store: &Arc<dyn Store>) -> Arc<Cluster> {
        let joined = Cluster::join(NodeId::from(name), ClusterOptions::default(), Arc::clone(store)).await;
        joined.expect("the store answers")
    }

    #[tokio::test]
    async fn a_rebalance_stops_when_another_node_has_become_the_coordinator() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = earlybird_persistence::open(&url).await.expect("the store opens");
        let (ours, other) = (node("ours", &store).await, node("other", &store).await);
        let rebalancing = ours.begin_rebalance().await.expect("nobody else does");
        assert!(matches!(other.begin_rebalance().await, Err(CannotRebalance::Elsewhere)));
        assert!(!rebalancing.lost().is_cancelled());
        // As if the store had not heard of it in time.
        while !other.lead().await.expect("the store answers") {
            store
                .lead(&ours.node, ours.incarnation, Duration::from_millis(1))
                .await
                .expect("the store answers");
        }
        rebalancing.lost().cancelled().await;
        let planned = Move { bucket: 1, from: Some("ours".into()), to: "other".into() };
        let told = |_: &MoveDone| panic!("no move is begun");
        let done = carry_out(&ours, vec![planned], 4, rebalancing.lost(), told).await;
        assert_eq!((done.moved, done.failed), (0, 0));
        drop(rebalancing);
        assert!(matches!(ours.begin_rebalance().await, Err(CannotRebalance::Elsewhere)));
    }
}
