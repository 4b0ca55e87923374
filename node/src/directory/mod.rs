//! The active performances of this node: activation on demand, rest when idle, restart after a failure.
//!
//! ```text
//!  absent ──shard()──► activating ──recovered──► active ──idle──► closed ──shard()──► activating …
//!                          │ not found, store down      └─panic, void──► closed ──at once──► activating
//!                          └──► absent, callers are told
//! ```
//!
//! Invariants: at most one activation of a performance at a time; a new one waits until the lane has settled whatever the
//! one before has pushed, so it reads all of it.

mod ahead;
mod epochs;
mod moving;
#[cfg(test)]
mod moving_tests;
mod ownership;
pub(crate) mod recovery;
mod supervisor;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use earlybird_engine::{Millis, Timestamp};
use earlybird_persistence::{Bucket, Epoch, PerformanceId, Store};
use earlybird_proto::cluster::{LoadsResponse, PerformanceLoad};
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, RwLock};
use ractor::{Actor, ActorId, ActorRef};
use tokio::sync::{Notify, watch};

use crate::catalog::{Catalog, PerformanceInfo};
use crate::clock::Clock;
use crate::cluster::Lease;
use crate::lane::Lane;
use crate::payments::{Due, Payments};
use crate::reply::Unavailable;
use crate::shard::{BATCH_JOBS_MAX, Shard, ShardActor, ShardActorArguments, ShardMessage};
use ahead::Ahead;
pub(crate) use ahead::READ_AHEAD_MAX;
use epochs::Epochs;
pub(crate) use moving::Sealed;
use recovery::{Recovered, RecoveryError};
use supervisor::{BucketSupervisor, SupervisorMessage};

/// How long a caller waits for a performance to be loaded.
const ACTIVATION_WAIT_MAX: Duration = Duration::from_secs(5);
/// Pause before a performance that could not be loaded is tried again, doubled each time.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(50);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
/// The end of the epoch in the generation of a seat map.
const EPOCH_BITS: u32 = 16;
/// How long a drain waits for payments under way. One that is not settled then is taken up by the next run.
const DRAIN_PAYMENTS_MAX: Duration = Duration::from_secs(5);

/// Why a performance cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivateError {
    /// There is no such performance.
    NotFound,
    /// Not now.
    Unavailable(Unavailable),
    /// The store has something that cannot be understood.
    Corrupt(String),
}

/// The bucket of a performance.
fn bucket_of(performance: &PerformanceId) -> Option<Bucket> {
    Bucket::new(earlybird_cluster::bucket_of(performance.as_str()))
}

type Activation = Result<Arc<Shard>, ActivateError>;

enum Slot {
    Active(Arc<Shard>),
    Activating(watch::Receiver<Option<Activation>>),
}

/// What the directory needs of the node.
pub(crate) struct DirectoryParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) payments: Arc<Payments>,
    pub(crate) lanes: Vec<Arc<Lane>>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) inbox_capacity: usize,
    pub(crate) passivate_after: Millis,
}

/// The directory.
pub struct Directory {
    parts: DirectoryParts,
    slots: RwLock<HashMap<PerformanceId, Slot>>,
    supervisors: Mutex<HashMap<Bucket, ActorRef<SupervisorMessage>>>,
    /// Epochs of the buckets that this node owns.
    epochs: RwLock<Epochs>,
    /// Buckets that have come, and whose performances have not all been looked at.
    unread: Mutex<HashSet<Bucket>>,
    /// The bucket of each performance whose shard was closed and that is not active again.
    failed: Mutex<Vec<Bucket>>,
    /// Buckets on their way to another node.
    moving: RwLock<HashSet<Bucket>>,
    /// Buckets that were announced by other nodes, and when.
    expected: Mutex<HashMap<Bucket, Instant>>,
    has_arrived: Notify,
    ahead: Ahead,
    draining: AtomicBool,
    /// The last generation that was given to a seat map.
    generation: AtomicU64,
    itself: Weak<Self>,
}

