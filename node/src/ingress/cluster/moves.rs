//! Moves that an operator asks for.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use earlybird_cluster::placement::{self, Move};
use earlybird_persistence::NodeState;
use earlybird_proto::v1::cluster_client::ClusterClient;
use earlybird_proto::v1::{self, apply_rebalance_response, drain_node_response};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use hashbrown::HashMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

use super::super::status::{Problem, Reason};
use super::show::name_of;
use super::{Ingress, concurrency};
use crate::cluster::{CannotRebalance, FORWARDED, MoveDone, View, candidates, carry_out, weighed};

/// What a rebalance would do, and what it follows from.
pub(super) struct Planned {
    pub(super) wire: v1::RebalancePlan,
    moves: Vec<Move>,
    buckets: Vec<placement::Bucket>,
}

/// A series of moves on its way, as a caller sees it.
enum News {
    Progress(v1::TransferProgress),
    Summary(v1::TransferSummary),
}

impl Ingress {
    pub(super) async fn plan_rebalance(&self, max_moves: u32) -> Result<Planned, Problem> {
        let cluster = &self.node.cluster;
        cluster.refresh().await?;
        let (view, loads) = (cluster.view(), cluster.loads().await);
        let buckets = weighed(&view, &loads);
        let mut moves = cluster.plan(&view, &loads);
        // Buckets without an owner are claimed, not moved.
        moves.retain(|planned| planned.from.is_some());
        let wanted = moves.len();
        moves.truncate(if max_moves == 0 { wanted } else { max_moves as usize });
        let left_out = wanted - moves.len();
        let wire = v1::RebalancePlan {
            view_version: view.version.0,
            moves: moves.iter().map(|planned| wire(planned, &buckets)).collect(),
            nodes: node_loads(&view, &buckets, &moves),
            moves_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        };
        Ok(Planned { wire, moves, buckets })
    }

    pub(super) async fn apply_rebalance(
        ingress: &Arc<Self>,
        request: Request<v1::ApplyRebalanceRequest>,
    ) -> Result<BoxStream<'static, Result<v1::ApplyRebalanceResponse, Status>>, Status> {
        let in_progress = |why: CannotRebalance| Problem::new(Reason::RebalanceInProgress, why.to_string());
        let one_at_a_time = match ingress.node.cluster.begin_rebalance().await {
            Ok(rebalancing) => rebalancing,
            Err(CannotRebalance::Elsewhere) if !request.metadata().contains_key(FORWARDED) => {
                return ingress.apply_at_coordinator(request).await;
            }
            Err(CannotRebalance::Store(error)) => return Err(Problem::from(error).into()),
            Err(why) => return Err(in_progress(why).into()),
        };
        let request = request.into_inner();
        let Planned { wire, moves, buckets } = ingress.plan_rebalance(request.max_moves).await?;
        let event = |event| Ok(v1::ApplyRebalanceResponse { event: Some(event) });
        let first = futures::stream::iter([event(apply_rebalance_response::Event::Plan(wire))]);
        let stop = one_at_a_time.lost().clone();
        let rest =
            carried_out(ingress, moves, buckets, concurrency(request.concurrency), stop, one_at_a_time);
        let rest = rest.map(move |news| {
            event(match news? {
                News::Progress(progress) => apply_rebalance_response::Event::Progress(progress),
                News::Summary(summary) => apply_rebalance_response::Event::Summary(summary),
            })
        });
        Ok(first.chain(rest).boxed())
    }

    /// Sends the call on to the node that rebalances.
    async fn apply_at_coordinator(
        &self,
        mut request: Request<v1::ApplyRebalanceRequest>,
    ) -> Result<BoxStream<'static, Result<v1::ApplyRebalanceResponse, Status>>, Status> {
        let cluster = &self.node.cluster;
        let coordinator = cluster.coordinator().await;
        let view = cluster.view();
        let row = coordinator.as_ref().and_then(|node| view.live(node.as_str()));
        let channel = row.and_then(|row| cluster.peers().channel(&row.address).ok());
        let unknown = || Problem::new(Reason::RebalanceInProgress, "another node is the coordinator");
        let channel = channel.ok_or_else(unknown)?;
        request.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
        Ok(ClusterClient::new(channel).apply_rebalance(request).await?.into_inner().boxed())
    }

    pub(super) async fn drain_node(
        ingress: &Arc<Self>,
        request: v1::DrainNodeRequest,
    ) -> Result<BoxStream<'static, Result<v1::DrainNodeResponse, Status>>, Problem> {
        let cluster = &ingress.node.cluster;
        cluster.refresh().await?;
        let row = ingress.node_row("name", &request.name)?;
        if row.state == NodeState::Dead {
            return Err(Problem::new(Reason::NodeNotActive, "the node is dead"));
        }
        if !cluster.view().candidates().any(|other| other.id != row.id) {
            return Err(Problem::new(Reason::LastNode, "no other node could take what it has"));
        }
        if !ingress.node.store.set_draining(&row.id, true).await? {
            return Err(Problem::new(Reason::NodeNotActive, "the node is dead"));
        }
        cluster.refresh().await?;
        let (view, loads) = (cluster.view(), cluster.loads().await);
        let buckets = weighed(&view, &loads);
        let mut moves = placement::place_orphans(&candidates(&view), &buckets);
        moves.retain(|planned| planned.from.as_deref() == Some(row.id.as_str()));
        let never = CancellationToken::new();
        let news = carried_out(ingress, moves, buckets, concurrency(request.concurrency), never, ());
        let event = |news| v1::DrainNodeResponse {
            event: Some(match news {
                News::Progress(progress) => drain_node_response::Event::Progress(progress),
                News::Summary(summary) => drain_node_response::Event::Summary(summary),
            }),
        };
        Ok(news.map(move |news| Ok(event(news?))).boxed())
    }

    pub(super) async fn undrain_node(&self, name: &str) -> Result<v1::ClusterNode, Problem> {
        let cluster = &self.node.cluster;
        cluster.refresh().await?;
        let id = self.node_row("name", name)?.id.clone();
        if !self.node.store.set_draining(&id, false).await? {
            return Err(Problem::new(Reason::NodeNotActive, "the node is dead"));
        }
        cluster.refresh().await?;
        let row = self.node_row("name", name)?;
        Ok(self.wire(&row, &cluster.view(), &cluster.loads().await))
    }
}

