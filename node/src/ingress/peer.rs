//! What other nodes ask of this one.

use std::sync::Arc;

use earlybird_engine::Timestamp;
use earlybird_persistence::{Bucket, Epoch, NodeId, PerformanceId};
use earlybird_proto::cluster::peer_server::Peer;
use earlybird_proto::cluster::{
    HandOverRequest, HandOverResponse, LoadsRequest, LoadsResponse, PrepareRequest, PrepareResponse,
    ReceiveRequest, ReceiveResponse,
};
use tonic::{Request, Response, Status};

use crate::directory::Sealed;
use crate::node::Node;

/// The service. The gate lets nobody in who does not know the key of the cluster.
pub(crate) struct PeerService {
    node: Arc<Node>,
}

impl PeerService {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

fn bucket(number: u32) -> Result<Bucket, Status> {
    let bucket = u16::try_from(number).ok().and_then(Bucket::new);
    bucket.ok_or_else(|| Status::invalid_argument(format!("bucket: there is no {number}")))
}

#[tonic::async_trait]
impl Peer for PeerService {
    async fn hand_over(
        &self,
        request: Request<HandOverRequest>,
    ) -> Result<Response<HandOverResponse>, Status> {
        let request = request.into_inner();
        let (bucket, to) = (bucket(request.bucket)?, NodeId::from(request.to));
        let own = self.node.cluster.node().clone();
        let handed = self.node.cluster.move_bucket(bucket, &own, &to).await;
        let handed = handed.map_err(|error| Status::failed_precondition(error.to_string()))?;
        let pause_us = u64::try_from(handed.pause.as_micros()).unwrap_or(u64::MAX);
        Ok(Response::new(HandOverResponse { epoch: handed.epoch.0, pause_us }))
    }

    async fn prepare(&self, request: Request<PrepareRequest>) -> Result<Response<PrepareResponse>, Status> {
        let request = request.into_inner();
        let performances: Vec<PerformanceId> = request.performances.into_iter().map(Into::into).collect();
        self.node.directory.prepare(bucket(request.bucket)?, &performances).await;
        Ok(Response::new(PrepareResponse {}))
    }

    async fn receive(&self, request: Request<ReceiveRequest>) -> Result<Response<ReceiveResponse>, Status> {
        let ReceiveRequest { bucket: number, epoch, performances, sealed_at_ms, is_unread } =
            request.into_inner();
        let (bucket, epoch) = (bucket(number)?, Epoch(epoch));
        let performances = performances.into_iter().map(Into::into).collect();
        let sealed = Sealed { performances, at: Timestamp(sealed_at_ms) };
        // A task of its own: when the sender gives up waiting, the bucket is not left half taken up.
        let directory = Arc::clone(&self.node.directory);
        let received = tokio::spawn(async move { directory.receive(bucket, epoch, sealed, is_unread).await });
        received.await.map_err(|error| Status::internal(error.to_string()))?;
        // Who waits here for its owner to be known need not wait for the view to be read.
        let cluster = &self.node.cluster;
        cluster.note_owner(bucket, cluster.node(), epoch);
        cluster.suspect();
        Ok(Response::new(ReceiveResponse {}))
    }

    async fn loads(&self, _: Request<LoadsRequest>) -> Result<Response<LoadsResponse>, Status> {
        let loads = self.node.cluster.own_loads();
        Ok(Response::new(loads.ok_or_else(|| Status::unavailable("the node is shutting down"))?))
    }
}
