//! Payments and refunds into state.

use super::Application;
use crate::state::orders::{Order, Refund};
use crate::state::seats::Claim;
use crate::{Answer, CouponUse, HoldId, OrderId, OrderStateName, RefundId, RefundReason, RefundState, Seats};

impl Application<'_> {
    /// HELD → PAYING.
    pub(super) fn payment_begun(
        &mut self,
        id: OrderId,
        hold_id: HoldId,
        amount_minor: i64,
        payment_key: &str,
        coupon: Option<&CouponUse>,
    ) -> Answer {
        let slot = self.hold_slot(hold_id);
        let hold = self.state.holds.get_mut(slot);
        hold.paying = Some(id.into());
        hold.payments += 1;
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
            fees_minor: 0,
            payment_key: payment_key.into(),
            coupon: coupon.cloned(),
            decline_reason: None,
            deposit_deadline: None,
            captured_late: false,
            refunds: Vec::new(),
            began_at: self.at,
            paid_at: None,
            last_sequence: self.state.sequence,
            changed_at: self.at,
        });
        assert_eq!(pushed, id, "orders are numbered in the order in which payments began, without gaps");
        Answer::PaymentBegun { order: id, amount_minor }
    }

    /// PAYING → SOLD. The buyer's claims stay as many.
    pub(super) fn payment_confirmed(&mut self, id: OrderId) -> Answer {
        self.state.orders.settle(id, OrderStateName::Paid);
        let (hold_id, seats) = self.paid(id);
        let slot = self.hold_slot(hold_id);
        self.consume_hold(slot);
        self.claim_all(&seats, Claim::Paying(slot), Claim::Sold(id.into()));
        Answer::Done
    }

    /// DECLINED → PAID, from the hold if it lives on, else from FREE.
    pub(super) fn late_sold(&mut self, id: OrderId) -> Answer {
        let (hold_id, seats) = self.paid(id);
        let order = self.state.orders.get_mut(id);
        order.captured_late = true;
        let buyer = order.buyer;
        let from = match self.state.holds.slot_of(hold_id) {
            Some(slot) => {
                self.consume_hold(slot);
                Claim::Held(slot)
            }
            None => {
                self.state.buyers.get_mut(buyer).claims += seats.len() as u32;
                Claim::Free
            }
        };
        self.claim_all(&seats, from, Claim::Sold(id.into()));
        Answer::Done
    }

    /// Notes an order as paid now. Returns its hold and its seats.
    fn paid(&mut self, id: OrderId) -> (HoldId, Seats) {
        let at = self.at;
        let order = self.touch(id);
        order.state = OrderStateName::Paid;
        order.paid_at = Some(at);
        order.seats_left = order.seats.clone();
        (order.hold, order.seats.clone())
    }

    /// PAYING → HELD, and on to FREE when no time was left.
    pub(super) fn payment_declined(&mut self, id: OrderId, reason: &str, freed: bool) -> Answer {
        self.state.orders.settle(id, OrderStateName::Declined);
        let order = self.touch(id);
        order.decline_reason = Some(reason.into());
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

    pub(super) fn refund_begun(&mut self, id: RefundId, refund: Refund) -> Answer {
        let (order_id, amount_minor, reason) = (refund.order, refund.amount_minor, refund.reason);
        let pushed = self.state.orders.push_refund(refund);
        assert_eq!(pushed, id, "refunds are numbered in the order in which they began, without gaps");
        let order = self.touch(order_id);
        order.state = OrderStateName::Refunding;
        order.captured_late |= reason == RefundReason::LateCapture;
        Answer::RefundBegun { refund: id, order: order_id, amount_minor }
    }

    /// Nothing changes but that the refund can go on.
    pub(super) fn refund_account_given(&mut self, id: RefundId, order: OrderId) -> Answer {
        self.touch(order);
        let refund = self.state.orders.find_refund(id).expect("events name refunds that began");
        Answer::RefundBegun { refund: id, order, amount_minor: refund.amount_minor }
    }

    /// SOLD → FREE, for the seats that the refund has.
    pub(super) fn refunded(&mut self, id: RefundId, order_id: OrderId) -> Answer {
        let refund = self.state.orders.settle_refund(id, self.at, RefundState::Completed);
        let (seats, amount_minor, fee_minor) = (refund.seats.clone(), refund.amount_minor, refund.fee_minor);
        let order = self.touch(order_id);
        order.refunded_minor += amount_minor;
        order.fees_minor += fee_minor;
        order.seats_left.retain(|seat| !seats.contains(seat));
        order.state =
            if order.seats_left.is_empty() { OrderStateName::Refunded } else { OrderStateName::Paid };
        let buyer = order.buyer;
        self.claim_all(&seats, Claim::Sold(order_id.into()), Claim::Free);
        self.give_up_claims(buyer, seats.len() as u32);
        Answer::Done
    }

    /// The order is what it was before the refund began.
    pub(super) fn refund_failed(&mut self, id: RefundId, order: OrderId, reason: &str) -> Answer {
        let outcome = RefundState::Failed(reason.into());
        let late = self.state.orders.settle_refund(id, self.at, outcome).reason == RefundReason::LateCapture;
        self.touch(order).state = if late { OrderStateName::Declined } else { OrderStateName::Paid };
        Answer::Done
    }

    /// The order, noted as changed by this entry.
    pub(super) fn touch(&mut self, id: OrderId) -> &mut Order {
        let (at, sequence) = (self.at, self.state.sequence);
        let order = self.state.orders.get_mut(id);
        order.last_sequence = sequence;
        order.changed_at = at;
        order
    }
}
