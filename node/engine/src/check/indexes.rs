//! That everything that is stored twice agrees.

use super::Findings;
use crate::{OrderStateName, RefundState, State};

pub(super) fn check(state: &State, findings: &mut Findings) {
    check_buyers(state, findings);
    for (slot, hold) in state.holds.iter() {
        let id = hold.id;
        findings
            .require(state.holds.slot_of(id) == Some(slot), "index", || format!("hold {id} is not found"));
        findings.require(id.0 <= state.holds.accepted(), "index", || format!("hold {id} was never accepted"));
    }
    let (holds, keys) = state.holds.lengths();
    findings.require(holds == keys, "index", || format!("{holds} holds and {keys} keys"));
    for answered in state.requests.iter() {
        let id = answered.stamp.id;
        findings.require(state.requests.contains(id), "I8", || format!("request {id:?} is not found"));
    }
    let (answers, keys) = state.requests.lengths();
    findings.require(answers == keys, "I8", || format!("{answers} answered requests and {keys} keys"));
    check_orders(state, findings);
}

/// A buyer's record adds up, and is there for a reason.
fn check_buyers(state: &State, findings: &mut Findings) {
    let mut orders = vec![];
    for (_, order) in state.orders.iter() {
        orders.push((order.buyer, order.seats_left.len()));
    }
    orders.sort_unstable();
    for (slot, buyer) in state.buyers.iter() {
        let name = &buyer.name.0;
        let bought = &orders[orders.partition_point(|(owner, _)| *owner < slot)..];
        let bought = &bought[..bought.partition_point(|(owner, _)| *owner == slot)];
        let held: usize = buyer.holds.iter().map(|&hold| state.holds.get(hold).seats.len()).sum();
        let claims = held + bought.iter().map(|(_, seats)| seats).sum::<usize>();
        findings.require(buyer.claims as usize == claims, "index", || {
            format!("{name} has {claims} seats, and {} are counted", buyer.claims)
        });
        findings.require(buyer.orders as usize == bought.len(), "index", || {
            format!("{name} has {} orders, and {} are counted", bought.len(), buyer.orders)
        });
        let owns = buyer.holds.iter().all(|&hold| state.holds.get(hold).buyer == slot);
        findings.require(owns, "index", || format!("{name} lists the hold of somebody else"));
        findings.require(state.buyers.slot_of(&buyer.name) == Some(slot), "index", || {
            format!("{name} is not found")
        });
        let used = !buyer.holds.is_empty() || !buyer.waits.is_empty() || buyer.orders > 0;
        findings.require(used, "index", || format!("{name} is remembered for nothing"));
    }
    let (buyers, keys) = state.buyers.lengths();
    findings.require(buyers == keys, "index", || format!("{buyers} buyers and {keys} keys"));
    let listed: usize = state.buyers.iter().map(|(_, buyer)| buyer.holds.len()).sum();
    findings.require(listed == state.holds.lengths().0, "index", || format!("buyers list {listed} holds"));
}

/// Orders, refunds and their lists of what awaits the provider agree.
fn check_orders(state: &State, findings: &mut Findings) {
    let pending = state.orders.pending_refunds();
    for (id, refund) in state.orders.refunds() {
        let order = state.orders.find(refund.order);
        let refunding = order.is_some_and(|order| order.state == OrderStateName::Refunding);
        let listed = pending.contains(&id);
        findings.require((refund.state == RefundState::Pending) == listed, "index", || {
            format!("refund {id} is {:?}, listed as pending: {listed}", refund.state)
        });
        findings
            .require(!listed || refunding, "I3", || format!("refund {id} of an order that is not refunding"));
        let sold = order.is_some_and(|order| refund.seats.iter().all(|seat| order.seats_left.contains(seat)));
        findings.require(!listed || sold, "I2", || format!("refund {id} of seats that are not sold"));
    }
    let count = |name: OrderStateName| state.orders.iter().filter(|(_, order)| order.state == name).count();
    let (refunding, paying) = (count(OrderStateName::Refunding), count(OrderStateName::Paying));
    findings.require(refunding == pending.len(), "I3", || {
        format!("{refunding} orders are refunding, {} refunds are pending", pending.len())
    });
    let paid_holds = state.holds.iter().filter(|(_, hold)| hold.paying.is_some()).count();
    let listed = state.orders.paying().len();
    findings.require(paying == listed && paying == paid_holds, "I3", || {
        format!("{paying} orders are being paid, {listed} are listed, {paid_holds} holds wait for one")
    });
}
