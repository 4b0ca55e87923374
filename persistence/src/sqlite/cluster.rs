//! The cluster on SQLite: the same, of one node.

use std::time::Duration;

use async_trait::async_trait;

use crate::cluster::{ClusterStore, ClusterView, NewNode, PinOutcome, PinRow};
use crate::cluster_queries::sqlite as cluster;
use crate::error::StoreError;
use crate::ids::{Bucket, Epoch, Incarnation, NodeId, PerformanceId, ViewVersion};

use super::SqliteStore;

#[async_trait]
impl ClusterStore for SqliteStore {
    async fn join(&self, node: &NewNode, lease: Duration) -> Result<Incarnation, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::join(&mut connection, node, lease)).await
    }

    async fn renew(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<Option<ViewVersion>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::renew(&mut connection, node, incarnation, lease)).await
    }

    async fn view(&self) -> Result<ClusterView, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::view(&mut connection)).await
    }

    async fn declare_dead(&self) -> Result<Vec<NodeId>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::declare_dead(&mut connection)).await
    }

    async fn claim_free(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        buckets: &[Bucket],
    ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::claim_free(&mut connection, node, incarnation, buckets)).await
    }

    async fn transfer(&self, bucket: Bucket, from: Epoch, to: &NodeId) -> Result<Option<Epoch>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::transfer(&mut connection, bucket, from, to)).await
    }

    async fn leave(&self, node: &NodeId, incarnation: Incarnation) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::leave(&mut connection, node, incarnation)).await
    }

    async fn set_draining(&self, node: &NodeId, draining: bool) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::set_draining(&mut connection, node, draining)).await
    }

    async fn pin(&self, pin: &PinRow) -> Result<PinOutcome, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::pin(&mut connection, pin)).await
    }

    async fn unpin(&self, performance: &PerformanceId) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::unpin(&mut connection, performance)).await
    }

    async fn lead(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(cluster::lead(&mut connection, node, incarnation, lease)).await
    }
}
