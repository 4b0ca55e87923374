//! The best seats that are free together.
//!
//! ```text
//!  together, no orphan left ──► together, an orphan left ──► fewest groups, as near to each other as can be
//! ```
//!
//! **Score**, smaller is better: for each seat the distance of its row from the front plus its own distance from the
//! centre of the row, summed over the seats. Equal scores go to the earlier row, then to the seats further left.
//!
//! **Orphan**: a free seat that the choice would leave alone between taken seats or ends of a block. A choice that leaves
//! one is made only when every other choice side by side does so too.
//!
//! **Fewest groups**: while seats are missing, a group as long as the longest that is left; of those the one in the zone of
//! the first group and nearest to its row, then the one with the fewest orphans and the best score.
//!
//! **Bound**: blocks are kept in the order of their best seat, so the search stops at the first block that cannot beat what
//! was found. A block that is passed over costs one look at its bits (a word for every 64 seats), whatever is free in it.
//! At worst a search looks at every block once, and at each free seat of the blocks that have enough seats side by side;
//! when no seats are together, it looks at every block twice for each group.

use smallvec::SmallVec;

use crate::state::free_map::{Block, FreeMap, longest_run, runs};
use crate::{CategoryIndex, Layout, RowIndex, SeatIndex, Seats, State, ZoneIndex};

/// What a buyer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many seats; at least one.
    pub count: u32,
    /// Only this category.
    pub category: Option<CategoryIndex>,
    /// Only this zone.
    pub zone: Option<ZoneIndex>,
}

/// The seats that were chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The seats, from left to right within each group.
    pub seats: Seats,
    /// Whether they are side by side in one block of one row.
    pub together: bool,
}

/// Chooses seats, or none if fewer than wished are free. The same state and wish always give the same choice.
#[must_use]
pub fn choose(state: &State, wish: &Wish) -> Option<Choice> {
    let search = Search { layout: &state.layout, map: state.seats.free_map(), wish };
    if wish.count == 0 || search.map.free_count(wish.category, wish.zone) < wish.count {
        return None;
    }
    if let Some(place) = search.best_place(wish.count, &[]) {
        let seats = Seats::from_slice(search.seats_of(&place));
        return Some(Choice { seats, together: true });
    }
    search.split().map(|seats| Choice { seats, together: false })
}

struct Search<'s> {
    layout: &'s Layout,
    map: &'s FreeMap,
    wish: &'s Wish,
}

/// Bits of a block: enough for every block that is not a whole stand.
type Words = SmallVec<[u64; 4]>;

/// Where a group of seats could sit, with all that it is judged by; the smaller is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    orphans: u8,
    score: u64,
    row: RowIndex,
    block_of_row: u32,
    start: u32,
    count: u32,
    /// Position in [`FreeMap::blocks`].
    block: usize,
}

