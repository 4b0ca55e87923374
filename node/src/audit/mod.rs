//! The audit of a performance's journal: what must always hold, checked on what was written.
//!
//! ```text
//!                       ┌─► engine: decode, evolve, check_invariants ─┐
//!  journal ──records──► │                                             ├─► do they agree? ──► AuditReport
//!                       └─► ledger: the events alone, own books ──────┘         ▲
//!                                                    newest snapshot + tail, orders table, live state
//! ```
//!
//! **Architecture invariant:** the ledger knows the engine's events and settings, and nothing else of it. A bug of the
//! engine would repeat itself in a replay by the engine; it shows only against books that were kept by another hand.

mod agreement;
mod findings;
mod journal;
mod ledger;
mod live;
mod orders_table;
mod replay;
mod report;
mod rule;
mod table;

pub use journal::{AuditError, AuditOptions, audit_journal};
pub use live::{LiveAuditError, audit_live};
pub use report::{AuditReport, Check, Lateness, MoneySum};

/// The ids of the invariants that are checked; those of several checks more than once.
pub(crate) fn invariants() -> impl Iterator<Item = &'static str> {
    rule::Rule::ALL.iter().map(|rule| rule.text().0)
}

#[cfg(test)]
pub(crate) mod tests;
