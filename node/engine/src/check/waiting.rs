//! Who waits for which seat: the structure that I6 and I7 rest on.

use super::Findings;
use crate::state::seats::Claim;
use crate::{SeatIndex, State};

pub(super) fn check(state: &State, findings: &mut Findings) {
    let mut waiters = 0;
    for (seat, waitlist) in state.waitlists.iter() {
        let queue: Vec<_> = waitlist.iter().collect();
        waiters += waitlist.len();
        findings.require(queue.len() == waitlist.len() as usize && !queue.is_empty(), "I6", || {
            format!("seat {seat} has {} waiters, and counts {}", queue.len(), waitlist.len())
        });
        for (place, slot) in (1..).zip(queue) {
            let wait = state.buyers.find_slot(slot).and_then(|buyer| buyer.wait_of(seat));
            let position = wait.filter(|wait| waitlist.buyer_of(wait.ticket) == Some(slot));
            let position = position.map(|wait| waitlist.position(wait.ticket));
            findings.require(position == Some(place), "I6", || {
                format!("waiter {place} of seat {seat} has position {position:?}")
            });
            check_waiter(state, seat, slot, findings);
        }
    }
    let counted = state.waitlists.waiters();
    findings.require(counted == waiters, "I6", || format!("{waiters} waiters, {counted} counted"));
    let places: usize = state.buyers.iter().map(|(_, buyer)| buyer.waits.len()).sum();
    findings.require(places == waiters as usize, "I6", || {
        format!("buyers know of {places} places, waitlists of {waiters}")
    });
}

/// Nobody waits for what they have, and nobody who may have a free seat still waits for it.
fn check_waiter(
    state: &State,
    seat: SeatIndex,
    slot: crate::state::buyers::BuyerSlot,
    findings: &mut Findings,
) {
    let claim = state.seats.claim(seat);
    let owner = match claim {
        Claim::Held(hold) | Claim::Paying(hold) => Some(state.holds.get(hold).buyer),
        Claim::Sold(order) => state.orders.find(order.into()).map(|order| order.buyer),
        Claim::Free | Claim::Blocked => None,
    };
    findings.require(owner != Some(slot), "I6", || format!("the owner of seat {seat} waits for it"));
    let claims = state.buyers.find_slot(slot).map_or(0, |buyer| buyer.claims);
    let eligible = claims < state.settings.limits.seats_per_buyer_max;
    findings.require(!(claim == Claim::Free && eligible), "I7", || {
        format!("seat {seat} is free although a waiter with {claims} seats may have it")
    });
}
