//! A lane: one session and its share of the buyers, all driven by one task.
//!
//! ```text
//!  curve ──► slots ─┐                                    ┌─► ledger, stats
//!  timers ──────────┼─► outgoing ──► transport ──► answers
//!  inbox (offers) ──┘       ▲                            └─► timers (pay, release, retry)
//!                           └──── retry after back-off ◄──────┘
//! ```

mod act;
mod answers;
mod fate;
mod send;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::mpsc;

use crate::answer::{Answer, HoldAck};
use crate::command::Command;
use crate::ids::{Buyer, Moment, OrderId, Seat};
use crate::ledger::Ledger;
use crate::limits::LANE_SLEEP_MAX;
use crate::onsale::shared::{Input, Shared};
use crate::slab::{Key, Slab};
use crate::stats::Stats;
use crate::transport::{Received, Transport};

/// What a buyer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Waiting for their next try.
    Nothing,
    /// A hold was asked for, or is held.
    Busy,
    /// They have their seats, or gave them back after all.
    Done,
}

/// A buyer: two bytes, so that a hundred thousand fit into the cache.
#[derive(Clone, Copy, Debug)]
struct Person {
    doing: Doing,
    places: u8,
}

/// A request between its intended moment and its definite answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    command: Command,
    /// The hold that it is about, if it is one of ours.
    about: Option<Key>,
    intended: Moment,
    first_sent: Option<Moment>,
    attempts: u16,
    in_flight: bool,
    /// Whether an attempt may have been done without our being told.
    doubtful: bool,
}

/// What the buyer will do with a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pay,
    Extend,
    Release,
    Abandon,
}

/// A hold or an offer that is live as far as we know.
#[derive(Clone, Copy, Debug)]
struct OpenHold {
    buyer: Buyer,
    ack: HoldAck,
    until: Moment,
    fate: Fate,
    offer: bool,
    declined: bool,
}

/// What is to be done at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Retry(Key),
    Act(Key),
    Lapsed(Key),
    Leave(Buyer, Seat),
    Refund(Buyer, OrderId),
    Reconnect,
}

/// See the module.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    index: usize,
    lanes: usize,
    transport: Transport,
    inbox: mpsc::Receiver<Input>,
    stats: Arc<Mutex<Stats>>,
    ledger: Ledger,
    rng: SmallRng,
    people: Vec<Person>,
    members: usize,
    pending: Slab<Pending>,
    holds: Slab<OpenHold>,
    offered: HashSet<u64>,
    timers: BinaryHeap<Reverse<(Moment, Due)>>,
    outgoing: VecDeque<Key>,
    /// Attempts in flight, oldest first; those that were answered are skipped.
    sent_order: VecDeque<(Moment, Key)>,
    in_flight: usize,
    serial: u64,
    next_slot: u64,
    /// When the last answer came, or the session opened.
    heard: Moment,
    /// Since when there has been no session.
    down_since: Option<Moment>,
    losses: u32,
    slots_done: bool,
    gave_up: bool,
}

/// What a lane leaves behind.
pub(crate) struct LaneResult {
    pub(crate) ledger: Ledger,
    pub(crate) gave_up: bool,
}

impl Lane {
    pub(crate) fn new(
        shared: Arc<Shared>,
        index: usize,
        transport: Transport,
        inbox: mpsc::Receiver<Input>,
        stats: Arc<Mutex<Stats>>,
    ) -> Lane {
        let lanes = shared.options.sessions;
        let share = |people: u32| (people as usize + lanes - 1 - index) / lanes;
        let seed = shared.options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64);
        Lane {
            people: vec![Person { doing: Doing::Nothing, places: 0 }; share(shared.buyers)],
            members: share(shared.members),
            index,
            lanes,
            transport,
            inbox,
            stats,
            ledger: Ledger::default(),
            rng: SmallRng::seed_from_u64(seed),
            pending: Slab::new(),
            holds: Slab::new(),
            offered: HashSet::new(),
            timers: BinaryHeap::new(),
            outgoing: VecDeque::new(),
            sent_order: VecDeque::new(),
            in_flight: 0,
            serial: 0,
            next_slot: index as u64,
            heard: Moment::default(),
            down_since: Some(shared.clock.now()),
            losses: 0,
            slots_done: false,
            gave_up: false,
            shared,
        }
    }

    /// Runs until the director says finish and all is answered, or until the patience with the server ends.
    pub(crate) async fn run(mut self) -> LaneResult {
        self.transport.open();
        if self.transport.is_ready() {
            self.opened();
        }
        let mut answers = Vec::new();
        loop {
            let now = self.shared.clock.now();
            self.take_inbox(now);
            self.fire_timers(now);
            self.time_out(now);
            self.send_due(now);
            if self.is_over(now) {
                break;
            }
            let wake = self.next_wake(now);
            tokio::select! {
                biased;
                received = self.transport.receive(&mut answers) => self.received(received, &mut answers),
                Some(input) = self.inbox.recv() => {
                    let now = self.shared.clock.now();
                    self.take_input(input, now);
                }
                () = tokio::time::sleep_until(self.shared.clock.instant(wake)) => {}
            }
        }
        self.close()
    }

    fn received(&mut self, received: Received, answers: &mut Vec<(u64, Answer)>) {
        let now = self.shared.clock.now();
        if !answers.is_empty() {
            self.heard = now;
            // One lock a batch. The guard is of a clone of the handle, so that the rest of the lane stays borrowable.
            let handle = Arc::clone(&self.stats);
            let mut stats = handle.lock();
            for (tag, answer) in answers.drain(..) {
                self.take_answer(&mut stats, Key(tag), answer, now);
            }
        }
        match received {
            Received::Answers => {}
            Received::Opened => self.opened(),
            Received::Lost => self.lost(now),
        }
    }

    fn take_inbox(&mut self, now: Moment) {
        while let Ok(input) = self.inbox.try_recv() {
            self.take_input(input, now);
        }
    }

    fn next_wake(&self, now: Moment) -> Moment {
        let latest = now.after(LANE_SLEEP_MAX);
        let timer = self.timers.peek().map_or(latest, |Reverse((at, _))| *at);
        let slot_due = self.slot_due().filter(|_| self.can_send());
        let slot = slot_due.map_or(latest, |due| due.ceil(self.shared.options.send_tick));
        latest.min(timer).min(slot)
    }

    fn is_over(&mut self, now: Moment) -> bool {
        let out_of_patience = |since: Moment| now.since(since) > self.shared.options.patience;
        if self.down_since.is_some_and(out_of_patience) {
            self.gave_up = true;
            self.mark_slots_done();
            return true;
        }
        self.shared.finish.load(Ordering::Relaxed) && (self.pending.len() == 0 || self.stopped())
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    fn mark_slots_done(&mut self) {
        if !std::mem::replace(&mut self.slots_done, true) {
            self.shared.lanes_done.fetch_add(1, Ordering::Relaxed);
        }
    }
}
