//! Answers that were given, by request id (I8).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::key_index::KeyIndex;
use crate::{Answer, Limits, Rejection, RequestId, RequestStamp, Timestamp};

/// An answered request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) stamp: RequestStamp,
    pub(crate) at: Timestamp,
    pub(crate) answer: Answer,
}

/// Answered requests, oldest first. Only what was accepted is remembered: a rejected request may be tried again under
/// the same id and is decided afresh (as in AIP-155).
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    answered: VecDeque<Answered>,
    /// Number of the oldest; numbers wrap around, and fewer than 2^32 are remembered.
    first: u32,
    index: KeyIndex,
}

/// How many outdated requests one entry forgets at most: more than it can add, so that the memory shrinks, and few, so
/// that the first entry after a quiet hour does not stall.
pub(crate) const FORGOTTEN_PER_ENTRY_MAX: usize = 8;

/// The least room that is made when the memory is full.
const GROWTH_REQUESTS_MIN: usize = 64;

impl Requests {
    pub(crate) fn new(seed: u64) -> Self {
        Self { answered: VecDeque::new(), first: 0, index: KeyIndex::new(seed) }
    }

    /// The answer that `stamp` was given, if it is remembered.
    pub(crate) fn answer_of(&self, stamp: &RequestStamp) -> Result<Option<&Answer>, Rejection> {
        match self.find(stamp.id) {
            None => Ok(None),
            Some(known) if known.stamp.fingerprint == stamp.fingerprint => Ok(Some(&known.answer)),
            Some(_) => Err(Rejection::RequestIdReused),
        }
    }

    fn find(&self, id: RequestId) -> Option<&Answered> {
        let number = self.index.find(&id, |number| self.get(number).stamp.id == id)?;
        Some(self.get(number))
    }

    fn get(&self, number: u32) -> &Answered {
        &self.answered[number.wrapping_sub(self.first) as usize]
    }

    /// Forgets what is too old at `now`, oldest first. Deterministic, since it is part of `evolve`.
    pub(crate) fn forget_outdated(&mut self, now: Timestamp, limits: &Limits) {
        for _ in 0..FORGOTTEN_PER_ENTRY_MAX {
            match self.answered.front() {
                Some(oldest) if now.since(oldest.at) >= limits.request_memory_ms => self.forget_oldest(),
                _ => return,
            }
        }
    }

    /// Remembers an answer, at the price of the oldest if there are too many.
    pub(crate) fn remember(&mut self, answered: Answered, limits: &Limits) {
        debug_assert!(
            self.find(answered.stamp.id).is_none(),
            "I8: a remembered request is replayed, never decided"
        );
        if limits.requests_remembered_max == 0 {
            return;
        }
        if self.answered.len() >= limits.requests_remembered_max as usize {
            self.forget_oldest();
        }
        self.push(answered);
    }

    /// Adds the newest, from an entry or from a snapshot.
    pub(crate) fn push(&mut self, answered: Answered) {
        if self.answered.len() == self.answered.capacity() {
            self.answered.reserve_exact(GROWTH_REQUESTS_MIN.max(self.answered.len() / 4));
        }
        let number = self.first.wrapping_add(self.answered.len() as u32);
        let id = answered.stamp.id;
        self.answered.push_back(answered);
        let (first, answered) = (self.first, &self.answered);
        self.index.insert(&id, number, |other| &answered[other.wrapping_sub(first) as usize].stamp.id);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.answered.pop_front() {
            self.index.remove(&oldest.stamp.id, self.first);
            self.first = self.first.wrapping_add(1);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Answered> {
        self.answered.iter()
    }

    /// Whether the id is remembered.
    pub(crate) fn contains(&self, id: RequestId) -> bool {
        self.find(id).is_some()
    }

    /// Answers and keys, which are as many.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.answered.len(), self.index.len())
    }
}
