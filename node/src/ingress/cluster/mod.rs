//! The `Cluster` service: what operators see of the nodes, and what they have them do.
//!
//! ```text
//!  GetCluster, ListPlacements, GetRouting ──► the view, and what each node says of its loads
//!  PlanRebalance ─────────────────────────► placement, nothing is changed
//!  ApplyRebalance, DrainNode ─────────────► the same moves, carried out a few at a time; one message for each
//!  Pin, Unpin, Move ──────────────────────► a row of the store, and one move
//! ```

mod moves;
mod show;

use earlybird_cluster::bucket_of;
use earlybird_persistence::{Bucket, NodeId, NodeState, PerformanceId, PinOutcome, PinRow};
use earlybird_proto::v1::{self, cluster_server};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::status::{Problem, Reason};
use super::{Ingress, Services, names};
use crate::auth::Caller;
use crate::cluster::HandoffError;

/// Moves at a time when the caller does not say, and the most.
const CONCURRENCY_DEFAULT: u32 = 4;
const CONCURRENCY_MAX: u32 = 64;

fn concurrency(asked: u32) -> usize {
    let asked = if asked == 0 { CONCURRENCY_DEFAULT } else { asked };
    asked.min(CONCURRENCY_MAX) as usize
}

impl From<HandoffError> for Problem {
    fn from(error: HandoffError) -> Self {
        match error {
            HandoffError::Store(error) => error.into(),
            HandoffError::NoSuchNode(_) => Self::new(Reason::NodeNotActive, error.to_string()),
            _ => Self::new(Reason::MoveFailed, error.to_string()),
        }
    }
}

impl Ingress {
    /// A node by its name in a request; one that never joined is unknown.
    fn node_row(
        &self,
        field: &'static str,
        name: &str,
    ) -> Result<std::sync::Arc<earlybird_persistence::NodeRow>, Problem> {
        let id = names::node(field, name)?;
        let view = self.node.cluster.view();
        let found = view.nodes.iter().find(|node| node.id.as_str() == id);
        found.cloned().ok_or_else(|| Problem::new(Reason::NodeNotFound, "no such node"))
    }

    /// The same, when it may be given buckets.
    fn active_node(&self, field: &'static str, name: &str) -> Result<NodeId, Problem> {
        let row = self.node_row(field, name)?;
        match row.state {
            NodeState::Active => Ok(row.id.clone()),
            NodeState::Draining => Err(Problem::new(Reason::NodeNotActive, "the node is draining")),
            NodeState::Dead => Err(Problem::new(Reason::NodeNotActive, "the node is dead")),
        }
    }

    /// A performance that there is, and its bucket.
    async fn placed(&self, field: &'static str, name: &str) -> Result<(PerformanceId, Bucket), Problem> {
        let id = PerformanceId::from(names::performance(field, name)?);
        let known = self.node.catalog.performance(&id).await?;
        let bucket = known.and_then(|_| Bucket::new(bucket_of(id.as_str())));
        let bucket =
            bucket.ok_or_else(|| Problem::new(Reason::PerformanceNotFound, "no such performance"))?;
        Ok((id, bucket))
    }

    /// Brings a bucket to a node, if it is not there.
    async fn bring(&self, bucket: Bucket, to: &NodeId) -> Result<(), Problem> {
        let cluster = &self.node.cluster;
        cluster.refresh().await?;
        let view = cluster.view();
        let owner = view.owner(bucket).and_then(|owner| owner.node.as_ref());
        let owner = owner.ok_or_else(|| Problem::new(Reason::MoveFailed, "nobody owns it for the moment"))?;
        if owner.id != *to {
            cluster.move_bucket(bucket, &owner.id, to).await?;
            cluster.refresh().await?;
        }
        Ok(())
    }

