//! Facts into state. Nothing is judged here: what was decided has happened.

mod money;

use smallvec::smallvec;

use crate::state::buyers::BuyerSlot;
use crate::state::holds::{Hold, HoldSlot};
use crate::state::orders::Refund;
use crate::state::requests::Answered;
use crate::state::seats::Claim;
use crate::{Answer, BuyerId, Entry, Event, HoldId, RefundState, SeatIndex, Seats, State, Timestamp};

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
    let (asked_for, others) = entry.events.split_first().expect("an entry has the event that was asked for");
    let answer = apply(asked_for);
    for other in others {
        apply(other);
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
            Event::PaymentBegun { order, hold, amount_minor, payment_key, coupon } => {
                self.payment_begun(*order, *hold, *amount_minor, payment_key, coupon.as_ref())
            }
            Event::DepositAwaited { order, deadline } => {
                self.touch(*order).deposit_deadline = Some(*deadline);
                Answer::Done
            }
            Event::PaymentConfirmed { order } => self.payment_confirmed(*order),
            Event::PaymentDeclined { order, reason, freed } => self.payment_declined(*order, reason, *freed),
            Event::LateSold { order } => self.late_sold(*order),
            Event::RefundBegun { refund, order, seats, amount_minor, fee_minor, reason, note } => {
                let (order, seats, note) = (*order, seats.clone(), note.clone());
                let (amount_minor, fee_minor, reason) = (*amount_minor, *fee_minor, *reason);
                let (state, began_at, settled_at) = (RefundState::Pending, self.at, None);
                let record = Refund {
                    order,
                    seats,
                    amount_minor,
                    fee_minor,
                    reason,
                    note,
                    state,
                    began_at,
                    settled_at,
                };
                self.refund_begun(*refund, record)
            }
            Event::Refunded { refund, order } => self.refunded(*refund, *order),
            Event::RefundFailed { refund, order, reason } => self.refund_failed(*refund, *order, reason),
            Event::RefundAccountGiven { refund, order } => self.refund_account_given(*refund, *order),
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
            Event::PerformanceCancelled => {
                self.performance_cancelled();
                Answer::Done
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
            payments: 0,
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

    /// The performance is cancelled: waitlists are emptied before the holds are, so that nobody is left to offer to.
    fn performance_cancelled(&mut self) {
        self.state.cancelled_at = Some(self.at);
        let waitlists = self.state.waitlists.iter();
        let waiters: Vec<_> =
            waitlists.flat_map(|(seat, list)| list.iter().map(move |slot| (seat, slot))).collect();
        for (seat, slot) in waiters {
            self.state.leave_waitlist(seat, slot);
            self.state.buyers.forget_unused(slot);
        }
        let holds = self.state.holds.iter().filter(|(_, hold)| hold.paying.is_none());
        let holds: Vec<_> = holds.map(|(_, hold)| hold.id).collect();
        for hold in holds {
            self.free_hold(hold);
        }
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
