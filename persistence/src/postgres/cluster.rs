//! The cluster on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use crate::cluster::{ClusterStore, ClusterView, NewNode, PinOutcome, PinRow};
use crate::cluster_queries::postgres as cluster;
use crate::error::StoreError;
use crate::ids::{Bucket, Epoch, Incarnation, NodeId, PerformanceId, ViewVersion};
use crate::wait::answer_within;

use super::{PostgresStore, on};

#[async_trait]
impl ClusterStore for PostgresStore {
    async fn join(&self, node: &NewNode, lease: Duration) -> Result<Incarnation, StoreError> {
        // An earlier join that arrives late would end this run.
        self.end_lost().await?;
        on!(self.writers, |connection| cluster::join(connection, node, lease))
    }

    async fn renew(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<Option<ViewVersion>, StoreError> {
        on!(self.leases, |connection| cluster::renew(connection, node, incarnation, lease))
    }

    async fn view(&self) -> Result<ClusterView, StoreError> {
        on!(self.leases, |connection| cluster::view(connection))
    }

    async fn declare_dead(&self) -> Result<Vec<NodeId>, StoreError> {
        on!(self.leases, |connection| cluster::declare_dead(connection))
    }

    async fn claim_free(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        // An earlier claim that arrives late would own what the view does not show yet.
        self.end_lost().await?;
        on!(self.writers, |connection| cluster::claim_free(connection, node, incarnation, buckets))
    }

    async fn transfer(&self, bucket: Bucket, from: Epoch, to: &NodeId) -> Result<Option<Epoch>, StoreError> {
        on!(self.transfers, |connection| cluster::transfer(connection, bucket, from, to))
    }

    async fn leave(&self, node: &NodeId, incarnation: Incarnation) -> Result<(), StoreError> {
        on!(self.leases, |connection| cluster::leave(connection, node, incarnation))
    }

    async fn set_draining(&self, node: &NodeId, draining: bool) -> Result<bool, StoreError> {
        on!(self.workers, |connection| cluster::set_draining(connection, node, draining))
    }

    async fn pin(&self, pin: &PinRow) -> Result<PinOutcome, StoreError> {
        on!(self.workers, |connection| cluster::pin(connection, pin))
    }

    async fn unpin(&self, performance: &PerformanceId) -> Result<bool, StoreError> {
        on!(self.workers, |connection| cluster::unpin(connection, performance))
    }

    async fn lead(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        on!(self.leases, |connection| cluster::lead(connection, node, incarnation, lease))
    }
}
