//! The actor: decides, evolves, and hands on. It never waits for anything.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use earlybird_engine::{
    Action, Answer, BuyerId, Command, Decision, Entry, Event, HoldView, SeatIndex, State, Timestamp,
};
use earlybird_engine::{decide, encode_entry, evolve};
use earlybird_persistence as store;
use metrics::Histogram;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use smallvec::SmallVec;

use super::inbox::Job;
use super::offers::OfferNews;
use super::projection::project;
use super::timers::{Alarm, Timers};
use super::{NEVER_MS, Shard};
use crate::clock::Clock;
use crate::lane::{Lane, Parcel, Pending};
use crate::reply::{Failure, Reply, ReplyTo, Unavailable};

/// Commands decided in one go, so that ticks and other work come in between.
pub(crate) const BATCH_JOBS_MAX: usize = 256;
/// Holds expired in one go, likewise.
const EXPIRIES_PER_TICK_MAX: usize = 1_024;

/// What the mailbox carries: never a command, only reasons to look.
#[derive(Debug)]
pub(crate) enum ShardMessage {
    /// Commands wait in the inbox.
    Wake,
    /// A deadline or a publication is due.
    Tick,
    /// Nothing seems to happen any more: go to rest.
    Passivate,
}

/// What the actor starts with.
pub(crate) struct ShardActorArguments {
    pub(crate) shard: Arc<Shard>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) hold_ack_memory: bool,
}

/// What a batch of commands comes to.
#[derive(Default)]
struct Batch {
    /// Replies that leave at once.
    replies: Vec<(ReplyTo, Action, Reply)>,
    /// What waits to be durable.
    parcel: Vec<Pending>,
}

thread_local! {
    /// The room of the last batch, about 90 kilobytes, for the next one of whichever actor. Taken out while in use, so
    /// that a panic leaves nothing in it.
    static ROOM: Cell<(Vec<Job>, Batch)> = Cell::default();
}

/// The behaviour; all that changes is in [`Core`].
pub(crate) struct ShardActor;

/// The actor's own memory.
pub(crate) struct Core {
    shard: Arc<Shard>,
    clock: Arc<Clock>,
    lane: Arc<Lane>,
    hold_ack_memory: bool,
    timers: Timers,
    /// Holds whose time has come and that are not expired yet.
    due: VecDeque<Alarm>,
    changed: Vec<SeatIndex>,
    published_at: Timestamp,
    expiry_late: Histogram,
}

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = Core;
    type Arguments = ShardActorArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Core::new(arguments))
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        core: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        fail::fail_point!("shard-handle");
        match message {
            ShardMessage::Wake => {
                if core.work() {
                    myself.send_message(ShardMessage::Wake)?;
                }
            }
            ShardMessage::Tick => {
                if core.tick() {
                    myself.send_message(ShardMessage::Tick)?;
                }
            }
            ShardMessage::Passivate => core.passivate(&myself),
        }
        Ok(())
    }
}

impl Core {
    fn new(arguments: ShardActorArguments) -> Self {
        let ShardActorArguments { shard, clock, lane, hold_ack_memory } = arguments;
        let now = clock.now();
        let mut core = Self {
            timers: Timers::new(now),
            due: VecDeque::new(),
            changed: Vec::new(),
            published_at: now,
            expiry_late: metrics::histogram!("earlybird_expiry_late_seconds"),
            shard,
            clock,
            lane,
            hold_ack_memory,
        };
        core.arm_all(now);
        core.set_due();
        core
    }

    /// Arms a new wheel with the deadlines of all live holds.
    fn arm_all(&mut self, now: Timestamp) {
        self.timers = Timers::new(now);
        let state = self.shard.state.read();
        for hold in state.holds().filter(|hold| hold.order.is_none()) {
            self.timers.arm(Alarm { hold: hold.hold, deadline: hold.deadline });
        }
    }

    /// Decides a batch of commands. Returns whether more are waiting.
    fn work(&mut self) -> bool {
        let shard = Arc::clone(&self.shard);
        let (mut jobs, mut batch) = ROOM.take();
        let more = shard.inbox.take(BATCH_JOBS_MAX, &mut jobs);
        let now = self.clock.now();
        shard.used_ms.store(now.0, Ordering::Relaxed);
        let instant = Instant::now();
        {
            let mut state = shard.state.write();
            let refusal = self.refusal();
            for job in jobs.drain(..) {
                match refusal {
                    None => self.decide_job(&mut state, now, instant, job, &mut batch),
                    Some(reason) => {
                        let refusal = Err(Failure::Unavailable(reason));
                        batch.replies.push((job.reply, job.command.action, refusal));
                    }
                }
            }
            // Before the lock is free: whoever seals the shard then finds all that was decided with the lane.
            self.hand_on(&state, std::mem::take(&mut batch.parcel));
        }
        ReplyTo::send_all(&mut batch.replies);
        ROOM.set((jobs, batch));
        shard.inbox.done();
        self.publish_when_due(now);
        self.set_due();
        more
    }

