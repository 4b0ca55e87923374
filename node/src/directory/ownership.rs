//! What the directory owns: buckets come and go by claims, handoffs and the view, and what comes is looked at.

use earlybird_persistence::{Bucket, Epoch, Incarnation, NodeId, PerformanceId, Sequence, StoreError};
use futures::StreamExt as _;
use hashbrown::HashSet;

use super::{Directory, RETRY_AFTER_MAX, RETRY_AFTER_MIN, bucket_of};
use crate::cluster::View;
use crate::reply::Unavailable;

/// Performances loaded at a time when buckets come.
const WAKE_CONCURRENCY: usize = 8;
/// Performances listed at a time when buckets come.
const WAKE_PAGE_ROWS: usize = 500;

impl Directory {
    /// The buckets that this node owns as far as it knows, each with its epoch.
    pub(crate) fn owned(&self) -> Vec<(Bucket, Epoch)> {
        self.epochs.read().owned().collect()
    }

    /// The epoch of a bucket that this node owns.
    pub(crate) fn epoch(&self, bucket: Bucket) -> Option<Epoch> {
        self.epochs.read().of(bucket)
    }

    /// Whether this node owns a bucket, and is not about to hand it over.
    pub(crate) fn serves(&self, bucket: Bucket) -> bool {
        self.epoch(bucket).is_some() && !self.is_moving(bucket)
    }

    /// Serves what `view` says to be this run's, and lets go of what it says to be another's. A view may be older than what
    /// this node has done since; epochs tell.
    pub(crate) fn follow(&self, view: &View, node: &NodeId, incarnation: Incarnation) {
        for (bucket, epoch) in self.owned() {
            if let Some(owner) = view.owner(bucket).filter(|owner| owner.epoch > epoch) {
                self.buckets_lost(&[bucket], Some(owner.epoch));
            }
        }
        self.gained(&view.owned_by(node, incarnation), &[]);
    }

    /// This node owns these buckets from here on. What is known already changes nothing. The `hottest` of their performances
    /// are loaded before the others.
    pub(crate) fn gained(&self, buckets: &[(Bucket, Epoch)], hottest: &[PerformanceId]) {
        let gained: HashSet<Bucket> = {
            let mut epochs = self.epochs.write();
            let gained = buckets.iter().filter(|(bucket, epoch)| epochs.gain(*bucket, *epoch));
            gained.map(|(bucket, _)| *bucket).collect()
        };
        if gained.is_empty() {
            return;
        }
        self.has_arrived.notify_waiters();
        for shard in self.active_shards() {
            let bucket = shard.performance().bucket;
            if gained.contains(&bucket) && self.epoch(bucket) != Some(shard.epoch()) {
                shard.condemn(Unavailable::NotOwner);
            }
        }
        let is_gained = |id: &&PerformanceId| bucket_of(id).is_some_and(|bucket| gained.contains(&bucket));
        let first = hottest.iter().filter(is_gained).cloned().collect();
        self.read(gained, first);
    }

    /// Looks at the performances of these buckets, the `first` ones before the others: each may have something due.
    pub(super) fn read(&self, buckets: HashSet<Bucket>, first: Vec<PerformanceId>) {
        self.unread.lock().extend(buckets.iter().copied());
        let Some(directory) = self.itself.upgrade() else { return };
        tokio::spawn(async move {
            directory.load(first).await;
            directory.wake(&buckets).await;
            directory.unread.lock().retain(|bucket| !buckets.contains(bucket));
        });
    }

    /// Whether a performance of a bucket may have something due and not be active: not all have been looked at since the
    /// bucket came, or one has failed.
    pub(crate) fn is_unread(&self, bucket: Bucket) -> bool {
        self.unread.lock().contains(&bucket) || self.failed.lock().contains(&bucket)
    }

    /// This node no longer owns these buckets: another has them, under `epoch` if that is known.
    pub(crate) fn buckets_lost(&self, buckets: &[Bucket], epoch: Option<Epoch>) {
        {
            let mut epochs = self.epochs.write();
            buckets.iter().for_each(|bucket| epochs.lose(*bucket, epoch));
        }
        for shard in self.active_shards() {
            if buckets.contains(&shard.performance().bucket) {
                shard.condemn(Unavailable::NotOwner);
            }
        }
    }

    /// Number of buckets that this node owns.
    #[must_use]
    pub fn buckets_owned(&self) -> usize {
        self.epochs.read().owned().count()
    }

    /// Activates performances, a few at a time.
    pub(super) async fn load(&self, performances: Vec<PerformanceId>) {
        futures::stream::iter(performances)
            .for_each_concurrent(WAKE_CONCURRENCY, async |id| self.keep_trying(&id).await)
            .await;
    }

    /// Activates every performance of the buckets that has a journal: the owner before may have left holds and payments under
    /// way. Those with nothing to do go to rest again by themselves.
    async fn wake(&self, buckets: &HashSet<Bucket>) {
        let mut after: Option<PerformanceId> = None;
        let mut pause = RETRY_AFTER_MIN;
        while !self.is_draining() {
            match self.page_with_journal(buckets, after.as_ref()).await {
                Ok((with_journal, last)) => {
                    self.load(with_journal).await;
                    let Some(last) = last else { return };
                    after = Some(last);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot list performances yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_AFTER_MAX);
                }
            }
        }
    }

    /// The performances of a page that are in the buckets and have a journal, and the last of the page; none after the last
    /// page.
    async fn page_with_journal(
        &self,
        buckets: &HashSet<Bucket>,
        after: Option<&PerformanceId>,
    ) -> Result<(Vec<PerformanceId>, Option<PerformanceId>), StoreError> {
        let rows = self.parts.store.list_performances(after, WAKE_PAGE_ROWS).await?;
        let last = if rows.len() < WAKE_PAGE_ROWS { None } else { rows.last().map(|row| row.id.clone()) };
        let in_buckets = rows.into_iter().filter(|row| buckets.contains(&row.bucket));
        let ids: Vec<PerformanceId> = in_buckets.map(|row| row.id).collect();
        let heads = self.parts.store.heads(&ids).await?;
        let with_journal = heads.into_iter().filter(|(_, head)| *head > Sequence::NONE).map(|(id, _)| id);
        Ok((with_journal.collect(), last))
    }
}
