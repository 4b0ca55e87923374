//! Claims on seats until a deadline.

use earlybird_engine::{BuyerId, HoldId, OrderId, SeatIndex, Seats, Timestamp};

use super::buyers::BuyerNumber;
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// A hold or an offer that lives.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) buyer: BuyerNumber,
    pub(super) seats: Seats,
    pub(super) deadline: Timestamp,
    pub(super) created_at: Timestamp,
    pub(super) extensions: u32,
    /// The payment that is awaited.
    pub(super) order: Option<OrderId>,
    /// Payments that were begun.
    pub(super) payments: u32,
}

/// A hold as the books have it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::audit) struct HoldRecord<'l> {
    pub(in crate::audit) buyer: &'l BuyerId,
    pub(in crate::audit) seats: &'l [SeatIndex],
    pub(in crate::audit) deadline: Timestamp,
    pub(in crate::audit) created_at: Timestamp,
    pub(in crate::audit) extensions: u32,
    pub(in crate::audit) order: Option<OrderId>,
}

impl Ledger {
    pub(super) fn held(
        &mut self,
        id: HoldId,
        buyer: BuyerNumber,
        seats: &[SeatIndex],
        deadline: Timestamp,
        findings: &mut Findings,
    ) {
        self.require_open(findings);
        // Numbers may be left out where holds were acknowledged from memory and lost, and only ever grow.
        findings.require(Rule::Journal, id.0 > self.holds_accepted, || {
            format!("hold {id} follows hold {}", self.holds_accepted)
        });
        self.holds_accepted = self.holds_accepted.max(id.0);
        self.seats.pass_all(seats, Owner::Nobody, Owner::Hold(id), findings);
        self.claims += seats.len() as u64;
        let record = self.buyers.get_mut(buyer);
        record.claims += seats.len() as u32;
        let limits = &self.settings.limits;
        let in_limits = record.claims <= limits.seats_per_buyer_max
            && seats.len() <= limits.seats_per_hold_max as usize
            && deadline <= self.at.plus(limits.hold_total_ms_max);
        findings.require(Rule::Limits, in_limits, || {
            let name = &record.name.0;
            format!(
                "hold {id} has {} seats until {}, its buyer {name} {}",
                seats.len(),
                deadline.0,
                record.claims
            )
        });
        let (seats, created_at) = (Seats::from_slice(seats), self.at);
        let (extensions, order, payments) = (0, None, 0);
        self.holds.insert(id, Hold { buyer, seats, deadline, created_at, extensions, order, payments });
    }

    pub(super) fn extended(&mut self, id: HoldId, deadline: Timestamp, findings: &mut Findings) {
        let Some(hold) = self.usable(id, Rule::HoldInTime, findings) else { return };
        let limits = &self.settings.limits;
        let in_limits = deadline > hold.deadline
            && hold.extensions < limits.hold_extensions_max
            && deadline <= hold.created_at.plus(limits.hold_total_ms_max);
        findings.require(Rule::Limits, in_limits, || {
            format!("hold {id} goes on until {} after {} extensions", deadline.0, hold.extensions)
        });
        let extensions = hold.extensions + 1;
        self.holds.insert(id, Hold { deadline, extensions, ..hold });
    }

    pub(super) fn released(&mut self, id: HoldId, findings: &mut Findings) {
        if let Some(hold) = self.usable(id, Rule::HoldInTime, findings) {
            self.free_hold(id, &hold, findings);
        }
    }

    pub(super) fn expired(&mut self, id: HoldId, findings: &mut Findings) {
        let Some(hold) = self.living(id, findings) else { return };
        let due = self.at >= hold.deadline && hold.order.is_none();
        let in_time = findings.require(Rule::HoldInTime, due, || {
            format!("hold {id} expired, due at {} and paid by {:?}", hold.deadline.0, hold.order)
        });
        if in_time {
            self.timing.expired(hold.deadline, self.at, findings);
        }
        self.free_hold(id, &hold, findings);
    }

    /// The hold, which must be usable now: its deadline has not come, and no payment of it is awaited.
    pub(super) fn usable(&self, id: HoldId, rule: Rule, findings: &mut Findings) -> Option<Hold> {
        let hold = self.living(id, findings)?;
        findings.require(rule, self.at < hold.deadline && hold.order.is_none(), || {
            let (now, deadline) = (self.at.0, hold.deadline.0);
            format!("hold {id} is used at {now}, with the deadline {deadline} and paid by {:?}", hold.order)
        });
        Some(hold)
    }

    pub(super) fn living(&self, id: HoldId, findings: &mut Findings) -> Option<Hold> {
        let hold = self.holds.get(&id).cloned();
        findings.require(Rule::Journal, hold.is_some(), || format!("hold {id} does not live"));
        hold
    }

    pub(super) fn free_hold(&mut self, id: HoldId, hold: &Hold, findings: &mut Findings) {
        self.holds.remove(&id);
        let from = if hold.order.is_some() { Owner::Payment(id) } else { Owner::Hold(id) };
        self.seats.pass_all(&hold.seats, from, Owner::Nobody, findings);
        self.gave_up(hold.buyer, &hold.seats);
    }

    /// All holds that live, in no meaningful order.
    pub(in crate::audit) fn holds(&self) -> impl ExactSizeIterator<Item = (HoldId, HoldRecord<'_>)> {
        self.holds.iter().map(|(id, hold)| {
            let Hold { seats, deadline, created_at, extensions, order, .. } = hold;
            let record = HoldRecord {
                buyer: &self.buyers.get(hold.buyer).name,
                seats,
                deadline: *deadline,
                created_at: *created_at,
                extensions: *extensions,
                order: *order,
            };
            (*id, record)
        })
    }
}