    /// Why nothing may be decided now.
    fn refusal(&self) -> Option<Unavailable> {
        if self.shard.is_sealed() {
            Some(Unavailable::NotOwner)
        } else if !self.shard.is_leased() {
            // What waited while the node was frozen, or cut off: another may be the owner.
            Some(Unavailable::Store)
        } else {
            None
        }
    }

    fn decide_job(
        &mut self,
        state: &mut State,
        now: Timestamp,
        instant: Instant,
        job: Job,
        batch: &mut Batch,
    ) {
        let Job { command, expires_at, reply } = job;
        if reply.is_abandoned() {
            return;
        }
        if expires_at.is_some_and(|expires_at| expires_at <= instant) {
            batch.replies.push((reply, command.action, Err(Failure::DeadlineExceeded)));
            return;
        }
        match decide(state, now, &command) {
            Err(rejection) => batch.replies.push((reply, command.action, Err(Failure::Rejected(rejection)))),
            Ok(decision) if !self.lane.has_room() => {
                let reason = match decision {
                    Decision::Commit(_) => Unavailable::OutboxFull,
                    // It was decided before.
                    Decision::Replay(_) => Unavailable::Store,
                };
                batch.replies.push((reply, command.action, Err(Failure::Unavailable(reason))));
            }
            // The first answer may not be durable yet: this one waits behind it at the gate.
            Ok(Decision::Replay(answer)) => {
                batch.parcel.push(Pending::replay(reply, command.action, answer, instant))
            }
            Ok(Decision::Commit(entry)) => {
                let (mut pending, answer) = self.commit(state, &entry, instant);
                if self.hold_ack_memory && self.shard.is_leased() && matches!(answer, Answer::Held { .. }) {
                    batch.replies.push((reply, command.action, Ok(answer)));
                } else {
                    pending.reply = Some((reply, command.action, answer));
                }
                batch.parcel.push(pending);
            }
        }
    }

    /// Evolves the state by a decided entry and makes the record of it.
    fn commit(&mut self, state: &mut State, entry: &Entry, instant: Instant) -> (Pending, Answer) {
        let news = self.news_of(state, entry);
        let answer = evolve(state, entry, &mut self.changed);
        self.arm_timers(state, entry);
        let performance = &self.shard.performance;
        let row = store::JournalRow {
            performance: performance.id.clone(),
            bucket: performance.bucket,
            epoch: self.shard.epoch,
            sequence: store::Sequence(entry.sequence.0),
            at: store::UnixMillis(entry.at.0),
            kind: entry.events.first().map_or("", Event::kind).into(),
            body: Bytes::from(encode_entry(entry)),
        };
        let projection = project(performance, state, entry);
        (Pending { row: Some(row), projection, reply: None, news, queued_at: instant }, answer)
    }

    /// What waiters are to hear of an entry, read before it is evolved, while lapsed offers are still known.
    fn news_of(&self, state: &State, entry: &Entry) -> SmallVec<[(BuyerId, OfferNews); 1]> {
        let mut news = SmallVec::new();
        for event in &entry.events {
            match event {
                Event::Offered { hold, buyer, seat, deadline } => {
                    news.push((
                        buyer.clone(),
                        OfferNews::Offered { hold: *hold, seat: *seat, deadline: *deadline },
                    ));
                }
                Event::Expired { hold } | Event::Released { hold } => {
                    news.extend(state.hold(*hold).and_then(lapsed));
                }
                Event::PaymentDeclined { order, freed: true, .. } => {
                    let hold = state.order(*order).and_then(|order| state.hold(order.hold));
                    news.extend(hold.and_then(lapsed));
                }
                Event::PerformanceCancelled => {
                    news.extend(state.holds().filter(|hold| hold.order.is_none()).filter_map(lapsed));
                }
                _ => {}
            }
        }
        news
    }

