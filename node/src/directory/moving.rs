//! Buckets that leave, and buckets that arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_engine::Timestamp;
use earlybird_persistence::{Bucket, Epoch, PerformanceId};
use hashbrown::HashSet;

use super::{Directory, Slot, bucket_of};
use crate::reply::Unavailable;
use crate::shard::Shard;

/// How often is looked whether what waits has been decided.
const SEAL_POLL: Duration = Duration::from_millis(1);

/// How long an announced bucket is waited for.
const EXPECTED_MAX: Duration = Duration::from_millis(500);

/// A bucket whose performances nobody changes any more, and whose journals are whole.
pub(crate) struct Sealed {
    /// Those that are active.
    pub(crate) performances: Vec<PerformanceId>,
    /// A time when all of it had been decided.
    pub(crate) at: Timestamp,
}

/// A bucket on its way out. Dropped before it has [`gone`](Moving::gone), it is served again here.
pub(crate) struct Moving {
    directory: Arc<Directory>,
    bucket: Bucket,
    has_gone: bool,
}

impl Directory {
    /// Takes a bucket out of service so that it can be handed over; none when that is under way already.
    pub(crate) fn begin_move(&self, bucket: Bucket) -> Option<Moving> {
        let directory = self.itself.upgrade()?;
        let begun = self.moving.write().insert(bucket);
        // Made only then: whatever is dropped opens the bucket again, and this one is another's.
        begun.then(|| Moving { directory, bucket, has_gone: false })
    }

    /// Whether a bucket is on its way out.
    pub(super) fn is_moving(&self, bucket: Bucket) -> bool {
        self.moving.read().contains(&bucket)
    }

    /// The active shards of a bucket.
    pub(crate) fn active_in(&self, bucket: Bucket) -> Vec<Arc<Shard>> {
        let mut shards = self.active_shards();
        shards.retain(|shard| shard.performance().bucket == bucket && !shard.is_closed());
        shards
    }

    /// A bucket is announced: whoever wants something of it from here on waits a moment for it to come.
    pub(super) fn expect(&self, bucket: Bucket) {
        self.expected.lock().insert(bucket, Instant::now());
    }

    /// Serves a bucket from here on, its active performances first. If it is unread, whatever of it has a journal is looked
    /// at, too.
    pub(crate) async fn receive(&self, bucket: Bucket, epoch: Epoch, sealed: Sealed, is_unread: bool) {
        // What its owner before has told, by its clock, was true then and stays so.
        self.parts.clock.not_before(sealed.at);
        let is_news = self.epochs.write().gain(bucket, epoch);
        // Expected until it is owned, so that nobody who waits for it finds neither.
        self.expected.lock().remove(&bucket);
        self.has_arrived.notify_waiters();
        if !is_news && self.epoch(bucket) != Some(epoch) {
            // It has gone on to another node meanwhile.
            return;
        }
        self.load(sealed.performances).await;
        if is_unread {
            self.read(HashSet::from([bucket]), Vec::new());
        }
    }

    /// The epoch of a bucket that this node owns. Waits a moment for one that is announced: whoever comes early, since the
    /// store's view is ahead of its owner's word, is not turned away.
    pub(super) async fn epoch_soon(&self, bucket: Bucket) -> Option<Epoch> {
        loop {
            // Asked to be told before looking, so that it does not come in between.
            let has_arrived = self.has_arrived.notified();
            if let Some(epoch) = self.epoch(bucket) {
                return Some(epoch);
            }
            let until = *self.expected.lock().get(&bucket)? + EXPECTED_MAX;
            if Instant::now() >= until {
                return None;
            }
            drop(tokio::time::timeout_at(until.into(), has_arrived).await);
        }
    }
}

impl Moving {
    /// Decides what waits and makes it durable. Nothing changes the performances any more.
    pub(crate) async fn seal(&self) -> Sealed {
        let shards = self.settled_shards().await;
        for shard in &shards {
            shard.refuse(Unavailable::NotOwner);
        }
        while shards.iter().any(|shard| shard.backlog() > 0) {
            tokio::time::sleep(SEAL_POLL).await;
        }
        for shard in &shards {
            shard.seal();
        }
        self.directory.lane(self.bucket).barrier().await;
        Sealed {
            performances: shards.iter().map(|shard| shard.performance().id.clone()).collect(),
            at: self.directory.parts.clock.now(),
        }
    }

    /// The active shards, once none is being loaded.
    async fn settled_shards(&self) -> Vec<Arc<Shard>> {
        let loading: Vec<_> = {
            let slots = self.directory.slots.read();
            let loading = slots.iter().filter_map(|(id, slot)| match slot {
                Slot::Activating(outcome) if bucket_of(id) == Some(self.bucket) => Some(outcome.clone()),
                _ => None,
            });
            loading.collect()
        };
        for mut outcome in loading {
            drop(outcome.wait_for(Option::is_some).await);
        }
        self.directory.active_in(self.bucket)
    }

    /// The bucket has another owner, under this epoch.
    pub(crate) fn gone(mut self, epoch: Epoch) {
        self.has_gone = true;
        self.directory.buckets_lost(&[self.bucket], Some(epoch));
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        let stays = !self.has_gone;
        if stays {
            // While nobody else can begin to move it, and seal what is opened here.
            for shard in self.directory.active_in(self.bucket) {
                shard.reopen();
            }
        }
        self.directory.moving.write().remove(&self.bucket);
        if stays {
            // What failed meanwhile, or was being loaded, was told to look for another owner.
            self.directory.read(HashSet::from([self.bucket]), Vec::new());
        }
    }
}
