//! Who has which seat: I1, I10, I11.

use super::Findings;
use crate::state::holds::{Hold, HoldSlot};
use crate::state::orders::OrderSlot;
use crate::state::seats::Claim;
use crate::{OrderStateName, SeatStatus, State};

pub(super) fn check(state: &State, findings: &mut Findings) {
    let mut claimed = 0;
    for (slot, hold) in state.holds.iter() {
        claimed += hold.seats.len();
        check_hold(state, slot, hold, findings);
    }
    for (id, order) in state.orders.iter() {
        claimed += order.seats_left.len();
        // What was captured too late is refunded without ever having had its seats.
        let sold = match order.state {
            OrderStateName::Refunding => !order.captured_late || !order.seats_left.is_empty(),
            OrderStateName::Paid => true,
            OrderStateName::Paying | OrderStateName::Declined | OrderStateName::Refunded => false,
        };
        findings.require(sold != order.seats_left.is_empty(), "I2", || {
            format!("order {id} is {} and has {} seats", order.state, order.seats_left.len())
        });
        for &seat in &order.seats_left {
            let claim = state.seats.find(seat);
            findings.require(claim == Some(Claim::Sold(id.into())), "I1", || {
                format!("seat {seat} of order {id} is {claim:?}")
            });
        }
    }
    check_counts(state, claimed, findings);
}

/// A hold has all of its seats (I10), and is being paid if and only if its order says so.
fn check_hold(state: &State, slot: HoldSlot, hold: &Hold, findings: &mut Findings) {
    let id = hold.id;
    findings.require(!hold.seats.is_empty(), "I10", || format!("hold {id} has no seats"));
    let wanted = if hold.paying.is_some() { Claim::Paying(slot) } else { Claim::Held(slot) };
    for &seat in &hold.seats {
        let claim = state.seats.find(seat);
        findings.require(claim == Some(wanted), "I10", || format!("seat {seat} of hold {id} is {claim:?}"));
    }
    let is_payment = |order: OrderSlot| {
        state
            .orders
            .find(order.into())
            .is_some_and(|order| order.state == OrderStateName::Paying && order.hold == id)
    };
    findings.require(hold.paying.is_none_or(is_payment), "I3", || format!("hold {id} is paid by no order"));
}

/// Each claimed seat is counted in exactly one hold or order, so as many claims as claimed seats means one each (I1).
fn check_counts(state: &State, claimed: usize, findings: &mut Findings) {
    let mut seen = [0_u32; SeatStatus::KINDS];
    for (seat, claim) in state.seats.iter() {
        seen[claim.status() as usize] += 1;
        let free = state.seats.free_map().is_free(seat);
        findings.require(free == (claim == Claim::Free), "I11", || {
            format!("seat {seat} is {claim:?}, and the free map says {free}")
        });
    }
    let counts = state.counts();
    let counted = [counts.free, counts.held, counts.paying, counts.sold, counts.blocked];
    findings.require(counted == seen, "I11", || format!("counted {counted:?}, but there are {seen:?}"));
    findings.require(counted.iter().sum::<u32>() == state.capacity(), "I11", || {
        format!("{counted:?} do not add up to {}", state.capacity())
    });
    let taken = (counts.held + counts.paying + counts.sold) as usize;
    findings
        .require(taken == claimed, "I1", || format!("{taken} seats are taken, and {claimed} are claimed"));
    let free_by_group = state.seats.free_map().free_count(None, None);
    findings.require(free_by_group == counts.free, "I11", || {
        format!("{free_by_group} free seats by zone and category, {} in all", counts.free)
    });
}
