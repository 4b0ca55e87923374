//! Buckets that leave, and buckets that arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use earlybird_engine::{Sequence, Timestamp, decode_snapshot, encode_snapshot};
use earlybird_persistence::{Bucket, Epoch, PerformanceId};
use hashbrown::{HashMap, HashSet};

use super::recovery::{Recovered, RecoveryError, restore};
use super::{Directory, Slot, bucket_of};
use crate::reply::Unavailable;
use crate::shard::Shard;

/// How often is looked whether what waits has been decided.
const SEAL_POLL: Duration = Duration::from_millis(1);

/// How long an announced state is waited for. After it, loading is not slower.
const EXPECTED_MAX: Duration = Duration::from_millis(500);

/// What comes with buckets from other nodes.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Buckets that were announced, and when.
    expected: HashMap<Bucket, Instant>,
    /// States that nobody has taken up yet, each with the epoch that it is good for.
    arrived: HashMap<PerformanceId, (Epoch, Recovered)>,
}

/// The state of a performance that nobody changes any more.
pub(crate) struct Sealed {
    pub(crate) performance: PerformanceId,
    /// Encoded as in the store.
    pub(crate) snapshot: Bytes,
    /// When its last entry was decided, or later.
    pub(crate) last_at: Timestamp,
    /// The sequence of the newest snapshot in the store.
    pub(crate) stored_snapshot: Sequence,
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

    /// Reads ahead what the performances of a bucket need to be served here. Whoever wants one of them soon waits for its
    /// state to come instead of loading it.
    pub(crate) async fn prepare(&self, bucket: Bucket, performances: &[PerformanceId]) {
        for performance in performances {
            if let Err(error) = self.parts.catalog.performance(performance).await {
                tracing::debug!(%performance, %error, "cannot read a performance ahead");
            }
        }
        self.arrivals.lock().expected.insert(bucket, Instant::now());
    }

    /// Serves a bucket from here on, with states as their owner before left them. A state that cannot be used is loaded
    /// from the store, and so is, if the bucket is unread, whatever of it has a journal.
    pub(crate) async fn receive(&self, bucket: Bucket, epoch: Epoch, states: Vec<Sealed>, is_unread: bool) {
        let performances: Vec<PerformanceId> =
            states.iter().map(|sealed| sealed.performance.clone()).collect();
        let mut restored = Vec::with_capacity(states.len());
        for sealed in states {
            let performance = sealed.performance.clone();
            match self.restore(sealed).await {
                Ok(recovered) => restored.extend(recovered.map(|recovered| (performance, recovered))),
                Err(error) => {
                    tracing::warn!(%performance, %error, "cannot use a state that was handed over; loading it");
                }
            }
        }
        let arrived = restored.into_iter().map(|(performance, recovered)| (performance, (epoch, recovered)));
        self.arrivals.lock().arrived.extend(arrived);
        let is_news = self.epochs.write().gain(bucket, epoch);
        // Expected until it is owned, so that nobody who waits for it finds neither.
        self.arrivals.lock().expected.remove(&bucket);
        self.has_arrived.notify_waiters();
        if !is_news && self.epoch(bucket) != Some(epoch) {
            // It has gone on to another node meanwhile.
            return self.forget_arrived(bucket);
        }
        for performance in performances {
            self.keep_trying(&performance).await;
        }
        self.forget_arrived(bucket);
        if is_unread {
            self.read(HashSet::from([bucket]), Vec::new());
        }
    }

    /// Drops the states of a bucket that nobody has taken up.
    fn forget_arrived(&self, bucket: Bucket) {
        self.arrivals.lock().arrived.retain(|performance, _| bucket_of(performance) != Some(bucket));
    }

    /// The epoch of a bucket that this node owns. Waits a moment for one that is announced: whoever comes early, since the
    /// store's view is ahead of the states, is not turned away.
    pub(super) async fn epoch_soon(&self, bucket: Bucket) -> Option<Epoch> {
        loop {
            // Asked to be told before looking, so that it does not come in between.
            let has_arrived = self.has_arrived.notified();
            if let Some(epoch) = self.epoch(bucket) {
                return Some(epoch);
            }
            let until = *self.arrivals.lock().expected.get(&bucket)? + EXPECTED_MAX;
            if Instant::now() >= until {
                return None;
            }
            drop(tokio::time::timeout_at(until.into(), has_arrived).await);
        }
    }

    /// The state of a performance that came with its bucket, under this epoch. Waits a moment for one that is announced.
    pub(super) async fn arrived(
        &self,
        performance: &PerformanceId,
        bucket: Bucket,
        epoch: Epoch,
    ) -> Option<Recovered> {
        loop {
            // Asked to be told before looking, so that none arrives in between.
            let has_arrived = self.has_arrived.notified();
            let until = {
                let mut arrivals = self.arrivals.lock();
                if let Some((of, recovered)) = arrivals.arrived.remove(performance) {
                    return (of == epoch).then_some(recovered);
                }
                let until = *arrivals.expected.get(&bucket)? + EXPECTED_MAX;
                if Instant::now() >= until {
                    arrivals.expected.remove(&bucket);
                    return None;
                }
                until
            };
            drop(tokio::time::timeout_at(until.into(), has_arrived).await);
        }
    }

    async fn restore(&self, sealed: Sealed) -> Result<Option<Recovered>, RecoveryError> {
        let Some(info) = self.parts.catalog.performance(&sealed.performance).await? else { return Ok(None) };
        let snapshot = decode_snapshot(&sealed.snapshot)
            .map_err(|error| RecoveryError::Corrupt(format!("the state handed over: {error}")))?;
        let state = restore(&info, snapshot)?;
        Ok(Some(Recovered { state, last_at: sealed.last_at, snapshot: sealed.stored_snapshot }))
    }
}

impl Moving {
    /// Decides what waits, makes it durable, and gives the states as they are then. Nothing changes them any more.
    pub(crate) async fn seal(&self) -> Vec<Sealed> {
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
        let last_at = self.directory.parts.clock.now();
        let sealed = |shard: &Arc<Shard>| Sealed {
            performance: shard.performance().id.clone(),
            snapshot: shard.read(|state| encode_snapshot(&state.snapshot())).into(),
            last_at,
            stored_snapshot: shard.snapshot_at(),
        };
        shards.iter().map(sealed).collect()
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
