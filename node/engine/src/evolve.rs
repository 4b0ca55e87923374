//! Facts into state. Nothing is judged here: what was decided has happened.

use smallvec::smallvec;

use crate::state::buyers::BuyerSlot;
use crate::state::holds::{Hold, HoldSlot};
use crate::state::orders::{Order, Refund};
use crate::state::requests::Answered;
use crate::state::seats::Claim;
use crate::{Answer, BuyerId, Entry, Event, HoldId, OrderId, OrderStateName, RefundId, RefundState};
use crate::{SeatIndex, Seats, State, Timestamp};

/// Applies one entry of the journal, and returns the answer of the request that caused it.
///
/// Every seat whose status or claim may have changed is pushed to `changed`.
///
/// # Panics
/// If the entry is not the next one, or contradicts the state: a journal that does so is corrupt, and going on would
/// sell seats twice.
pub fn evolve(state: &mut State, entry: &Entry, changed: &mut Vec<SeatIndex>) -> Answer {
    assert_eq!(entry.sequence.0, state.sequence.0 + 1, "I12: entries are evolved in order and once each");
    state.sequence = entry.sequence;
    let mut apply = |event| Application { state, at: entry.at, changed }.event(event);
    let (asked_for, offers) = entry.events.split_first().expect("an entry has the event that was asked for");
    let answer = apply(asked_for);
    for offer in offers {
        apply(offer);
    }
    let limits = state.settings.limits;
    state.requests.forget_outdated(entry.at, &limits);
    if let Some(stamp) = entry.request {
        state.requests.remember(Answered { stamp, at: entry.at, answer: answer.clone() }, &limits);
    }
    answer
}

/// One event of one entry.
struct Application<'s> {
    state: &'s mut State,
    at: Timestamp,
    changed: &'s mut Vec<SeatIndex>,
}

