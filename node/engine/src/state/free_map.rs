//! Which seats are free, laid out for best available: one bit a seat, block by block, best block first.

use crate::{CategoryIndex, Layout, RowIndex, SeatIndex, ZoneIndex};

/// Free seats as bits. Blocks are ordered by how good their best seat could be, so that a search can stop early.
#[derive(Clone, Debug)]
pub(crate) struct FreeMap {
    /// Where each seat is, by [`SeatIndex`].
    spots: Box<[Spot]>,
    /// One bit for each free seat; a block begins at a word of its own, and bits beyond its last seat stay 0.
    words: Box<[u64]>,
    blocks: Box<[Block]>,
    groups: Box<[Group]>,
}

/// A seat's bit and group.
#[derive(Clone, Copy, Debug)]
struct Spot {
    bit: u32,
    group: u32,
}

/// Seats of the same zone and category, counted together.
#[derive(Clone, Copy, Debug)]
struct Group {
    zone: ZoneIndex,
    category: CategoryIndex,
    free: u32,
}

/// Neighbouring seats of a row without an aisle between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    first_word: u32,
    words: u32,
    pub(crate) row: RowIndex,
    /// Which block of the row.
    pub(crate) block_of_row: u32,
    pub(crate) zone: ZoneIndex,
    /// The category of all its seats, or none if they differ.
    pub(crate) category: Option<CategoryIndex>,
    pub(crate) front_distance: u32,
    /// `front_distance` plus the least distance from the centre: no seat of the block scores better.
    pub(crate) seat_score_min: u64,
}

/// Set bits `start..end`, with a clear bit or the end on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl FreeMap {
    /// All seats free. The layout must be valid: see [`Layout::check`].
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut blocks = blocks_of(layout);
        blocks.sort_by_key(|block| (block.seat_score_min, block.row, block.block_of_row));
        let mut word_count = 0;
        for block in &mut blocks {
            block.first_word = word_count;
            word_count += block.words;
        }
        let mut map = Self {
            spots: vec![Spot { bit: 0, group: 0 }; layout.seats.len()].into_boxed_slice(),
            words: vec![0; word_count as usize].into_boxed_slice(),
            groups: groups_of(layout),
            blocks: blocks.into_boxed_slice(),
        };
        for block in &map.blocks {
            for (offset, seat) in (0..).zip(block.seats(layout)) {
                let zone_and_category = (block.zone, layout.seats[seat.as_usize()].category);
                let group =
                    map.groups.binary_search_by_key(&zone_and_category, |group| (group.zone, group.category));
                let group = group.expect("groups were made of these seats") as u32;
                map.spots[seat.as_usize()] = Spot { bit: block.first_word * 64 + offset, group };
            }
        }
        for seat in 0..layout.seats.len() as u32 {
            map.give_back(SeatIndex(seat));
        }
        map
    }

    /// The seat is free no more.
    pub(crate) fn take(&mut self, seat: SeatIndex) {
        let Spot { bit, group } = self.spots[seat.as_usize()];
        self.words[bit as usize / 64] &= !(1 << (bit % 64));
        self.groups[group as usize].free -= 1;
    }

    /// The seat is free.
    pub(crate) fn give_back(&mut self, seat: SeatIndex) {
        let Spot { bit, group } = self.spots[seat.as_usize()];
        self.words[bit as usize / 64] |= 1 << (bit % 64);
        self.groups[group as usize].free += 1;
    }

    /// Free seats of a category and zone, or of all: a sum over the pairs of zone and category that exist.
    pub(crate) fn free_count(&self, category: Option<CategoryIndex>, zone: Option<ZoneIndex>) -> u32 {
        let fits = |group: &&Group| {
            category.is_none_or(|category| category == group.category)
                && zone.is_none_or(|zone| zone == group.zone)
        };
        self.groups.iter().filter(fits).map(|group| group.free).sum()
    }

    /// All blocks, best first.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Free seats of a block.
    pub(crate) fn free_in(&self, block: &Block) -> u32 {
        self.words_of(block).iter().map(|bits| bits.count_ones()).sum()
    }

    /// The free seats of a block, a bit each from left to right.
    pub(crate) fn words_of(&self, block: &Block) -> &[u64] {
        &self.words[block.first_word as usize..(block.first_word + block.words) as usize]
    }

    /// Whether the block has a seat at `offset` and it is free.
    pub(crate) fn is_free_in(&self, block: &Block, offset: u32) -> bool {
        self.words_of(block).get(offset as usize / 64).is_some_and(|bits| bits >> (offset % 64) & 1 == 1)
    }

    /// Whether the map says that the seat is free: for checks.
    pub(crate) fn is_free(&self, seat: SeatIndex) -> bool {
        let bit = self.spots[seat.as_usize()].bit;
        self.words[bit as usize / 64] >> (bit % 64) & 1 == 1
    }
}

impl Block {
    /// The seats of the block, from left to right.
    pub(crate) fn seats<'l>(&self, layout: &'l Layout) -> &'l [SeatIndex] {
        &layout.rows[self.row.0 as usize].blocks[self.block_of_row as usize]
    }
}

/// The runs of set bits, from left to right.
pub(crate) fn runs(words: &[u64]) -> impl Iterator<Item = Run> + use<'_> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = next_bit(words, from, true)?;
        let end = next_bit(words, start, false).unwrap_or(words.len() as u32 * 64);
        from = end;
        Some(Run { start, end })
    })
}

/// The length of the longest run of set bits, but no more than `max`.
pub(crate) fn longest_run(words: &[u64], max: u32) -> u32 {
    if let [bits] = words {
        // Each round takes one bit off every run; most blocks fit into one word.
        let mut rest = *bits;
        let mut length = 0;
        while rest != 0 && length < max {
            rest &= rest >> 1;
            length += 1;
        }
        return length;
    }
    runs(words).map(|run| run.end - run.start).max().unwrap_or(0).min(max)
}

/// The first bit at or after `from` that is set, or clear.
fn next_bit(words: &[u64], from: u32, set: bool) -> Option<u32> {
    let mut word = from as usize / 64;
    let mut mask = u64::MAX << (from % 64);
    loop {
        let bits = if set { *words.get(word)? } else { !*words.get(word)? } & mask;
        if bits != 0 {
            return Some(word as u32 * 64 + bits.trailing_zeros());
        }
        word += 1;
        mask = u64::MAX;
    }
}

fn blocks_of(layout: &Layout) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (row_index, row) in (0..).map(RowIndex).zip(&layout.rows) {
        for (block_of_row, seats) in (0..).zip(&row.blocks) {
            let places = || seats.iter().map(|seat| &layout.seats[seat.as_usize()]);
            let Some(centre_min) = places().map(|place| place.centre_distance).min() else { continue };
            let category = layout.seats[seats[0].as_usize()].category;
            blocks.push(Block {
                first_word: 0,
                words: seats.len().div_ceil(64) as u32,
                row: row_index,
                block_of_row,
                zone: row.zone,
                category: places().all(|place| place.category == category).then_some(category),
                front_distance: row.front_distance,
                seat_score_min: u64::from(row.front_distance) + u64::from(centre_min),
            });
        }
    }
    blocks
}

fn groups_of(layout: &Layout) -> Box<[Group]> {
    let zone_of = |row: RowIndex| layout.rows[row.0 as usize].zone;
    let mut pairs: Vec<_> = layout.seats.iter().map(|place| (zone_of(place.row), place.category)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().map(|(zone, category)| Group { zone, category, free: 0 }).collect()
}
