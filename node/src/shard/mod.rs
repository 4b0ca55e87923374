//! A shard: the actor that owns the seats of one performance, and the handle that everybody else has of it.
//!
//! ```text
//!  submit ──► Inbox (bounded, urgent first) ──one wake-up──► ShardActor: takes up to 256, decides, evolves
//!                                                              │ rejected: reply at once
//!                                                              │ accepted: Parcel{entries, replies} ──► lane (output gate)
//!  preview ─► State behind a shared lock, for one batch of holds: those that are turned down need no place in the inbox
//!  read ────► State behind a shared lock, for one look-up      │ changed seats ──► SeatMapFeed, at most every 100 ms
//! ```
//!
//! Invariant: the state is changed by the actor alone; all others look.

mod actor;
mod coupon_changes;
mod inbox;
mod offers;
mod order_details;
mod preview;
mod projection;
mod rate;
mod seat_map;
mod timers;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use earlybird_engine::{BuyerId, Command, HoldId, SeatIndex, Sequence, State, Timestamp};
use earlybird_persistence::Epoch;
use parking_lot::{Mutex, RwLock};
use ractor::ActorRef;
use tokio::sync::{oneshot, watch};

pub(crate) use actor::{BATCH_JOBS_MAX, ShardActor, ShardActorArguments, ShardMessage};
pub use inbox::Job;
use inbox::{Inbox, Refused};
use offers::OfferFeed;
pub use offers::{OfferNews, OfferWatch};
pub use order_details::{order_details, reason_name};
pub use preview::Preview;
pub(crate) use projection::Projection;
pub use projection::state_name;
use rate::Rate;
use seat_map::SeatMapFeed;
pub use seat_map::{SeatMapDelta, SeatMapSnapshot, SeatMapUpdate, SeatMapWatch};

use crate::catalog::PerformanceInfo;
use crate::cluster::Lease;
use crate::reply::{Failure, Reply, ReplyTo, Unavailable};

/// When a caller that met a full inbox may try again: the time in which a full inbox is worked off.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// "Never", as a due time.
const NEVER_MS: u64 = u64::MAX;

/// How far the journal has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    /// Its last entry.
    pub(crate) sequence: Sequence,
    /// Number of the last hold accepted by then.
    pub(crate) holds_accepted: u64,
}

/// The handle of an active performance.
pub struct Shard {
    performance: Arc<PerformanceInfo>,
    /// Fences everything that this activation writes.
    epoch: Epoch,
    /// While it lasts, what is known here may be told.
    lease: Arc<Lease>,
    inbox: Inbox,
    state: RwLock<State>,
    /// What is durable.
    durable: watch::Sender<Durable>,
    seat_map: SeatMapFeed,
    offers: OfferFeed,
    actor: OnceLock<ActorRef<ShardMessage>>,
    /// When the actor wants the next tick, in milliseconds of the node's clock.
    due_ms: AtomicU64,
    /// When the last command came, likewise.
    used_ms: AtomicU64,
    /// Its entries can no longer be written: whatever it still says is void.
    condemned: AtomicBool,
    /// What is known is final: it is being handed over.
    sealed: AtomicBool,
    /// Commands that came, ever, and how many a second they are of late.
    commands: AtomicU64,
    rate: Mutex<Rate>,
    /// Last entry that a snapshot was asked for.
    snapshot_asked: AtomicU64,
    /// Records of the newest snapshot.
    snapshot_records: AtomicU64,
}

impl Shard {
    pub(crate) fn new(
        performance: Arc<PerformanceInfo>,
        epoch: Epoch,
        lease: Arc<Lease>,
        state: State,
        inbox_capacity: usize,
        generation: u64,
        now: Timestamp,
    ) -> Self {
        let sequence = state.sequence();
        let durable = Durable { sequence, holds_accepted: state.holds_accepted() };
        let records = state.records() as u64;
        Self {
            seat_map: SeatMapFeed::new(&state, generation),
            performance,
            epoch,
            lease,
            inbox: Inbox::new(inbox_capacity),
            state: RwLock::new(state),
            durable: watch::Sender::new(durable),
            offers: OfferFeed::new(),
            actor: OnceLock::new(),
            due_ms: AtomicU64::new(0),
            used_ms: AtomicU64::new(now.0),
            condemned: AtomicBool::new(false),
            sealed: AtomicBool::new(false),
            commands: AtomicU64::new(0),
            rate: Mutex::new(Rate::new()),
            snapshot_asked: AtomicU64::new(sequence.0),
            snapshot_records: AtomicU64::new(records),
        }
    }

