//! Who waits for which seat since when, and whether offers keep to it (I6, I7).

use std::collections::BTreeMap;

use earlybird_engine::{BuyerId, SeatIndex};
use hashbrown::HashMap;

use super::buyers::BuyerNumber;
use super::{Ledger, Owner};
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// The waiters of each seat, by the number of their joining.
#[derive(Debug, Default)]
pub(super) struct QueueBook {
    queues: HashMap<SeatIndex, BTreeMap<u64, BuyerNumber>>,
    /// Joinings so far, of all seats.
    joinings: u64,
    waiters: u32,
}

impl QueueBook {
    pub(super) fn waiters(&self) -> u32 {
        self.waiters
    }

    fn push(&mut self, seat: SeatIndex, buyer: BuyerNumber) -> u64 {
        self.joinings += 1;
        self.waiters += 1;
        self.queues.entry(seat).or_default().insert(self.joinings, buyer);
        self.joinings
    }

    fn remove(&mut self, seat: SeatIndex, joining: u64) {
        let Some(queue) = self.queues.get_mut(&seat) else { return };
        if queue.remove(&joining).is_some() {
            self.waiters -= 1;
        }
        if queue.is_empty() {
            self.queues.remove(&seat);
        }
    }

    /// The waiters of a seat who joined before, first first.
    fn before(&self, seat: SeatIndex, joining: u64) -> impl Iterator<Item = BuyerNumber> {
        self.queues
            .get(&seat)
            .into_iter()
            .flat_map(move |queue| queue.range(..joining))
            .map(|(_, buyer)| *buyer)
    }

    fn len(&self, seat: SeatIndex) -> usize {
        self.queues.get(&seat).map_or(0, BTreeMap::len)
    }
}

impl Ledger {
    pub(super) fn joined(&mut self, seat: SeatIndex, buyer: &BuyerId, findings: &mut Findings) {
        self.require_open(findings);
        let buyer = self.buyers.number(buyer);
        let name = &self.buyers.get(buyer).name.0;
        let fresh = self.buyers.get(buyer).joining_of(seat).is_none();
        let owns = self.buyer_of_seat(seat) == Some(buyer);
        let exists = self.seats.owner(seat).is_some();
        let joins = findings.require(Rule::JoinOrder, fresh && !owns && exists, || {
            format!(
                "{name} joins for seat {seat}: waits already: {}, has it: {owns}, exists: {exists}",
                !fresh
            )
        });
        if !joins {
            return;
        }
        let joining = self.queues.push(seat, buyer);
        let record = self.buyers.get_mut(buyer);
        record.waits.push((seat, joining));
        let (waits, waiters, limits) = (record.waits.len(), self.queues.len(seat), &self.settings.limits);
        let in_limits = waits <= limits.waitlist_entries_per_buyer_max as usize
            && waiters <= limits.waiters_per_seat_max as usize;
        findings.require(Rule::Limits, in_limits, || {
            format!("{} waits for {waits} seats, and {waiters} wait for seat {seat}", record.name.0)
        });
        self.unsettled.push(seat);
    }

    pub(super) fn left(&mut self, seat: SeatIndex, buyer: &BuyerId, findings: &mut Findings) {
        let buyer = self.buyers.number(buyer);
        let joining = self.buyers.get(buyer).joining_of(seat);
        findings.require(Rule::JoinOrder, joining.is_some(), || {
            format!("{} leaves the waitlist of seat {seat}, and is not in it", self.buyers.get(buyer).name.0)
        });
        self.forget(seat, buyer, joining);
    }

    /// Nobody waits any more.
    pub(super) fn empty_waitlists(&mut self) {
        let waits = self.queues.queues.iter();
        let waits = waits.flat_map(|(seat, queue)| queue.values().map(move |buyer| (*seat, *buyer)));
        for (seat, buyer) in waits.collect::<Vec<_>>() {
            let joining = self.buyers.get(buyer).joining_of(seat);
            self.forget(seat, buyer, joining);
        }
    }

    /// The buyer is offered the seat, and leaves its waitlist by it.
    pub(super) fn offered(&mut self, seat: SeatIndex, buyer: BuyerNumber, findings: &mut Findings) {
        let record = self.buyers.get(buyer);
        let name = &record.name.0;
        let joining = record.joining_of(seat);
        findings.require(Rule::JoinOrder, joining.is_some(), || {
            format!("seat {seat} is offered to {name}, who does not wait for it")
        });
        let eligible = self.is_eligible(buyer);
        findings.require(Rule::NobodyPassedOver, eligible, || {
            format!("seat {seat} is offered to {name}, who has {} seats already", record.claims)
        });
        let before = self.queues.before(seat, joining.unwrap_or(u64::MAX));
        let mut overtaken = 0;
        for waiter in before.filter(|&waiter| self.is_eligible(waiter)) {
            overtaken += 1;
            let first = &self.buyers.get(waiter).name.0;
            findings
                .violated(Rule::JoinOrder, || format!("{name} overtakes {first}, who waits for seat {seat}"));
        }
        findings.require(Rule::NobodyPassedOver, overtaken == 0, || {
            format!("seat {seat} is offered to {name}, past {overtaken} who may have it")
        });
        self.forget(seat, buyer, joining);
    }

    /// When an entry is over, nobody who may have a free seat still waits for it.
    pub(super) fn require_nobody_eligible_waits(&mut self, findings: &mut Findings) {
        let mut unsettled = std::mem::take(&mut self.unsettled);
        for seat in unsettled.drain(..) {
            if self.seats.owner(seat) != Some(Owner::Nobody) || self.queues.len(seat) == 0 {
                continue;
            }
            let passed = self.queues.before(seat, u64::MAX).find(|&waiter| self.is_eligible(waiter));
            findings.require(Rule::NobodyPassedOver, passed.is_none(), || {
                let name = passed.map(|waiter| &*self.buyers.get(waiter).name.0).unwrap_or_default();
                format!("seat {seat} is free and not offered to {name}, who waits for it and may have it")
            });
        }
        // The room is kept for the next entry.
        self.unsettled = unsettled;
    }

    /// All waitlists that have waiters: each seat with its waiters, first first.
    pub(in crate::audit) fn waitlists(&self) -> impl Iterator<Item = (SeatIndex, Vec<&BuyerId>)> {
        self.queues
            .queues
            .iter()
            .map(|(seat, queue)| (*seat, queue.values().map(|buyer| &self.buyers.get(*buyer).name).collect()))
    }

    fn is_eligible(&self, buyer: BuyerNumber) -> bool {
        self.buyers.get(buyer).claims < self.settings.limits.seats_per_buyer_max
    }

    fn forget(&mut self, seat: SeatIndex, buyer: BuyerNumber, joining: Option<u64>) {
        if let Some(joining) = joining {
            self.queues.remove(seat, joining);
            self.buyers.get_mut(buyer).waits.retain(|wait| wait.0 != seat);
        }
    }

    fn buyer_of_seat(&self, seat: SeatIndex) -> Option<BuyerNumber> {
        match self.seats.owner(seat)? {
            Owner::Hold(hold) | Owner::Payment(hold) => Some(self.holds.get(&hold)?.buyer),
            Owner::Order(order) => self.buyer_of_order(order),
            Owner::Nobody | Owner::Administrator => None,
        }
    }
}