impl Application<'_> {
    fn event(&mut self, event: &Event) -> Answer {
        match event {
            Event::Held { hold, buyer, seats, deadline, together } => {
                self.hold(*hold, buyer, seats, *deadline, false);
                Answer::Held { hold: *hold, seats: seats.clone(), deadline: *deadline, together: *together }
            }
            Event::Offered { hold, buyer, seat, deadline } => {
                let slot = self.state.buyers.slot_of(buyer).expect("a waiter has a record");
                self.state.leave_waitlist(*seat, slot);
                self.hold(*hold, buyer, &smallvec![*seat], *deadline, true);
                Answer::Done
            }
            Event::Extended { hold, deadline } => self.extended(*hold, *deadline),
            Event::Released { hold } => {
                self.free_hold(*hold);
                Answer::Released { hold: *hold }
            }
            Event::Expired { hold } => {
                self.free_hold(*hold);
                Answer::Done
            }
            Event::PaymentBegun { order, hold, amount_minor, payment_key } => {
                self.payment_begun(*order, *hold, *amount_minor, payment_key)
            }
            Event::PaymentConfirmed { order } => self.payment_confirmed(*order),
            Event::PaymentDeclined { order, reason, freed } => self.payment_declined(*order, reason, *freed),
            Event::RefundBegun { refund, order, seats, amount_minor } => {
                self.refund_begun(*refund, *order, seats, *amount_minor)
            }
            Event::Refunded { refund, order } => self.refunded(*refund, *order),
            Event::RefundFailed { refund, order, reason } => {
                self.state.orders.settle_refund(*refund, RefundState::Failed(reason.clone()));
                self.touch(*order).state = OrderStateName::Paid;
                Answer::Done
            }
            Event::WaitlistJoined { seat, buyer } => {
                Answer::WaitlistJoined { seat: *seat, position: self.state.join_waitlist(*seat, buyer) }
            }
            Event::WaitlistLeft { seat, buyer } => {
                let slot = self.state.buyers.slot_of(buyer).expect("a waiter has a record");
                self.state.leave_waitlist(*seat, slot);
                self.state.buyers.forget_unused(slot);
                Answer::WaitlistLeft { seat: *seat }
            }
            Event::Blocked { seats } => {
                self.claim_all(seats, Claim::Free, Claim::Blocked);
                Answer::Blocked
            }
            Event::Unblocked { seats } => {
                self.claim_all(seats, Claim::Blocked, Claim::Free);
                Answer::Unblocked
            }
        }
    }

    /// FREE → HELD.
    fn hold(&mut self, id: HoldId, name: &BuyerId, seats: &Seats, deadline: Timestamp, is_offer: bool) {
        let buyer = self.state.buyers.intern(name);
        let count = seats.len() as u32;
        let (created_at, extensions, paying) = (self.at, 0, None);
        let slot = self.state.holds.accept(Hold {
            id,
            buyer,
            extensions,
            seats: seats.clone(),
            deadline,
            created_at,
            paying,
            is_offer,
        });
        self.claim_all(seats, Claim::Free, Claim::Held(slot));
        let record = self.state.buyers.get_mut(buyer);
        record.holds.push(slot);
        record.claims += count;
    }

    fn extended(&mut self, id: HoldId, deadline: Timestamp) -> Answer {
        let slot = self.hold_slot(id);
        let hold = self.state.holds.get_mut(slot);
        hold.deadline = deadline;
        hold.extensions += 1;
        Answer::Extended { hold: id, seats: hold.seats.clone(), deadline }
    }

    /// HELD → FREE.
    fn free_hold(&mut self, id: HoldId) {
        let slot = self.hold_slot(id);
        let hold = self.consume_hold(slot);
        self.claim_all(&hold.seats, Claim::Held(slot), Claim::Free);
        self.give_up_claims(hold.buyer, hold.seats.len() as u32);
    }

    /// HELD → PAYING.
    fn payment_begun(
        &mut self,
        id: OrderId,
        hold_id: HoldId,
        amount_minor: i64,
        payment_key: &str,
    ) -> Answer {
        let slot = self.hold_slot(hold_id);
        let hold = self.state.holds.get_mut(slot);
        hold.paying = Some(id.into());
        let (buyer, seats) = (hold.buyer, hold.seats.clone());
        self.claim_all(&seats, Claim::Held(slot), Claim::Paying(slot));
        self.state.buyers.get_mut(buyer).orders += 1;
        let pushed = self.state.orders.push(Order {
            buyer,
            state: OrderStateName::Paying,
            hold: hold_id,
            seats,
            seats_left: Seats::new(),
            amount_minor,
            refunded_minor: 0,
            payment_key: payment_key.into(),
            decline_reason: None,
            began_at: self.at,
            paid_at: None,
            last_sequence: self.state.sequence,
            changed_at: self.at,
        });
        assert_eq!(pushed, id, "orders are numbered in the order in which payments began, without gaps");
        Answer::PaymentBegun { order: id, amount_minor }
    }

    /// PAYING → SOLD. The buyer's claims stay as many.
    fn payment_confirmed(&mut self, id: OrderId) -> Answer {
        let (at, sequence) = (self.at, self.state.sequence);
        let order = self.state.orders.settle(id, OrderStateName::Paid);
        order.paid_at = Some(at);
        order.last_sequence = sequence;
        order.changed_at = at;
        order.seats_left = order.seats.clone();
        let (hold_id, seats) = (order.hold, order.seats.clone());
        let slot = self.hold_slot(hold_id);
        self.consume_hold(slot);
        self.claim_all(&seats, Claim::Paying(slot), Claim::Sold(id.into()));
        Answer::Done
    }

    /// PAYING → HELD, and on to FREE when no time was left.
    fn payment_declined(&mut self, id: OrderId, reason: &str, freed: bool) -> Answer {
        let (at, sequence) = (self.at, self.state.sequence);
        let order = self.state.orders.settle(id, OrderStateName::Declined);
        order.decline_reason = Some(reason.into());
        order.last_sequence = sequence;
        order.changed_at = at;
        let hold_id = order.hold;
        let slot = self.hold_slot(hold_id);
        let hold = self.state.holds.get_mut(slot);
        hold.paying = None;
        let seats = hold.seats.clone();
        self.claim_all(&seats, Claim::Paying(slot), Claim::Held(slot));
        if freed {
            self.free_hold(hold_id);
        }
        Answer::Done
    }

    fn refund_begun(&mut self, id: RefundId, order: OrderId, seats: &Seats, amount_minor: i64) -> Answer {
        let (seats, state, began_at) = (seats.clone(), RefundState::Pending, self.at);
        let pushed = self.state.orders.push_refund(Refund { order, seats, amount_minor, state, began_at });
        assert_eq!(pushed, id, "refunds are numbered in the order in which they began, without gaps");
        self.touch(order).state = OrderStateName::Refunding;
        Answer::RefundBegun { refund: id, order, amount_minor }
    }

    /// SOLD → FREE.
    fn refunded(&mut self, id: RefundId, order_id: OrderId) -> Answer {
        let refund = self.state.orders.settle_refund(id, RefundState::Completed);
        let (seats, amount_minor) = (refund.seats.clone(), refund.amount_minor);
        let order = self.touch(order_id);
        order.refunded_minor += amount_minor;
        order.seats_left.retain(|seat| !seats.contains(seat));
        order.state =
            if order.seats_left.is_empty() { OrderStateName::Refunded } else { OrderStateName::Paid };
        let buyer = order.buyer;
        self.claim_all(&seats, Claim::Sold(order_id.into()), Claim::Free);
        self.give_up_claims(buyer, seats.len() as u32);
        Answer::Done
    }

    /// The order, noted as changed by this entry.
    fn touch(&mut self, id: OrderId) -> &mut Order {
        let (at, sequence) = (self.at, self.state.sequence);
        let order = self.state.orders.get_mut(id);
        order.last_sequence = sequence;
        order.changed_at = at;
        order
    }

    fn hold_slot(&self, id: HoldId) -> HoldSlot {
        self.state.holds.slot_of(id).expect("events name holds that live")
    }

    /// Takes a hold out of the books of holds and of its buyer.
    fn consume_hold(&mut self, slot: HoldSlot) -> Hold {
        let hold = self.state.holds.remove(slot);
        self.state.buyers.get_mut(hold.buyer).holds.retain(|other| *other != slot);
        hold
    }

    fn give_up_claims(&mut self, buyer: BuyerSlot, count: u32) {
        self.state.buyers.get_mut(buyer).claims -= count;
        self.state.buyers.forget_unused(buyer);
    }

    fn claim_all(&mut self, seats: &[SeatIndex], from: Claim, to: Claim) {
        for &seat in seats {
            assert_eq!(self.state.seats.claim(seat), from, "I1: a claim passes on, it is never overwritten");
            self.state.seats.set(seat, to);
            self.changed.push(seat);
        }
    }
}
