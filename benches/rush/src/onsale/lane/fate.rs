//! The life of a hold in the hands of its buyer: paid, extended, given back, or left to lapse.

use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;

use super::{Doing, Due, Fate, Lane, OpenHold};
use crate::answer::HoldAck;
use crate::ids::{Buyer, Moment};
use crate::onsale::shared::News;
use crate::slab::Key;

/// After a deadline, until the seat is asked about: the server may take 200 ms to let a hold lapse.
const LAPSE_GRACE: Duration = Duration::from_millis(250);

impl Lane {
    /// A hold or an offer has begun: its buyer decides what becomes of it.
    pub(super) fn open_hold(&mut self, buyer: Buyer, ack: HoldAck, offer: bool, now: Moment) {
        let fate = self.draw_fate();
        let until = now.after(ack.remaining);
        let key = self.holds.insert(OpenHold { buyer, ack, until, fate, offer, declined: false });
        self.plan(key, fate, ack.remaining, now);
    }

    fn draw_fate(&mut self) -> Fate {
        let options = &self.shared.options;
        let draw = self.rng.random::<f64>();
        if self.shared.settling.load(Ordering::Relaxed) || draw < options.pay {
            Fate::Pay
        } else if draw < options.pay + options.abandon {
            Fate::Abandon
        } else if draw < options.pay + options.abandon + options.release {
            Fate::Release
        } else {
            Fate::Extend
        }
    }

    /// Sets the timer of what is next for a hold that lives for `left`.
    pub(super) fn plan(&mut self, key: Key, fate: Fate, left: Duration, now: Moment) {
        let (at, due) = match fate {
            Fate::Abandon => (now.after(left + LAPSE_GRACE), Due::Lapsed(key)),
            Fate::Pay | Fate::Extend | Fate::Release => (now.after(self.think(left)), Due::Act(key)),
        };
        self.timers.push(Reverse((at, due)));
    }

    /// The payment was declined: most try another card while there is time, the others let go.
    pub(super) fn declined(&mut self, key: Key, now: Moment) {
        let tries_again = self.rng.random_bool(0.7) || self.shared.settling.load(Ordering::Relaxed);
        let Some(hold) = self.holds.get_mut(key) else { return };
        hold.declined = true;
        hold.fate = if tries_again { Fate::Pay } else { Fate::Release };
        let (fate, left) = (hold.fate, hold.until.since(now));
        self.plan(key, fate, left, now);
    }

    /// The hold was extended: now it is paid.
    pub(super) fn extended(&mut self, key: Key, ack: Option<HoldAck>, now: Moment) {
        let Some(hold) = self.holds.get_mut(key) else { return };
        if let Some(ack) = ack {
            hold.ack.remaining = ack.remaining;
            hold.until = now.after(ack.remaining);
        }
        hold.fate = Fate::Pay;
        let left = hold.until.since(now);
        self.plan(key, Fate::Pay, left, now);
    }

    /// A hold is over, and its buyer goes on to `next`. Where its seats were `freed`, the desk asks whether they were offered.
    pub(super) fn close_hold(&mut self, key: Key, next: Doing, freed: bool) -> Option<OpenHold> {
        let hold = self.holds.remove(key)?;
        let local = self.local(hold.buyer);
        if !hold.offer || next == Doing::Done {
            self.people[local].doing = next;
        }
        if freed {
            for seat in hold.ack.seats.iter() {
                // A full desk asks later, when the next holder of the seat lets go.
                let _ = self.shared.desk.try_send(News::Freed(seat));
            }
        }
        Some(hold)
    }
}
