//! A growable array with reusable slots.

/// Values by a small stable number. Slots are reused, so a slot number means nothing once its value is removed.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<T>>,
    vacant: Vec<u32>,
}

/// The least room that is made when a slab is full.
const GROWTH_SLOTS_MIN: usize = 64;

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), vacant: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.vacant.pop() {
            self.slots[slot as usize] = Some(value);
            return slot;
        }
        if self.slots.len() == self.slots.capacity() {
            // By a quarter rather than by doubling: a full venue is the usual end, and half of it empty is a waste.
            self.slots.reserve_exact(GROWTH_SLOTS_MIN.max(self.slots.len() / 4));
        }
        let slot =
            u32::try_from(self.slots.len()).expect("slots are bounded by seats and waiters, which are u32");
        self.slots.push(Some(value));
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let value = self.slots[slot as usize].take().expect("a slot lives as long as something refers to it");
        self.vacant.push(slot);
        value
    }

    pub(crate) fn get(&self, slot: u32) -> &T {
        self.slots[slot as usize].as_ref().expect("a slot lives as long as something refers to it")
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        self.slots[slot as usize].as_mut().expect("a slot lives as long as something refers to it")
    }

    /// The value of a slot that may be vacant: for checks, which must not fail on what they look for.
    pub(crate) fn find(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// All values with their slots, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.slots).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }
}
