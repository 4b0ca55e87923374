//! The check from outside: compares what the server acknowledged with what it shows in the end, through the public API
//! alone. It sounds no false alarm: wherever times matter, a claim counts only as long as it must have been live,
//! from the receipt of its acknowledgement until the earliest moment at which it may have ended.

mod claims;
mod counts;
mod fetch;
mod holds;
pub mod ledgers;
mod orders;
mod others;
#[cfg(test)]
mod tests;
mod waitlist;

use std::collections::HashMap;

use serde::Serialize;

use crate::ids::{Buyer, HoldId, Moment, OrderId, Seat};
use crate::ledger::Ledger;
use crate::onsale::view::Counts;

pub(crate) use fetch::{Reader, orders_now};
pub use ledgers::{LedgerSum, Ledgers, OtherLedgers};
pub(crate) use waitlist::OVERTAKES;

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The invariant, such as `I1`.
    pub id: &'static str,
    /// What was seen, with seats, buyers and times.
    pub detail: String,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// The invariant, such as `I1`.
    pub id: &'static str,
    /// What must hold.
    pub description: &'static str,
    /// How many facts were looked at.
    pub checked: u64,
    /// How many of them are wrong.
    pub violations: u64,
}

/// An order on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderView {
    /// Its number.
    pub order: OrderId,
    /// The hold that was paid, where the server names it.
    pub hold: Option<HoldId>,
    /// Whose, by name.
    pub buyer: String,
    /// All its seats.
    pub seats: Vec<u32>,
    /// Those that were not refunded.
    pub seats_left: Vec<u32>,
    /// What it is.
    pub state: OrderState,
    /// What was charged.
    pub amount_minor: i64,
    /// What was given back of it.
    pub refunded_minor: i64,
}

/// What an order on the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OrderState {
    /// Not decided.
    Paying,
    /// Paid; some of it may have been given back.
    Paid,
    /// A refund is under way.
    Refunding,
    /// Given back.
    Refunded,
    /// Declined.
    Declined,
}

/// What the server says of a hold that should be live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// Its number.
    pub hold: HoldId,
    /// When it was answered.
    pub answered: Moment,
    /// Its owner's name and its seats; nothing when it is not there.
    pub found: Option<(String, Vec<u32>)>,
}

/// The places that the server shows for one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacesView {
    /// Whose.
    pub buyer: Buyer,
    /// Seat and position.
    pub places: Vec<(Seat, u32)>,
}

/// The final state, as the public API shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FinalState {
    /// One byte a seat: its state on the wire.
    pub states: Vec<u8>,
    /// How many the server says are in each state.
    pub counts: Counts,
    /// All orders that were made since the run began.
    pub orders: Vec<OrderView>,
    /// The holds that were asked for.
    pub holds: Vec<HoldView>,
    /// The waiters that were asked for.
    pub places: Vec<PlacesView>,
    /// What the orders are held against, if that was asked for.
    pub others: Option<OtherLedgers>,
}

/// What the check must know of the performance.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Price of each seat in minor units.
    pub prices: Vec<i64>,
    /// Whether a crash may lose acknowledged holds.
    pub memory_ack: bool,
    /// Seats that one buyer may have at once: who has so many is passed over by offers.
    pub seats_per_buyer_max: u32,
}

/// All that the check goes by.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// What the server told.
    pub ledger: &'a Ledger,
    /// What it shows.
    pub state: &'a FinalState,
    /// The performance.
    pub rules: &'a Rules,
    /// Makes the name of a buyer.
    pub name_of: &'a dyn Fn(Buyer) -> String,
}

/// What the check found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What was looked at.
    pub lines: Vec<CheckLine>,
    /// What is wrong, all of it.
    pub violations: Vec<Violation>,
}

impl Findings {
    /// Adds what one check looked at and found wrong.
    fn add(&mut self, id: &'static str, description: &'static str, checked: u64, wrong: Vec<String>) {
        self.lines.push(CheckLine { id, description, checked, violations: wrong.len() as u64 });
        self.violations.extend(wrong.into_iter().map(|detail| Violation { id, detail }));
    }
}

/// Checks everything.
pub fn check(evidence: &Evidence<'_>) -> Findings {
    let mut findings = Findings::default();
    claims::check(evidence, &mut findings);
    holds::check(evidence, &mut findings);
    orders::check(evidence, &mut findings);
    waitlist::check(evidence, &mut findings);
    counts::check(evidence, &mut findings);
    ledgers::check(evidence, &mut findings);
    findings
}

/// The orders of the server by number.
fn orders_by_id(state: &FinalState) -> HashMap<OrderId, &OrderView> {
    state.orders.iter().map(|order| (order.order, order)).collect()
}
