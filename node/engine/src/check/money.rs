//! That no money comes or goes unaccounted for: I3.

use super::Findings;
use crate::state::orders::{Order, Refund};
use crate::{OrderId, OrderStateName, RefundReason, RefundState, State};

pub(super) fn check(state: &State, findings: &mut Findings) {
    let mut listed = 0;
    for (id, order) in state.orders.iter() {
        listed += order.refunds.len();
        check_charge(state, id, order, findings);
        check_refunds(state, id, order, findings);
    }
    let refunds = state.orders.refunds().count();
    findings.require(listed == refunds, "I3", || format!("orders list {listed} of {refunds} refunds"));
    check_attempts(state, findings);
}

/// A hold counts its orders.
fn check_attempts(state: &State, findings: &mut Findings) {
    let mut holds: Vec<_> = state.orders.iter().map(|(_, order)| order.hold).collect();
    holds.sort_unstable();
    for (_, hold) in state.holds.iter() {
        let first = holds.partition_point(|other| *other < hold.id);
        let orders = holds[first..].iter().take_while(|other| **other == hold.id).count();
        findings.require(hold.payments as usize == orders, "index", || {
            format!("hold {} counts {} payments and has {orders}", hold.id, hold.payments)
        });
    }
}

/// What is charged is the price less the discount.
fn check_charge(state: &State, id: OrderId, order: &Order, findings: &mut Findings) {
    let discount_minor = order.coupon.as_ref().map_or(0, |coupon| coupon.discount_minor);
    let price_minor = state.price_of(&order.seats).ok();
    let expected_minor = price_minor.and_then(|price| price.checked_sub(discount_minor));
    let charged =
        expected_minor == Some(order.amount_minor) && discount_minor >= 0 && order.amount_minor >= 0;
    findings.require(charged, "I3", || {
        format!("order {id} charges {} for {price_minor:?} less {discount_minor}", order.amount_minor)
    });
}

/// What goes back, and what is kept of it, adds up to no more than was charged; to exactly that once all seats are back.
fn check_refunds(state: &State, id: OrderId, order: &Order, findings: &mut Findings) {
    let refunds = || order.refunds.iter().filter_map(|&refund| state.orders.find_refund(refund));
    let completed = || refunds().filter(|refund| refund.state == RefundState::Completed);
    let sum = |part: fn(&Refund) -> i64| completed().map(|refund| i128::from(part(refund))).sum::<i128>();
    let (back, kept) = (sum(|refund| refund.amount_minor), sum(|refund| refund.fee_minor));
    let noted = (i128::from(order.refunded_minor), i128::from(order.fees_minor));
    findings.require((back, kept) == noted, "I3", || {
        format!("order {id} notes {noted:?} back and kept, and its refunds say {:?}", (back, kept))
    });
    let charged = i128::from(order.amount_minor);
    let is_reverted = completed().any(|refund| refund.reason == RefundReason::DepositReverted);
    let is_all = order.state == OrderStateName::Refunded && !is_reverted;
    let adds_up = if is_all { back + kept == charged } else { back + kept <= charged };
    findings.require(adds_up, "I3", || {
        format!("order {id} is {}: {back} back and {kept} kept of {charged}", order.state)
    });
    let sound =
        refunds().all(|refund| refund.order == id && refund.amount_minor >= 0 && refund.fee_minor >= 0);
    findings.require(sound, "I3", || {
        format!("order {id} has a refund of less than nothing, or of another order")
    });
}
