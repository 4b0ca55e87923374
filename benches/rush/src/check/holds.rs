//! Acknowledged holds are there while they must be, with their owner; and they were all or nothing.

use std::collections::{HashMap, HashSet};

use super::claims::{Claim, claims, may_be_lost, ms};
use super::{Evidence, Findings};
use crate::command::Action;
use crate::ids::{HoldId, Moment};
use crate::ledger::Entry;
use crate::ledger::Ledger;

/// The holds that must be live at `now` for a while: those whose final state the check asks for.
pub(crate) fn live(ledger: &Ledger, now: Moment) -> Vec<(HoldId, crate::ids::Buyer)> {
    let in_doubt = payments_in_doubt(ledger);
    let claims = claims(ledger);
    let must = |claim: &&Claim| {
        claim.paid.is_none()
            && claim.held_until() > now
            && claim.from < now
            && !in_doubt.contains(&claim.hold)
    };
    claims.values().filter(must).map(|claim| (claim.hold, claim.buyer)).collect()
}

/// A payment that was not definitely answered may have turned the hold into an order.
fn payments_in_doubt(ledger: &Ledger) -> HashSet<HoldId> {
    let pays = ledger.unanswered.iter().filter_map(|request| match request.command.action {
        Action::Pay { hold, .. } => Some(hold),
        _ => None,
    });
    pays.collect()
}

pub(super) fn check(evidence: &Evidence<'_>, findings: &mut Findings) {
    let claims = claims(evidence.ledger);
    lost(evidence, &claims, findings);
    refused(evidence, &claims, findings);
    whole(evidence, findings);
}

fn lost(evidence: &Evidence<'_>, claims: &HashMap<HoldId, Claim>, findings: &mut Findings) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for view in &evidence.state.holds {
        let Some(claim) = claims.get(&view.hold) else { continue };
        // Its deadline may have passed while we asked.
        if view.answered >= claim.held_until() || may_be_lost(evidence, claim.from, view.answered) {
            continue;
        }
        checked += 1;
        let Some(ack) = &claim.ack else { continue };
        let owner = (evidence.name_of)(claim.buyer);
        match &view.found {
            None => wrong.push(format!(
                "hold {} of {owner} is not there at {} ms, but lives until {} ms",
                view.hold.0,
                ms(view.answered),
                ms(claim.held_until())
            )),
            Some((found, seats)) if *found != owner || seats.as_slice() != ack.seats.as_slice() => wrong
                .push(format!(
                    "hold {} of {owner} on {:?} is shown as of {found} on {seats:?}",
                    view.hold.0,
                    ack.seats.as_slice()
                )),
            Some(_) => {}
        }
    }
    findings.add("I8", "acknowledged holds are there until they end", checked, wrong);
}

fn refused(evidence: &Evidence<'_>, claims: &HashMap<HoldId, Claim>, findings: &mut Findings) {
    let in_doubt = payments_in_doubt(evidence.ledger);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for claim in claims.values() {
        for (received, reason) in &claim.missing {
            checked += 1;
            let still_held = *received < claim.held_until() && !in_doubt.contains(&claim.hold);
            if still_held && claim.paid.is_none() && !may_be_lost(evidence, claim.from, *received) {
                wrong.push(format!(
                    "hold {} of {} was refused as {} at {} ms, but lives until {} ms",
                    claim.hold.0,
                    (evidence.name_of)(claim.buyer),
                    reason.name(),
                    ms(*received),
                    ms(claim.held_until())
                ));
            }
        }
    }
    wrong.sort();
    findings.add("I4", "a hold is usable until its deadline", checked, wrong);
}

fn whole(evidence: &Evidence<'_>, findings: &mut Findings) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for record in &evidence.ledger.records {
        let Entry::Held(buyer, ack) = record.entry else { continue };
        checked += 1;
        let seats = ack.seats.as_slice();
        let distinct: HashSet<&u32> = seats.iter().collect();
        let price: i64 = seats.iter().filter_map(|seat| evidence.rules.prices.get(*seat as usize)).sum();
        if distinct.len() != ack.seat_count as usize || price != ack.amount_minor {
            wrong.push(format!(
                "hold {} of {}: {} seats {seats:?} at {} instead of {price}",
                ack.hold.0,
                (evidence.name_of)(buyer),
                ack.seat_count,
                ack.amount_minor
            ));
        }
    }
    findings.add("I10", "holds are whole, and cost what their seats cost", checked, wrong);
}
