//! Who has which seat.

use std::fmt;

use earlybird_engine::{Counts, HoldId, OrderId, SeatIndex};

use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// Who has a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Owner {
    Nobody,
    Hold(HoldId),
    /// A hold that is being paid.
    Payment(HoldId),
    Order(OrderId),
    Administrator,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => formatter.write_str("free"),
            Self::Hold(hold) => write!(formatter, "held by hold {hold}"),
            Self::Payment(hold) => write!(formatter, "being paid by hold {hold}"),
            Self::Order(order) => write!(formatter, "sold to order {order}"),
            Self::Administrator => formatter.write_str("blocked"),
        }
    }
}

/// The owner of each seat.
#[derive(Debug)]
pub(super) struct SeatBook {
    owners: Vec<Owner>,
    /// Seats by kind of owner; the waiters are counted elsewhere.
    counts: Counts,
}

impl SeatBook {
    pub(super) fn new(capacity: usize) -> Self {
        let counts = Counts { free: capacity as u32, ..Counts::default() };
        Self { owners: vec![Owner::Nobody; capacity], counts }
    }

    pub(super) fn owner(&self, seat: SeatIndex) -> Option<Owner> {
        self.owners.get(seat.as_usize()).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeatIndex, Owner)> {
        (0..).map(SeatIndex).zip(self.owners.iter().copied())
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The seats pass on together (I10), each from the owner that has it (I1). A claim on what somebody else has is a
    /// violation and takes it all the same, as an engine would that does not look; giving back what one does not have
    /// changes nothing.
    pub(super) fn pass_all(&mut self, seats: &[SeatIndex], from: Owner, to: Owner, findings: &mut Findings) {
        let passed = seats.iter().filter(|&&seat| self.pass(seat, from, to, findings)).count();
        findings.require(Rule::AllOrNothing, passed == seats.len() && passed > 0, || {
            format!("of {} seats, {passed} were {from} and are {to} now", seats.len())
        });
    }

    fn pass(&mut self, seat: SeatIndex, from: Owner, to: Owner, findings: &mut Findings) -> bool {
        let Some(owner) = self.owner(seat) else {
            findings.violated(Rule::OneClaim, || format!("seat {seat} does not exist"));
            return false;
        };
        let expected = owner == from;
        findings.require(Rule::OneClaim, expected, || {
            format!("seat {seat} is {owner} where it should be {from}, and is to be {to}")
        });
        if matches!(owner, Owner::Order(_)) {
            findings.require(Rule::StaysSold, expected, || {
                format!("seat {seat} is {owner} and leaves it without a refund, to be {to}")
            });
        }
        if expected || to != Owner::Nobody {
            *self.count(owner) -= 1;
            *self.count(to) += 1;
            self.owners[seat.as_usize()] = to;
        }
        expected
    }

    fn count(&mut self, owner: Owner) -> &mut u32 {
        match owner {
            Owner::Nobody => &mut self.counts.free,
            Owner::Hold(_) => &mut self.counts.held,
            Owner::Payment(_) => &mut self.counts.paying,
            Owner::Order(_) => &mut self.counts.sold,
            Owner::Administrator => &mut self.counts.blocked,
        }
    }
}
