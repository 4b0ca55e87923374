//! Refunds: begun, paid, refused.

use earlybird_engine::{OrderId, OrderStateName, RefundFee, RefundId, RefundReason, SeatIndex, Seats};

use super::orders::{Order, Refund, RefundOutcome, position};
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

impl Ledger {
    pub(super) fn refund_begun(&mut self, id: RefundId, refund: Refund, findings: &mut Findings) {
        let last = self.refunds.len() as u64;
        findings.require(Rule::Journal, id.0 == last + 1, || format!("refund {id} follows refund {last}"));
        let late = refund.reason == RefundReason::LateCapture;
        let from = if late { OrderStateName::Declined } else { OrderStateName::Paid };
        let refunding = OrderStateName::Refunding;
        let Some(order) = self.turn(refund.order, from, refunding, Rule::Money, findings) else { return };
        order.captured_late |= late;
        let has = refund.seats.iter().all(|seat| order.seats_left.contains(seat));
        findings.require(Rule::Money, has && late == refund.seats.is_empty(), || {
            format!("refund {id} is of seats that order {} has not", refund.order)
        });
        self.require_terms(id, &refund, findings);
        self.refunds.push(refund);
    }

    /// What goes back and what is kept is what was paid for the seats, shared as the reason has it.
    fn require_terms(&self, id: RefundId, refund: &Refund, findings: &mut Findings) {
        let Refund { order, seats, amount_minor, fee_minor, reason, .. } = refund;
        let Some(record) = position(order.0).and_then(|position| self.orders.get(position)) else { return };
        let paid_minor = match reason {
            RefundReason::LateCapture => Some(record.amount_minor),
            // The bank has it.
            RefundReason::DepositReverted => Some(0),
            _ => self.paid_for(record, seats),
        };
        let fee = match reason {
            RefundReason::Buyer => self.policy_fee(seats.len(), paid_minor.unwrap_or(0)),
            RefundReason::Admin => Some(*fee_minor),
            RefundReason::PerformanceCancelled => self.cancelled.then_some(0),
            RefundReason::LateCapture | RefundReason::DepositReverted => Some(0),
        };
        let right = paid_minor == amount_minor.checked_add(*fee_minor)
            && fee == Some(*fee_minor)
            && *amount_minor >= 0
            && *fee_minor >= 0;
        findings.require(Rule::Money, right, || {
            format!(
                "refund {id} gives {amount_minor} back and keeps {fee_minor} of {}, where {fee:?} is to be kept",
                paid_minor.unwrap_or(0)
            )
        });
    }

    /// The fee that binds buyers now; none if they may not refund.
    fn policy_fee(&self, seats: usize, paid_minor: i64) -> Option<i64> {
        let policy = &self.settings.refunds;
        let is_over = policy.closes_at.is_some_and(|closes_at| self.at >= closes_at);
        if is_over || !policy.buyers_may_refund {
            return None;
        }
        let fee = match policy.fee {
            RefundFee::BasisPoints(points) => i128::from(paid_minor) * i128::from(points) / 10_000,
            RefundFee::PerSeatMinor(fee) => i128::from(fee) * seats as i128,
        };
        i64::try_from(fee.min(i128::from(paid_minor))).ok()
    }

    /// What was paid for some of the seats that an order has left: all that was paid for those less what was paid for the
    /// seats that stay, each as a share of the price, rounded down.
    fn paid_for(&self, order: &Order, going: &[SeatIndex]) -> Option<i64> {
        let staying: Seats = order.seats_left.iter().copied().filter(|seat| !going.contains(seat)).collect();
        let price = i128::from(self.price(&order.seats)?);
        let share = |seats: &[SeatIndex]| {
            let part = i128::from(order.amount_minor) * i128::from(self.price(seats)?);
            i64::try_from(part.checked_div(price).unwrap_or(0)).ok()
        };
        share(&order.seats_left)?.checked_sub(share(&staying)?)
    }

    pub(super) fn refunded(&mut self, id: RefundId, order_id: OrderId, findings: &mut Findings) {
        let Some(refund) = self.settle_refund(id, order_id, RefundOutcome::Completed, findings) else {
            return;
        };
        let record = position(order_id.0).and_then(|position| self.orders.get(position));
        let is_reverted = refund.reason == RefundReason::DepositReverted;
        let lost = record.filter(|_| is_reverted).and_then(|record| self.paid_for(record, &refund.seats));
        let (refunding, paid) = (OrderStateName::Refunding, OrderStateName::Paid);
        let Some(order) = self.turn(order_id, refunding, paid, Rule::Money, findings) else { return };
        let before = order.seats_left.clone();
        order.seats_left.retain(|seat| !refund.seats.contains(seat));
        order.refunded_minor = order.refunded_minor.saturating_add(refund.amount_minor);
        order.fees_minor = order.fees_minor.saturating_add(refund.fee_minor);
        order.reverted_minor = order.reverted_minor.saturating_add(lost.unwrap_or(0));
        let is_all = order.seats_left.is_empty();
        if is_all {
            order.state = OrderStateName::Refunded;
        }
        let parts = [order.refunded_minor, order.fees_minor, order.reverted_minor].map(i128::from);
        let (buyer, coupon) = (order.buyer, order.coupon.clone());
        let (settled, charged) = (parts.iter().sum::<i128>(), i128::from(order.amount_minor));
        findings.require(Rule::Money, settled == charged || (settled < charged && !is_all), || {
            format!("order {order_id} was charged {charged}, and {parts:?} are back, kept and reverted")
        });
        if is_all {
            self.coupon_given_up(order_id, coupon.as_ref());
        }
        // What was captured too late had no seats.
        if !refund.seats.is_empty() {
            self.seats.pass_all(&refund.seats, Owner::Order(order_id), Owner::Nobody, findings);
        }
        let returned: Seats = before.into_iter().filter(|seat| refund.seats.contains(seat)).collect();
        self.gave_up(buyer, &returned);
    }

    /// Nothing changes but that the refund can go on, if it waits.
    pub(super) fn refund_account_given(&mut self, id: RefundId, order: OrderId, findings: &mut Findings) {
        let refund = position(id.0).and_then(|position| self.refunds.get(position));
        let waits =
            refund.is_some_and(|refund| refund.order == order && refund.outcome == RefundOutcome::Pending);
        findings.require(Rule::Money, waits, || format!("refund {id} of order {order} waits for no account"));
        let refunding = OrderStateName::Refunding;
        self.turn(order, refunding, refunding, Rule::Money, findings);
    }

    pub(super) fn refund_failed(&mut self, id: RefundId, order: OrderId, findings: &mut Findings) {
        if let Some(refund) = self.settle_refund(id, order, RefundOutcome::Failed, findings) {
            let late = refund.reason == RefundReason::LateCapture;
            let to = if late { OrderStateName::Declined } else { OrderStateName::Paid };
            self.turn(order, OrderStateName::Refunding, to, Rule::Money, findings);
        }
    }

    /// Notes the provider's answer on a refund, which must be the first.
    fn settle_refund(
        &mut self,
        id: RefundId,
        order: OrderId,
        outcome: RefundOutcome,
        findings: &mut Findings,
    ) -> Option<Refund> {
        let refund = position(id.0).and_then(|position| self.refunds.get_mut(position));
        let pending =
            |refund: &&mut Refund| refund.order == order && refund.outcome == RefundOutcome::Pending;
        let refund = refund.filter(pending);
        findings.require(Rule::Money, refund.is_some(), || {
            format!("refund {id} of order {order} is settled, and is not pending")
        });
        let refund = refund?;
        refund.outcome = outcome;
        Some(refund.clone())
    }
}
