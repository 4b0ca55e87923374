//! Orders and refunds, and how they pass from one state to the next.

use earlybird_engine::{BuyerId, CouponUse, HoldId, OrderId, OrderStateName, RefundReason};
use earlybird_engine::{SeatIndex, Seats, Sequence, Timestamp};

use super::Ledger;
use super::buyers::BuyerNumber;
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// An order.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) buyer: BuyerNumber,
    pub(super) hold: HoldId,
    pub(super) state: OrderStateName,
    pub(super) seats: Seats,
    /// Sold to it now.
    pub(super) seats_left: Seats,
    pub(super) amount_minor: i64,
    pub(super) refunded_minor: i64,
    /// What was kept of refunded seats.
    pub(super) fees_minor: i64,
    /// What the bank took back.
    pub(super) reverted_minor: i64,
    pub(super) payment_key: Box<str>,
    pub(super) coupon: Option<CouponUse>,
    pub(super) decline_reason: Option<Box<str>>,
    pub(super) deposit_deadline: Option<Timestamp>,
    pub(super) captured_late: bool,
    pub(super) began_at: Timestamp,
    pub(super) changed_at: Timestamp,
    pub(super) changed_by: Sequence,
}

/// Money on its way back.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) order: OrderId,
    pub(super) seats: Seats,
    pub(super) amount_minor: i64,
    pub(super) fee_minor: i64,
    pub(super) reason: RefundReason,
    pub(super) outcome: RefundOutcome,
}

/// What became of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum RefundOutcome {
    Pending,
    Completed,
    Failed,
}

/// An order as the books have it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::audit) struct OrderRecord<'l> {
    pub(in crate::audit) buyer: &'l BuyerId,
    pub(in crate::audit) hold: HoldId,
    pub(in crate::audit) state: OrderStateName,
    pub(in crate::audit) seats: &'l [SeatIndex],
    pub(in crate::audit) seats_left: &'l [SeatIndex],
    pub(in crate::audit) amount_minor: i64,
    pub(in crate::audit) refunded_minor: i64,
    pub(in crate::audit) fees_minor: i64,
    pub(in crate::audit) payment_key: &'l str,
    pub(in crate::audit) coupon: Option<&'l CouponUse>,
    pub(in crate::audit) decline_reason: Option<&'l str>,
    pub(in crate::audit) deposit_deadline: Option<Timestamp>,
    pub(in crate::audit) captured_late: bool,
    pub(in crate::audit) began_at: Timestamp,
    pub(in crate::audit) changed_at: Timestamp,
    pub(in crate::audit) changed_by: Sequence,
}

/// A refund as the books have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) struct RefundRecord<'l> {
    pub(in crate::audit) order: OrderId,
    pub(in crate::audit) seats: &'l [SeatIndex],
    pub(in crate::audit) amount_minor: i64,
    pub(in crate::audit) fee_minor: i64,
    pub(in crate::audit) reason: RefundReason,
    pub(in crate::audit) outcome: RefundOutcome,
}

/// Position of a number that counts from 1.
pub(super) fn position(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

impl Ledger {
    /// An order passes from one state to another, and is noted as changed by this entry.
    pub(super) fn turn(
        &mut self,
        id: OrderId,
        from: OrderStateName,
        to: OrderStateName,
        rule: Rule,
        findings: &mut Findings,
    ) -> Option<&mut Order> {
        let (at, sequence) = (self.at, Sequence(self.sequence));
        let order = self.order_mut(id);
        let state = order.as_ref().map(|order| order.state);
        findings.require(rule, state == Some(from), || match state {
            Some(state) => format!("order {id} is {state}, where it should be {from} and is to be {to}"),
            None => format!("there is no order {id}"),
        });
        let order = order.filter(|order| order.state == from)?;
        order.state = to;
        order.changed_at = at;
        order.changed_by = sequence;
        Some(order)
    }

    pub(super) fn order_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.orders.get_mut(position(id.0)?)
    }

    /// What seats cost together; none when one does not exist, or the sum is too large.
    pub(super) fn price(&self, seats: &[SeatIndex]) -> Option<i64> {
        let price = |seat: &SeatIndex| {
            let category = self.layout.seats.get(seat.as_usize())?.category;
            self.settings.price_minor_by_category.get(usize::from(category.0)).copied()
        };
        seats.iter().try_fold(0_i64, |sum, seat| sum.checked_add(price(seat)?))
    }

    /// All orders, by number.
    pub(in crate::audit) fn orders(&self) -> impl ExactSizeIterator<Item = OrderRecord<'_>> {
        self.orders.iter().map(|order| OrderRecord {
            buyer: &self.buyers.get(order.buyer).name,
            hold: order.hold,
            state: order.state,
            seats: &order.seats,
            seats_left: &order.seats_left,
            amount_minor: order.amount_minor,
            refunded_minor: order.refunded_minor,
            fees_minor: order.fees_minor,
            payment_key: &order.payment_key,
            coupon: order.coupon.as_ref(),
            decline_reason: order.decline_reason.as_deref(),
            deposit_deadline: order.deposit_deadline,
            captured_late: order.captured_late,
            began_at: order.began_at,
            changed_at: order.changed_at,
            changed_by: order.changed_by,
        })
    }

    /// All refunds, by number.
    pub(in crate::audit) fn refunds(&self) -> impl ExactSizeIterator<Item = RefundRecord<'_>> {
        self.refunds.iter().map(|refund| RefundRecord {
            order: refund.order,
            seats: &refund.seats,
            amount_minor: refund.amount_minor,
            fee_minor: refund.fee_minor,
            reason: refund.reason,
            outcome: refund.outcome,
        })
    }

    /// The buyer of an order.
    pub(super) fn buyer_of_order(&self, id: OrderId) -> Option<BuyerNumber> {
        Some(self.orders.get(position(id.0)?)?.buyer)
    }
}