/// Carries out moves in a task that ends, after what is under way, when the caller goes away or at `stop`, which is told. `held`
/// is kept until then.
fn carried_out(
    ingress: &Arc<Ingress>,
    moves: Vec<Move>,
    buckets: Vec<placement::Bucket>,
    concurrency: usize,
    stop: CancellationToken,
    held: impl Send + 'static,
) -> Pin<Box<dyn Stream<Item = Result<News, Problem>> + Send>> {
    // A caller who reads slowly keeps no move waiting: there are no more messages than moves.
    let (sender, receiver) = mpsc::unbounded_channel();
    let ingress = Arc::clone(ingress);
    tokio::spawn(async move {
        let _held = held;
        let (began, total) = (Instant::now(), u32::try_from(moves.len()).unwrap_or(u32::MAX));
        let mut made = Vec::new();
        let (mut done, mut failed) = (0, 0);
        // In portions, so that a caller who went away is noticed between them.
        for portion in moves.chunks(concurrency) {
            carry_out(&ingress.node.cluster, portion.to_vec(), concurrency, &stop, |finished: &MoveDone| {
                done += 1;
                let error = finished.outcome.as_ref().err().map(ToString::to_string);
                failed += u32::from(error.is_some());
                if error.is_none() {
                    made.push(finished.planned.clone());
                }
                // A caller who went away is noticed below.
                drop(sender.send(Ok(News::Progress(v1::TransferProgress {
                    r#move: Some(wire(&finished.planned, &buckets)),
                    error: error.unwrap_or_default(),
                    done,
                    failed,
                    total,
                }))));
            })
            .await;
            if sender.is_closed() {
                return;
            }
            if stop.is_cancelled() && done < total {
                // A caller who went away has no use for it.
                drop(sender.send(Err(coordinator_changed(done, total))));
                return;
            }
        }
        if let Err(error) = ingress.node.cluster.refresh().await {
            tracing::debug!(%error, "cannot read the view after moves");
        }
        let summary = v1::TransferSummary {
            moved: u32::try_from(made.len()).unwrap_or(u32::MAX),
            failed,
            elapsed: prost_types::Duration::try_from(began.elapsed()).ok(),
            nodes: node_loads(&ingress.node.cluster.view(), &buckets, &made),
        };
        // A caller who went away has no use for it.
        drop(sender.send(Ok(News::Summary(summary))));
    });
    UnboundedReceiverStream::new(receiver).boxed()
}

fn coordinator_changed(done: u32, total: u32) -> Problem {
    let message = format!(
        "another node is the coordinator, or may be: stopped after {done} of {total} moves; what was moved stays there"
    );
    Problem::new(Reason::CoordinatorChanged, message)
}

fn wire(planned: &Move, buckets: &[placement::Bucket]) -> v1::BucketMove {
    let load =
        buckets.iter().find(|bucket| bucket.number == planned.bucket).map_or(0.0, |bucket| bucket.load);
    v1::BucketMove {
        bucket: planned.bucket.into(),
        from: planned.from.as_deref().map(name_of).unwrap_or_default(),
        to: name_of(&planned.to),
        load,
    }
}

/// The living nodes, before and after moves of `buckets` as they stood.
fn node_loads(view: &View, buckets: &[placement::Bucket], moves: &[Move]) -> Vec<v1::NodeLoad> {
    let to: HashMap<u16, &str> = moves.iter().map(|planned| (planned.bucket, &*planned.to)).collect();
    let alive = view.nodes.iter().filter(|node| node.state != NodeState::Dead);
    let load = |node: &Arc<earlybird_persistence::NodeRow>| {
        let mut sums = v1::NodeLoad { node: name_of(&node.id), ..v1::NodeLoad::default() };
        for bucket in buckets {
            let before = bucket.owner.as_deref();
            if before == Some(node.id.as_str()) {
                sums.buckets_before += 1;
                sums.load_before += bucket.load;
            }
            if to.get(&bucket.number).copied().or(before) == Some(node.id.as_str()) {
                sums.buckets_after += 1;
                sums.load_after += bucket.load;
            }
        }
        sums
    };
    alive.map(load).collect()
}
