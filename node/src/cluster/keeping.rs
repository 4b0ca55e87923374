//! What a node does for as long as it is a member: it renews its lease, follows the view, and declares dead who does not.

use std::sync::Arc;
use std::time::Duration;

use earlybird_persistence::{Bucket, StoreError};

use super::Cluster;
use crate::clock::uptime;

/// The view is not read more often than this, however many suspect it.
const VIEWS_APART: Duration = Duration::from_millis(20);
/// When a view that could not be read, or buckets that could not be claimed, are tried again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// A lease is renewed so many times in its span. One that has no answer by the next is given up, and its connection with it:
/// a dead connection must not cost the lease.
const RENEWALS_PER_LEASE: u32 = 4;
/// When a renewal that failed is tried again, at the latest: a store that comes back is not kept waiting.
const RENEW_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often nodes whose lease is over are looked for.
const BURY_EVERY: Duration = Duration::from_millis(300);

impl Cluster {
    /// Renews the lease until this run is over. Nothing else is done here, so that nothing keeps a renewal waiting.
    pub(crate) async fn keep(self: Arc<Self>) {
        let every = self.options.lease / RENEWALS_PER_LEASE;
        let mut renewals = super::interval(every);
        loop {
            tokio::select! {
                _ = renewals.tick() => {}
                () = self.over.cancelled() => return,
            }
            match tokio::time::timeout(every, self.renew()).await {
                Ok(Ok(())) => self.heard.note(),
                missed => {
                    metrics::counter!("earlybird_cluster_lease_failures_total").increment(1);
                    tracing::debug!(error = ?missed.map(Result::err), "the store does not answer");
                    self.lease.missed();
                    renewals.reset_after(RENEW_AGAIN_AFTER.min(every));
                }
            }
            metrics::gauge!("earlybird_store_silence_seconds").set(self.heard.silence().as_secs_f64());
        }
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let sent = uptime();
        match self.store.renew(&self.node, self.incarnation, self.options.lease).await? {
            Some(version) => {
                self.lease.renewed(sent, self.options.lease);
                if version != self.view().version {
                    self.suspect();
                }
            }
            None => self.end(),
        }
        Ok(())
    }

    /// Follows the view until this run is over: reads it whenever somebody suspects that it has changed.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stale.notified() => {}
                () = self.over.cancelled() => return,
            }
            let is_done = self.refresh().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "cannot follow the view yet");
                false
            });
            if is_done {
                // Many may suspect it at once; one look does for all of them.
                tokio::time::sleep(VIEWS_APART).await;
            } else {
                self.suspect();
                tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            }
        }
    }

    /// This run is over: another owns what it owned.
    fn end(&self) {
        tracing::error!(
            node = %self.node,
            incarnation = %self.incarnation,
            "this run of the node is over: it was declared dead, or another process runs under its name"
        );
        self.lease.end();
        if let Some(directory) = self.directory() {
            let owned: Vec<Bucket> = directory.owned().into_iter().map(|(bucket, _)| bucket).collect();
            directory.buckets_lost(&owned, None);
        }
        self.over.cancel();
    }

    /// Declares dead whose lease is over, again and again, until this run is over itself. Only while each of its own renewals
    /// has been answered for as long as a lease is: after an outage of the store the leases of others may be over, and every
    /// node needs the time to renew.
    pub(crate) async fn bury(self: Arc<Self>) {
        if !self.options.has_peers {
            return;
        }
        let mut rounds = super::interval(BURY_EVERY);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.over.cancelled() => return,
            }
            if self.lease.unbroken() < self.options.lease {
                continue;
            }
            match self.store.declare_dead().await {
                Ok(dead) if dead.is_empty() => {}
                Ok(dead) => {
                    tracing::warn!(
                        ?dead,
                        "these nodes did not renew their leases; their buckets go to others"
                    );
                    metrics::counter!("earlybird_cluster_nodes_lost_total").increment(dead.len() as u64);
                    self.suspect();
                }
                Err(error) => tracing::debug!(%error, "cannot look for dead nodes"),
            }
        }
    }
}