    /// What is sold here.
    #[must_use]
    pub fn performance(&self) -> &Arc<PerformanceInfo> {
        &self.performance
    }

    /// Whether it takes commands and speaks for the performance; when not, resolve the performance again through the
    /// directory.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_closed() && !self.inbox.is_refusing() && self.lease.holds()
    }

    /// Whether this activation has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Whether no other node can be the owner yet.
    pub(crate) fn is_leased(&self) -> bool {
        self.lease.holds()
    }

    /// Queues a command. Never waits: a command that is not taken is answered at once.
    pub fn submit(&self, job: Job) {
        self.enqueue(std::iter::once(job));
    }

    /// Queues many commands with one wake-up, and leaves the vector empty.
    pub fn submit_all(&self, jobs: &mut Vec<Job>) {
        self.enqueue(jobs.drain(..));
    }

    fn enqueue(&self, jobs: impl Iterator<Item = Job>) {
        let mut refused = Vec::new();
        let mut count = 0;
        let wakes = self.inbox.push(jobs.inspect(|_| count += 1), &mut refused);
        self.commands.fetch_add(count, Ordering::Relaxed);
        if wakes {
            self.cast(ShardMessage::Wake);
        }
        for (job, reason) in refused {
            let failure = match reason {
                Refused::Full => Failure::Overloaded { retry_after: RETRY_AFTER },
                Refused::Closed(reason) => Failure::Unavailable(reason),
            };
            job.reply.send(job.command.action, Err(failure));
        }
    }

    /// Queues a command and waits for its reply.
    pub async fn call(&self, command: Command, expires_at: Option<Instant>) -> Reply {
        let (sender, receiver) = oneshot::channel();
        self.submit(Job { command, expires_at, reply: ReplyTo::Unary(sender) });
        receiver.await.unwrap_or(Err(Failure::Unavailable(Unavailable::ShardRestarted)))
    }

    /// Looks at the state, which may be a few milliseconds ahead of what is durable. Keep it short: the actor waits.
    pub fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.read())
    }

    /// Waits until all entries up to `sequence` are durable.
    ///
    /// # Errors
    /// When they never will be, since this activation has ended, or are not within `patience`.
    pub(crate) async fn until_durable(
        &self,
        sequence: Sequence,
        patience: Duration,
    ) -> Result<(), Unavailable> {
        let mut durable = self.durable.subscribe();
        let is_known = |durable: &Durable| durable.sequence >= sequence || self.is_condemned();
        match tokio::time::timeout(patience, durable.wait_for(is_known)).await {
            Ok(Ok(durable)) if durable.sequence >= sequence => Ok(()),
            Ok(_) => Err(Unavailable::ShardRestarted),
            Err(_) => Err(Unavailable::Store),
        }
    }

    /// Looks at what holds would come to at `now`. It counts as use: a sold out performance stays awake.
    #[must_use]
    pub fn preview(&self, now: Timestamp) -> Preview<'_> {
        self.used_ms.store(now.0, Ordering::Relaxed);
        Preview { state: self.state.read(), now }
    }

    /// Last durable entry.
    #[must_use]
    pub fn committed(&self) -> Sequence {
        self.durable.borrow().sequence
    }

    /// Whether a crash could not take this hold back.
    #[must_use]
    pub(crate) fn is_durable(&self, hold: HoldId) -> bool {
        hold.0 <= self.durable.borrow().holds_accepted
    }

    /// The seat map as last published: a tenth of a second ago at most, or a second when there is much to tell to many.
    #[must_use]
    pub fn seat_map(&self) -> Arc<SeatMapSnapshot> {
        self.seat_map.current()
    }

    /// Watches the seat map, from `resume` (generation, version) on when that is still known.
    #[must_use]
    pub fn watch_seat_map(self: &Arc<Self>, resume: Option<(u64, u64)>) -> SeatMapWatch {
        SeatMapWatch::new(Arc::clone(self), resume)
    }

    /// Watches the offers made to one buyer: first those of `known` that have lapsed, each a hold and its seat, then the open ones.
    #[must_use]
    pub fn watch_offers(
        self: &Arc<Self>,
        buyer: &BuyerId,
        known: impl Iterator<Item = (HoldId, SeatIndex)>,
    ) -> OfferWatch {
        OfferWatch::new(self, buyer, known)
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn set_actor(&self, actor: ActorRef<ShardMessage>) {
        // Set once, by the directory that spawned it.
        drop(self.actor.set(actor));
    }

    pub(crate) fn actor(&self) -> Option<&ActorRef<ShardMessage>> {
        self.actor.get()
    }

    pub(crate) fn cast(&self, message: ShardMessage) {
        if let Some(actor) = self.actor.get() {
            // A dead actor's shard is closed by its supervisor, which answers for what waits in it.
            drop(actor.send_message(message));
        }
    }

    /// Number of commands waiting.
    pub(crate) fn backlog(&self) -> usize {
        self.inbox.len()
    }

    /// How full the inbox is, from 0 to 1.
    pub(crate) fn inbox_fullness(&self) -> f64 {
        self.inbox.fullness()
    }

    /// Casts a tick when the actor has something to do by itself.
    pub(crate) fn tick(&self, now: Timestamp) {
        let due = self.due_ms.load(Ordering::Acquire);
        if due <= now.0
            && self.due_ms.compare_exchange(due, NEVER_MS, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        {
            self.cast(ShardMessage::Tick);
        }
    }

    /// Whether nothing has happened since `since`, nothing will happen by itself, and nobody watches.
    pub(crate) fn is_idle(&self, since: Timestamp) -> bool {
        self.offers.sweep();
        self.used_ms.load(Ordering::Relaxed) < since.0
            && self.offers.is_empty()
            && !self.seat_map.is_watched()
            && !self.has_deadlines()
    }

    /// Whether a hold lives, or a payment or a refund is under way.
    fn has_deadlines(&self) -> bool {
        self.read(|state| {
            let counts = state.counts();
            counts.held + counts.paying > 0 || state.pending_refunds().next().is_some()
        })
    }

    /// Notes what is durable. Returns whether a snapshot is due: after so many entries, and not
    /// before half as many as the last one had records, so that a large state is not written again and again.
    pub(crate) fn note_durable(&self, news: Durable, snapshot_every_entries: u64) -> bool {
        self.durable.send_if_modified(|durable| {
            let is_news = durable.sequence < news.sequence;
            if is_news {
                *durable = news;
            }
            is_news
        });
        let sequence = news.sequence;
        let asked = self.snapshot_asked.load(Ordering::Relaxed);
        let every = snapshot_every_entries.max(self.snapshot_records.load(Ordering::Relaxed) / 2);
        let due = sequence.0.saturating_sub(asked) >= every;
        if due {
            self.snapshot_asked.store(sequence.0, Ordering::Relaxed);
        }
        due
    }

    /// Notes where the newest snapshot is: what has gathered since then counts for the next, also across restarts.
    pub(crate) fn note_snapshot_at(&self, sequence: Sequence) {
        self.snapshot_asked.store(sequence.0, Ordering::Relaxed);
    }

    /// Notes how many records the newest snapshot has.
    pub(crate) fn note_snapshot(&self, records: usize) {
        self.snapshot_records.store(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn tell_offer(&self, buyer: &BuyerId, news: OfferNews) {
        self.offers.tell(buyer, news);
    }

    /// Admits nothing new from callers; what the node owes itself goes on.
    pub(crate) fn refuse(&self, reason: Unavailable) {
        self.inbox.refuse(reason);
    }

    /// Ends this activation: answers what waits, ends the watches. The actor, if it lives, is stopped.
    pub(crate) fn close(&self, reason: Unavailable) {
        for job in self.inbox.close(reason) {
            job.reply.send(job.command.action, Err(Failure::Unavailable(reason)));
        }
        self.close_feeds();
        if let Some(actor) = self.actor.get() {
            actor.stop(None);
        }
    }

    /// Changes nothing any more. When it returns, the actor has ended what it was at and begins nothing new.
    pub(crate) fn seal(&self) {
        let _none_is_deciding = self.state.write();
        self.sealed.store(true, Ordering::Release);
    }

    /// Goes on after all: it was not handed over.
    pub(crate) fn reopen(&self) {
        self.sealed.store(false, Ordering::Release);
        self.inbox.admit();
        self.cast(ShardMessage::Wake);
        self.cast(ShardMessage::Tick);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// Commands a second, of late.
    pub(crate) fn commands_per_second(&self) -> f64 {
        self.rate.lock().at(Instant::now(), self.commands.load(Ordering::Relaxed))
    }

    fn close_feeds(&self) {
        self.seat_map.close();
        self.offers.close();
    }

    /// Ends this activation because its entries cannot be written any more.
    pub(crate) fn condemn(&self, reason: Unavailable) {
        self.condemned.store(true, Ordering::Release);
        // Whoever waits for entries to be durable waits in vain.
        self.durable.send_modify(|_| {});
        self.close(reason);
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Acquire)
    }
}
