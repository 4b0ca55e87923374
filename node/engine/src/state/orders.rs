//! Orders and refunds. Both are numbered without gaps and kept for the life of the performance.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::buyers::BuyerSlot;
use crate::{CouponUse, HoldId, OrderId, OrderStateName, RefundId, RefundReason, Seats, Sequence, Timestamp};

/// An order in four bytes, also when there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderSlot(NonZeroU32);

impl From<OrderId> for OrderSlot {
    fn from(order: OrderId) -> Self {
        let number = u32::try_from(order.0).ok().and_then(NonZeroU32::new);
        Self(number.expect("orders are numbered from 1, and one performance has far fewer than 2^32"))
    }
}

impl From<OrderSlot> for OrderId {
    fn from(order: OrderSlot) -> Self {
        Self(u64::from(order.0.get()))
    }
}

/// A hold that is or was paid.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) buyer: BuyerSlot,
    pub(crate) state: OrderStateName,
    pub(crate) hold: HoldId,
    pub(crate) seats: Seats,
    /// Seats that are sold to the order and not refunded; none until it is paid.
    pub(crate) seats_left: Seats,
    /// The price of its seats less the discount.
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    /// What was kept of refunded seats.
    pub(crate) fees_minor: i64,
    pub(crate) payment_key: Box<str>,
    pub(crate) coupon: Option<CouponUse>,
    pub(crate) decline_reason: Option<Box<str>>,
    /// By when a virtual account must be, or had to be, paid.
    pub(crate) deposit_deadline: Option<Timestamp>,
    /// Whether it was captured after it was declined.
    pub(crate) captured_late: bool,
    /// In the order in which they began; a list of what the refunds say themselves.
    pub(crate) refunds: Vec<RefundId>,
    pub(crate) began_at: Timestamp,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) last_sequence: Sequence,
    pub(crate) changed_at: Timestamp,
}

/// Money on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) order: OrderId,
    pub(crate) seats: Seats,
    pub(crate) amount_minor: i64,
    pub(crate) fee_minor: i64,
    pub(crate) reason: RefundReason,
    pub(crate) note: Box<str>,
    pub(crate) state: RefundState,
    pub(crate) began_at: Timestamp,
    /// When the provider's answer was noted.
    pub(crate) settled_at: Option<Timestamp>,
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundState {
    /// The provider has not answered yet.
    Pending,
    /// Paid back; the seats were freed.
    Completed,
    /// Refused for good, with the provider's reason; the seats stay sold.
    Failed(Box<str>),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    orders: Vec<Order>,
    refunds: Vec<Refund>,
    paying: BTreeSet<OrderId>,
    pending_refunds: BTreeSet<RefundId>,
}

/// Position of a number that counts from 1, or none if it is 0 or beyond this machine.
fn position(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

impl Orders {
    pub(crate) fn next_order_id(&self) -> OrderId {
        OrderId(self.orders.len() as u64 + 1)
    }

    pub(crate) fn next_refund_id(&self) -> RefundId {
        RefundId(self.refunds.len() as u64 + 1)
    }

    pub(crate) fn find(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(position(id.0)?)
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut Order {
        let order = position(id.0).and_then(|position| self.orders.get_mut(position));
        order.expect("events name orders that began")
    }

    pub(crate) fn find_refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.get(position(id.0)?)
    }

    pub(crate) fn push(&mut self, order: Order) -> OrderId {
        let id = self.next_order_id();
        if order.state == OrderStateName::Paying {
            self.paying.insert(id);
        }
        self.orders.push(order);
        id
    }

    /// Stores a refund. Its order is there, or the refund is one of a snapshot that `check_invariants` will refuse.
    pub(crate) fn push_refund(&mut self, refund: Refund) -> RefundId {
        let id = self.next_refund_id();
        let order = position(refund.order.0).and_then(|position| self.orders.get_mut(position));
        if let Some(order) = order {
            order.refunds.push(id);
        }
        if refund.state == RefundState::Pending {
            self.pending_refunds.insert(id);
        }
        self.refunds.push(refund);
        id
    }

    /// Notes the provider's answer on a payment.
    pub(crate) fn settle(&mut self, id: OrderId, outcome: OrderStateName) {
        assert!(self.paying.remove(&id), "only a payment in progress has an outcome");
        self.get_mut(id).state = outcome;
    }

    /// Notes the provider's answer on a refund.
    pub(crate) fn settle_refund(&mut self, id: RefundId, at: Timestamp, outcome: RefundState) -> &Refund {
        assert!(self.pending_refunds.remove(&id), "only a pending refund has an outcome");
        let refund = position(id.0).and_then(|position| self.refunds.get_mut(position));
        let refund = refund.expect("a pending refund was pushed");
        refund.state = outcome;
        refund.settled_at = Some(at);
        refund
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (OrderId, &Order)> {
        (1..).map(OrderId).zip(&self.orders)
    }

    pub(crate) fn refunds(&self) -> impl Iterator<Item = (RefundId, &Refund)> {
        (1..).map(RefundId).zip(&self.refunds)
    }

    pub(crate) fn paying(&self) -> &BTreeSet<OrderId> {
        &self.paying
    }

    pub(crate) fn pending_refunds(&self) -> &BTreeSet<RefundId> {
        &self.pending_refunds
    }
}