    fn arm_timers(&mut self, state: &State, entry: &Entry) {
        for event in &entry.events {
            let (Event::Held { hold, deadline, .. }
            | Event::Offered { hold, deadline, .. }
            | Event::Extended { hold, deadline }) = event
            else {
                if let Event::PaymentDeclined { order, freed: false, .. } = event
                    && let Some(hold) = state.order(*order).and_then(|order| state.hold(order.hold))
                {
                    self.timers.arm(Alarm { hold: hold.hold, deadline: hold.deadline });
                }
                continue;
            };
            self.timers.arm(Alarm { hold: *hold, deadline: *deadline });
        }
    }

    /// Expires what is due, a bounded number at a time, and publishes the seat map. Returns whether more can be expired
    /// at once: thousands of holds may share a deadline, and the next beat would be too late for the last of them.
    fn tick(&mut self) -> bool {
        let now = self.clock.now();
        self.timers.turn(now, &mut self.due);
        let shard = Arc::clone(&self.shard);
        let mut parcel = Vec::new();
        if !self.due.is_empty() {
            let instant = Instant::now();
            let mut state = shard.state.write();
            if shard.is_sealed() {
                // What is due stays due, should the shard be opened again.
                return false;
            }
            for _ in 0..EXPIRIES_PER_TICK_MAX {
                // Without room at the gate the holds stay due; they are unusable all the same (I5).
                if !self.lane.has_room_to_spare() {
                    break;
                }
                let Some(alarm) = self.due.pop_front() else { break };
                self.expire(&mut state, now, instant, alarm, &mut parcel);
            }
            self.hand_on(&state, parcel);
        }
        let live = { shard.state.read().counts().held as usize };
        if self.timers.is_cluttered(live) {
            self.arm_all(now);
        }
        self.publish_when_due(now);
        self.set_due();
        !self.due.is_empty() && self.lane.has_room_to_spare()
    }

    fn expire(
        &mut self,
        state: &mut State,
        now: Timestamp,
        instant: Instant,
        alarm: Alarm,
        parcel: &mut Vec<Pending>,
    ) {
        let current = state
            .hold(alarm.hold)
            .is_some_and(|hold| hold.deadline == alarm.deadline && hold.order.is_none());
        if !current {
            return;
        }
        let command = Command { request: None, action: Action::ExpireHold { hold: alarm.hold } };
        // A hold that is not due is armed for later already.
        if let Ok(Decision::Commit(entry)) = decide(state, now, &command) {
            self.expiry_late.record(now.0.saturating_sub(alarm.deadline.0) as f64 / 1e3);
            let (pending, _) = self.commit(state, &entry, instant);
            parcel.push(pending);
        }
    }

    fn hand_on(&self, state: &State, parcel: Vec<Pending>) {
        if !parcel.is_empty() {
            fail::fail_point!("shard-hand-on");
            self.lane.push(Parcel {
                shard: Arc::clone(&self.shard),
                items: parcel,
                holds_accepted: state.holds_accepted(),
                last: None,
                due: Vec::new(),
            });
        }
    }

    fn publish_when_due(&mut self, now: Timestamp) {
        let is_due = self.shard.seat_map.next_publication(self.published_at) <= now;
        if is_due && !self.changed.is_empty() && self.shard.is_leased() {
            let state = self.shard.state.read();
            self.shard.seat_map.publish(&state, &mut self.changed);
            self.published_at = now;
        }
    }

    /// Tells the ticker when to call next.
    fn set_due(&self) {
        let expiry = self.timers.next_due().map_or(NEVER_MS, |due| due.0);
        let overdue = if self.due.is_empty() { NEVER_MS } else { 0 };
        let publication = match self.changed.is_empty() {
            true => NEVER_MS,
            false => self.shard.seat_map.next_publication(self.published_at).0,
        };
        self.shard.due_ms.store(expiry.min(overdue).min(publication), Ordering::Release);
    }

    /// Goes to rest unless something came up. What was decided is in the lane, which outlives the actor.
    fn passivate(&mut self, myself: &ActorRef<ShardMessage>) {
        // Alarms of holds that are gone may still be armed; they mean nothing.
        let quiet = !self.shard.has_deadlines() && self.changed.is_empty();
        if quiet && self.shard.inbox.close_if_empty(Unavailable::ShardRestarted) {
            self.shard.close_feeds();
            myself.stop(None);
        }
    }
}

/// The news that a hold which is about to end without being paid for was an offer.
fn lapsed(hold: HoldView<'_>) -> Option<(BuyerId, OfferNews)> {
    let seat = *hold.seats.first().filter(|_| hold.is_offer)?;
    Some((hold.buyer.clone(), OfferNews::Lapsed { hold: hold.hold, seat }))
}
