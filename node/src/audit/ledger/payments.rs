//! Payments: begun, confirmed, declined.

use earlybird_engine::{CouponUse, HoldId, OrderId, OrderStateName, SeatIndex, Seats, Sequence, Timestamp};

use super::orders::Order;
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// What is said of a payment that begins.
pub(super) struct Payment<'e> {
    pub(super) amount_minor: i64,
    pub(super) payment_key: &'e str,
    pub(super) coupon: Option<&'e CouponUse>,
}

impl Ledger {
    pub(super) fn payment_begun(
        &mut self,
        id: OrderId,
        hold_id: HoldId,
        payment: &Payment<'_>,
        findings: &mut Findings,
    ) {
        let last = self.orders.len() as u64;
        let numbered =
            findings.require(Rule::Journal, id.0 == last + 1, || format!("order {id} follows order {last}"));
        let Some(hold) = self.usable(hold_id, Rule::PaymentInTime, findings) else { return };
        if !numbered {
            return;
        }
        self.require_charge(&hold.seats, payment, findings);
        self.coupon_used(id, payment.coupon, findings);
        self.seats.pass_all(&hold.seats, Owner::Hold(hold_id), Owner::Payment(hold_id), findings);
        self.orders.push(Order {
            buyer: hold.buyer,
            hold: hold_id,
            state: OrderStateName::Paying,
            seats: hold.seats.clone(),
            seats_left: Seats::new(),
            amount_minor: payment.amount_minor,
            refunded_minor: 0,
            fees_minor: 0,
            reverted_minor: 0,
            payment_key: payment.payment_key.into(),
            coupon: payment.coupon.cloned(),
            decline_reason: None,
            deposit_deadline: None,
            captured_late: false,
            began_at: self.at,
            changed_at: self.at,
            changed_by: Sequence(self.sequence),
        });
        let max = self.settings.limits.payment_attempts_max;
        if let Some(hold) = self.holds.get_mut(&hold_id) {
            hold.order = Some(id);
            hold.payments += 1;
            findings.require(Rule::Limits, hold.payments <= max, || {
                format!("hold {hold_id} is paid for the {}th time", hold.payments)
            });
        }
    }

    /// What is charged is what the seats cost, less a discount of no more than that.
    fn require_charge(&self, seats: &[SeatIndex], payment: &Payment<'_>, findings: &mut Findings) {
        let discount_minor = payment.coupon.map_or(0, |coupon| coupon.discount_minor);
        let price_minor = self.price(seats).unwrap_or(i64::MIN);
        let right = (0..=price_minor).contains(&discount_minor)
            && payment.amount_minor == price_minor - discount_minor;
        findings.require(Rule::Money, right, || {
            let amount_minor = payment.amount_minor;
            format!("{amount_minor} for seats that cost {price_minor} less {discount_minor}")
        });
    }

    pub(super) fn deposit_awaited(&mut self, id: OrderId, deadline: Timestamp, findings: &mut Findings) {
        let latest = self.settings.deposit_ttl_ms.map(|ttl| self.at.plus(ttl));
        findings.require(Rule::Limits, latest.is_some_and(|latest| deadline <= latest), || {
            format!("order {id} may be paid until {}, and no later than {latest:?}", deadline.0)
        });
        let paying = OrderStateName::Paying;
        if let Some(order) = self.turn(id, paying, paying, Rule::PaymentInTime, findings) {
            order.deposit_deadline = Some(deadline);
        }
    }

    /// Sold after it was declined: from the hold if that lives on, else from nobody.
    pub(super) fn late_sold(&mut self, id: OrderId, findings: &mut Findings) {
        self.require_open(findings);
        let (declined, paid) = (OrderStateName::Declined, OrderStateName::Paid);
        let Some(order) = self.turn(id, declined, paid, Rule::PaymentInTime, findings) else { return };
        order.captured_late = true;
        order.seats_left = order.seats.clone();
        let (hold_id, buyer, seats, coupon) =
            (order.hold, order.buyer, order.seats.clone(), order.coupon.clone());
        self.coupon_used(id, coupon.as_ref(), findings);
        if self.holds.contains_key(&hold_id) {
            self.usable(hold_id, Rule::HoldInTime, findings);
            self.holds.remove(&hold_id);
            self.seats.pass_all(&seats, Owner::Hold(hold_id), Owner::Order(id), findings);
        } else {
            self.seats.pass_all(&seats, Owner::Nobody, Owner::Order(id), findings);
            self.claims += seats.len() as u64;
            self.buyers.get_mut(buyer).claims += seats.len() as u32;
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
        let (hold_id, coupon) = (order.hold, order.coupon.clone());
        self.coupon_given_up(id, coupon.as_ref());
        let Some(mut hold) = self.living(hold_id, findings) else { return };
        let is_over = self.at >= hold.deadline || self.cancelled;
        findings.require(Rule::HoldInTime, freed == is_over, || {
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
