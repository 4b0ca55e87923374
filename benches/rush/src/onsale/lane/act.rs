//! What buyers do of their own accord: tries from the curve, and what is due.

use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;

use super::{Doing, Due, Fate, Lane};
use crate::command::Action;
use crate::ids::{Buyer, Moment, Seat, Seats};
use crate::ledger::Entry;
use crate::limits::{BUYER_PROBES_MAX, IMPATIENT_SHARE, SEAT_PROBES_MAX};
use crate::onsale::shared::{Input, News};

/// How much the front of the house is wanted: 1 is evenly, more is more.
const POPULARITY: i32 = 3;
/// Share of the buyers who look at the map before they try; the others try the seat they came for.
const LOOKERS_SHARE: f64 = 0.6;

impl Lane {
    /// When the next try of the curve is due; nothing when all were made.
    pub(super) fn slot_due(&self) -> Option<Moment> {
        (!self.slots_done).then(|| self.shared.opening.after(self.shared.curve.due(self.next_slot)))
    }

    /// Takes the next try of the curve and makes a request of it.
    pub(super) fn take_slot(&mut self) {
        let Some(due) = self.slot_due() else { return };
        self.next_slot += self.lanes as u64;
        if self.next_slot >= self.shared.curve.requests() || self.stopped() {
            self.mark_slots_done();
        }
        if self.rng.random_bool(self.shared.options.looks)
            && self.shared.desk.try_send(News::Look(due)).is_ok()
        {
            return;
        }
        let presale = due < self.shared.presale_end && self.members > 0;
        let member = presale && !self.rng.random_bool(IMPATIENT_SHARE);
        let local = self.choose(member);
        let count = self.seat_count();
        let action = if self.rng.random_bool(self.shared.options.best_available) {
            Action::HoldBest(count as u8)
        } else {
            Action::Hold(Seats::run(self.wanted(), count, self.shared.facts.capacity()))
        };
        self.try_hold(local, action, due);
    }

    fn try_hold(&mut self, local: usize, action: Action, due: Moment) {
        let buyer = self.buyer(local);
        self.people[local].doing = Doing::Busy;
        self.request(buyer, action, None, due);
    }

    pub(super) fn buyer(&self, local: usize) -> Buyer {
        Buyer((local * self.lanes + self.index) as u32)
    }

    pub(super) fn local(&self, buyer: Buyer) -> usize {
        buyer.0 as usize / self.lanes
    }

    /// A buyer with nothing to do, near a random one; a random one when all around are busy. They may be refused for it.
    fn choose(&mut self, member: bool) -> usize {
        let count = if member { self.members } else { self.people.len() };
        let first = self.rng.random_range(0..count.max(1));
        let idle = |local: &usize| self.people[*local].doing == Doing::Nothing;
        (0..BUYER_PROBES_MAX).map(|step| (first + step) % count.max(1)).find(idle).unwrap_or(first)
    }

    fn seat_count(&mut self) -> usize {
        let weights = &self.shared.options.multi;
        let mut left = self.rng.random_range(0.0..weights.iter().sum::<f64>());
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index + 1;
            }
            left -= weight;
        }
        1
    }

    /// The seat that a buyer wants: towards the front, and often one that looks free.
    fn wanted(&mut self) -> Seat {
        let capacity = self.shared.facts.capacity();
        let hot = self.rng.random::<f64>().powi(POPULARITY);
        let seat = Seat(((hot * f64::from(capacity)) as u32).min(capacity.saturating_sub(1)));
        if !self.rng.random_bool(LOOKERS_SHARE) || self.shared.view.is_free(seat) {
            return seat;
        }
        self.shared.view.free_near(seat, SEAT_PROBES_MAX).unwrap_or(seat)
    }

    pub(super) fn take_input(&mut self, input: Input, now: Moment) {
        match input {
            // A stream and an answer may both tell of it.
            Input::Offer { buyer, ack, sent } => {
                if self.offered.insert(ack.hold.0) {
                    self.ledger.note(sent, now, Entry::Offered(buyer, ack));
                    let place = &mut self.people[buyer.0 as usize / self.lanes].places;
                    *place = place.saturating_sub(1);
                    self.open_hold(buyer, ack, true, now);
                }
            }
            Input::Sell(count) => {
                for _ in 0..count {
                    let local = self.choose(false);
                    self.try_hold(local, Action::HoldBest(1), now);
                }
            }
        }
    }

    /// Does what is due.
    pub(super) fn fire_timers(&mut self, now: Moment) {
        while let Some(&Reverse((at, due))) = self.timers.peek() {
            if at > now {
                return;
            }
            self.timers.pop();
            match due {
                Due::Retry(key) => self.outgoing.push_back(key),
                Due::Act(key) => self.act_on_hold(key, at),
                Due::Lapsed(key) => {
                    self.close_hold(key, Doing::Nothing, true);
                }
                Due::Leave(buyer, seat) => self.request(buyer, Action::Leave(seat), None, at),
                Due::Refund(buyer, order) => self.request(buyer, Action::Refund(order), None, at),
                Due::Reconnect => self.transport.open(),
            }
            if matches!(due, Due::Reconnect) && self.transport.is_ready() {
                self.opened();
            }
        }
    }

    fn act_on_hold(&mut self, key: crate::slab::Key, at: Moment) {
        let settling = self.shared.settling.load(Ordering::Relaxed);
        let decline_share = if settling { 0.0 } else { self.shared.options.decline };
        let decline = self.rng.random_bool(decline_share);
        let Some(hold) = self.holds.get_mut(key) else { return };
        let (buyer, id) = (hold.buyer, hold.ack.hold);
        let action = match hold.fate {
            Fate::Pay => {
                // A second payment after a decline is with another card.
                let decline = decline && !hold.declined;
                Action::Pay { hold: id, amount_minor: hold.ack.amount_minor, decline }
            }
            Fate::Extend => Action::Extend(id),
            Fate::Release => Action::Release(id),
            Fate::Abandon => return,
        };
        self.request(buyer, action, Some(key), at);
    }

    /// A time to think, around the mean of the options and well within `bound`.
    pub(super) fn think(&mut self, bound: Duration) -> Duration {
        let mean = self.shared.options.compressed(self.shared.options.think_time);
        mean.mul_f64(self.rng.random_range(0.2..1.8)).min(bound.mul_f64(0.6))
    }
}