impl Search<'_> {
    /// The best seats in as few groups as can be: the longest first, since fewer seats could not do with fewer groups.
    fn split(&self) -> Option<Seats> {
        let mut groups: SmallVec<[Place; 8]> = SmallVec::new();
        let mut seats = Seats::new();
        while let Some(missing) =
            self.wish.count.checked_sub(seats.len() as u32).filter(|&missing| missing > 0)
        {
            let group = self.best_place(self.longest(missing, &groups), &groups)?;
            seats.extend_from_slice(self.seats_of(&group));
            groups.push(group);
        }
        Some(seats)
    }

    /// The most seats side by side that are left beside the groups, but no more than `missing`.
    fn longest(&self, missing: u32, groups: &[Place]) -> u32 {
        let mut longest = 0;
        let mut scratch = Words::new();
        for (index, block) in self.map.blocks().iter().enumerate() {
            if longest == missing {
                break;
            }
            if self.may_have(block, longest + 1) {
                longest = longest.max(longest_run(self.wanted(index, groups, &mut scratch), missing));
            }
        }
        longest
    }

    /// The best place for `count` seats side by side: near to the first of the groups, if there are any.
    fn best_place(&self, count: u32, groups: &[Place]) -> Option<Place> {
        let first = groups.first().map(|group| &self.map.blocks()[group.block]);
        let mut best: Option<((bool, u32), Place)> = None;
        let mut scratch = Words::new();
        for (index, block) in self.map.blocks().iter().enumerate() {
            let distance = first.map_or((false, 0), |first| distance(first, block));
            if let Some((nearest, place)) = best {
                // No seat of this block scores better than its best one, nor does any of a later block.
                let score_min = block.seat_score_min * u64::from(count);
                let is_worse = distance == nearest && place.orphans == 0 && score_min > place.score;
                if is_worse && first.is_none() {
                    break;
                }
                if is_worse || distance > nearest {
                    continue;
                }
            }
            if !self.may_have(block, count) {
                continue;
            }
            let wanted = self.wanted(index, groups, &mut scratch);
            if longest_run(wanted, count) < count {
                continue;
            }
            for run in runs(wanted).filter(|run| run.end - run.start >= count) {
                let place = (distance, self.best_in_run(index, run.start, run.end, count));
                best = Some(best.map_or(place, |best| best.min(place)));
            }
        }
        best.map(|(_, place)| place)
    }

    /// Whether a block is of the wanted zone and may have so many wanted seats: a quick look that rules most blocks out.
    fn may_have(&self, block: &Block, count: u32) -> bool {
        let zone_fits = self.wish.zone.is_none_or(|zone| zone == block.zone);
        let category_fits = match (self.wish.category, block.category) {
            (Some(wanted), Some(all)) => wanted == all,
            _ => true,
        };
        zone_fits && category_fits && self.map.free_in(block) >= count
    }

    /// The free seats of a block that are of the wanted category and in none of the groups, a bit each.
    fn wanted<'w>(&'w self, index: usize, groups: &[Place], scratch: &'w mut Words) -> &'w [u64] {
        let block = &self.map.blocks()[index];
        let free = self.map.words_of(block);
        let category = self.wish.category.filter(|_| block.category.is_none());
        let mut chosen = groups.iter().filter(|group| group.block == index).peekable();
        if category.is_none() && chosen.peek().is_none() {
            return free;
        }
        scratch.clear();
        scratch.extend_from_slice(free);
        let mut exclude = |offset: u32| scratch[offset as usize / 64] &= !(1 << (offset % 64));
        for group in chosen {
            (group.start..group.start + group.count).for_each(&mut exclude);
        }
        if let Some(category) = category {
            let seats = (0..).zip(block.seats(self.layout));
            let others = seats.filter(|(_, seat)| self.layout.seats[seat.as_usize()].category != category);
            others.for_each(|(offset, _)| exclude(offset));
        }
        scratch
    }

    /// The best of all places of `count` seats in a run: each is the one before, with a seat less and a seat more.
    fn best_in_run(&self, index: usize, from: u32, to: u32, count: u32) -> Place {
        let block = &self.map.blocks()[index];
        let seats = block.seats(self.layout);
        let score_of = |offset: u32| {
            let seat = seats[offset as usize];
            u64::from(block.front_distance) + u64::from(self.layout.seats[seat.as_usize()].centre_distance)
        };
        let place_at = |start: u32, score: u64| {
            let orphans = self.orphans(block, start, start + count);
            Place {
                orphans,
                score,
                row: block.row,
                block_of_row: block.block_of_row,
                start,
                count,
                block: index,
            }
        };
        let mut score: u64 = (from..from + count).map(score_of).sum();
        let mut best = place_at(from, score);
        for start in from + 1..=to - count {
            score = score + score_of(start + count - 1) - score_of(start - 1);
            best = best.min(place_at(start, score));
        }
        best
    }

    /// How many free seats would be alone if `start..end` were taken: the one on the left, the one on the right.
    fn orphans(&self, block: &Block, start: u32, end: u32) -> u8 {
        let is_free = |offset: Option<u32>| offset.is_some_and(|offset| self.map.is_free_in(block, offset));
        let left = is_free(start.checked_sub(1)) && !is_free(start.checked_sub(2));
        let right = is_free(Some(end)) && !is_free(Some(end + 1));
        u8::from(left) + u8::from(right)
    }

    fn seats_of(&self, place: &Place) -> &[SeatIndex] {
        let block = self.map.blocks()[place.block].seats(self.layout);
        &block[place.start as usize..(place.start + place.count) as usize]
    }
}

/// How far a block is from the first group: in another zone, or so much nearer to or further from the front.
fn distance(first: &Block, block: &Block) -> (bool, u32) {
    (first.zone != block.zone, first.front_distance.abs_diff(block.front_distance))
}
