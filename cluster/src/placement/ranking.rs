//! The order in which a bucket would have the nodes.

use std::hash::{Hash, Hasher};

use hrw_hash::{HrwNode, HrwNodes};

use super::Candidate;

/// For each bucket, the nodes' indices, best first.
pub(super) struct Ranking(Vec<Vec<usize>>);

impl Ranking {
    /// Ranks the nodes for each of the buckets with these numbers.
    pub(super) fn new(nodes: &[&Candidate], numbers: impl Iterator<Item = u16>) -> Self {
        let ranked = nodes.iter().enumerate().map(|(index, candidate)| Ranked { index, candidate });
        let ranked = HrwNodes::new(ranked);
        Self(numbers.map(|number| ranked.sorted(&number).map(|node| node.index).collect()).collect())
    }

    /// The nodes as the bucket at this index would have them, best first.
    pub(super) fn of(&self, bucket: usize) -> &[usize] {
        &self.0[bucket]
    }

    /// How many nodes the bucket at this index ranks above this one.
    pub(super) fn rank(&self, bucket: usize, node: usize) -> usize {
        self.0[bucket].iter().position(|ranked| *ranked == node).unwrap_or(usize::MAX)
    }
}

/// Hashed by its name alone: were the index or the weight in it, a change of either would shuffle all buckets.
#[derive(PartialEq, Eq)]
struct Ranked<'a> {
    index: usize,
    candidate: &'a Candidate,
}

impl Hash for Ranked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.candidate.id.hash(state);
    }
}

impl HrwNode for Ranked<'_> {
    fn capacity(&self) -> usize {
        self.candidate.weight.try_into().unwrap_or(usize::MAX)
    }
}