impl Directory {
    /// A directory that owns nothing yet.
    pub(crate) fn new(parts: DirectoryParts) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            parts,
            slots: RwLock::default(),
            supervisors: Mutex::default(),
            epochs: RwLock::default(),
            unread: Mutex::default(),
            failed: Mutex::default(),
            moving: RwLock::default(),
            expected: Mutex::default(),
            has_arrived: Notify::new(),
            ahead: Ahead::default(),
            draining: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            itself: Weak::clone(itself),
        })
    }

    /// The active shard of a performance, if it has one: the fast way.
    #[must_use]
    pub fn active(&self, id: &str) -> Option<Arc<Shard>> {
        // Borrowing a `str` for the look-up keeps the hot path free of allocation.
        match self.slots.read().get(id)? {
            Slot::Active(shard) if shard.is_open() => Some(Arc::clone(shard)),
            _ => None,
        }
    }

    /// The shard of a performance, activated if need be.
    ///
    /// # Errors
    /// When there is no such performance, or it cannot be loaded now.
    pub async fn shard(&self, id: &PerformanceId) -> Result<Arc<Shard>, ActivateError> {
        if let Some(shard) = self.active(id.as_str()) {
            return Ok(shard);
        }
        let mut outcome = self.activation(id)?;
        // Loading goes on when the wait ends; without the store it may take as long as the store is away.
        match tokio::time::timeout(ACTIVATION_WAIT_MAX, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => match &*outcome {
                Some(activation) => activation.clone(),
                None => Err(ActivateError::Unavailable(Unavailable::ShardRestarted)),
            },
            // The activating task panicked: trying again is right.
            Ok(Err(_)) => Err(ActivateError::Unavailable(Unavailable::ShardRestarted)),
            Err(_) => Err(ActivateError::Unavailable(Unavailable::Store)),
        }
    }

    /// Sees to it that a performance is active, however often that fails: its holds must lapse, its payments settle and
    /// its waiters be offered seats also when nobody asks.
    async fn keep_trying(&self, id: &PerformanceId) {
        let mut pause = RETRY_AFTER_MIN;
        loop {
            match self.shard(id).await {
                Ok(shard) if shard.is_closed() => tokio::time::sleep(pause).await,
                Ok(_)
                | Err(
                    ActivateError::NotFound
                    | ActivateError::Corrupt(_)
                    | ActivateError::Unavailable(Unavailable::NotOwner | Unavailable::Draining),
                ) => return,
                Err(ActivateError::Unavailable(
                    Unavailable::Store | Unavailable::OutboxFull | Unavailable::ShardRestarted,
                )) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_AFTER_MAX);
                }
            }
        }
    }

    /// Joins the activation under way, or starts one. It runs in a task of its own, so callers may go away.
    fn activation(&self, id: &PerformanceId) -> Result<watch::Receiver<Option<Activation>>, ActivateError> {
        if !self.parts.lease.holds() {
            // Its store has not answered for too long: another node may be the owner by now.
            return Err(ActivateError::Unavailable(Unavailable::Store));
        }
        let mut slots = self.slots.write();
        // Under the lock: a bucket that begins to move waits for what is in the slots, and for nothing that comes later.
        if bucket_of(id).is_some_and(|bucket| self.is_moving(bucket)) {
            return Err(ActivateError::Unavailable(Unavailable::NotOwner));
        }
        match slots.get(id) {
            Some(Slot::Activating(outcome)) if outcome.has_changed().is_ok() => return Ok(outcome.clone()),
            Some(Slot::Active(shard)) if !shard.is_closed() => {
                return Ok(watch::channel(Some(Ok(Arc::clone(shard)))).1);
            }
            _ => {}
        }
        let Some(directory) = self.itself.upgrade().filter(|_| !self.is_draining()) else {
            return Err(ActivateError::Unavailable(Unavailable::Draining));
        };
        let (sender, outcome) = watch::channel(None);
        slots.insert(id.clone(), Slot::Activating(outcome.clone()));
        let id = id.clone();
        tokio::spawn(async move {
            let mut activation = directory.activate(&id).await;
            if let (Ok(shard), true) = (&activation, directory.is_draining()) {
                shard.close(Unavailable::Draining);
                activation = Err(ActivateError::Unavailable(Unavailable::Draining));
            }
            let mut slots = directory.slots.write();
            match &activation {
                Ok(shard) => drop(slots.insert(id, Slot::Active(Arc::clone(shard)))),
                Err(error) => {
                    let is_usual = [
                        ActivateError::NotFound,
                        ActivateError::Unavailable(Unavailable::NotOwner),
                        ActivateError::Unavailable(Unavailable::Draining),
                    ];
                    if !is_usual.contains(error) {
                        tracing::warn!(performance = %id, ?error, "cannot load a performance");
                    }
                    slots.remove(&id);
                }
            }
            drop(slots);
            if let Ok(shard) = &activation
                && directory.epoch(shard.performance().bucket) != Some(shard.epoch())
            {
                // Lost while it was being loaded, when there was no shard to let go of yet.
                shard.condemn(Unavailable::NotOwner);
            }
            sender.send_replace(Some(activation));
        });
        Ok(outcome)
    }

    async fn activate(&self, id: &PerformanceId) -> Activation {
        let started = std::time::Instant::now();
        let info = match self.parts.catalog.performance(id).await {
            Ok(Some(info)) => info,
            Ok(None) => return Err(ActivateError::NotFound),
            Err(error) => {
                tracing::debug!(%error, "cannot read a performance");
                return Err(ActivateError::Unavailable(Unavailable::Store));
            }
        };
        let Some(epoch) = self.epoch_soon(info.bucket).await else {
            return Err(ActivateError::Unavailable(Unavailable::NotOwner));
        };
        let lane = self.lane(info.bucket);
        lane.barrier().await;
        let Recovered { mut state, last_at, snapshot } = self.recover(&info).await?;
        let entries = state.sequence();
        let hold_ack_memory = info.hold_ack_memory;
        if hold_ack_memory {
            // As many as one run may have acknowledged and never written, for each run so far: the last one may have been
            // lost whole, and the one before it.
            let lost_max = (lane.limits.outbox_entries_max + BATCH_JOBS_MAX) as u64;
            state.skip_hold_numbers(lost_max.saturating_mul(epoch.0));
        }
        // The store's clock may have been set back; what is decided from here on is later than what was.
        self.parts.clock.not_before(last_at);
        let now = self.parts.clock.now();
        let generation = self.next_generation(now, epoch);
        let lease = Arc::clone(&self.parts.lease);
        let shard = Shard::new(info, epoch, lease, state, self.parts.inbox_capacity, generation, now);
        shard.note_snapshot_at(snapshot);
        let shard = Arc::new(shard);
        let arguments = ShardActorArguments {
            shard: Arc::clone(&shard),
            clock: Arc::clone(&self.parts.clock),
            lane: Arc::clone(lane),
            hold_ack_memory,
        };
        let unavailable = |error: ractor::SpawnErr| {
            tracing::error!(%error, "cannot start an actor");
            ActivateError::Unavailable(Unavailable::ShardRestarted)
        };
        let supervisor = self.supervisor(shard.performance().bucket).await.map_err(unavailable)?;
        let (actor, _) = Actor::spawn_linked(None, ShardActor, arguments, supervisor.get_cell())
            .await
            .map_err(unavailable)?;
        shard.set_actor(actor);
        self.parts.payments.resume(&shard);
        metrics::histogram!("earlybird_activation_seconds").record(started.elapsed());
        tracing::info!(performance = %id, %entries, took_ms = started.elapsed().as_millis(), "performance active");
        Ok(shard)
    }

    /// The state with all of its journal, from what was read ahead, if anything was.
    async fn recover(&self, info: &PerformanceInfo) -> Result<Recovered, ActivateError> {
        let store = &*self.parts.store;
        let recovered = match self.ahead.take(&info.id) {
            Some(mut ahead) => ahead.catch_up(store, info).await.map(|()| ahead),
            None => recovery::recover(store, info).await,
        };
        recovered.map_err(|error| match error {
            RecoveryError::Store(error) => {
                tracing::debug!(%error, "cannot read a journal");
                ActivateError::Unavailable(Unavailable::Store)
            }
            RecoveryError::Corrupt(what) => ActivateError::Corrupt(what),
        })
    }

    /// A number that no activation of a performance had before: the time, one more than the last where two activations of this
    /// node share a millisecond, and behind it the end of the epoch, which tells apart owners whose clocks differ.
    fn next_generation(&self, now: Timestamp, epoch: Epoch) -> u64 {
        let next = |last: u64| now.0.max(last + 1);
        let last = self
            .generation
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)))
            .unwrap_or_else(|last| last);
        (next(last) << EPOCH_BITS) | (epoch.0 & ((1 << EPOCH_BITS) - 1))
    }

    fn lane(&self, bucket: Bucket) -> &Arc<Lane> {
        let lanes = &self.parts.lanes;
        &lanes[usize::from(bucket.number()) % lanes.len()]
    }

    async fn supervisor(&self, bucket: Bucket) -> Result<ActorRef<SupervisorMessage>, ractor::SpawnErr> {
        if let Some(supervisor) = self.supervisors.lock().get(&bucket) {
            return Ok(supervisor.clone());
        }
        let (supervisor, _) = Actor::spawn(None, BucketSupervisor, Weak::clone(&self.itself)).await?;
        // Two performances of a bucket may be first at once; either supervisor will do.
        Ok(self.supervisors.lock().entry(bucket).or_insert(supervisor).clone())
    }

    /// A shard's actor failed: answers whoever waits for it, and loads the performance again at once, since holds must
    /// lapse also when nobody asks.
    fn failed(&self, actor: ActorId) {
        let shard = self
            .active_shards()
            .into_iter()
            .find(|shard| shard.actor().is_some_and(|reference| reference.get_id() == actor));
        if let Some(shard) = shard {
            metrics::counter!("earlybird_shard_restarts_total").increment(1);
            shard.close(Unavailable::ShardRestarted);
            self.reactivate(&shard);
        }
    }

    /// Loads a performance again whose shard was closed.
    pub(crate) fn reactivate(&self, shard: &Arc<Shard>) {
        let (id, bucket) = (shard.performance().id.clone(), shard.performance().bucket);
        if let Some(directory) = self.itself.upgrade() {
            self.failed.lock().push(bucket);
            tokio::spawn(async move {
                directory.keep_trying(&id).await;
                let mut failed = directory.failed.lock();
                if let Some(place) = failed.iter().position(|failed| *failed == bucket) {
                    failed.swap_remove(place);
                }
            });
        }
    }

    /// A payment or a refund of the shard is durable: brings it to its end.
    pub(crate) fn settlement_due(&self, shard: &Shard, due: Due) {
        self.parts.payments.begin(shard, due);
    }

    /// What the active performances cost.
    pub(crate) fn loads(&self) -> LoadsResponse {
        let load = |shard: &Arc<Shard>| {
            let (counts, sequence) = shard.read(|state| (state.counts(), state.sequence()));
            PerformanceLoad {
                performance: shard.performance().id.to_string(),
                commands_per_second: shard.commands_per_second(),
                seats: u32::try_from(shard.performance().layout.capacity()).unwrap_or(u32::MAX),
                waiters: counts.waiters,
                entries_behind: sequence.0.saturating_sub(shard.committed().0),
            }
        };
        LoadsResponse {
            performances: self.active_shards().iter().map(load).collect(),
            buckets_owned: u32::try_from(self.buckets_owned()).unwrap_or(u32::MAX),
            leads: false,
        }
    }

    /// All active shards.
    #[must_use]
    pub fn active_shards(&self) -> Vec<Arc<Shard>> {
        let slots = self.slots.read();
        let active =
            |slot: &Slot| if let Slot::Active(shard) = slot { Some(Arc::clone(shard)) } else { None };
        slots.values().filter_map(active).collect()
    }

    /// Lets every shard that has something due look at its timers.
    pub(crate) fn tick(&self, now: Timestamp) {
        for slot in self.slots.read().values() {
            if let Slot::Active(shard) = slot {
                shard.tick(now);
            }
        }
    }

    /// Puts idle shards to rest and forgets those that went, and what was read ahead in vain.
    pub(crate) fn passivate_idle(&self, now: Timestamp) {
        self.ahead.sweep();
        let since = Timestamp(now.0.saturating_sub(self.parts.passivate_after.0));
        self.slots.write().retain(|_, slot| !matches!(slot, Slot::Active(shard) if shard.is_closed()));
        for shard in self.active_shards() {
            if shard.is_idle(since) {
                shard.cast(ShardMessage::Passivate);
            }
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Admits nothing new, and returns once all that was decided is durable and answered. Payments under way are waited
    /// for a while: they are durable as begun, and the next run settles the rest. The caller bounds the whole.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let shards = self.active_shards();
        for shard in &shards {
            shard.refuse(Unavailable::Draining);
        }
        let payments_until = Instant::now() + DRAIN_PAYMENTS_MAX;
        loop {
            let waiting: usize = shards.iter().map(|shard| shard.backlog()).sum();
            for lane in &self.parts.lanes {
                lane.barrier().await;
            }
            let settled = self.parts.payments.under_way() == 0 || Instant::now() >= payments_until;
            if waiting == 0 && settled {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for shard in &shards {
            shard.close(Unavailable::Draining);
        }
    }
}
