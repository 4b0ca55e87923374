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
//! **Bound**: blocks are kept in the order of their best seat, so the search stops at the first block that cannot beat what
//! was found. A call reads one counter a block (a word of bits for every 64 seats) and, in the blocks before the stop
//! that have enough free seats, each free seat. When no seats are together, it does so once for every group.

use smallvec::SmallVec;

use crate::state::free_map::{Block, FreeMap, Run};
use crate::{CategoryIndex, Layout, RowIndex, Seats, State, ZoneIndex};

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
    match search.together() {
        Some(place) => {
            let mut seats = Seats::new();
            search.add_seats(&place, &mut seats);
            Some(Choice { seats, together: true })
        }
        None => search.split().map(|seats| Choice { seats, together: false }),
    }
}

struct Search<'s> {
    layout: &'s Layout,
    map: &'s FreeMap,
    wish: &'s Wish,
}

/// Wanted free seats side by side, within a run of free seats that may go on with unwanted ones.
#[derive(Clone, Copy)]
struct Span {
    run: Run,
    start: u32,
    end: u32,
}

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
    /// The best place for all seats side by side.
    fn together(&self) -> Option<Place> {
        let count = self.wish.count;
        let mut best: Option<Place> = None;
        for (index, block) in self.map.blocks().iter().enumerate() {
            // No seat of this block or of a later one scores better than this.
            let score_min = block.seat_score_min * u64::from(count);
            if best.is_some_and(|best| best.orphans == 0 && score_min > best.score) {
                break;
            }
            if !self.may_have(block, count) {
                continue;
            }
            for span in self.spans(block) {
                let place = self.best_in_span(index, &span, count);
                best = best.into_iter().chain(place).min();
            }
        }
        best
    }

    /// The best seats in as few groups as can be: the longest spans, since fewer seats could not do with fewer groups.
    fn split(&self) -> Option<Seats> {
        let mut groups: SmallVec<[Place; 8]> = SmallVec::new();
        let mut seats = Seats::new();
        while let Some(missing) =
            self.wish.count.checked_sub(seats.len() as u32).filter(|&missing| missing > 0)
        {
            let group = self.next_group(missing, &groups)?;
            self.add_seats(&group, &mut seats);
            groups.push(group);
        }
        Some(seats)
    }

    /// The group with the most of the `missing` seats; of those the one nearest to the first group, then the best.
    fn next_group(&self, missing: u32, groups: &[Place]) -> Option<Place> {
        let first = groups.first().map(|group| &self.map.blocks()[group.block]);
        let mut best: Option<(u32, bool, u32, Place)> = None;
        for (index, block) in
            self.map.blocks().iter().enumerate().filter(|(_, block)| self.may_have(block, 1))
        {
            let elsewhere = first.is_some_and(|first| first.zone != block.zone);
            let rows_apart = first.map_or(0, |first| first.front_distance.abs_diff(block.front_distance));
            let is_chosen =
                |span: &Span| groups.iter().any(|group| group.block == index && group.start == span.start);
            for span in self.spans(block).filter(|span| !is_chosen(span)) {
                let count = missing.min(span.end - span.start);
                let Some(place) = self.best_in_span(index, &span, count) else { continue };
                let candidate = (missing - count, elsewhere, rows_apart, place);
                if best.is_none_or(|best| candidate < best) {
                    best = Some(candidate);
                }
            }
        }
        best.map(|(.., place)| place)
    }

    /// Whether a block is of the wanted zone and category and has so many free seats.
    fn may_have(&self, block: &Block, count: u32) -> bool {
        let zone_fits = self.wish.zone.is_none_or(|zone| zone == block.zone);
        let category_fits = match (self.wish.category, block.category) {
            (Some(wanted), Some(all)) => wanted == all,
            _ => true,
        };
        zone_fits && category_fits && self.map.free_in(block) >= count
    }

    /// The longest spans of wanted free seats, from left to right.
    fn spans<'b>(&'b self, block: &'b Block) -> impl Iterator<Item = Span> + use<'b> {
        let mixed = self.wish.category.filter(|_| block.category.is_none());
        self.map.runs(block).flat_map(move |run| {
            let mut from = run.start;
            std::iter::from_fn(move || {
                let Some(wanted) = mixed else {
                    let span = Span { run, start: from, end: run.end };
                    from = run.end;
                    return (span.start < span.end).then_some(span);
                };
                let fits = |offset: &u32| {
                    let seat = block.seats(self.layout)[*offset as usize];
                    self.layout.seats[seat.as_usize()].category == wanted
                };
                let start = (from..run.end).find(fits)?;
                let end = (start..run.end).find(|offset| !fits(offset)).unwrap_or(run.end);
                from = end;
                Some(Span { run, start, end })
            })
        })
    }

    /// The best of all places of `count` seats in a span: each is the one before, with a seat less and a seat more.
    fn best_in_span(&self, index: usize, span: &Span, count: u32) -> Option<Place> {
        let last = (span.end - span.start).checked_sub(count)? + span.start;
        let block = &self.map.blocks()[index];
        let seats = block.seats(self.layout);
        let score_of = |offset: u32| {
            let seat = seats[offset as usize];
            u64::from(block.front_distance) + u64::from(self.layout.seats[seat.as_usize()].centre_distance)
        };
        let mut score: u64 = (span.start..span.start + count).map(score_of).sum();
        let mut best: Option<Place> = None;
        for start in span.start..=last {
            if start > span.start {
                score = score + score_of(start + count - 1) - score_of(start - 1);
            }
            let orphans =
                u8::from(start - span.run.start == 1) + u8::from(span.run.end - (start + count) == 1);
            let (row, block_of_row) = (block.row, block.block_of_row);
            let place = Place { orphans, score, row, block_of_row, start, count, block: index };
            best = best.into_iter().chain([place]).min();
        }
        best
    }

    fn add_seats(&self, place: &Place, seats: &mut Seats) {
        let block = self.map.blocks()[place.block].seats(self.layout);
        seats.extend_from_slice(&block[place.start as usize..(place.start + place.count) as usize]);
    }
}
