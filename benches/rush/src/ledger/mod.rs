//! What the server told this process, and what it did not: the only evidence of the check from outside.
//!
//! Each lane writes its own ledger; they are merged at the end. Refusals are not kept, since nothing follows from them,
//! but for those of a hold that should have been live.

use serde::Serialize;

use crate::answer::{HoldAck, OrderAck, Reason};
use crate::command::Command;
use crate::ids::{Buyer, HoldId, Moment, OrderId, Seat};

/// From the first sending of a request to its definite answer: whatever it did, it did in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// When the first attempt was sent.
    pub sent: Moment,
    /// When the definite answer was received.
    pub acked: Moment,
}

/// One thing that the server said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Entry {
    /// A hold was acknowledged.
    Held(Buyer, HoldAck),
    /// A hold was extended.
    Extended(Buyer, HoldAck),
    /// A hold was given back.
    Released(Buyer, HoldId),
    /// A hold was paid.
    Paid(Buyer, HoldId, OrderAck),
    /// An order was given back.
    Refunded(Buyer, OrderAck),
    /// A use of a hold was refused because the hold is not there.
    HoldMissing(Buyer, HoldId, Reason),
    /// A place in a queue, 1 for the first.
    Joined(Buyer, Seat, u32),
    /// A place was left.
    Left(Buyer, Seat),
    /// An offer was seen, by a stream or by asking. Its span is the moment of seeing.
    Offered(Buyer, HoldAck),
}

/// A thing that the server said, and when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Record {
    /// When.
    pub span: Span,
    /// What.
    pub entry: Entry,
}

/// A request that was sent and never definitely answered: it may have been done, then or later, or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Unanswered {
    /// When the first attempt was sent.
    pub sent: Moment,
    /// The request.
    pub command: Command,
}

/// All that a run knows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ledger {
    /// What the server said.
    pub records: Vec<Record>,
    /// What it never answered.
    pub unanswered: Vec<Unanswered>,
    /// When connections were lost: what was acknowledged from memory before may be gone.
    pub interruptions: Vec<Moment>,
    /// When the observation ended.
    pub end: Moment,
}

impl Ledger {
    /// Notes what the server said.
    pub fn note(&mut self, sent: Moment, acked: Moment, entry: Entry) {
        self.records.push(Record { span: Span { sent, acked }, entry });
    }

    /// Takes over what another lane noted.
    pub fn merge(&mut self, other: Ledger) {
        self.records.extend(other.records);
        self.unanswered.extend(other.unanswered);
        self.interruptions.extend(other.interruptions);
        self.end = self.end.max(other.end);
    }

    /// The orders that were acknowledged, each once, with who paid.
    pub fn paid(&self) -> impl Iterator<Item = (&Record, Buyer, HoldId, OrderAck)> {
        self.records.iter().filter_map(|record| match record.entry {
            Entry::Paid(buyer, hold, order) => Some((record, buyer, hold, order)),
            _ => None,
        })
    }

    /// The refund of an order, if it was acknowledged.
    pub fn refund_of(&self, order: OrderId) -> Option<&Record> {
        self.records
            .iter()
            .find(|record| matches!(record.entry, Entry::Refunded(_, ack) if ack.order == order))
    }
}
