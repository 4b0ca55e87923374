//! Who should own which bucket: weighted rendezvous hashing with bounded loads.
//!
//! ```text
//! rendezvous: each bucket has its own ranking of the nodes         bucket 17:  b  c  a
//! bounds:     a node takes at most 1.25 times its share            b is full ─────┘ so c
//! band:       what is within a quarter of its share stays as it is
//! ```
//!
//! A bucket moves only when its owner is gone, when its owner has more than its bound, or when a node that it ranks above
//! its owner has less than three quarters of its share, as one that has just joined. So loads, which are measured and never
//! quite the same, may waver without moving anything.
//!
//! Pure: the same input, in any order, gives the same moves on every node. Rendezvous hashing: Thaler and Ravishankar,
//! *Using name-based mappings to increase hit rates* (1998); bounds: Mirrokni, Thorup and Zadimoghaddam, *Consistent
//! hashing with bounded loads* (2018).

mod plan;
mod ranking;
#[cfg(test)]
mod tests;

use self::plan::Plan;

/// A node that may own buckets: alive and not draining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node's name.
    pub id: Box<str>,
    /// Its share of the load, relative to the other nodes. A node of weight 0 is given nothing.
    pub weight: u32,
}

/// A bucket as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Which one.
    pub number: u16,
    /// Who owns it; none before the first start.
    pub owner: Option<Box<str>>,
    /// What it costs its owner, in any unit: 1 for being there, and what is measured. What is less than 1 counts as 1.
    pub load: f64,
    /// The node that it is to be on, as long as that is a candidate.
    pub pinned_to: Option<Box<str>>,
}

/// One change of owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which bucket.
    pub bucket: u16,
    /// Who owned it before.
    pub from: Option<Box<str>>,
    /// Who should own it.
    pub to: Box<str>,
}

/// The moves that give an owner to every bucket that has none among the candidates, and leave all others where they are:
/// at the first start, after a failure, for a drain. In the order of the buckets' numbers; none when nobody can own.
#[must_use]
pub fn place_orphans(candidates: &[Candidate], buckets: &[Bucket]) -> Vec<Move> {
    let mut plan = Plan::new(candidates, buckets);
    plan.adopt_orphans();
    plan.moves()
}

/// The moves after which every bucket has an owner, pins are met, no node has more than its bound if its buckets fit
/// elsewhere, and no node wants for buckets that would rather be on it. A second call after these moves gives none. In the
/// order of the buckets' numbers; none when nobody can own.
#[must_use]
pub fn rebalance(candidates: &[Candidate], buckets: &[Bucket]) -> Vec<Move> {
    let mut plan = Plan::new(candidates, buckets);
    plan.follow_pins();
    plan.adopt_orphans();
    plan.level();
    plan.moves()
}