    async fn pin(&self, request: v1::PinPerformanceRequest) -> Result<v1::Routing, Problem> {
        let (performance, bucket) = self.placed("performance", &request.performance).await?;
        self.node.cluster.refresh().await?;
        let node = if request.node.is_empty() {
            let view = self.node.cluster.view();
            let owner = view.owner(bucket).and_then(|owner| owner.node.as_ref());
            owner.ok_or_else(|| Problem::new(Reason::MoveFailed, "nobody owns it for the moment"))?.id.clone()
        } else {
            self.active_node("node", &request.node)?
        };
        let view = self.node.cluster.view();
        let is_against =
            |pin: &&PinRow| pin.bucket == bucket && pin.performance != performance && pin.node != node;
        if let Some(other) = view.pins.iter().find(is_against) {
            return Err(pinned_elsewhere(other));
        }
        // Moved first, so that one which cannot be moved is not pinned either.
        self.bring(bucket, &node).await?;
        match self.node.store.pin(&PinRow { performance, bucket, node }).await? {
            PinOutcome::Pinned => Ok(self.routing(request.performance, bucket)),
            PinOutcome::NoSuchNode => Err(Problem::new(Reason::NodeNotFound, "no such node")),
            PinOutcome::Conflict(other) => Err(pinned_elsewhere(&other)),
        }
    }
}

fn pinned_elsewhere(other: &PinRow) -> Problem {
    Problem::new(Reason::PinConflict, "another performance of its bucket is pinned to another node")
        .with("performance", format!("performances/{}", other.performance))
        .with("node", format!("nodes/{}", other.node))
}

#[tonic::async_trait]
impl cluster_server::Cluster for Services {
    type ApplyRebalanceStream = BoxStream<'static, Result<v1::ApplyRebalanceResponse, Status>>;
    type DrainNodeStream = BoxStream<'static, Result<v1::DrainNodeResponse, Status>>;

    async fn get_cluster(
        &self,
        request: Request<v1::GetClusterRequest>,
    ) -> Result<Response<v1::ClusterView>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.cluster_view().await?))
    }

    async fn list_placements(
        &self,
        request: Request<v1::ListPlacementsRequest>,
    ) -> Result<Response<v1::ListPlacementsResponse>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.list_placements(request.into_inner()).await?))
    }

    async fn get_routing(
        &self,
        request: Request<v1::GetRoutingRequest>,
    ) -> Result<Response<v1::Routing>, Status> {
        let name = request.into_inner().performance;
        let (_, bucket) = self.0.placed("performance", &name).await?;
        Ok(Response::new(self.0.routing(name, bucket)))
    }

    async fn plan_rebalance(
        &self,
        request: Request<v1::PlanRebalanceRequest>,
    ) -> Result<Response<v1::RebalancePlan>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.plan_rebalance(request.into_inner().max_moves).await?.wire))
    }

    async fn apply_rebalance(
        &self,
        request: Request<v1::ApplyRebalanceRequest>,
    ) -> Result<Response<Self::ApplyRebalanceStream>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(Ingress::apply_rebalance(&self.0, request).await?))
    }

    async fn drain_node(
        &self,
        request: Request<v1::DrainNodeRequest>,
    ) -> Result<Response<Self::DrainNodeStream>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(Ingress::drain_node(&self.0, request.into_inner()).await?))
    }

    async fn undrain_node(
        &self,
        request: Request<v1::UndrainNodeRequest>,
    ) -> Result<Response<v1::ClusterNode>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.undrain_node(&request.into_inner().name).await?))
    }

    async fn pin_performance(
        &self,
        request: Request<v1::PinPerformanceRequest>,
    ) -> Result<Response<v1::Routing>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.pin(request.into_inner()).await?))
    }

    async fn unpin_performance(
        &self,
        request: Request<v1::UnpinPerformanceRequest>,
    ) -> Result<Response<v1::Routing>, Status> {
        Caller::of(&request).require_admin()?;
        let name = request.into_inner().performance;
        let (performance, bucket) = self.0.placed("performance", &name).await?;
        self.0.node.store.unpin(&performance).await.map_err(Problem::from)?;
        self.0.node.cluster.refresh().await.map_err(Problem::from)?;
        Ok(Response::new(self.0.routing(name, bucket)))
    }

    async fn move_performance(
        &self,
        request: Request<v1::MovePerformanceRequest>,
    ) -> Result<Response<v1::Routing>, Status> {
        Caller::of(&request).require_admin()?;
        let request = request.into_inner();
        let (_, bucket) = self.0.placed("performance", &request.performance).await?;
        self.0.node.cluster.refresh().await.map_err(Problem::from)?;
        let node = self.0.active_node("node", &request.node)?;
        self.0.bring(bucket, &node).await?;
        Ok(Response::new(self.0.routing(request.performance, bucket)))
    }
}
