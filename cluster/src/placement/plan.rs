//! A placement while it is being worked out.

use std::cmp::Reverse;

use super::ranking::Ranking;
use super::{Bucket, Candidate, Move};

/// A load in thousandths, so that sums do not depend on their order.
type Load = u64;

/// The most that one bucket counts for, so that the sum of all can never overflow.
const LOAD_MAX: f64 = 1e12;

/// A node takes up to its share and a fourth of it (ε = 0.25), and wants for load below its share without a fourth.
const BAND_DIVISOR: u128 = 4;

/// [`Plan::level`] ends: relieving lowers what is above the bounds, which filling never raises, and filling lowers the sum
/// of the ranks that buckets give their nodes.
pub(super) struct Plan<'a> {
    /// By name.
    nodes: Vec<Node<'a>>,
    /// By number.
    buckets: Vec<Slot<'a>>,
    ranking: Ranking,
}

struct Node<'a> {
    id: &'a str,
    load: Load,
    share: Load,
    /// The most that it takes.
    bound: Load,
    /// Below this it wants for load.
    floor: Load,
}

struct Slot<'a> {
    bucket: &'a Bucket,
    load: Load,
    /// The index of its node, as planned so far.
    node: Option<usize>,
    pin: Option<usize>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(candidates: &'a [Candidate], buckets: &'a [Bucket]) -> Self {
        let mut candidates: Vec<_> = candidates.iter().filter(|candidate| candidate.weight > 0).collect();
        candidates.sort_by_key(|candidate| &candidate.id);
        candidates.dedup_by_key(|candidate| &candidate.id);
        let mut buckets: Vec<_> = buckets.iter().collect();
        buckets.sort_by_key(|bucket| bucket.number);
        buckets.dedup_by_key(|bucket| bucket.number);

        let ranking = Ranking::new(&candidates, buckets.iter().map(|bucket| bucket.number));
        let index = |id: &Option<Box<str>>| {
            id.as_ref().and_then(|id| candidates.binary_search_by_key(&id, |candidate| &candidate.id).ok())
        };
        let slot = |bucket: &'a Bucket| Slot {
            bucket,
            load: thousandths(bucket.load),
            node: index(&bucket.owner),
            pin: index(&bucket.pinned_to),
        };
        let buckets: Vec<_> = buckets.into_iter().map(slot).collect();
        let mut nodes = shared_out(&candidates, buckets.iter().map(|slot| slot.load).sum());
        for slot in &buckets {
            if let Some(node) = slot.node {
                nodes[node].load += slot.load;
            }
        }
        Self { nodes, buckets, ranking }
    }

    /// Brings pinned buckets to where they are pinned.
    pub(super) fn follow_pins(&mut self) {
        for bucket in 0..self.buckets.len() {
            if let Some(pin) = self.buckets[bucket].pin {
                self.put(bucket, pin);
            }
        }
    }

    /// Gives a node to each bucket without one: those that are pinned, then the heaviest first, since the light ones fit
    /// where room is left.
    pub(super) fn adopt_orphans(&mut self) {
        let orphan = |bucket: &usize| self.buckets[*bucket].node.is_none();
        let mut orphans: Vec<usize> = (0..self.buckets.len()).filter(orphan).collect();
        orphans
            .sort_by_key(|bucket| (self.buckets[*bucket].pin.is_none(), Reverse(self.buckets[*bucket].load)));
        for bucket in orphans {
            let pin = self.buckets[bucket].pin;
            if let Some(node) = pin.or_else(|| self.first_with_room(bucket)).or_else(|| self.emptiest(bucket))
            {
                self.put(bucket, node);
            }
        }
    }

    /// Fills the nodes that want for load and relieves those above their bounds, until nothing more can be done.
    pub(super) fn level(&mut self) {
        while self.fill() || self.relieve() {}
    }

    /// Where the plan departs from what is.
    pub(super) fn moves(&self) -> Vec<Move> {
        let moved = |slot: &Slot<'_>| {
            let to = self.nodes[slot.node?].id;
            let from = slot.bucket.owner.clone();
            (from.as_deref() != Some(to)).then(|| Move { bucket: slot.bucket.number, from, to: to.into() })
        };
        self.buckets.iter().filter_map(moved).collect()
    }

    /// Brings nodes below their floors up to their shares with buckets that rank them above their owners. Whether it
    /// moved any.
    fn fill(&mut self) -> bool {
        let mut moved = false;
        for node in 0..self.nodes.len() {
            if self.nodes[node].load >= self.nodes[node].floor {
                continue;
            }
            while let Some(bucket) = self.rather_on(node) {
                self.put(bucket, node);
                moved = true;
            }
        }
        moved
    }

    /// A bucket that would rather be on this node, fits into its share, and does not leave another node wanting: off the
    /// fullest.
    fn rather_on(&self, node: usize) -> Option<usize> {
        let room = self.nodes[node].share.saturating_sub(self.nodes[node].load);
        let wishes = self.movable().filter(|(bucket, owner)| {
            let load = self.buckets[*bucket].load;
            load <= room
                && self.nodes[*owner].load - load >= self.nodes[*owner].floor
                && self.ranking.rank(*bucket, node) < self.ranking.rank(*bucket, *owner)
        });
        let best = wishes.min_by_key(|(bucket, owner)| {
            let donor = &self.nodes[*owner];
            (Reverse(permille(donor.load, donor.share)), self.ranking.rank(*bucket, node), *bucket)
        });
        best.map(|(bucket, _)| bucket)
    }

    /// Takes one bucket from a node above its bound to one with room. Whether there was such a bucket.
    fn relieve(&mut self) -> bool {
        let pressed = self.movable().filter(|(_, owner)| self.nodes[*owner].load > self.nodes[*owner].bound);
        let leaving = pressed.filter_map(|(bucket, owner)| {
            let to = self.first_with_room(bucket)?;
            let slot = &self.buckets[bucket];
            Some((Reverse(self.ranking.rank(bucket, owner)), Reverse(slot.load), bucket, to))
        });
        let Some((_, _, bucket, to)) = leaving.min() else { return false };
        self.put(bucket, to);
        true
    }

    /// Buckets that no pin holds, with their nodes.
    fn movable(&self) -> impl Iterator<Item = (usize, usize)> {
        let free = |(bucket, slot): (usize, &Slot<'_>)| {
            slot.node.filter(|node| slot.pin != Some(*node)).map(|node| (bucket, node))
        };
        self.buckets.iter().enumerate().filter_map(free)
    }

    /// The first node of a bucket's ranking, beside its own, that can take it within its bound.
    fn first_with_room(&self, bucket: usize) -> Option<usize> {
        let slot = &self.buckets[bucket];
        let fits = |node: &usize| self.nodes[*node].load + slot.load <= self.nodes[*node].bound;
        self.ranking.of(bucket).iter().copied().find(|node| slot.node != Some(*node) && fits(node))
    }

    /// The node that would be the least above its share.
    fn emptiest(&self, bucket: usize) -> Option<usize> {
        let load = self.buckets[bucket].load;
        let order = |node: &usize| permille(self.nodes[*node].load + load, self.nodes[*node].share);
        self.ranking.of(bucket).iter().copied().min_by_key(order)
    }

    fn put(&mut self, bucket: usize, node: usize) {
        let slot = &mut self.buckets[bucket];
        if let Some(before) = slot.node.replace(node) {
            self.nodes[before].load -= slot.load;
        }
        self.nodes[node].load += slot.load;
    }
}

/// The nodes, still empty, with their shares of the whole load.
fn shared_out<'a>(candidates: &[&'a Candidate], total: Load) -> Vec<Node<'a>> {
    let weights: u128 = candidates.iter().map(|candidate| u128::from(candidate.weight)).sum();
    let node = |candidate: &&'a Candidate| {
        let share = u128::from(total) * u128::from(candidate.weight) / weights;
        Node {
            id: &candidate.id,
            load: 0,
            share: narrow(share),
            bound: narrow(share + share / BAND_DIVISOR),
            floor: narrow(share - share / BAND_DIVISOR),
        }
    };
    candidates.iter().map(node).collect()
}

/// What is measured, as an integer. What is not a number stays that in `clamp` and is 0 as an integer.
fn thousandths(load: f64) -> Load {
    ((load.clamp(1.0, LOAD_MAX) * 1_000.0) as Load).max(1_000)
}

/// How full a node is. A node with a share of nothing is as full as can be.
fn permille(load: Load, share: Load) -> u64 {
    narrow(u128::from(load) * 1_000 / u128::from(share.max(1)))
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
