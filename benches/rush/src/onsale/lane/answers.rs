//! What answers do to buyers, the ledger and the counts.

use std::cmp::Reverse;
use std::time::Duration;

use rand::Rng;

use super::{Doing, Due, Lane, Pending};
use crate::answer::{Answer, Reason};
use crate::command::{Action, Kind};
use crate::ids::{Moment, Seat};
use crate::ledger::{Entry, Unanswered};
use crate::limits::{LEAVE_SHARE, OVERLOADED_HOLD_ATTEMPTS_MAX, PLACES_PER_BUYER_MAX};
use crate::onsale::shared::News;
use crate::slab::Key;
use crate::stats::{Outcome, Stats};

/// Least wait after `OVERLOADED` where the server names none.
const BUSY_DELAY_MIN: Duration = Duration::from_millis(20);
/// Until a payment that is under way on another attempt is asked about again.
const IN_PROGRESS_DELAY: Duration = Duration::from_millis(300);

impl Lane {
    /// Takes the answer with tag `key`.
    pub(super) fn take_answer(&mut self, stats: &mut Stats, key: Key, answer: Answer, now: Moment) {
        let Some(pending) = self.pending.get_mut(key).filter(|pending| pending.in_flight) else {
            stats.late += 1;
            return;
        };
        let (kind, attempts) = (pending.command.kind(), pending.attempts);
        self.in_flight = self.in_flight.saturating_sub(1);
        match answer {
            Answer::Unknown(reason) => self.unknown(stats, key, reason, now),
            Answer::Busy(delay) => {
                stats.reason(kind, Reason::Overloaded);
                let tries = matches!(kind, Kind::Hold | Kind::HoldBest | Kind::Join);
                if tries && attempts >= OVERLOADED_HOLD_ATTEMPTS_MAX {
                    self.definite(stats, key, Answer::Refused(Reason::Overloaded, None), now);
                } else {
                    let delay = delay.max(BUSY_DELAY_MIN).mul_f64(self.rng.random_range(1.0..1.5));
                    self.again(stats, key, delay, now);
                }
            }
            Answer::Refused(Reason::PaymentInProgress, _) => {
                stats.reason(kind, Reason::PaymentInProgress);
                self.again(stats, key, IN_PROGRESS_DELAY, now);
            }
            definite => self.definite(stats, key, definite, now),
        }
    }

    fn definite(&mut self, stats: &mut Stats, key: Key, answer: Answer, now: Moment) {
        let Some(pending) = self.pending.remove(key) else { return };
        let kind = pending.command.kind();
        let sent = pending.first_sent.unwrap_or(now);
        let outcome = match answer {
            Answer::Refused(reason, _) => {
                // Each busy attempt was counted already.
                if reason != Reason::Overloaded {
                    stats.reason(kind, reason);
                }
                if pending.doubtful {
                    // The refusal is of this attempt; an earlier one may have been done after it.
                    self.ledger.unanswered.push(Unanswered { sent, command: pending.command });
                }
                if reason.is_ordinary() { Outcome::Rejected } else { Outcome::Error }
            }
            _ => Outcome::Ok,
        };
        stats.ended(kind, outcome, now.since(pending.intended));
        match answer {
            Answer::Refused(reason, seat) => self.refused(&pending, reason, seat, sent, now),
            answer => self.done(&pending, answer, sent, now),
        }
    }

    fn done(&mut self, pending: &Pending, answer: Answer, sent: Moment, now: Moment) {
        let buyer = pending.command.buyer;
        let about = pending.about;
        let entry = match (pending.command.action, answer) {
            (Action::Hold(_) | Action::HoldBest(_), Answer::Hold(ack)) => {
                self.open_hold(buyer, ack, false, now);
                Entry::Held(buyer, ack)
            }
            (Action::Extend(_), Answer::Hold(ack)) => {
                if let Some(key) = about {
                    self.extended(key, Some(ack), now);
                }
                Entry::Extended(buyer, ack)
            }
            (Action::Release(hold), _) => {
                self.close_about(about, Doing::Nothing, true);
                Entry::Released(buyer, hold)
            }
            (Action::Join(seat), Answer::Place(position)) => {
                self.joined(pending, seat, now);
                Entry::Joined(buyer, seat, position)
            }
            (Action::Leave(seat), _) => {
                let _ = self.shared.desk.try_send(News::Left(seat, buyer));
                Entry::Left(buyer, seat)
            }
            (Action::Pay { hold, .. }, Answer::Order(order)) => {
                self.close_about(about, Doing::Done, false);
                if self.rng.random_bool(self.shared.options.refund) && !self.stopped() {
                    let at = now.after(self.think(Duration::from_secs(60)));
                    self.timers.push(Reverse((at, Due::Refund(buyer, order.order))));
                }
                Entry::Paid(buyer, hold, order)
            }
            (Action::Refund(_), Answer::Order(order)) => Entry::Refunded(buyer, order),
            // A reply of another kind than its command: nothing can be known from it, so it stays in doubt.
            (_, _) => {
                self.ledger.unanswered.push(Unanswered { sent, command: pending.command });
                return;
            }
        };
        self.ledger.note(sent, now, entry);
    }

    fn refused(&mut self, pending: &Pending, reason: Reason, seat: Option<Seat>, sent: Moment, now: Moment) {
        let buyer = pending.command.buyer;
        match pending.command.action {
            Action::Hold(seats) => {
                let missed = seat.or_else(|| seats.iter().next()).filter(|_| reason == Reason::SeatTaken);
                self.missed(pending, missed, now);
            }
            Action::HoldBest(_) => self.missed(pending, None, now),
            Action::Pay { .. } if reason == Reason::PaymentDeclined => {
                if let Some(key) = pending.about {
                    self.declined(key, now);
                }
            }
            Action::Extend(_) if reason == Reason::LimitReached => {
                if let Some(key) = pending.about {
                    self.extended(key, None, now);
                }
            }
            Action::Pay { hold, .. } | Action::Extend(hold) | Action::Release(hold) => {
                if matches!(reason, Reason::HoldNotFound | Reason::HoldExpired) {
                    self.ledger.note(sent, now, Entry::HoldMissing(buyer, hold, reason));
                }
                self.close_about(pending.about, Doing::Nothing, true);
            }
            Action::Join(_) => {
                let local = self.local(buyer);
                self.people[local].places = self.people[local].places.saturating_sub(1);
            }
            Action::Leave(_) | Action::Refund(_) => {}
        }
    }

    /// A try came to nothing; a member queues for the seat.
    fn missed(&mut self, pending: &Pending, seat: Option<Seat>, now: Moment) {
        let buyer = pending.command.buyer;
        let local = self.local(buyer);
        let is_member = buyer.0 < self.shared.members;
        let person = &mut self.people[local];
        person.doing = Doing::Nothing;
        if let Some(seat) = seat.filter(|_| is_member && person.places < PLACES_PER_BUYER_MAX) {
            person.places += 1;
            self.request(buyer, Action::Join(seat), None, now);
        }
    }

    fn joined(&mut self, pending: &Pending, seat: Seat, now: Moment) {
        let buyer = pending.command.buyer;
        let _ = self.shared.desk.try_send(News::Joined(seat, buyer));
        if self.rng.random_bool(LEAVE_SHARE) {
            let at = now.after(self.think(Duration::from_secs(60)));
            self.timers.push(Reverse((at, Due::Leave(buyer, seat))));
        }
    }

    fn close_about(&mut self, about: Option<Key>, next: Doing, freed: bool) {
        if let Some(key) = about {
            self.close_hold(key, next, freed);
        }
    }
}
