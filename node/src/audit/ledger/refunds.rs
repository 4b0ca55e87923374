//! Refunds: begun, paid, refused.

use earlybird_engine::{OrderId, OrderStateName, RefundId, SeatIndex, Seats};

use super::orders::{Refund, RefundOutcome, position};
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

impl Ledger {
    pub(super) fn refund_begun(
        &mut self,
        id: RefundId,
        order_id: OrderId,
        seats: &[SeatIndex],
        amount_minor: i64,
        findings: &mut Findings,
    ) {
        let last = self.refunds.len() as u64;
        findings.require(Rule::Journal, id.0 == last + 1, || format!("refund {id} follows refund {last}"));
        self.require_price(seats, amount_minor, findings);
        let (paid, refunding) = (OrderStateName::Paid, OrderStateName::Refunding);
        let Some(order) = self.turn(order_id, paid, refunding, Rule::Money, findings) else { return };
        let sold = !seats.is_empty() && seats.iter().all(|seat| order.seats_left.contains(seat));
        findings
            .require(Rule::Money, sold, || format!("refund {id} is of seats that order {order_id} has not"));
        let (seats, outcome) = (Seats::from_slice(seats), RefundOutcome::Pending);
        self.refunds.push(Refund { order: order_id, seats, amount_minor, outcome });
    }

    pub(super) fn refunded(&mut self, id: RefundId, order_id: OrderId, findings: &mut Findings) {
        let Some((seats, amount_minor)) =
            self.settle_refund(id, order_id, RefundOutcome::Completed, findings)
        else {
            return;
        };
        let (refunding, paid) = (OrderStateName::Refunding, OrderStateName::Paid);
        let Some(order) = self.turn(order_id, refunding, paid, Rule::Money, findings) else { return };
        let before = order.seats_left.clone();
        order.seats_left.retain(|seat| !seats.contains(seat));
        order.refunded_minor = order.refunded_minor.saturating_add(amount_minor);
        if order.seats_left.is_empty() {
            order.state = OrderStateName::Refunded;
        }
        let (buyer, in_bounds) = (order.buyer, order.refunded_minor <= order.amount_minor);
        findings.require(Rule::Money, in_bounds, || format!("order {order_id} got more back than was paid"));
        let returned: Seats = before.into_iter().filter(|seat| seats.contains(seat)).collect();
        self.seats.pass_all(&seats, Owner::Order(order_id), Owner::Nobody, findings);
        self.gave_up(buyer, &returned);
    }

    pub(super) fn refund_failed(&mut self, id: RefundId, order: OrderId, findings: &mut Findings) {
        if self.settle_refund(id, order, RefundOutcome::Failed, findings).is_some() {
            self.turn(order, OrderStateName::Refunding, OrderStateName::Paid, Rule::Money, findings);
        }
    }

    /// Notes the provider's answer on a refund, which must be the first.
    fn settle_refund(
        &mut self,
        id: RefundId,
        order: OrderId,
        outcome: RefundOutcome,
        findings: &mut Findings,
    ) -> Option<(Seats, i64)> {
        let refund = position(id.0).and_then(|position| self.refunds.get_mut(position));
        let pending =
            |refund: &&mut Refund| refund.order == order && refund.outcome == RefundOutcome::Pending;
        let refund = refund.filter(pending);
        findings.require(Rule::Money, refund.is_some(), || {
            format!("refund {id} of order {order} is settled, and is not pending")
        });
        let refund = refund?;
        refund.outcome = outcome;
        Some((refund.seats.clone(), refund.amount_minor))
    }
}
