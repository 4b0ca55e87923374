//! I2 and I3: what was paid is sold, to whom it was sold, for its price; and nothing else is.

use std::collections::{HashMap, HashSet};

use super::{Evidence, Findings, OrderState, OrderView, orders_by_id};
use crate::command::Action;
use crate::ids::{HoldId, OrderId};
use crate::ledger::Entry;

/// `SeatState.SOLD` on the wire.
const SOLD: u8 = 3;

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    acknowledged(evidence, findings);
    once(evidence, findings);
    known(evidence, findings);
    amounts(evidence, findings);
    sold_seats(evidence, findings);
}

/// Orders whose refund was acknowledged, or may have been done.
fn refunds(evidence: &Evidence<'_>) -> (HashSet<OrderId>, HashSet<OrderId>) {
    let acked = evidence.ledger.records.iter().filter_map(|record| match record.entry {
        Entry::Refunded(_, ack) => Some(ack.order),
        _ => None,
    });
    let doubtful = evidence.ledger.unanswered.iter().filter_map(|request| match request.command.action {
        Action::Refund(order) => Some(order),
        _ => None,
    });
    (acked.collect(), doubtful.collect())
}

fn acknowledged(evidence: &Evidence<'_>, findings: &mut Findings) {
    let orders = orders_by_id(evidence.state);
    let (refunded, maybe_refunded) = refunds(evidence);
    let seats_of: HashMap<HoldId, &[u32]> = evidence
        .ledger
        .records
        .iter()
        .filter_map(|record| match &record.entry {
            Entry::Held(_, ack) | Entry::Offered(_, ack) => Some((ack.hold, ack.seats.as_slice())),
            _ => None,
        })
        .collect();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (_, buyer, hold, ack) in evidence.ledger.paid() {
        checked += 1;
        let name = (evidence.name_of)(buyer);
        let Some(order) = orders.get(&ack.order) else {
            wrong.push(format!("order {} of {name} was acknowledged and is not there", ack.order.0));
            continue;
        };
        let state_fits = match (refunded.contains(&ack.order), maybe_refunded.contains(&ack.order)) {
            (true, _) => order.state == OrderState::Refunded,
            (false, true) => order.state != OrderState::Declined && order.state != OrderState::Paying,
            (false, false) => order.state == OrderState::Paid && order.refunded_minor == 0,
        };
        let seats_fit = seats_of.get(&hold).is_none_or(|seats| same_seats(seats, &order.seats));
        if order.buyer != name || order.hold.is_some_and(|named| named != hold) || !seats_fit || !state_fits {
            wrong.push(format!(
                "order {} of hold {} of {name} on {:?} was acknowledged{}, and is {order:?}",
                ack.order.0,
                hold.0,
                seats_of.get(&hold).unwrap_or(&[].as_slice()),
                if refunded.contains(&ack.order) { " and refunded" } else { "" },
            ));
        }
    }
    findings.add("I3", "acknowledged payments are there, with their buyer and seats", checked, wrong);
}

fn same_seats(a: &[u32], b: &[u32]) -> bool {
    let sorted = |seats: &[u32]| {
        let mut seats = seats.to_vec();
        seats.sort_unstable();
        seats
    };
    sorted(a) == sorted(b)
}

/// The orders that have sold seats.
fn live<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = &'a OrderView> {
    let is_live = |order: &&OrderView| matches!(order.state, OrderState::Paid | OrderState::Refunding);
    evidence.state.orders.iter().filter(is_live)
}

fn once(evidence: &Evidence<'_>, findings: &mut Findings) {
    let mut owner: HashMap<u32, OrderId> = HashMap::new();
    let mut wrong = Vec::new();
    for order in live(evidence) {
        for seat in &order.seats_left {
            if let Some(other) = owner.insert(*seat, order.order) {
                wrong.push(format!("seat {seat} is in orders {} and {}", other.0, order.order.0));
            }
        }
    }
    findings.add("I1", "no seat is in two paid orders", owner.len() as u64, wrong);
}

/// Payments that were not definitely answered: their holds, and the names of their buyers.
fn payments_in_doubt(evidence: &Evidence<'_>) -> Vec<(HoldId, String)> {
    let pays = evidence.ledger.unanswered.iter().filter_map(|request| match request.command.action {
        Action::Pay { hold, .. } => Some((hold, (evidence.name_of)(request.command.buyer))),
        _ => None,
    });
    pays.collect()
}

/// An order that nobody was told of, and nobody asked for without being answered, is one too many.
fn known(evidence: &Evidence<'_>, findings: &mut Findings) {
    let acked: HashSet<OrderId> = evidence.ledger.paid().map(|(_, _, _, ack)| ack.order).collect();
    let in_doubt = payments_in_doubt(evidence);
    let is_in_doubt = |order: &OrderView| {
        in_doubt
            .iter()
            .any(|(hold, name)| order.buyer == *name && order.hold.is_none_or(|named| named == *hold))
    };
    let is_declined = |order: &&OrderView| order.state == OrderState::Declined;
    let made: Vec<&OrderView> = evidence.state.orders.iter().filter(|order| !is_declined(order)).collect();
    let unknown = made.iter().filter(|order| !acked.contains(&order.order) && !is_in_doubt(order));
    let wrong = unknown.map(|order| format!("nobody was told of, or asked for, {order:?}")).collect();
    findings.add("I8", "every order was acknowledged, or is of a payment in doubt", made.len() as u64, wrong);
}

fn amounts(evidence: &Evidence<'_>, findings: &mut Findings) {
    let price = |seats: &[u32]| -> i64 {
        seats.iter().filter_map(|seat| evidence.rules.prices.get(*seat as usize)).sum()
    };
    let mut wrong = Vec::new();
    for order in &evidence.state.orders {
        let back = match order.state {
            OrderState::Refunded => order.amount_minor,
            OrderState::Declined | OrderState::Paying => 0,
            OrderState::Paid | OrderState::Refunding => order.amount_minor - price(&order.seats_left),
        };
        let back_fits = order.refunded_minor == back || order.state == OrderState::Refunding;
        if order.amount_minor != price(&order.seats) || !back_fits {
            wrong.push(format!("the seats cost {}, {back} is due back, but {order:?}", price(&order.seats)));
        }
    }
    findings.add(
        "I3",
        "orders cost what their seats cost, and refunds what they gave back",
        evidence.state.orders.len() as u64,
        wrong,
    );
}

fn sold_seats(evidence: &Evidence<'_>, findings: &mut Findings) {
    let owned: HashSet<u32> = live(evidence).flat_map(|order| order.seats_left.iter().copied()).collect();
    let mut wrong: Vec<String> = Vec::new();
    let state_of = |seat: u32| evidence.state.states.get(seat as usize).copied();
    for seat in &owned {
        if state_of(*seat) != Some(SOLD) {
            wrong.push(format!("seat {seat} is in a paid order, but its state is {:?}", state_of(*seat)));
        }
    }
    for (seat, state) in evidence.state.states.iter().enumerate() {
        if *state == SOLD && !owned.contains(&(seat as u32)) {
            wrong.push(format!("seat {seat} is sold, but in no paid order"));
        }
    }
    wrong.sort();
    findings.add("I2", "the seats of paid orders are sold, and no others", owned.len() as u64, wrong);
}
