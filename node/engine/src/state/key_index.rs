//! From a key to the slot of its value, without a second copy of the key.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// An index of slots by a key that is stored in the slot itself: 5 bytes a place.
///
/// Buyers and request ids are chosen by clients, so an adversary who knew the hash could make all of them collide. The
/// defence is a seed that the caller of [`crate::State::with_seed`] draws at random for each process; the order of the
/// table is never observed, so the seed is no part of the canonical state.
#[derive(Clone, Debug)]
pub(crate) struct KeyIndex {
    table: HashTable<u32>,
    hasher: FixedState,
}

impl KeyIndex {
    pub(crate) fn new(seed: u64) -> Self {
        Self { table: HashTable::new(), hasher: FixedState::with_seed(seed) }
    }

    /// The slot of `key`; `has_key` tells whether a slot's value has it.
    pub(crate) fn find<K: Hash + ?Sized>(&self, key: &K, has_key: impl Fn(u32) -> bool) -> Option<u32> {
        self.table.find(self.hasher.hash_one(key), |&slot| has_key(slot)).copied()
    }

    /// Adds a key that is not there; `key_of` gives the key of any slot, to move them when the table grows.
    pub(crate) fn insert<'k, K: Hash + ?Sized + 'k>(
        &mut self,
        key: &K,
        slot: u32,
        key_of: impl Fn(u32) -> &'k K,
    ) {
        let Self { table, hasher } = self;
        table.insert_unique(hasher.hash_one(key), slot, |&other| hasher.hash_one(key_of(other)));
    }

    /// Removes a key that is there.
    pub(crate) fn remove<K: Hash + ?Sized>(&mut self, key: &K, slot: u32) {
        let found = self.table.find_entry(self.hasher.hash_one(key), |&other| other == slot);
        found.expect("a key is indexed as long as its slot lives").remove();
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}
