//! Sending, time-outs, back-offs and lost sessions.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::{Due, Lane, LaneResult, Pending};
use crate::answer::Reason;
use crate::command::{Action, Command, Kind};
use crate::ids::{Buyer, Moment, Serial};
use crate::ledger::Unanswered;
use crate::limits::{BACKOFF_MAX, BACKOFF_MIN, PAYMENT_BACKOFF_MIN, SENDS_PER_WAKE_MAX};
use crate::slab::Key;
use crate::stats::{Outcome, Stats};

impl Lane {
    /// A new request, put behind what waits to be sent.
    pub(super) fn request(&mut self, buyer: Buyer, action: Action, about: Option<Key>, intended: Moment) {
        let serial = Serial(self.serial * self.lanes as u64 + self.index as u64);
        self.serial += 1;
        let command = Command { serial, buyer, action };
        let key = self.pending.insert(Pending {
            command,
            about,
            intended,
            first_sent: None,
            attempts: 0,
            in_flight: false,
            doubtful: false,
        });
        self.outgoing.push_back(key);
    }

    pub(super) fn can_send(&self) -> bool {
        self.transport.is_ready() && self.in_flight < self.transport.in_flight_max()
    }

    /// Sends what waits and the tries that are due.
    pub(super) fn send_due(&mut self, now: Moment) {
        let mut sent = 0;
        while sent < SENDS_PER_WAKE_MAX && self.can_send() {
            let Some(key) = self.outgoing.pop_front().or_else(|| self.next_try(now)) else { break };
            sent += usize::from(self.attempt(key, now));
        }
        self.transport.flush();
    }

    /// The request of the next try, if one is due. A try may come to nothing, and then the next one is looked at.
    fn next_try(&mut self, now: Moment) -> Option<Key> {
        let tick = now.floor(self.shared.options.send_tick);
        while self.outgoing.is_empty() && self.slot_due().is_some_and(|due| due <= tick) {
            self.take_slot();
        }
        self.outgoing.pop_front()
    }

    fn attempt(&mut self, key: Key, now: Moment) -> bool {
        let Some(pending) = self.pending.get_mut(key) else { return false };
        if pending.first_sent.is_none() {
            self.stats.lock().sent += 1;
        }
        pending.first_sent.get_or_insert(now);
        pending.attempts = pending.attempts.saturating_add(1);
        pending.in_flight = true;
        let timeout_ms = u32::try_from(self.shared.options.timeout.as_millis()).unwrap_or(u32::MAX);
        let request = self.shared.names.session_request(key.0, timeout_ms, &pending.command);
        self.transport.push(request);
        self.sent_order.push_back((now, key));
        self.in_flight += 1;
        true
    }

    /// Sends the same request again after `delay`, under a new tag: an answer to the old attempt no longer counts, since
    /// a refusal of it says nothing about the new one.
    pub(super) fn again(&mut self, stats: &mut Stats, key: Key, delay: Duration, now: Moment) {
        let Some(mut pending) = self.pending.remove(key) else { return };
        stats.retried(pending.command.kind());
        pending.in_flight = false;
        let key = self.pending.insert(pending);
        self.timers.push(Reverse((now.after(delay), Due::Retry(key))));
    }

    /// The outcome of an attempt is unknown: the same request goes again after a back-off.
    pub(super) fn unknown(&mut self, stats: &mut Stats, key: Key, reason: Reason, now: Moment) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        pending.doubtful = true;
        let (kind, attempts) = (pending.command.kind(), pending.attempts);
        stats.reason(kind, reason);
        let delay = self.backoff(kind, attempts);
        self.again(stats, key, delay, now);
    }

    pub(super) fn backoff(&mut self, kind: Kind, attempts: u16) -> Duration {
        let first = if kind.is_payment() { PAYMENT_BACKOFF_MIN } else { BACKOFF_MIN };
        let doubled = first * 2_u32.pow(u32::from(attempts.saturating_sub(1).min(10)));
        doubled.min(BACKOFF_MAX).mul_f64(self.rng.random_range(0.5..1.5))
    }

    /// Attempts that have had no answer for longer than the server may take. A session that has been silent for as long
    /// is taken for dead.
    pub(super) fn time_out(&mut self, now: Moment) {
        // The server stops at the time-out, so a second later nothing of the attempt is to come but its answer.
        let limit = self.shared.options.timeout + Duration::from_secs(1);
        while let Some(&(sent, key)) = self.sent_order.front() {
            let answered = self.pending.get_mut(key).is_none_or(|pending| !pending.in_flight);
            if !answered && now.since(sent) < limit {
                return;
            }
            if !answered && self.heard < sent {
                self.transport.close();
                self.lost(now);
                return;
            }
            self.sent_order.pop_front();
            if !answered {
                self.in_flight -= 1;
                let handle = Arc::clone(&self.stats);
                self.unknown(&mut handle.lock(), key, Reason::TimedOut, now);
            }
        }
    }

    /// The session is gone: what was in flight is unknown and goes again.
    pub(super) fn lost(&mut self, now: Moment) {
        let handle = Arc::clone(&self.stats);
        let mut stats = handle.lock();
        if self.down_since.is_none() {
            stats.disconnects += 1;
            self.ledger.interruptions.push(now);
        }
        for (_, key) in std::mem::take(&mut self.sent_order) {
            if self.pending.get_mut(key).is_some_and(|pending| pending.in_flight) {
                self.unknown(&mut stats, key, Reason::Disconnected, now);
            }
        }
        self.in_flight = 0;
        self.losses += 1;
        self.down_since.get_or_insert(now);
        let delay =
            self.backoff(Kind::Hold, u16::try_from(self.losses).unwrap_or(u16::MAX)).min(BACKOFF_MAX / 4);
        self.timers.push(Reverse((now.after(delay), Due::Reconnect)));
    }

    pub(super) fn opened(&mut self) {
        self.heard = self.shared.clock.now();
        self.down_since = None;
        self.losses = 0;
    }

    /// Ends the lane: whatever was sent and not definitely answered may have been done.
    pub(super) fn close(mut self) -> LaneResult {
        let handle = Arc::clone(&self.stats);
        let mut stats = handle.lock();
        let now = self.shared.clock.now();
        for pending in self.pending.drain() {
            let Some(sent) = pending.first_sent else { continue };
            self.ledger.unanswered.push(Unanswered { sent, command: pending.command });
            stats.ended(pending.command.kind(), Outcome::Error, now.since(pending.intended));
        }
        self.ledger.end = now;
        LaneResult { ledger: self.ledger, gave_up: self.gave_up }
    }
}
