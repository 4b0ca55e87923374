//! The bounded queue in front of a shard's mailbox.
//!
//! ractor's mailbox has no bound and costs up to a microsecond a message, so commands wait here instead: the mailbox only
//! carries one wake-up for many of them. Commands that give seats back or bring money come before those that want seats:
//! an overloaded shard goes on to finish what it has begun.

use std::collections::VecDeque;
use std::time::Instant;

use earlybird_engine::{Action, Command};
use parking_lot::Mutex;

use crate::reply::{ReplyTo, Unavailable};

/// A command on its way to a shard.
pub struct Job {
    /// What is wished.
    pub command: Command,
    /// When the caller stops waiting: past it nothing is changed any more.
    pub expires_at: Option<Instant>,
    /// Where the reply goes.
    pub reply: ReplyTo,
}

/// What goes first, what may wait, and what the node itself owes its state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// Outcomes of payments and refunds: admitted even when the node is draining or the queue full, since a lost outcome
    /// would leave money undecided. Their number is bounded by the payments under way.
    Owed,
    /// Pay, release, leave, refund.
    Urgent,
    /// Whatever wants seats.
    Normal,
}

fn urgency(action: &Action) -> Urgency {
    match action {
        Action::ConfirmPayment { .. }
        | Action::DeclinePayment { .. }
        | Action::CompleteRefund { .. }
        | Action::FailRefund { .. }
        | Action::AwaitDeposit { .. }
        | Action::CaptureLate { .. }
        | Action::RevertDeposit { .. }
        | Action::CancelPerformance
        | Action::ExpireHold { .. } => Urgency::Owed,
        Action::BeginPayment { .. }
        | Action::ReleaseHold { .. }
        | Action::LeaveWaitlist { .. }
        | Action::BeginRefund { .. }
        | Action::Unblock { .. } => Urgency::Urgent,
        Action::Hold { .. }
        | Action::HoldBestAvailable { .. }
        | Action::ExtendHold { .. }
        | Action::JoinWaitlist { .. }
        | Action::Block { .. } => Urgency::Normal,
    }
}

/// Why the inbox did not take a job.
pub(super) enum Refused {
    /// Too many wait already.
    Full,
    /// It takes none any more.
    Closed(Unavailable),
}

#[derive(Default)]
struct Queues {
    urgent: VecDeque<Job>,
    normal: VecDeque<Job>,
    /// A wake-up is on its way, or the actor is at work and will look again.
    awake: bool,
    /// Jobs that were taken out and are not decided and handed on yet.
    in_hand: usize,
    /// Takes none but what is owed.
    refusing: Option<Unavailable>,
    /// Takes none at all.
    closed: Option<Unavailable>,
}

/// The queue.
pub(super) struct Inbox {
    queues: Mutex<Queues>,
    /// Bound of each of the two queues.
    capacity: usize,
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Self {
        Self { queues: Mutex::new(Queues::default()), capacity }
    }

    /// Queues jobs. Those that are not taken are pushed to `refused`. Returns whether the actor must be woken.
    pub(super) fn push(&self, jobs: impl Iterator<Item = Job>, refused: &mut Vec<(Job, Refused)>) -> bool {
        let mut queues = self.queues.lock();
        for job in jobs {
            let urgency = urgency(&job.command.action);
            if let Some(reason) = queues.closed {
                refused.push((job, Refused::Closed(reason)));
                continue;
            }
            if urgency != Urgency::Owed
                && let Some(reason) = queues.refusing
            {
                refused.push((job, Refused::Closed(reason)));
                continue;
            }
            let queue = if urgency == Urgency::Normal { &mut queues.normal } else { &mut queues.urgent };
            if urgency != Urgency::Owed && queue.len() >= self.capacity {
                refused.push((job, Refused::Full));
                continue;
            }
            queue.push_back(job);
        }
        let waiting = !queues.urgent.is_empty() || !queues.normal.is_empty();
        let wake = waiting && !queues.awake;
        queues.awake |= wake;
        wake
    }

    /// Moves up to `limit` jobs out, urgent ones first. Returns whether more are waiting; if none are, the next `push`
    /// asks for a wake-up.
    pub(super) fn take(&self, limit: usize, into: &mut Vec<Job>) -> bool {
        let mut queues = self.queues.lock();
        let urgent = queues.urgent.len().min(limit);
        into.extend(queues.urgent.drain(..urgent));
        let normal = queues.normal.len().min(limit - urgent);
        into.extend(queues.normal.drain(..normal));
        queues.in_hand = urgent + normal;
        queues.awake = !queues.urgent.is_empty() || !queues.normal.is_empty();
        queues.awake
    }

    /// What was taken out is decided, and handed on to its lane.
    pub(super) fn done(&self) {
        self.queues.lock().in_hand = 0;
    }

    /// Number of jobs waiting, or taken out and not handed on yet: none means that all is with the lane.
    pub(super) fn len(&self) -> usize {
        let queues = self.queues.lock();
        queues.urgent.len() + queues.normal.len() + queues.in_hand
    }

    /// How full the fuller of the two queues is, from 0 to 1; beyond 1 by what is owed.
    pub(super) fn fullness(&self) -> f64 {
        let queues = self.queues.lock();
        queues.urgent.len().max(queues.normal.len()) as f64 / self.capacity as f64
    }

    /// Takes no new commands from callers, only what is owed.
    pub(super) fn refuse(&self, reason: Unavailable) {
        self.queues.lock().refusing.get_or_insert(reason);
    }

    /// Takes commands from callers again.
    pub(super) fn admit(&self) {
        self.queues.lock().refusing = None;
    }

    /// Takes nothing any more and gives back what waited.
    pub(super) fn close(&self, reason: Unavailable) -> Vec<Job> {
        let mut queues = self.queues.lock();
        queues.closed.get_or_insert(reason);
        let urgent = std::mem::take(&mut queues.urgent);
        let normal = std::mem::take(&mut queues.normal);
        urgent.into_iter().chain(normal).collect()
    }

    /// Closes only when nothing waits. Returns whether it did.
    pub(super) fn close_if_empty(&self, reason: Unavailable) -> bool {
        let mut queues = self.queues.lock();
        if !queues.urgent.is_empty() || !queues.normal.is_empty() {
            return false;
        }
        queues.closed.get_or_insert(reason);
        true
    }

    /// Whether it takes no new commands from callers.
    pub(super) fn is_refusing(&self) -> bool {
        self.queues.lock().refusing.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queues.lock().closed.is_some()
    }
}
