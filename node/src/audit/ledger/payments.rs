//! Payments: begun, confirmed, declined.

use earlybird_engine::{HoldId, OrderId, OrderStateName, Seats, Sequence};

use super::orders::Order;
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

impl Ledger {
    pub(super) fn payment_begun(
        &mut self,
        id: OrderId,
        hold_id: HoldId,
        amount_minor: i64,
        payment_key: &str,
        findings: &mut Findings,
    ) {
        let last = self.orders.len() as u64;
        let numbered =
            findings.require(Rule::Journal, id.0 == last + 1, || format!("order {id} follows order {last}"));
        let Some(hold) = self.usable(hold_id, Rule::PaymentInTime, findings) else { return };
        if !numbered {
            return;
        }
        self.require_price(&hold.seats, amount_minor, findings);
        self.seats.pass_all(&hold.seats, Owner::Hold(hold_id), Owner::Payment(hold_id), findings);
        self.orders.push(Order {
            buyer: hold.buyer,
            hold: hold_id,
            state: OrderStateName::Paying,
            seats: hold.seats.clone(),
            seats_left: Seats::new(),
            amount_minor,
            refunded_minor: 0,
            payment_key: payment_key.into(),
            decline_reason: None,
            began_at: self.at,
            changed_at: self.at,
            changed_by: Sequence(self.sequence),
        });
        if let Some(hold) = self.holds.get_mut(&hold_id) {
            hold.order = Some(id);
        }
    }

    pub(super) fn payment_confirmed(&mut self, id: OrderId, findings: &mut Findings) {
        let paid = OrderStateName::Paid;
        let Some(order) = self.turn(id, OrderStateName::Paying, paid, Rule::PaymentInTime, findings) else {
            return;
        };
        let hold_id = order.hold;
        let Some(hold) = self.living(hold_id, findings) else { return };
        self.holds.remove(&hold_id);
        self.seats.pass_all(&hold.seats, Owner::Payment(hold_id), Owner::Order(id), findings);
        if let Some(order) = self.order_mut(id) {
            order.seats_left = hold.seats;
        }
    }

    pub(super) fn payment_declined(
        &mut self,
        id: OrderId,
        reason: &str,
        freed: bool,
        findings: &mut Findings,
    ) {
        let declined = OrderStateName::Declined;
        let Some(order) = self.turn(id, OrderStateName::Paying, declined, Rule::PaymentInTime, findings)
        else {
            return;
        };
        order.decline_reason = Some(reason.into());
        let hold_id = order.hold;
        let Some(mut hold) = self.living(hold_id, findings) else { return };
        findings.require(Rule::HoldInTime, freed == (self.at >= hold.deadline), || {
            format!(
                "the payment of hold {hold_id} is declined, due at {} and freed: {freed}",
                hold.deadline.0
            )
        });
        if freed {
            self.free_hold(hold_id, &hold, findings);
        } else {
            self.seats.pass_all(&hold.seats, Owner::Payment(hold_id), Owner::Hold(hold_id), findings);
            hold.order = None;
            self.holds.insert(hold_id, hold);
        }
    }
}
