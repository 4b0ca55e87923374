//! The write-behind lane and the output gate.
//!
//! ```text
//!  shard ──Parcel──► queue (bounded by entries) ──► batch ──► Store::append, one fenced group commit
//!  shard ──Parcel──►                                            │ committed: replies and offer news leave
//!                                                               │ unavailable: again, until it answers; replies give up
//!                                                               │   after `ack_timeout`, entries never do
//!                                                               │ unknown: look whether it is there, then as above
//!                                                               └ fenced or in conflict: the shard is void; start over
//! ```
//!
//! Invariant: entries of one performance go through one lane, in order, so what was acknowledged is always a prefix of
//! what was decided.

mod committer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use earlybird_engine::{Action, Answer, BuyerId, Sequence};
use earlybird_persistence::JournalRow;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, watch};

pub(crate) use committer::{Committer, CommitterHooks};

use crate::payments::Due;
use crate::reply::{Failure, Reply, ReplyTo, Unavailable};
use crate::shard::{OfferNews, Projection, Shard};

/// What one command came to, waiting to be durable.
pub(crate) struct Pending {
    /// The entry; none for an answer that was given before and only waits behind its entry.
    pub(crate) row: Option<JournalRow>,
    /// Rows that go with the entry.
    pub(crate) projection: Option<Box<Projection>>,
    /// Who is answered.
    pub(crate) reply: Option<(ReplyTo, Action, Answer)>,
    /// Who else hears of it.
    pub(crate) news: SmallVec<[(BuyerId, OfferNews); 1]>,
    /// When it was decided.
    pub(crate) queued_at: Instant,
}

impl Pending {
    pub(crate) fn replay(reply: ReplyTo, action: Action, answer: Answer, queued_at: Instant) -> Self {
        Self {
            row: None,
            projection: None,
            reply: Some((reply, action, answer)),
            news: SmallVec::new(),
            queued_at,
        }
    }

    /// Tells its news, and adds its reply to those that may leave.
    fn release(self, shard: &Shard, replies: &mut Vec<(ReplyTo, Action, Reply)>) {
        for (buyer, news) in &self.news {
            shard.tell_offer(buyer, *news);
        }
        if let Some((reply_to, action, answer)) = self.reply {
            replies.push((reply_to, action, Ok(answer)));
        }
    }

    /// Answers that the outcome is unknown. The entry, if any, stays.
    fn give_up(&mut self, reason: Unavailable) {
        if let Some((reply_to, action, _)) = self.reply.take() {
            let reply: Reply = Err(Failure::Unavailable(reason));
            reply_to.send(action, reply);
        }
    }
}

/// What one wake-up of a shard decided.
pub(crate) struct Parcel {
    /// Whose.
    pub(crate) shard: Arc<Shard>,
    /// In the order decided.
    pub(crate) items: Vec<Pending>,
    /// Number of the last hold accepted by then.
    pub(crate) holds_accepted: u64,
    /// Its last entry, once the committer has taken the rows out.
    pub(crate) last: Option<Sequence>,
    /// Payments and refunds that its entries begin, likewise.
    pub(crate) due: Vec<Due>,
}

/// Bounds of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneLimits {
    /// Entries of one group commit.
    pub(crate) flush_entries_max: usize,
    /// Entries that wait to be durable; when full, mutations are refused.
    pub(crate) outbox_entries_max: usize,
    /// How long a reply waits for its entry to be durable.
    pub(crate) ack_timeout: Duration,
}

/// The queue of a lane, shared by the shards that fill it and the committer that empties it.
pub(crate) struct Lane {
    queue: Mutex<VecDeque<Parcel>>,
    filled: Notify,
    /// Entries and answers in the queue and in the batch under way.
    depth: AtomicUsize,
    /// Parcels put in ever, and parcels settled ever.
    pushed: AtomicUsize,
    settled: watch::Sender<usize>,
    failing: AtomicBool,
    pub(crate) limits: LaneLimits,
}

impl Lane {
    pub(crate) fn new(limits: LaneLimits) -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            filled: Notify::new(),
            depth: AtomicUsize::new(0),
            pushed: AtomicUsize::new(0),
            settled: watch::Sender::new(0),
            failing: AtomicBool::new(false),
            limits,
        }
    }

    /// Whether another entry may be decided. A shard asks before each, so the bound is passed by one batch at most.
    pub(crate) fn has_room(&self) -> bool {
        self.depth.load(Ordering::Relaxed) < self.limits.outbox_entries_max
    }

    /// Whether there is room for what nobody waits for. Half of it is kept for commands: after an outage more holds may be due
    /// than fit.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        self.depth() < self.limits.outbox_entries_max.div_ceil(2)
    }

    /// Whether the store did not take the last batch at the first try and has not taken it since.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Entries and answers waiting.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// How full the lane is, from 0 to 1, and a batch beyond it.
    pub(crate) fn fullness(&self) -> f64 {
        self.depth() as f64 / self.limits.outbox_entries_max as f64
    }

    pub(crate) fn push(&self, parcel: Parcel) {
        self.depth.fetch_add(parcel.items.len(), Ordering::Relaxed);
        let mut queue = self.queue.lock();
        self.pushed.fetch_add(1, Ordering::AcqRel);
        queue.push_back(parcel);
        drop(queue);
        self.filled.notify_one();
    }

    /// Waits until everything pushed so far is settled: durable, or void.
    pub(crate) async fn barrier(&self) {
        let target = self.pushed.load(Ordering::Acquire);
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the lane.
        drop(settled.wait_for(|settled| *settled >= target).await);
    }

    /// The next parcels, up to the flush limit and at least one; waits while there are none.
    async fn next_batch(&self) -> Vec<Parcel> {
        loop {
            let batch = self.take_batch();
            if !batch.is_empty() {
                return batch;
            }
            self.filled.notified().await;
        }
    }

    fn take_batch(&self) -> Vec<Parcel> {
        let mut queue = self.queue.lock();
        let mut entries = 0;
        let mut parcels = 0;
        for parcel in queue.iter() {
            if parcels > 0 && entries + parcel.items.len() > self.limits.flush_entries_max {
                break;
            }
            entries += parcel.items.len();
            parcels += 1;
        }
        queue.drain(..parcels).collect()
    }

    fn settle(&self, parcels: usize, items: usize) {
        self.depth.fetch_sub(items, Ordering::Relaxed);
        self.settled.send_modify(|settled| *settled += parcels);
    }

    /// Gives up the replies that have waited in the queue since before `since`.
    fn give_up_queued(&self, since: Instant) {
        for parcel in &mut *self.queue.lock() {
            if !give_up_overdue(parcel, since) {
                return;
            }
        }
    }
}

/// Gives up the overdue replies of a parcel. Returns whether all of it was overdue: later parcels are younger.
fn give_up_overdue(parcel: &mut Parcel, since: Instant) -> bool {
    for item in &mut parcel.items {
        if item.queued_at > since {
            return false;
        }
        item.give_up(Unavailable::Store);
    }
    true
}
